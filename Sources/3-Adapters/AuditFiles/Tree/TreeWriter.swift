import GloveboxCore
import TransparencyLog

/// Writes a tree's files and signs its checkpoints. Used by one thread at a time.
///
/// A checkpoint names only what's on disk: entries, their texts and the tiles over them are synchronised first. What a
/// stop in between leaves behind is beyond the checkpoint, and is written over later.
struct TreeWriter: Sendable {
    private let folder: TileFolder
    private let files: any FileWriting
    private let signer: NoteSigner
    /// Folders that are known to be there.
    private var known: Set<String> = []
    /// Folders with new names in them that aren't on disk yet.
    private var changed: Set<String> = []

    init(folder: TileFolder, files: any FileWriting, signer: NoteSigner) {
        self.folder = folder
        self.files = files
        self.signer = signer
        self.known = [folder.path]
    }

    /// The tree with `records` added, on disk and signed.
    /// - Throws: `FileError`; `protocol_violation` when one of them is none.
    mutating func add(_ records: [ChainEntry], to state: TreeState) throws -> TreeState {
        var next = state
        var touched = Set(state.partialTiles.map(\.fullPath))
        self.changed = []
        for record in records {
            let entry = try LogEntry(RecordID(origin: record.origin, sequence: record.sequence), record: record.record)
            let bundle = next.size / UInt64(Tile.fullWidth)
            if case .elsewhere(let summary) = entry.content {
                try self.put(record.record, self.folder.blob(summary.hash, ofBundle: bundle))
            }
            let bytes = entry.bytes
            EntryBundle.append(bytes, to: &next.bundle)
            next.sequences.add(record.origin, record.sequence, at: next.size)
            try next.tree.append(.leaf(bytes)) { tile, hashes in
                try self.put(Tile.bytes(hashes), self.folder.file(tile))
                touched.insert(tile.fullPath)
            }
            if next.size.isMultiple(of: UInt64(Tile.fullWidth)) {
                let tile = Tile(.entries, index: bundle)
                try self.put(next.bundle, self.folder.file(tile))
                touched.insert(tile.fullPath)
                next.bundle = []
            }
        }
        try self.putPartialTiles(of: next, after: state)
        for folder in self.changed { try self.files.synchroniseFolder(folder) }
        next.note = try self.checkpoint(next.tree)
        try self.replace(self.folder.checkpoint, next.note)
        touched.formUnion(next.partialTiles.map(\.fullPath))
        self.removePartialTiles(in: touched, but: next)
        return next
    }

    /// The checkpoint of `tree`, signed.
    func checkpoint(_ tree: GrowingTree) throws(GloveboxError) -> [UInt8] {
        let checkpoint = Checkpoint(origin: self.signer.verifier.name, size: tree.size, root: tree.root)
        return try self.signer.sign(checkpoint.text).bytes
    }

    private mutating func putPartialTiles(of next: TreeState, after state: TreeState) throws(FileError) {
        let before = Set(state.partialTiles)
        for (tile, hashes) in next.tree.partialTiles where !before.contains(tile) {
            try self.put(Tile.bytes(hashes), self.folder.file(tile))
        }
        for tile in next.partialTiles where tile.kind == .entries && !before.contains(tile) {
            try self.put(next.bundle, self.folder.file(tile))
        }
    }

    /// Only the widest partial tile of a place is kept, and none where there's a full one. One that can't be removed
    /// harms nobody, and is tried again when the place is written to again.
    mutating func removePartialTiles(in places: Set<String>, but state: TreeState) {
        let kept = Set(state.partialTiles.map(self.folder.file))
        for place in places {
            let partial = "\(self.folder.path)/\(place).p"
            guard let names = try? FileReading.names(in: partial) else { continue }
            let rest = names.filter { name in
                let path = "\(partial)/\(name)"
                return kept.contains(path) || (try? self.files.remove(path)) == nil
            }
            if rest.isEmpty, (try? self.files.removeFolder(partial)) != nil { self.known.remove(partial) }
        }
    }

    /// Writes the note of what's pruned.
    mutating func write(_ pruned: PruningNote) throws {
        try self.replace(self.folder.pruned, self.signer.sign(pruned.text).bytes)
    }

    /// Removes bundles and their long records. The note of that is on disk already.
    mutating func removeEntries(_ bundles: Range<UInt64>) throws(FileError) {
        for index in bundles {
            let path = self.folder.file(Tile(.entries, index: index))
            if FileReading.isThere(path) { try self.files.remove(path) }
            let blobs = self.folder.blobs(ofBundle: index)
            guard let names = try? FileReading.names(in: blobs) else { continue }
            for name in names { try self.files.remove("\(blobs)/\(name)") }
            try self.files.removeFolder(blobs)
            self.known.remove(blobs)
        }
    }

    // MARK: Files

    /// A file that nobody reads before a checkpoint calls for it.
    private mutating func put(_ bytes: [UInt8], _ path: String) throws(FileError) {
        try self.makeFolder(Self.folder(of: path))
        if FileReading.isThere(path) { try self.files.remove(path) }
        let file = try self.files.create(path)
        defer { self.files.close(file) }
        try self.files.write(bytes, to: file, at: 0)
        try self.files.synchronise(file)
        self.changed.insert(Self.folder(of: path))
    }

    /// A reader sees the whole old file or the whole new one.
    private mutating func replace(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        let temporary = path + ".new"
        try self.put(bytes, temporary)
        try self.files.rename(temporary, to: path)
        try self.files.synchroniseFolder(self.folder.path)
    }

    private mutating func makeFolder(_ path: String) throws(FileError) {
        guard !self.known.contains(path) else { return }
        let above = Self.folder(of: path)
        try self.makeFolder(above)
        if try self.files.makeFolder(path) { self.changed.insert(above) }
        self.known.insert(path)
    }

    private static func folder(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
