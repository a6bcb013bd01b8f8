/// A tree that leaves are added to: what has to be known of it for that, which is the partial tile at the right end of
/// each level.
package struct GrowingTree: Hashable, Sendable {
    /// How many leaves there are.
    package private(set) var size: UInt64 = 0
    /// The hashes of each level's partial tile; empty where the level ends with a full one.
    package private(set) var edge: [[TreeHash]] = []

    package init() {}

    /// A tree as its partial tiles have it.
    /// - Returns: `nil` when these aren't the widths of a tree of `size` leaves.
    package init?(size: UInt64, edge: [[TreeHash]]) {
        for level in 0..<8 where UInt64(level < edge.count ? edge[level].count : 0) != size >> UInt64(8 * level) & 0xFF
        {
            return nil
        }
        self.size = size
        self.edge = edge
    }

    /// Adds a leaf. `completed` gets each tile that this fills, the lowest level's first.
    package mutating func append(_ leaf: TreeHash, completed: (Tile, [TreeHash]) throws -> Void) rethrows {
        var hash = leaf
        var level = 0
        while true {
            if level == self.edge.count { self.edge.append([]) }
            self.edge[level].append(hash)
            guard self.edge[level].count == Tile.fullWidth else { break }
            try completed(
                Tile(.hashes(level: level), index: self.size >> UInt64(8 * (level + 1))), self.edge[level])
            hash = TreeHash.perfect(self.edge[level][...])
            self.edge[level].removeAll(keepingCapacity: true)
            level += 1
        }
        self.size += 1
    }

    package mutating func append(_ leaf: TreeHash) {
        self.append(leaf) { _, _ in }
    }

    package var root: TreeHash {
        var peaks: [TreeHash] = []
        for hashes in self.edge.reversed() {
            var start = 0
            for bit in (0..<8).reversed() where hashes.count & (1 << bit) != 0 {
                peaks.append(.perfect(hashes[start..<start + (1 << bit)]))
                start += 1 << bit
            }
        }
        guard let last = peaks.popLast() else { return .empty }
        return peaks.reversed().reduce(last) { .node($1, $0) }
    }

    /// The partial tiles, the leaves' first.
    package var partialTiles: [(tile: Tile, hashes: [TreeHash])] {
        self.edge.enumerated().filter { !$1.isEmpty }.map { level, hashes in
            (
                Tile(
                    .hashes(level: level), index: self.size >> UInt64(8 * (level + 1)), width: hashes.count), hashes
            )
        }
    }
}
