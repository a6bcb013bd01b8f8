import GloveboxCore
import TestSupport
import Testing
import TransparencyLog

@Suite("Trees in tiles")
struct TreeTests {
    /// RFC 6962, section 2.1, word by word.
    private static func root(_ leaves: ArraySlice<TreeHash>) -> TreeHash {
        guard leaves.count > 1, let first = leaves.first else { return leaves.first ?? .empty }
        _ = first
        var half = 1
        while half * 2 < leaves.count { half *= 2 }
        return .node(Self.root(leaves.prefix(half)), Self.root(leaves.dropFirst(half)))
    }

    /// A tree's tiles, full and partial, as a log's folder holds them.
    private struct Tiles {
        var tree = GrowingTree()
        var leaves: [TreeHash] = []
        var full: [Tile: [TreeHash]] = [:]

        mutating func grow(to size: Int) {
            while self.leaves.count < size {
                let leaf = TreeHash.leaf(Array("entry \(self.leaves.count)".utf8))
                self.leaves.append(leaf)
                self.tree.append(leaf) { self.full[$0] = $1 }
            }
        }

        func reader(_ size: Int) -> TreeReader {
            TreeReader(size: UInt64(size)) { tile in
                var whole = tile
                whole.width = Tile.fullWidth
                if let hashes = self.full[whole] { return hashes }
                let partial = self.tree.partialTiles.first { $0.tile.kind == tile.kind && $0.tile.index == tile.index }
                return Array(try #require(partial).hashes.prefix(tile.width))
            }
        }
    }

    @Test("the hashes are RFC 6962's")
    func hashes() throws {
        #expect(hexadecimal(TreeHash.empty) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let leaf = TreeHash.leaf([])
        #expect(hexadecimal(leaf) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
        #expect(TreeHash(leaf.bytes) == leaf)
        #expect(TreeHash(leaf.bytes.dropLast()) == nil)
    }

    @Test("whatever its size, a tree of tiles has the root that the RFC's recursion gives")
    func roots() {
        var tiles = Tiles()
        for size in Array(0...600) + [65_535, 65_536, 65_537, 66_000] {
            tiles.grow(to: size)
            #expect(tiles.tree.root == Self.root(tiles.leaves[...]), "\(size)")
            #expect(GrowingTree(size: UInt64(size), edge: tiles.tree.edge) == tiles.tree)
        }
    }

    @Test("proofs of any leaf and from any size hold, in the tree itself and in one that it begins with")
    func proofs() throws {
        var tiles = Tiles()
        tiles.grow(to: 70_000)
        var generator = SeededGenerator(seed: 7)
        let sizes = Array(1...40) + [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 69_999, 70_000]
        for size in sizes {
            let reader = tiles.reader(size)
            let root = try reader.root()
            #expect(root == Self.root(tiles.leaves.prefix(size)), "\(size)")
            for _ in 0..<8 {
                let index = generator.place(in: size)
                let proof = try reader.inclusionProof(of: UInt64(index)).map(\.bytes)
                try TreeProof.checkInclusion(
                    index: UInt64(index), size: UInt64(size), leaf: tiles.leaves[index].bytes, proof: proof,
                    root: root.bytes)
                let smaller = generator.place(in: size) + 1
                let consistency = try reader.consistencyProof(from: UInt64(smaller)).map(\.bytes)
                try TreeProof.checkConsistency(
                    size1: UInt64(smaller), size2: UInt64(size), proof: consistency,
                    root1: Self.root(tiles.leaves.prefix(smaller)).bytes, root2: root.bytes)
            }
        }
        #expect(throws: GloveboxError.self) { try tiles.reader(5).inclusionProof(of: 5) }
        #expect(throws: GloveboxError.self) { try tiles.reader(5).consistencyProof(from: 6) }
    }

    @Test("a proof with one bit changed, one hash too many or too few proves nothing")
    func wrongProofs() throws {
        var tiles = Tiles()
        tiles.grow(to: 300)
        let fuzzing = Fuzzing("merkle proofs")
        try fuzzing.run(300) { generator in
            let size = generator.place(in: 299) + 2
            let reader = tiles.reader(size)
            let root = try reader.root().bytes
            let index = generator.place(in: size)
            var proof = try reader.inclusionProof(of: UInt64(index)).map(\.bytes)
            switch generator.place(in: 3) {
            case 0: proof.removeLast()
            case 1: proof.insert(TreeHash.empty.bytes, at: generator.place(in: proof.count + 1))
            default: proof[generator.place(in: proof.count)][generator.place(in: 32)] ^= 1 << generator.place(in: 8)
            }
            #expect(throws: GloveboxError.self) {
                try TreeProof.checkInclusion(
                    index: UInt64(index), size: UInt64(size), leaf: tiles.leaves[index].bytes, proof: proof, root: root)
            }
        }
    }

    @Test("a tree of 70,000 has the tiles of tlog-tiles' example, under its paths")
    func paths() {
        var tiles = Tiles()
        tiles.grow(to: 70_000)
        let widths = tiles.tree.partialTiles.map { $0.tile.path }
        #expect(widths == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"])
        #expect(tiles.full.keys.count { $0.kind == .hashes(level: 0) } == 273)
        #expect(tiles.full.keys.count { $0.kind == .hashes(level: 1) } == 1)
        #expect(Tile(.hashes(level: 0), index: 1_234_067).path == "tile/0/x001/x234/067")
        #expect(Tile(.entries, index: 5, width: 7).path == "tile/entries/005.p/7")
        #expect(Tile.width(level: 1, index: 1, in: 70_000) == 17)
        #expect(Tile.width(level: 0, index: 274, in: 70_000) == 0)
        #expect(Tile.width(level: 0, index: .max, in: .max) == 0)
    }

    @Test("entries come out of a bundle as they went in; a bundle that's cut gives none")
    func bundles() throws {
        var bundle: [UInt8] = []
        let entries: [[UInt8]] = [[], [1, 2, 3], [UInt8](repeating: 9, count: EntryBundle.longestEntry)]
        for entry in entries { EntryBundle.append(entry, to: &bundle) }
        let ranges = try #require(EntryBundle.entries(bundle))
        #expect(ranges.map { Array(bundle[$0]) } == entries)
        #expect(EntryBundle.entries(Array(bundle.dropLast())) == nil)
        #expect(EntryBundle.entries([0]) == nil)
        #expect(EntryBundle.entries([]) == [])
    }
}

func hexadecimal(_ hash: TreeHash) -> String {
    hash.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
