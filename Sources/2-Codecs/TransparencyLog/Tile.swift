/// A tile of a tree: up to 256 hashes of one level that stand side by side, or the entries under as many leaves
/// (C2SP tlog-tiles).
package struct Tile: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// 0 are the leaves; each hash of a level is the root over a full tile of the level below.
        case hashes(level: Int)
        case entries
    }

    package static let fullWidth = 256

    package var kind: Kind
    package var index: UInt64
    /// 1 to 256.
    package var width: Int

    package init(_ kind: Kind, index: UInt64, width: Int = fullWidth) {
        self.kind = kind
        self.index = index
        self.width = width
    }

    package var isFull: Bool { self.width == Self.fullWidth }

    /// Relative to the log's prefix: `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`.
    package var path: String { self.isFull ? self.fullPath : "\(self.partialFolder)/\(self.width)" }

    /// The path of the full tile in this place.
    package var fullPath: String {
        let level =
            switch self.kind {
            case .hashes(let level): "\(level)"
            case .entries: "entries"
            }
        return "tile/\(level)/\(Self.number(self.index))"
    }

    /// Where partial tiles of this place are.
    package var partialFolder: String { "\(self.fullPath).p" }

    /// A number as path elements of three digits, an `x` before all but the last: 1234067 is `x001/x234/067`.
    package static func number(_ number: UInt64) -> String {
        func digits(_ part: UInt64) -> String {
            let text = String(part)
            return String(repeating: "0", count: 3 - text.count) + text
        }
        var path = digits(number % 1000)
        var rest = number / 1000
        while rest > 0 {
            path = "x\(digits(rest % 1000))/\(path)"
            rest /= 1000
        }
        return path
    }

    /// How many hashes a tile has in a tree of `size` leaves; 0 if the tree doesn't reach it.
    package static func width(level: Int, index: UInt64, in size: UInt64) -> Int {
        let hashes = level < 8 ? size >> UInt64(8 * level) : 0
        let (before, overflow) = index.multipliedReportingOverflow(by: UInt64(Self.fullWidth))
        guard !overflow, hashes > before else { return 0 }
        return Int(min(UInt64(Self.fullWidth), hashes - before))
    }

    /// What a hash tile's bytes hold; `nil` when that isn't 1 to 256 hashes.
    package static func hashes(_ tile: [UInt8]) -> [TreeHash]? {
        guard !tile.isEmpty, tile.count.isMultiple(of: TreeHash.length),
            tile.count <= Self.fullWidth * TreeHash.length
        else { return nil }
        return tile.withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: TreeHash.length).map { TreeHash(buffer, at: $0) }
        }
    }

    /// A hash tile's bytes.
    package static func bytes(_ hashes: some Collection<TreeHash>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hashes.count * TreeHash.length)
        for hash in hashes { hash.append(to: &bytes) }
        return bytes
    }
}

/// Entries one after the other, each after its length (u16, big-endian), as `tile/entries/` holds them.
package enum EntryBundle {
    package static let longestEntry = Int(UInt16.max)

    /// `entry` has at most ``longestEntry`` bytes.
    package static func append(_ entry: [UInt8], to bundle: inout [UInt8]) {
        let length = UInt16(truncatingIfNeeded: entry.count)
        bundle.append(UInt8(length >> 8))
        bundle.append(UInt8(truncatingIfNeeded: length))
        bundle.append(contentsOf: entry)
    }

    /// Where the entries lie in `bundle`; `nil` when its bytes aren't whole entries.
    package static func entries(_ bundle: [UInt8]) -> [Range<Int>]? {
        var entries: [Range<Int>] = []
        entries.reserveCapacity(Tile.fullWidth)
        var offset = 0
        while offset < bundle.count {
            guard offset + 2 <= bundle.count else { return nil }
            let end = offset + 2 + (Int(bundle[offset]) << 8 | Int(bundle[offset + 1]))
            guard end <= bundle.count else { return nil }
            entries.append(offset + 2..<end)
            offset = end
        }
        return entries.count <= Tile.fullWidth ? entries : nil
    }
}
