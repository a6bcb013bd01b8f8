/// Follows an array or object from its bracket to the one that closes it, byte by byte; also one that stands as JSON in a
/// string of JSON, whose quotes have a backslash before them.
///
/// Brackets may be left open, by whoever writes a log: a string in them ends with its line, and they end at a line that begins
/// with a letter or a digit where nothing said that more would come.
struct Brackets: Hashable, Sendable {
    enum Step {
        case inside
        /// This byte is the last.
        case closes
        /// This byte stands behind it.
        case ended
    }

    /// Whether they stand in a string in double quotes, which they don't outlast, nor its line.
    let isInString: Bool
    private var depth = 0
    private var isInInner = false
    /// Whether inner strings have a backslash before their quotes.
    private var isEscaped = false
    private var backslashes = 0
    private var before: UInt8 = 0
    /// The last byte that isn't blank.
    private var last: UInt8 = 0

    init(isInString: Bool) {
        self.isInString = isInString
    }

    mutating func take(_ byte: UInt8) -> Step {
        let (before, backslashes) = (self.before, self.backslashes)
        self.before = byte
        self.backslashes = byte == UInt8(ascii: "\\") ? backslashes + 1 : 0
        switch byte {
        case 0x0A:
            if self.isInString { return .ended }
            self.isInInner = false
            return .inside
        case 0x22:
            if backslashes % 2 == 1 {
                // Of the inner JSON every other backslash is its own: an odd number of them escapes the quote there.
                if (backslashes - 1) / 2 % 2 == 0, !self.isInInner || self.isEscaped {
                    self.isEscaped = true
                    self.isInInner.toggle()
                }
            } else {
                if self.isEscaped || self.isInString && !self.isInInner && !Self.opens(before) { return .ended }
                self.isInInner.toggle()
            }
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if !self.isInInner { self.depth += 1 }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if !self.isInInner { self.depth -= 1 }
            if self.depth == 0 { return .closes }
        default:
            if before == 0x0A, byte.isAlphanumeric, !Self.goesOn(self.last) { return .ended }
        }
        if !byte.isBlank, byte != 0x0D { self.last = byte }
        return .inside
    }

    /// Whether a string may begin behind it.
    private static func opens(_ byte: UInt8) -> Bool { Self.goesOn(byte) || byte == 0x20 }

    /// Whether more must come behind it.
    private static func goesOn(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":")
    }
}
