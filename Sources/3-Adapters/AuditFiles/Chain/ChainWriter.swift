import GloveboxCore

/// A record that's to be written, in canonical form, and its name.
struct ChainEntry: Sendable {
    var isHostOnly: Bool
    var origin: String
    var sequence: UInt64
    var record: [UInt8]
}

/// The writing end of a chain: numbers entries, gathers them in a batch, and puts the batch on disk with one write and
/// one synchronisation. Used by one thread at a time.
///
/// After a failed step it must not be used again: what the disk holds is then known only by reading it.
struct ChainWriter: Sendable {
    let folder: String
    let kind: ChainKind
    let origin: String
    let files: any FileWriting
    /// How large a new segment is made, in bytes.
    let segmentSize: Int
    /// The chain with all entries that were added, durable or not.
    private(set) var state: ChainState
    private(set) var note: HeadNote

    /// The segment that's written to.
    private struct Segment: Sendable {
        var path: String
        var file: Int32
        /// Where the next frame goes.
        var offset: Int
        /// How many bytes are on disk already.
        var capacity: Int
    }

    private var segment: Segment
    private let noteFile: Int32
    private var batch: [UInt8] = []
    private var added: [FrameNote] = []
    /// The last entry that is durable.
    private var committed: (position: UInt64, head: [UInt8])

    /// What was put on disk in one go.
    struct Committed {
        var path: String
        var offset: Int
        var frames: [FrameNote]
        var state: ChainState
        /// Set when this begins a new segment: the chain before it, and where its frames begin.
        var newSegment: (before: ChainState, start: Int)?
    }

    /// Takes over a folder that was scanned: clears a torn tail and makes what's missing.
    ///
    /// What the scan found may be in memory only (after a failed synchronisation the kernel no longer knows), so the
    /// last segment is written again and synchronised.
    init(
        _ scan: ChainScan, index: inout ChainIndex, origin: String, files: any FileWriting, segmentSize: Int
    ) throws(FileError) {
        self.folder = scan.folder
        self.kind = scan.kind
        self.origin = origin
        self.files = files
        self.segmentSize = segmentSize
        self.state = index.state
        self.committed = (index.state.position, index.state.head)
        self.note = scan.note
        if scan.notes.isEmpty { self.note.generation = 1 }
        for name in try FileReading.names(in: scan.folder) where name.hasSuffix(Self.unfinished) {
            try files.remove("\(scan.folder)/\(name)")
        }
        let notePath = ChainScan.notePath(scan.folder)
        self.noteFile =
            scan.notes.isEmpty
            ? try Self.create(
                notePath, HeadNote.newFile, size: HeadNote.fileSize, folder: scan.folder, files: files)
            : try files.open(notePath)
        do throws(FileError) {
            let segment: Segment
            if let last = index.segments.last {
                segment = try Self.takeOver(last, files: files)
            } else {
                let before = index.state
                let header = SegmentHeader(kind: scan.kind, origin: origin, before: before).bytes
                segment = try Self.create(
                    header, position: before.position + 1, size: segmentSize, folder: scan.folder, files: files)
                index.segments.append(SegmentSummary(path: segment.path, before: before, start: header.count))
            }
            self.segment = segment
        } catch {
            files.close(self.noteFile)
            throw error
        }
        do throws(FileError) {
            // Mends a slot that a power cut tore.
            if scan.notes.count == 1 { try self.write(self.note) }
        } catch {
            self.close()
            throw error
        }
    }

    /// Gives up the room that the last segment didn't need. Nothing is added after it.
    func trim() throws(FileError) {
        try self.files.resize(self.segment.file, to: self.segment.offset)
    }

    /// Nothing is called after it.
    func close() {
        self.files.close(self.segment.file)
        self.files.close(self.noteFile)
    }

    /// The sequence that the next record of `origin` has to have.
    func nextSequence(of origin: String) -> UInt64 {
        (self.state.sequences[origin] ?? 0) + 1
    }

    /// Adds an entry to the batch. Where the segment is full, the batch is committed first, and a new segment begun.
    mutating func add(
        _ entry: ChainEntry, committed: (Committed) -> Void
    ) throws(FileError) {
        let length = Frame.length(origin: entry.origin, record: entry.record)
        if self.segment.offset + self.batch.count + length > self.segment.capacity {
            try self.commit(committed)
            try self.beginSegment(room: length, committed)
        }
        self.state.head = Frame.append(
            to: &self.batch, position: self.state.position + 1,
            placeInBatch: UInt32(truncatingIfNeeded: self.added.count), isHostOnly: entry.isHostOnly,
            origin: entry.origin, sequence: entry.sequence, record: entry.record, after: self.state.head)
        self.state.position += 1
        self.state.sequences[entry.origin] = entry.sequence
        self.added.append(
            FrameNote(
                position: self.state.position, origin: entry.origin, sequence: entry.sequence,
                isHostOnly: entry.isHostOnly, length: length))
        if self.batch.count >= Self.largestBatch { try self.commit(committed) }
    }

    /// Puts the batch on disk.
    mutating func commit(_ committed: (Committed) -> Void) throws(FileError) {
        guard !self.added.isEmpty else { return }
        try self.files.write(self.batch, to: self.segment.file, at: self.segment.offset)
        try self.files.synchronise(self.segment.file)
        committed(
            Committed(
                path: self.segment.path, offset: self.segment.offset, frames: self.added, state: self.state))
        self.segment.offset += self.batch.count
        self.batch.removeAll(keepingCapacity: true)
        self.added.removeAll(keepingCapacity: true)
        self.committed = (self.state.position, self.state.head)
    }

    /// Notes how far the chain is durable. It may come some commits late: the note is a lower bound.
    mutating func noteCommitted() throws(FileError) {
        guard self.committed.position > self.note.position else { return }
        try self.write(self.note)
    }

    /// Notes that the gateway has all records up to `sequence`.
    mutating func acknowledge(upTo sequence: UInt64) throws(FileError) {
        guard sequence > self.note.acknowledged else { return }
        var note = self.note
        note.acknowledged = sequence
        try self.write(note)
    }

    /// Notes that records for the host alone up to `position` are no longer needed.
    mutating func release(upTo position: UInt64) throws(FileError) {
        guard position > self.note.released else { return }
        var note = self.note
        note.released = position
        try self.write(note)
    }

    /// Before a file is deleted, the reason has to be durable.
    mutating func synchroniseNote() throws(FileError) {
        try self.files.synchronise(self.noteFile)
    }

    private mutating func write(_ note: HeadNote) throws(FileError) {
        var note = note
        note.position = self.committed.position
        note.head = self.committed.head
        note.generation += 1
        try self.files.write(note.bytes, to: self.noteFile, at: note.offset)
        self.note = note
    }

    private mutating func beginSegment(room: Int, _ committed: (Committed) -> Void) throws(FileError) {
        let header = SegmentHeader(kind: self.kind, origin: self.origin, before: self.state).bytes
        let full = self.segment
        self.segment = try Self.create(
            header, position: self.state.position + 1, size: max(self.segmentSize, header.count + room),
            folder: self.folder, files: self.files)
        defer { self.files.close(full.file) }
        // The room that the full segment didn't need.
        try self.files.resize(full.file, to: full.offset)
        committed(
            Committed(
                path: self.segment.path, offset: header.count, frames: [], state: self.state,
                newSegment: (before: self.state, start: header.count)))
    }

    /// Goes on in a segment that's there.
    private static func takeOver(_ last: SegmentSummary, files: any FileWriting) throws(FileError) -> Segment {
        let file = try files.open(last.path)
        do throws(FileError) {
            let bytes = try FileReading.whole(last.path)
            let capacity = max(bytes.count, last.end)
            let kept = bytes.prefix(last.end) + [UInt8](repeating: 0, count: capacity - last.end)
            try files.write(Array(kept), to: file, at: 0)
            try files.synchronise(file)
            return Segment(path: last.path, file: file, offset: last.end, capacity: capacity)
        } catch {
            files.close(file)
            throw error
        }
    }

    private static func create(
        _ header: [UInt8], position: UInt64, size: Int, folder: String, files: any FileWriting
    ) throws(FileError) -> Segment {
        let path = ChainScan.path(of: position, in: folder)
        let size = max(size, header.count)
        let file = try Self.create(path, header, size: size, folder: folder, files: files)
        return Segment(path: path, file: file, offset: header.count, capacity: size)
    }

    /// A file of `size` bytes that begins with `bytes` and is zero otherwise, durable under its name only once it's
    /// whole. The zeros are written out: on space that was only reserved, each synchronisation would cost more.
    private static func create(
        _ path: String, _ bytes: [UInt8], size: Int, folder: String, files: any FileWriting
    ) throws(FileError) -> Int32 {
        let temporary = path + Self.unfinished
        let file = try files.create(temporary)
        do throws(FileError) {
            try files.write(bytes + [UInt8](repeating: 0, count: max(0, size - bytes.count)), to: file, at: 0)
            try files.synchronise(file)
            try files.rename(temporary, to: path)
            try files.synchroniseFolder(folder)
            return file
        } catch {
            files.close(file)
            try? files.remove(temporary)
            throw error
        }
    }

    /// Whether a file of `size` bytes could be begun now.
    static func probe(_ folder: String, size: Int, files: any FileWriting) throws(FileError) {
        let path = "\(folder)/probe\(Self.unfinished)"
        // One that an earlier probe couldn't remove.
        try? files.remove(path)
        let file = try files.create(path)
        defer { files.close(file) }
        do throws(FileError) {
            try files.write([UInt8](repeating: 0, count: size), to: file, at: 0)
            try files.synchronise(file)
        } catch {
            try? files.remove(path)
            throw error
        }
        try files.remove(path)
    }

    private static let unfinished = ".new"
    /// In bytes; more is committed in several goes.
    private static let largestBatch = 1 << 20
}
