/// Follows a body through a connection's bytes (RFC 9112, 6 and 7), and tells what of them is content. Holds no bytes but
/// those of trailers, of which there are at most so many.
package struct BodyReader: Sendable {
    package enum Step: Hashable, Sendable {
        /// All bytes are used, and the body goes on.
        case more
        /// Some of the bytes are content, counted from their first.
        case content(Range<Int>)
        /// The body is whole; bytes behind it may be left.
        case end
    }

    private enum State: Hashable, Sendable {
        case counted(UInt64)
        case untilClose
        case size(UInt64, digits: Int)
        case chunkExtension(UInt64, length: Int)
        case sizeLineFeed(UInt64)
        case chunk(UInt64)
        case chunkReturn
        case chunkLineFeed
        case trailers
        case ended
    }

    /// Most bytes of extensions: of one chunk, and of all of a body.
    private static let mostExtension = 256
    private static let mostExtensions = 16 * 1024

    private var state: State
    private let limits: HeadLimits
    private var extensions = 0
    private var trailerReader: FieldLineReader?
    /// The trailers with their lines, once the body has ended; what `trailers` counts from.
    package private(set) var trailerBytes: [UInt8] = []

    package init(_ framing: BodyFraming, _ limits: HeadLimits) {
        self.limits = limits
        self.state =
            switch framing {
            case .none: .ended
            case .length(let length): length == 0 ? .ended : .counted(length)
            case .chunked: .size(0, digits: 0)
            case .untilClose: .untilClose
            }
    }

    package var trailers: [FieldLine] { self.trailerReader?.lines ?? [] }

    package var hasEnded: Bool { self.state == .ended }

    /// The connection has ended: whether the body has, too.
    package mutating func close() -> Bool {
        if self.state == .untilClose { self.state = .ended }
        return self.hasEnded
    }

    /// - Parameter at: the first byte that isn't used yet; moved on.
    package mutating func next(_ bytes: UnsafeRawBufferPointer, at: inout Int) throws(HTTPRefusal) -> Step {
        while true {
            if self.state == .ended { return .end }
            if self.state == .trailers {
                guard try self.readTrailers(bytes, &at) else { return .more }
                self.state = .ended
                return .end
            }
            guard at < bytes.count else { return .more }
            if let content = self.content(bytes.count - at) {
                at += content
                return .content((at - content)..<at)
            }
            try self.frame(bytes[at])
            at += 1
        }
    }

    /// How many of `count` bytes are content, if content is what's next.
    private mutating func content(_ count: Int) -> Int? {
        switch self.state {
        case .counted(let left):
            let taken = Int(min(left, UInt64(count)))
            self.state = UInt64(taken) == left ? .ended : .counted(left - UInt64(taken))
            return taken
        case .chunk(let left):
            let taken = Int(min(left, UInt64(count)))
            self.state = UInt64(taken) == left ? .chunkReturn : .chunk(left - UInt64(taken))
            return taken
        case .untilClose: return count
        case .size, .chunkExtension, .sizeLineFeed, .chunkReturn, .chunkLineFeed, .trailers, .ended: return nil
        }
    }

    /// A byte of what's around chunks.
    private mutating func frame(_ byte: UInt8) throws(HTTPRefusal) {
        switch self.state {
        case .size(let size, let digits):
            if let digit = byte.hexadecimal {
                guard digits < 15 else { throw HTTPRefusal(.chunkSizeInvalid) }
                self.state = .size(size << 4 | UInt64(digit), digits: digits + 1)
                return
            }
            guard digits > 0 else { throw HTTPRefusal(.chunkSizeInvalid) }
            switch byte {
            case UInt8(ascii: "\r"): self.state = .sizeLineFeed(size)
            case UInt8(ascii: ";"): self.state = .chunkExtension(size, length: 0)
            case UInt8(ascii: "\n"): throw HTTPRefusal(.bareLineFeed)
            default: throw HTTPRefusal(.chunkSizeInvalid)
            }
        case .chunkExtension(let size, let length):
            if byte == UInt8(ascii: "\r") {
                self.state = .sizeLineFeed(size)
                return
            }
            guard byte != UInt8(ascii: "\n") else { throw HTTPRefusal(.bareLineFeed) }
            self.extensions += 1
            guard length < Self.mostExtension, self.extensions <= Self.mostExtensions,
                byte >= 0x20 || byte == 0x09, byte != 0x7F
            else { throw HTTPRefusal(.chunkExtensionTooLong) }
            self.state = .chunkExtension(size, length: length + 1)
        case .sizeLineFeed(let size):
            guard byte == UInt8(ascii: "\n") else { throw HTTPRefusal(.bareCarriageReturn) }
            self.state = size == 0 ? .trailers : .chunk(size)
        case .chunkReturn:
            guard byte == UInt8(ascii: "\r") else { throw HTTPRefusal(.chunkInvalid) }
            self.state = .chunkLineFeed
        case .chunkLineFeed:
            guard byte == UInt8(ascii: "\n") else { throw HTTPRefusal(.chunkInvalid) }
            self.state = .size(0, digits: 0)
        case .counted, .untilClose, .chunk, .trailers, .ended: break
        }
    }

    /// - Returns: whether the trailers are whole.
    private mutating func readTrailers(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(HTTPRefusal) -> Bool {
        var reader = self.trailerReader.take() ?? FieldLineReader()
        while at < bytes.count {
            // A line at a time, so that nothing behind the trailers is taken with them.
            var end = at
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            end = min(end + 1, bytes.count)
            let room = self.limits.trailers + 1 - self.trailerBytes.count
            end = min(end, at + max(0, room))
            self.trailerBytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<end]))
            at = end
            let (limits, read) = (self.limits, self.trailerBytes)
            let found = try Self.read(&reader, read, limits)
            if found != nil {
                self.trailerReader = reader
                return true
            }
        }
        self.trailerReader = reader
        return false
    }

    private static func read(
        _ reader: inout FieldLineReader, _ bytes: [UInt8], _ limits: HeadLimits
    ) throws(HTTPRefusal) -> Int? {
        // A closure passes no typed error on: so it's carried out by hand.
        let result = bytes.withUnsafeBytes { bytes -> Result<Int?, HTTPRefusal> in
            do throws(HTTPRefusal) {
                return .success(
                    try reader.read(bytes, bound: limits.trailers, mostLines: limits.fields, tooLong: .trailerTooLarge))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
