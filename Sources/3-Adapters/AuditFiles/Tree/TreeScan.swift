import Crypto
import GloveboxCore
import TransparencyLog

/// Walks a log's tree and checks all of it against its checkpoint: every entry against its leaf, every tile against those
/// below it, the root against what was signed; long records against their hashes, and that no origin's sequence has a
/// gap.
struct TreeScan {
    let folder: TileFolder
    let checkpoint: Checkpoint
    private(set) var state = TreeState()

    /// Bundles that are hashed at once, on all of the machine's cores.
    private static let bundlesAtOnce = 64

    /// - Parameters:
    ///   - verifiers: the log's key, and the one before where it has just been replaced.
    ///   - progress: is told now and then how many records were read, of how many.
    /// - Throws: `journal_corrupt`, naming the first file and record that's wrong; `journal_unavailable` when something
    ///   can't be read.
    init(
        folder: String, verifiers: [NoteVerifier], progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(GloveboxError) {
        let folder = TileFolder(path: folder)
        self.folder = folder
        self.state.note = try TileFolder.read(folder.checkpoint)
        self.checkpoint = try Self.signed(folder.checkpoint, self.state.note) { (note) throws(GloveboxError) in
            try Self.first(verifiers) { (verifier) throws(GloveboxError) in try Checkpoint(note, signedBy: verifier) }
        }
        if FileReading.isThere(folder.pruned) {
            let pruned = try Self.signed(folder.pruned, try TileFolder.read(folder.pruned)) {
                (note) throws(GloveboxError) in
                try Self.first(verifiers) { (verifier) throws(GloveboxError) in
                    try PruningNote(note, signedBy: verifier)
                }
            }
            guard pruned.minimum <= self.checkpoint.size else {
                throw GloveboxError.corrupt(folder.pruned, offset: 0, "it tells of more than the checkpoint holds")
            }
            self.state.minimum = pruned.minimum
            self.state.sequences = SequenceMarks(from: pruned.minimum, before: pruned.sequences)
        }
        try self.walk(progress)
        for partial in self.state.tree.partialTiles {
            try self.check(partial.tile, partial.hashes)
        }
        guard self.state.tree.root == self.checkpoint.root else {
            throw GloveboxError.corrupt(
                folder.checkpoint, offset: 0, "the tree of \(self.checkpoint.size) records has another root")
        }
    }

    /// What one of the keys gives.
    private static func first<Note>(
        _ verifiers: [NoteVerifier], _ read: (NoteVerifier) throws(GloveboxError) -> Note
    ) throws(GloveboxError) -> Note {
        var failure = GloveboxError(.noteInvalid, "no key checks it")
        for verifier in verifiers {
            do throws(GloveboxError) {
                return try read(verifier)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func signed<Note>(
        _ path: String, _ bytes: [UInt8], _ read: ([UInt8]) throws(GloveboxError) -> Note
    ) throws(GloveboxError) -> Note {
        do throws(GloveboxError) {
            return try read(bytes)
        } catch {
            throw GloveboxError.corrupt(path, offset: 0, error.message)
        }
    }

    /// That the file of a tile holds the hashes over the tiles below it. Where it doesn't, either may be wrong: both are
    /// named.
    private func check(_ tile: Tile, _ hashes: [TreeHash]) throws(GloveboxError) {
        let held = try self.folder.hashes(tile)
        guard let place = zip(held, hashes).enumerated().first(where: { $1.0 != $1.1 })?.offset else { return }
        guard case .hashes(let level) = tile.kind, level > 0 else {
            throw GloveboxError.corrupt(self.folder.file(tile), offset: place * 32, "it was read as something else")
        }
        let below = Tile(.hashes(level: level - 1), index: tile.index * UInt64(Tile.fullWidth) + UInt64(place))
        throw GloveboxError.corrupt(
            self.folder.file(tile), offset: place * 32, "it hasn't the hash of \(self.folder.file(below))")
    }

    private mutating func walk(_ progress: (UInt64, UInt64) -> Void) throws(GloveboxError) {
        let width = UInt64(Tile.fullWidth)
        let bundles = (self.checkpoint.size + width - 1) / width
        var next: UInt64 = 0
        while next < bundles {
            let indices = next..<min(bundles, next + UInt64(Self.bundlesAtOnce))
            for part in Parallel.map(
                indices,
                { [folder, checkpoint, minimum = self.state.minimum] index in
                    Result { () throws(GloveboxError) in
                        try BundleScan(
                            index, folder: folder, size: checkpoint.size, isPruned: (index + 1) * width <= minimum)
                    }
                })
            { try self.add(try part.get()) }
            next = indices.upperBound
            progress(min(next * width, self.checkpoint.size), self.checkpoint.size)
        }
    }

    private mutating func add(_ scan: BundleScan) throws(GloveboxError) {
        let start = self.state.size
        for (place, entry) in scan.entries.enumerated() {
            let origin = scan.origin(of: entry)
            guard entry.sequence == (self.state.sequences.last[origin] ?? 0) + 1 else {
                throw GloveboxError.corrupt(
                    scan.path, offset: entry.origin.lowerBound,
                    "record \(start + UInt64(place) + 1) isn't the next one of \(origin)")
            }
            self.state.sequences.add(origin, entry.sequence, at: start + UInt64(place))
        }
        if scan.leaves.count < Tile.fullWidth { self.state.bundle = scan.bundle }
        for leaf in scan.leaves {
            var completed: [(Tile, [TreeHash])] = []
            self.state.tree.append(leaf) { completed.append(($0, $1)) }
            for (tile, hashes) in completed where tile.kind != .hashes(level: 0) {
                try self.check(tile, hashes)
            }
        }
    }
}

/// One bundle of entries, checked against the leaves' tile over it.
private struct BundleScan: Sendable {
    let path: String
    let leaves: [TreeHash]
    /// Empty where the bundle was pruned.
    private(set) var bundle: [UInt8] = []
    private(set) var entries: [LogEntry.Name] = []

    init(_ index: UInt64, folder: TileFolder, size: UInt64, isPruned: Bool) throws(GloveboxError) {
        let width = Tile.width(level: 0, index: index, in: size)
        let leaves = Tile(.hashes(level: 0), index: index, width: width)
        self.leaves = try folder.hashes(leaves)
        self.path = folder.file(Tile(.entries, index: index, width: width))
        if isPruned { return }
        let (bytes, path, isExact) = try folder.bytes(Tile(.entries, index: index, width: width))
        let first = index * UInt64(Tile.fullWidth) + 1
        guard let ranges = EntryBundle.entries(bytes), isExact ? ranges.count == width : ranges.count >= width else {
            throw GloveboxError.corrupt(path, offset: 0, "it doesn't hold \(width) records from \(first) on")
        }
        self.bundle = isExact ? bytes : Array(bytes[..<ranges[width - 1].upperBound])
        self.entries.reserveCapacity(width)
        for (place, range) in ranges.prefix(width).enumerated() {
            guard TreeHash.leaf(bytes[range]) == self.leaves[place] else {
                throw GloveboxError.corrupt(
                    path, offset: range.lowerBound,
                    "record \(first + UInt64(place)) isn't the one that \(folder.file(leaves)) has the hash of")
            }
            guard let name = LogEntry.Name(bytes, range) else {
                throw GloveboxError.corrupt(
                    path, offset: range.lowerBound, "record \(first + UInt64(place)) is none")
            }
            if let hash = name.hash {
                let blob = folder.blob(bytes[hash], ofBundle: index)
                guard try LogEntry.hash(TileFolder.read(blob)) == Array(bytes[hash]) else {
                    throw GloveboxError.corrupt(
                        blob, offset: 0, "it isn't the text of record \(first + UInt64(place))")
                }
            }
            self.entries.append(name)
        }
    }

    func origin(of entry: LogEntry.Name) -> String {
        String(decoding: self.bundle[entry.origin], as: UTF8.self)
    }
}
