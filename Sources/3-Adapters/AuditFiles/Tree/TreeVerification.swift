package import GloveboxCore
package import TransparencyLog

/// What a log's folder was found to hold, by its public key alone.
package struct TreeVerification: Hashable, Sendable {
    package var checkpoint: Checkpoint
    /// How many of the oldest records were pruned; their hashes are there.
    package var pruned: UInt64
    /// Records that came in after the checkpoint: whole, but not signed for.
    package var unsigned: UInt64

    /// Reads all of a log's folder, which nobody is writing to, and checks it.
    ///
    /// It finds every byte that isn't what was written, and every file that's gone. Against somebody who has the log's
    /// key, it needs a checkpoint that was kept elsewhere.
    ///
    /// - Parameters:
    ///   - key: the log's.
    ///   - older: a checkpoint that the log has to go on from, as a signed note.
    ///   - progress: is told now and then how many records were read, of how many.
    /// - Throws: `journal_corrupt`, naming the first file and record that's wrong; `log_shortened`, `log_forked`;
    ///   `note_invalid` when `older` isn't one of this log; `journal_unavailable` when something can't be read.
    package static func verify(
        folder: String, key: NoteVerifier, older: [UInt8]? = nil, progress: (UInt64, UInt64) -> Void = { _, _ in }
    ) throws(GloveboxError) -> TreeVerification {
        let older = try older.map { (note) throws(GloveboxError) in try Checkpoint(note, signedBy: key) }
        let scan = try TreeScan(folder: folder, verifiers: [key], progress: progress)
        let state = scan.state
        if let older { try Self.check(older, in: state, TileFolder(path: folder)) }
        var result = TreeVerification(checkpoint: scan.checkpoint, pruned: state.minimum, unsigned: 0)
        let names = (try? FileReading.names(in: folder)) ?? []
        // Somebody may have copied the tree alone.
        if names.contains("head") || names.contains(where: { $0.hasSuffix(ChainScan.suffix) }) {
            guard names.contains(where: { $0.hasSuffix(ChainScan.suffix) }) else {
                throw GloveboxError.corrupt(
                    ChainScan.notePath(folder), offset: 0, "the .records file that goes with it is missing")
            }
            let chain = try Verification.scan(folder: folder)
            guard chain.index.state.position >= state.size else {
                throw GloveboxError.corrupt(
                    ChainScan.notePath(folder), offset: 0,
                    "\(chain.index.state.position) records came in, and the tree holds \(state.size)")
            }
            for segment in chain.index.segments {
                try Self.compare(segment, with: state, in: TileFolder(path: folder))
            }
            result.unsigned = chain.index.state.position - state.size
        }
        return result
    }

    private static func check(
        _ older: Checkpoint, in state: TreeState, _ folder: TileFolder
    ) throws(GloveboxError) {
        guard older.size <= state.size else {
            throw GloveboxError(
                .logShortened,
                "the folder holds \(state.size) records, and its log had signed for \(older.size): records were removed"
            )
        }
        let reader = TreeReader(size: older.size) { tile in
            var whole = tile
            if case .hashes(let level) = tile.kind {
                whole.width = Tile.width(level: level, index: tile.index, in: state.size)
            }
            return try folder.hashes(whole)
        }
        let root: TreeHash
        do {
            root = try reader.root()
        } catch {
            throw error as? GloveboxError ?? GloveboxError(.internal, "the tree can't be read", cause: error)
        }
        guard root == older.root else {
            throw GloveboxError(
                .logForked,
                "the folder's first \(older.size) records aren't what its log had signed for: records were altered")
        }
    }

    /// What the intake still has of the tree's records has to be the same.
    static func compare(_ intake: Log, with state: TreeState, in folder: TileFolder) throws(GloveboxError) {
        for segment in intake.segments { try Self.compare(segment, with: state, in: folder) }
    }

    private static func compare(
        _ segment: SegmentSummary, with state: TreeState, in folder: TileFolder
    ) throws(GloveboxError) {
        guard segment.before.position < state.size, segment.last > segment.before.position else { return }
        var leaves: (index: UInt64, hashes: [TreeHash])?
        do {
            _ = try ChainReader.frames(of: segment, from: segment.marks.first?.offset ?? segment.end) { frame, bytes in
                guard frame.position <= state.size else { return false }
                let tile = (frame.position - 1) / UInt64(Tile.fullWidth)
                if leaves?.index != tile {
                    let width = Tile.width(level: 0, index: tile, in: state.size)
                    leaves = (tile, try folder.hashes(Tile(.hashes(level: 0), index: tile, width: width)))
                }
                let entry = try LogEntry(
                    RecordID(origin: frame.origin, sequence: frame.sequence), record: Array(bytes[frame.record]))
                guard leaves?.hashes[Int((frame.position - 1) % UInt64(Tile.fullWidth))] == .leaf(entry.bytes) else {
                    throw GloveboxError.corrupt(
                        segment.path, offset: 0, "record \(frame.position) isn't the one that the tree has")
                }
                return true
            }
        } catch {
            throw error as? GloveboxError
                ?? GloveboxError(.journalUnavailable, "can't read \(segment.path): \(error)", cause: error)
        }
    }
}
