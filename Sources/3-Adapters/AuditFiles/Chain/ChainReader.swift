import GloveboxCore

/// Reads durable frames of segments, from any thread.
enum ChainReader {
    /// In bytes; a frame that's longer is read whole.
    private static let pieceSize = 256 << 10

    /// Calls `body` for each frame from `offset` to the segment's durable end, until it returns false.
    ///
    /// - Returns: whether the end was reached.
    /// - Throws: `journal_corrupt` when a frame is no longer what was written; `FileError` when a file can't be read.
    static func frames(
        of segment: SegmentSummary, from offset: Int, _ body: (Frame, [UInt8]) throws -> Bool
    ) throws -> Bool {
        var start = offset
        var size = Self.pieceSize
        while start < segment.end {
            let bytes = try FileReading.range(start..<min(segment.end, start + size), of: segment.path)
            var place = 0
            while let frame = Frame(bytes, at: place) {
                guard try body(frame, bytes) else { return false }
                place = frame.end
            }
            if place == 0 {
                guard let needed = Frame.length(bytes, at: 0), needed > bytes.count, start + needed <= segment.end
                else {
                    throw GloveboxError.corrupt(segment.path, offset: start, "a record is not what was written")
                }
                size = needed
            } else {
                size = Self.pieceSize
            }
            start += place
        }
        return true
    }

    /// The bytes of one record of a segment.
    static func find(_ id: RecordID, in segment: SegmentSummary) throws -> [UInt8]? {
        var found: [UInt8]?
        _ = try Self.frames(of: segment, from: segment.marks.first?.offset ?? segment.end) { frame, bytes in
            guard frame.sequence == id.sequence, frame.origin == id.origin else { return true }
            found = Array(bytes[frame.record])
            return false
        }
        return found
    }

    static func stored(_ frame: Frame, _ bytes: [UInt8]) throws -> StoredRecord {
        StoredRecord(
            id: RecordID(origin: frame.origin, sequence: frame.sequence),
            record: try Record(canonicalBytes: bytes[frame.record]))
    }
}
