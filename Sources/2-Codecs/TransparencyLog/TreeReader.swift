import GloveboxCore

/// Makes proofs from a tree's tiles, which somebody else fetches.
package struct TreeReader {
    /// The hashes of a tile of the asked width; more than that may be given.
    package typealias Fetch = (Tile) throws -> [TreeHash]

    private let size: UInt64
    private let fetch: Fetch

    /// - Parameter size: of the tree that's read, or one that it begins with.
    package init(size: UInt64, fetch: @escaping Fetch) {
        self.size = size
        self.fetch = fetch
    }

    package func root() throws -> TreeHash {
        self.size == 0 ? .empty : try self.hash(0, self.size)
    }

    /// RFC 6962, section 2.1.1: that the leaf at `index` is in the tree.
    /// - Throws: `invalid_argument` for a leaf that isn't there; what fetching throws.
    package func inclusionProof(of index: UInt64) throws -> [TreeHash] {
        guard index < self.size else {
            throw GloveboxError(.invalidArgument, "leaf \(index) isn't in a tree of \(self.size)")
        }
        var proof: [TreeHash] = []
        var (start, end) = (0 as UInt64, self.size)
        while end - start > 1 {
            let middle = start + Self.split(end - start)
            if index < middle {
                proof.append(try self.hash(middle, end))
                end = middle
            } else {
                proof.append(try self.hash(start, middle))
                start = middle
            }
        }
        return proof.reversed()
    }

    /// RFC 6962, section 2.1.2: that the tree begins with the one of `smaller` leaves. Nothing has to be shown for an
    /// empty one, or for the tree itself.
    package func consistencyProof(from smaller: UInt64) throws -> [TreeHash] {
        guard smaller <= self.size else {
            throw GloveboxError(.invalidArgument, "a tree of \(self.size) doesn't begin with one of \(smaller)")
        }
        guard smaller > 0, smaller < self.size else { return [] }
        var proof: [TreeHash] = []
        var (start, end) = (0 as UInt64, self.size)
        while smaller != end {
            let middle = start + Self.split(end - start)
            if smaller <= middle {
                proof.append(try self.hash(middle, end))
                end = middle
            } else {
                proof.append(try self.hash(start, middle))
                start = middle
            }
        }
        if start > 0 { proof.append(try self.hash(start, end)) }
        return proof.reversed()
    }

    /// The largest power of two that is less than `count`, which is at least 2.
    private static func split(_ count: UInt64) -> UInt64 {
        1 << UInt64(63 - (count - 1).leadingZeroBitCount)
    }

    /// The root over the leaves `start..<end`, a node of the tree.
    private func hash(_ start: UInt64, _ end: UInt64) throws -> TreeHash {
        var peaks: [TreeHash] = []
        var start = start
        while start < end {
            let height = 63 - (end - start).leadingZeroBitCount
            peaks.append(try self.perfect(start, height: height))
            start += 1 << UInt64(height)
        }
        guard let last = peaks.popLast() else { return .empty }
        return peaks.reversed().reduce(last) { .node($1, $0) }
    }

    /// The root over `2^height` leaves from `start`, a multiple of that, on.
    private func perfect(_ start: UInt64, height: Int) throws -> TreeHash {
        let level = height / 8
        let first = start >> UInt64(8 * level)
        let place = Int(first % UInt64(Tile.fullWidth))
        let count = 1 << (height % 8)
        let index = first / UInt64(Tile.fullWidth)
        let width = Tile.width(level: level, index: index, in: self.size)
        let hashes = try self.fetch(Tile(.hashes(level: level), index: index, width: width))
        guard hashes.count >= place + count else {
            throw GloveboxError(.internal, "a tile has fewer hashes than its tree")
        }
        return .perfect(hashes[place..<place + count])
    }
}
