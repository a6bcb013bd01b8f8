import GloveboxCore

/// What a folder of segments is for.
enum ChainKind: UInt64, Sendable {
    /// An agent's: segments that the gateway has got are deleted.
    case journal = 1
    /// A gateway's: segments that the tree has got are deleted.
    case log = 2
}

/// Where a chain of records stands.
struct ChainState: Hashable, Sendable {
    /// Of the last frame; 0 before the first.
    var position: UInt64 = 0
    var head: [UInt8] = Frame.firstHead
    /// The last sequence of each origin.
    var sequences: [String: UInt64] = [:]
}

/// The beginning of a segment file: what it holds and where the chain stood before it.
///
/// `'GBXSEG'` · version u16 · length of the body u32 · CRC-32C of the body u32 · body in canonical form · zeros up to a
/// multiple of 512 bytes.
struct SegmentHeader: Hashable, Sendable {
    static let magic = Array("GBXSEG".utf8)
    static let version: UInt16 = 1
    static let block = 512

    let kind: ChainKind
    /// Whose own records these are: `gateway` or `agent/NAME`.
    let origin: String
    /// The chain before this segment's first frame.
    let before: ChainState

    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(1, self.kind.rawValue)
        writer.write(2, self.origin)
        writer.write(3, self.before.position)
        writer.write(4, bytes: self.before.head)
        writer.write(5, list: self.before.sequences.sorted { $0.key < $1.key }) { nested, element in
            nested.write(1, element.key)
            nested.write(2, element.value)
        }
        var bytes = Self.magic
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt32(writer.bytes.count))
        bytes.append(bigEndian: CRC32C.of(writer.bytes))
        bytes += writer.bytes
        bytes += [UInt8](repeating: 0, count: (Self.block - bytes.count % Self.block) % Self.block)
        return bytes
    }

    init(kind: ChainKind, origin: String, before: ChainState) {
        self.kind = kind
        self.origin = origin
        self.before = before
    }

    /// - Throws: `journal_corrupt`, or `store_corrupt` when a newer Glovebox wrote it; `path` is for the message.
    init(_ bytes: [UInt8], path: String) throws(GloveboxError) {
        guard bytes.starts(with: Self.magic), let version = bytes.bigEndian(at: 6, as: UInt16.self),
            let length = bytes.bigEndian(at: 8, as: UInt32.self), let crc = bytes.bigEndian(at: 12, as: UInt32.self)
        else { throw Self.damaged(path) }
        guard version == Self.version else {
            throw GloveboxError(
                .journalCorrupt,
                "\(path) is in format \(version), and this Glovebox knows format \(Self.version): use the Glovebox that wrote it, or bring the file back from a backup"
            )
        }
        guard Int(length) <= bytes.count - 16 else { throw Self.damaged(path) }
        let body = Array(bytes[16..<16 + Int(length)])
        guard CRC32C.of(body) == crc else { throw Self.damaged(path) }
        do {
            let reader = try CanonicalReader(body)
            guard let kind = ChainKind(rawValue: try reader.unsigned(1)) else { throw Self.damaged(path) }
            let pairs = try reader.list(5) { nested throws(GloveboxError) in
                (try nested.string(1), try nested.unsigned(2))
            }
            self.kind = kind
            self.origin = try reader.string(2)
            self.before = ChainState(
                position: try reader.unsigned(3), head: try reader.bytes(4),
                sequences: Dictionary(pairs, uniquingKeysWith: { $1 }))
        } catch {
            throw Self.damaged(path)
        }
        // The padding, too, has to be what was written.
        guard bytes.starts(with: self.bytes), self.before.head.count == Frame.headLength else {
            throw Self.damaged(path)
        }
    }

    private static func damaged(_ path: String) -> GloveboxError {
        GloveboxError.corrupt(path, offset: 0, "its header is damaged")
    }
}

extension GloveboxError {
    /// A file that's not what was written. Never skipped over.
    static func corrupt(_ path: String, offset: Int, _ what: String) -> GloveboxError {
        GloveboxError(
            .journalCorrupt, "\(path) is damaged at byte \(offset): \(what); bring the folder back from a backup")
    }
}
