/// A note of how far a chain is known to be durable, and of what may be deleted: a lower bound, so that damage to what
/// was acknowledged is told from a write that was torn.
///
/// It's kept in the file `head`, in two slots that are written in turn and not synchronised: a power cut harms at most
/// the one that was being written.
///
///     magic 'GBXH' u32 · CRC-32C of the rest u32 · generation u64 · position u64 · acknowledged u64 · released u64 · head 32
struct HeadNote: Hashable, Sendable {
    static let magic: UInt32 = 0x4742_5848
    static let length = 72
    static let slotSize = 512
    static let fileSize = 2 * slotSize

    /// Counts the notes.
    var generation: UInt64 = 0
    var position: UInt64 = 0
    /// Journals: up to which sequence the gateway has the records.
    var acknowledged: UInt64 = 0
    /// Journals: up to which position records for the host alone are no longer needed. Logs: up to which position the
    /// tree has the records.
    var released: UInt64 = 0
    var head: [UInt8] = Frame.firstHead

    /// Where this note belongs in the file.
    var offset: Int { self.generation.isMultiple(of: 2) ? 0 : Self.slotSize }

    var bytes: [UInt8] {
        var rest: [UInt8] = []
        rest.append(bigEndian: self.generation)
        rest.append(bigEndian: self.position)
        rest.append(bigEndian: self.acknowledged)
        rest.append(bigEndian: self.released)
        rest += self.head
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: CRC32C.of(rest))
        return bytes + rest
    }

    init() {}

    /// - Parameter offset: of the slot.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard bytes.count >= offset + Self.length, bytes.bigEndian(at: offset, as: UInt32.self) == Self.magic,
            bytes.bigEndian(at: offset + 4, as: UInt32.self)
                == CRC32C.of(Array(bytes[offset + 8..<offset + Self.length])),
            let generation = bytes.bigEndian(at: offset + 8, as: UInt64.self),
            let position = bytes.bigEndian(at: offset + 16, as: UInt64.self),
            let acknowledged = bytes.bigEndian(at: offset + 24, as: UInt64.self),
            let released = bytes.bigEndian(at: offset + 32, as: UInt64.self)
        else { return nil }
        self.generation = generation
        self.position = position
        self.acknowledged = acknowledged
        self.released = released
        self.head = Array(bytes[offset + 40..<offset + Self.length])
        guard self.offset == offset else { return nil }
    }

    /// A file of a chain without records. Both slots hold a note from the start: whichever is torn, one remains.
    static var newFile: [UInt8] {
        var bytes: [UInt8] = []
        for generation in 0..<2 as Range<UInt64> {
            var note = HeadNote()
            note.generation = generation
            bytes += note.bytes + [UInt8](repeating: 0, count: Self.slotSize - Self.length)
        }
        return bytes
    }

    /// The notes in the slots of a file; the newest first.
    static func all(in bytes: [UInt8]) -> [HeadNote] {
        [HeadNote(bytes, at: 0), HeadNote(bytes, at: Self.slotSize)].compactMap { $0 }
            .sorted { $0.generation > $1.generation }
    }
}
