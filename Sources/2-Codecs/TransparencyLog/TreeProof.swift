package import GloveboxCore

/// Checks of Merkle proofs, all of whose parts came from somebody else.
///
/// Inclusion and consistency are RFC 6962's (sections 2.1.1 and 2.1.2, checked as RFC 9162, section 2.1.3 and 2.1.4 have
/// it). A subtree is what the Merkle Tree Certificates draft (draft-ietf-plants-merkle-tree-certs, section 4) calls so:
/// leaves `start..<end`, where `start` is a multiple of the least power of two that isn't less than their number.
///
/// All throw `proof_invalid`.
package enum TreeProof {
    /// That `leaf` is the leaf at `index` of the tree of `size` leaves with this root.
    package static func checkInclusion(
        index: UInt64, size: UInt64, leaf: [UInt8], proof: [[UInt8]], root: [UInt8]
    ) throws(GloveboxError) {
        guard index < size else { throw Self.invalid("leaf \(index) isn't in a tree of \(size)") }
        let path = try Self.hashes(proof)
        var hash = try Self.hash(leaf)
        var (node, last) = (index, size - 1)
        for sibling in path {
            guard last > 0 else { throw Self.invalid("it is too long") }
            if node & 1 == 1 || node == last {
                hash = .node(sibling, hash)
                // A node without a sibling is its parent.
                while node & 1 == 0, node > 0 { (node, last) = (node >> 1, last >> 1) }
            } else {
                hash = .node(hash, sibling)
            }
            (node, last) = (node >> 1, last >> 1)
        }
        guard last == 0 else { throw Self.invalid("it is too short") }
        guard hash.bytes == root else { throw Self.invalid("it leads to another root") }
    }

    /// That the tree of `size2` leaves with `root2` begins with the tree of `size1` leaves with `root1`.
    package static func checkConsistency(
        size1: UInt64, size2: UInt64, proof: [[UInt8]], root1: [UInt8], root2: [UInt8]
    ) throws(GloveboxError) {
        guard size1 <= size2 else { throw Self.invalid("a tree of \(size2) doesn't begin with one of \(size1)") }
        guard size1 > 0 else { throw Self.invalid("every tree begins with the empty one") }
        if size1 == size2 {
            guard proof.isEmpty else { throw Self.invalid("trees of one size need no proof") }
            guard root1 == root2 else { throw Self.invalid("the roots differ") }
            return
        }
        try Self.check(0, size1, in: size2, proof, root1, root2)
    }

    /// That `leaf` is the leaf at `index` of the tree that `root`, of the subtree `start..<end`, belongs to.
    package static func checkInclusion(
        index: UInt64, inSubtree start: UInt64, _ end: UInt64, leaf: [UInt8], proof: [[UInt8]], root: [UInt8]
    ) throws(GloveboxError) {
        try Self.checkSubtree(start, end)
        guard index >= start else { throw Self.invalid("leaf \(index) isn't in the subtree") }
        try Self.checkInclusion(index: index - start, size: end - start, leaf: leaf, proof: proof, root: root)
    }

    /// That `root1` is the root of the subtree `start..<end` of the tree of `size` leaves with `root2`.
    package static func checkConsistency(
        ofSubtree start: UInt64, _ end: UInt64, size: UInt64, proof: [[UInt8]], root1: [UInt8], root2: [UInt8]
    ) throws(GloveboxError) {
        try Self.checkSubtree(start, end)
        guard end <= size else { throw Self.invalid("the subtree ends after the tree") }
        if start == end {
            // Part of any tree.
            guard proof.isEmpty, root1 == TreeHash.empty.bytes else {
                throw Self.invalid("an empty subtree has the empty tree's root, and no proof")
            }
            return
        }
        if start == 0, end == size {
            guard proof.isEmpty, root1 == root2 else { throw Self.invalid("the roots differ") }
            return
        }
        try Self.check(start, end, in: size, proof, root1, root2)
    }

    /// The draft's section 4.4.3; with `start` 0 it is RFC 9162's section 2.1.4.2.
    private static func check(
        _ start: UInt64, _ end: UInt64, in size: UInt64, _ proof: [[UInt8]], _ root1: [UInt8], _ root2: [UInt8]
    ) throws(GloveboxError) {
        var path = try Self.hashes(proof)[...]
        var (first, second, last) = (start, end - 1, size - 1)
        func rise() { (first, second, last) = (first >> 1, second >> 1, last >> 1) }
        if second == last {
            while first != second { rise() }
        } else {
            while first != second, second & 1 == 1 { rise() }
        }
        var before: TreeHash
        if first == second {
            before = try Self.hash(root1)
        } else {
            guard let seed = path.popFirst() else { throw Self.invalid("it is too short") }
            before = seed
        }
        var after = before
        for sibling in path {
            guard last > 0 else { throw Self.invalid("it is too long") }
            if second & 1 == 1 || second == last {
                if first < second { before = .node(sibling, before) }
                after = .node(sibling, after)
                while second & 1 == 0, second > 0 { rise() }
            } else {
                after = .node(after, sibling)
            }
            rise()
        }
        guard last == 0 else { throw Self.invalid("it is too short") }
        guard before.bytes == root1 else { throw Self.invalid("it leads to another root before") }
        guard after.bytes == root2 else { throw Self.invalid("it leads to another root") }
    }

    private static func checkSubtree(_ start: UInt64, _ end: UInt64) throws(GloveboxError) {
        guard start <= end else { throw Self.invalid("the subtree ends before it begins") }
        let count = end - start
        guard count <= 1 << 63 else { throw Self.invalid("the subtree is too large") }
        let ceiling: UInt64 = count <= 1 ? 1 : 1 << UInt64(64 - (count - 1).leadingZeroBitCount)
        guard start.isMultiple(of: ceiling) else { throw Self.invalid("\(start)..<\(end) is no subtree") }
    }

    private static func hashes(_ proof: [[UInt8]]) throws(GloveboxError) -> [TreeHash] {
        guard proof.count <= 130 else { throw Self.invalid("it is too long") }
        var hashes: [TreeHash] = []
        for bytes in proof { hashes.append(try Self.hash(bytes)) }
        return hashes
    }

    private static func hash(_ bytes: [UInt8]) throws(GloveboxError) -> TreeHash {
        guard let hash = TreeHash(bytes) else { throw Self.invalid("a hash in it isn't 32 bytes long") }
        return hash
    }

    private static func invalid(_ what: String) -> GloveboxError {
        GloveboxError(.proofInvalid, "the proof doesn't hold: \(what)")
    }
}

extension GloveboxError.Code {
    /// A Merkle proof doesn't prove what it should.
    package static let proofInvalid = Self("proof_invalid")
    /// A note's form or signature isn't what it should be.
    package static let noteInvalid = Self("note_invalid")
}
