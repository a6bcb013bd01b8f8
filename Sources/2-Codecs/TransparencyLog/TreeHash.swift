import Crypto
import GloveboxCore

/// A node of a Merkle tree as RFC 6962, section 2.1 hashes it with SHA-256: 32 bytes, held without an allocation.
package struct TreeHash: Hashable, Sendable {
    package static let length = 32

    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// - Returns: `nil` for anything but 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.length else { return nil }
        self = Array(bytes).withUnsafeBytes { Self($0, at: 0) }
    }

    /// The hash at `offset`, which has to lie inside `buffer` with all of its bytes.
    init(_ buffer: UnsafeRawBufferPointer, at offset: Int) {
        self.first = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        self.second = buffer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
        self.third = buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
        self.fourth = buffer.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
    }

    private init(_ digest: SHA256.Digest) {
        self = digest.withUnsafeBytes { Self($0, at: 0) }
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.length)
        self.append(to: &bytes)
        return bytes
    }

    func append(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: self) { bytes.append(contentsOf: $0) }
    }

    /// Of the tree without leaves.
    package static let empty = TreeHash(SHA256.hash(data: [UInt8]()))

    /// Of a leaf: `SHA-256(0x00 ‖ entry)`.
    package static func leaf(_ entry: ArraySlice<UInt8>) -> TreeHash {
        var hash = SHA256()
        withUnsafeBytes(of: 0 as UInt8) { hash.update(bufferPointer: $0) }
        entry.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return TreeHash(hash.finalize())
    }

    package static func leaf(_ entry: [UInt8]) -> TreeHash { self.leaf(entry[...]) }

    /// Of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
    package static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
        withUnsafeTemporaryAllocation(byteCount: 1 + 2 * Self.length, alignment: 8) { buffer in
            buffer[0] = 1
            left.store(in: buffer, at: 1)
            right.store(in: buffer, at: 1 + Self.length)
            return TreeHash(SHA256.hash(bufferPointer: UnsafeRawBufferPointer(buffer)))
        }
    }

    private func store(in buffer: UnsafeMutableRawBufferPointer, at offset: Int) {
        buffer.storeBytes(of: self.first, toByteOffset: offset, as: UInt64.self)
        buffer.storeBytes(of: self.second, toByteOffset: offset + 8, as: UInt64.self)
        buffer.storeBytes(of: self.third, toByteOffset: offset + 16, as: UInt64.self)
        buffer.storeBytes(of: self.fourth, toByteOffset: offset + 24, as: UInt64.self)
    }

    /// The root of a perfect subtree, whose leaves (a power of two of them) are `hashes`.
    static func perfect(_ hashes: ArraySlice<TreeHash>) -> TreeHash {
        var level = Array(hashes)
        while level.count > 1 {
            for index in 0..<level.count / 2 { level[index] = .node(level[2 * index], level[2 * index + 1]) }
            level.removeLast(level.count - level.count / 2)
        }
        return level.first ?? .empty
    }
}

extension SHA256 {
    fileprivate static func hash(bufferPointer: UnsafeRawBufferPointer) -> SHA256.Digest {
        var hash = SHA256()
        hash.update(bufferPointer: bufferPointer)
        return hash.finalize()
    }
}
