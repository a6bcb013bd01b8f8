package import GloveboxCore

/// What a folder of records was found to hold.
package struct Verification: Hashable, Sendable {
    /// Whose folder it is: `gateway`, or `agent/NAME`.
    package var origin: String?
    package var files: Int
    /// The position of the first record (later than 1 where an agent's old files were deleted), and of the last one.
    package var first: UInt64
    package var last: UInt64
    /// The chain's head at the last record: whoever keeps it can tell a folder that was rewritten.
    package var head: [UInt8]

    /// Reads all of a log's or a journal's folder, which nobody is writing to, and checks it.
    ///
    /// It finds every byte that isn't what was written. It doesn't find a folder whose end was cut off whole, together
    /// with the note of it, or one that was written anew throughout: for that, compare ``head`` with one kept elsewhere.
    ///
    /// - Throws: `journal_corrupt`, naming the first file, byte and record that's wrong; `journal_unavailable` when
    ///   something can't be read.
    package static func verify(folder: String) throws(GloveboxError) -> Verification {
        let scan = try Self.scan(folder: folder)
        return Verification(
            origin: scan.origin, files: scan.index.segments.count,
            first: (scan.index.segments.first?.before.position ?? 0) + 1, last: scan.index.state.position,
            head: scan.index.state.head)
    }

    /// - Throws: as ``verify(folder:)``.
    static func scan(folder: String) throws(GloveboxError) -> ChainScan {
        let kind: ChainKind
        do {
            let first = try FileReading.names(in: folder).first { $0.hasSuffix(ChainScan.suffix) }
            guard let first else {
                throw GloveboxError(.notFound, "\(folder) holds no records: name the folder of a log or a journal")
            }
            let path = "\(folder)/\(first)"
            kind = try SegmentHeader(try FileReading.whole(path), path: path).kind
        } catch let error as FileError {
            throw GloveboxError(.journalUnavailable, "can't read \(folder): \(error)", cause: error)
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(.internal, "can't read \(folder)", cause: error)
        }
        let scan = try ChainScan(folder: folder, kind: kind, origin: nil)
        if let torn = scan.torn {
            throw GloveboxError.corrupt(
                torn.file, offset: torn.offset, "record \(scan.index.state.position + 1) is not whole")
        }
        try Self.checkNotes(folder)
        return scan
    }

    /// Both slots of the file of notes hold a whole note, and there's nothing else in it.
    private static func checkNotes(_ folder: String) throws(GloveboxError) {
        let path = ChainScan.notePath(folder)
        let bytes: [UInt8]
        do {
            bytes = try FileReading.whole(path)
        } catch {
            throw GloveboxError(.journalUnavailable, "can't read \(path): \(error)", cause: error)
        }
        guard bytes.count == HeadNote.fileSize else {
            throw GloveboxError.corrupt(path, offset: min(bytes.count, HeadNote.fileSize), "it has another length")
        }
        for offset in [0, HeadNote.slotSize] {
            let slot = Array(bytes[offset..<offset + HeadNote.slotSize])
            guard HeadNote(bytes, at: offset) != nil, slot.isZero(from: HeadNote.length) else {
                throw GloveboxError.corrupt(path, offset: offset, "a note in it is not whole")
            }
        }
    }
}
