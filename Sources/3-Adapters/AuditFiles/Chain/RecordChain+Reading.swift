import GloveboxCore

extension RecordChain {
    /// Reads by a snapshot of the durable part. A segment that's deleted in the meantime (its records were
    /// acknowledged) makes it read again by a newer one.
    func reading<Value>(_ body: (ChainIndex) throws -> Value) throws -> Value {
        var index = self.snapshot
        while true {
            do {
                return try body(index)
            } catch let error as FileError {
                let newer = self.snapshot
                guard newer.segments.first?.path != index.segments.first?.path else {
                    throw GloveboxError(
                        .journalUnavailable, "records in \(self.folder) can't be read (\(error)): look at the disk",
                        cause: error)
                }
                index = newer
            }
        }
    }
}
