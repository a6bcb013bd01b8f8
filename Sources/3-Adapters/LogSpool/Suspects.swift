import AuditFiles

/// The numbers of a spool's payloads that a masker has made which isn't trusted any more, in a file of their own: the first
/// and the one behind the last, 64 bits each, and a CRC-32C (big endian).
struct Suspects: Equatable {
    static let name = "suspect"
    /// The end while more may come.
    static let open = UInt64.max

    var first: UInt64
    var end: UInt64

    init(first: UInt64, end: UInt64) {
        self.first = first
        self.end = end
    }

    /// What isn't what was written makes everything suspect.
    init(bytes: [UInt8]) {
        guard bytes.count == 20, CRC32C.of(Array(bytes.prefix(16))) == BigEndian32.value(bytes[16...]) else {
            self.init(first: 0, end: Self.open)
            return
        }
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(first: number(bytes[0..<8]), end: number(bytes[8..<16]))
    }

    var bytes: [UInt8] {
        let numbers = [self.first, self.end].flatMap { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
        }
        return numbers + BigEndian32.bytes(CRC32C.of(numbers))
    }

    func contains(_ number: UInt64) -> Bool { self.first <= number && number < self.end }

    /// Of a spool whose next payload gets the number `next`, which nobody reads any more before `needed`; nil where there are
    /// none. What a process left open that's gone ends with what it had written.
    static func found(in folder: String, next: UInt64, needed: UInt64, _ files: any FileWriting) throws -> Suspects? {
        let path = "\(folder)/\(Self.name)"
        guard let bytes = try? FileReading.whole(path) else { return nil }
        var suspects = Suspects(bytes: bytes)
        suspects.end = min(suspects.end, next)
        guard needed < suspects.end else {
            try files.remove(path)
            return nil
        }
        try suspects.write(in: folder, files)
        return suspects
    }

    /// Returns when it's on disk.
    func write(in folder: String, _ files: any FileWriting) throws(FileError) {
        let path = "\(folder)/\(Self.name)"
        let isThere = (try? FileReading.whole(path)) != nil
        let file = try isThere ? files.open(path) : files.create(path)
        defer { files.close(file) }
        try files.write(self.bytes, to: file, at: 0)
        try files.synchronise(file)
        if !isThere { try files.synchroniseFolder(folder) }
    }
}
