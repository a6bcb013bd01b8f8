import GloveboxCore

/// Bytes after the last whole record that were cleared at opening: a write that the machine's end interrupted. Nobody
/// was told that what they held is durable.
package struct TornTail: Hashable, Sendable {
    package var file: String
    package var offset: Int
}

/// Walks a folder's segments in order and checks all that they hold: headers, frames, the chain, every origin's
/// sequence.
struct ChainScan {
    let folder: String
    let kind: ChainKind
    /// `nil` takes what the first segment says.
    private(set) var origin: String?
    private(set) var index = ChainIndex()
    /// The newest first.
    let notes: [HeadNote]
    private(set) var torn: TornTail?

    /// The newest note; chains have one from the start.
    var note: HeadNote { self.notes.first ?? HeadNote() }

    /// - Throws: `journal_corrupt` naming file and byte; `journal_unavailable` when something can't be read.
    init(folder: String, kind: ChainKind, origin: String?) throws(GloveboxError) {
        self.folder = folder
        self.kind = kind
        self.origin = origin
        let names = try Self.reading(folder) { () throws(FileError) in try FileReading.names(in: folder) }
        let segments = names.filter { $0.hasSuffix(Self.suffix) }
        let notePath = Self.notePath(folder)
        guard names.contains("head") else {
            guard segments.isEmpty else {
                throw GloveboxError.corrupt(notePath, offset: 0, "it is missing, and there are records")
            }
            self.notes = []
            return
        }
        let noted = try Self.reading(notePath) { () throws(FileError) in try FileReading.whole(notePath) }
        self.notes = HeadNote.all(in: noted)
        guard let note = self.notes.first else {
            throw GloveboxError.corrupt(notePath, offset: 0, "neither of its two notes is whole")
        }
        for (place, name) in segments.enumerated() {
            try self.scan("\(folder)/\(name)", isLast: place == segments.count - 1)
        }
        guard self.index.state.position >= note.position else {
            throw GloveboxError(
                .journalCorrupt,
                "\(folder) ends at record \(self.index.state.position), but held \(note.position): a file is missing or was cut; bring the folder back from a backup"
            )
        }
        if let first = self.index.segments.first, let origin = self.origin {
            self.index.acknowledged = max(note.acknowledged, first.before.sequences[origin] ?? 0)
        }
    }

    private mutating func scan(_ path: String, isLast: Bool) throws(GloveboxError) {
        let bytes = try Self.reading(path) { () throws(FileError) in try FileReading.whole(path) }
        let header = try SegmentHeader(bytes, path: path)
        try self.check(header, path: path)
        if self.index.segments.isEmpty { self.index.state = header.before }
        let start = header.bytes.count
        var summary = SegmentSummary(path: path, before: header.before, start: start)
        var offset = start
        while let frame = Frame(bytes, at: offset) {
            try self.chain(frame, bytes, path: path, offset: offset)
            let note = FrameNote(
                position: frame.position, origin: frame.origin, sequence: frame.sequence,
                isHostOnly: frame.isHostOnly, length: frame.end - offset)
            summary.add(note, at: offset, own: header.origin)
            offset = frame.end
        }
        if !bytes.isZero(from: offset) {
            try self.judgeTail(bytes, path: path, offset: offset, isLast: isLast)
            self.torn = TornTail(file: path, offset: offset)
        }
        self.index.segments.append(summary)
    }

    private mutating func check(_ header: SegmentHeader, path: String) throws(GloveboxError) {
        guard header.kind == self.kind, self.origin == nil || header.origin == self.origin else {
            throw GloveboxError(
                .journalCorrupt,
                "\(path) holds records of \(header.origin): it is not what belongs into this folder")
        }
        self.origin = header.origin
        guard path == Self.path(of: header.before.position + 1, in: self.folder) else {
            throw GloveboxError.corrupt(path, offset: 0, "its name isn't the one that it was written under")
        }
        if self.index.segments.isEmpty {
            guard self.kind == .journal || header.before.position <= self.note.released else {
                throw GloveboxError.corrupt(path, offset: 0, "the files before it are missing")
            }
        } else {
            guard header.before == self.index.state else {
                throw GloveboxError.corrupt(path, offset: 0, "it doesn't follow the file before it")
            }
        }
    }

    private mutating func chain(
        _ frame: Frame, _ bytes: [UInt8], path: String, offset: Int
    ) throws(GloveboxError) {
        let state = self.index.state
        guard frame.position == state.position + 1 else {
            throw GloveboxError.corrupt(
                path, offset: offset, "record \(frame.position) stands where record \(state.position + 1) belongs")
        }
        guard frame.sequence == (state.sequences[frame.origin] ?? 0) + 1 else {
            throw GloveboxError.corrupt(
                path, offset: offset, "record \(frame.position) isn't the next one of \(frame.origin)")
        }
        guard Frame.head(after: state.head, body: bytes[frame.body]) == frame.head else {
            throw GloveboxError.corrupt(path, offset: offset, "record \(frame.position) breaks the hash chain")
        }
        self.index.state.position = frame.position
        self.index.state.head = frame.head
        self.index.state.sequences[frame.origin] = frame.sequence
        for note in self.notes where note.position == frame.position && note.head != frame.head {
            throw GloveboxError.corrupt(path, offset: offset, "record \(frame.position) is not the one noted")
        }
    }

    /// Something that isn't a frame follows the last whole one. It's a torn write only if nothing can have been
    /// acknowledged after it: it's in the last file, beyond what was noted, and whole frames that follow it (a disk may
    /// write pages in any order) were written in the same go.
    private func judgeTail(_ bytes: [UInt8], path: String, offset: Int, isLast: Bool) throws(GloveboxError) {
        let next = self.index.state.position + 1
        let damaged = GloveboxError.corrupt(path, offset: offset, "record \(next) is not whole")
        guard isLast, self.note.position < next else { throw damaged }
        let first = UInt8(truncatingIfNeeded: Frame.magic >> 24)
        var place = offset
        while place < bytes.count {
            if bytes[place] == first, let frame = Frame(bytes, at: place) {
                guard frame.batchStart <= next else { throw damaged }
                place = frame.end
            } else {
                place += 1
            }
        }
    }

    // MARK: Names

    static let suffix = ".records"

    /// The file whose first frame is at `position`.
    static func path(of position: UInt64, in folder: String) -> String {
        let digits = String(position)
        return "\(folder)/\(String(repeating: "0", count: max(0, 20 - digits.count)))\(digits)\(Self.suffix)"
    }

    static func notePath(_ folder: String) -> String { "\(folder)/head" }

    private static func reading<Value>(
        _ path: String, _ body: () throws(FileError) -> Value
    ) throws(GloveboxError) -> Value {
        do {
            return try body()
        } catch {
            throw GloveboxError(.journalUnavailable, "can't read \(path): \(error)", cause: error)
        }
    }
}
