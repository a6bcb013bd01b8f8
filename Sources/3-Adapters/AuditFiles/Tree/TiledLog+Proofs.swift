package import GloveboxCore
package import TransparencyLog

/// That a record is in the log, for whoever has the log's public key.
package struct RecordProof: Hashable, Sendable {
    /// Of the leaf; the record's position is one more.
    package var index: UInt64
    /// What the leaf is the hash of.
    package var entry: [UInt8]
    /// RFC 6962's audit path.
    package var path: [TreeHash]
    /// Under which it is.
    package var checkpoint: KnownCheckpoint
}

extension TiledLog {
    /// That `id` is in the tree of the last checkpoint; `nil` when there's no such record. One that just came in is
    /// brought under a checkpoint first.
    @concurrent
    package func proof(of id: RecordID) async throws -> RecordProof? {
        var state = self.snapshot
        var found = try self.find(id, state)
        if found == nil, try await self.intake.record(id) != nil {
            try await self.integrate()
            state = self.snapshot
            found = try self.find(id, state)
        }
        guard let (entry, index) = found else { return nil }
        return RecordProof(
            index: index, entry: entry.bytes, path: try self.reader(state).inclusionProof(of: index),
            checkpoint: try KnownCheckpoint(key: self.verifier, note: state.note))
    }

    /// The last checkpoint, and that its tree begins with the one of `size` records: nothing where the tree is smaller
    /// than that, since then there's nothing to show.
    @concurrent
    package func consistency(from size: UInt64) async throws -> (checkpoint: KnownCheckpoint, proof: [TreeHash]) {
        let state = self.snapshot
        let checkpoint = try KnownCheckpoint(key: self.verifier, note: state.note)
        guard size <= state.size else { return (checkpoint, []) }
        return (checkpoint, try self.reader(state).consistencyProof(from: size))
    }

    private func reader(_ state: TreeState) -> TreeReader {
        TreeReader(size: state.size) { tile in
            guard tile.isFull else {
                return state.tree.partialTiles.first { $0.tile == tile }?.hashes ?? []
            }
            return try self.folder.hashes(tile)
        }
    }
}
