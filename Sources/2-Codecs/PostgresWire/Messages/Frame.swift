package import NIOCore

/// One typed message as it is on the wire: kind, length, body (PostgreSQL manual, "Message Formats").
package struct Frame: Hashable, Sendable {
    package let kind: UInt8
    /// The whole message, header included: what is written when the message is passed on as it is.
    package let bytes: ByteBuffer

    package init(kind: UInt8, bytes: ByteBuffer) {
        self.kind = kind
        self.bytes = bytes
    }

    /// The message without kind and length; shares storage with `bytes`.
    package var body: ByteBuffer {
        var body = self.bytes
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        return body
    }
}

/// What a decoder has of a stream whose long messages come in pieces.
package enum MessagePart: Hashable, Sendable {
    case whole(Frame)
    /// A data message that is too long to be kept: its header, of a row with the number of its cells. `rest` bytes of it
    /// follow as pieces.
    case start(Frame, rest: Int)
    /// The next bytes of the message that has started.
    case piece(ByteBuffer, isLast: Bool)
}

/// Who sends a message; the same kind byte means different things in the two directions.
package enum Sender: Hashable, Sendable {
    case frontend
    case backend
}

/// Cuts a stream into ``Frame``s. The frames share storage with what was appended.
///
/// Errors are `malformed_message` (a length below 4), `unknown_message` (a kind that the direction doesn't have) and
/// `message_too_long`; all are judged from the header, so that nothing is kept on a peer's word. After an error the
/// decoder stays failed.
package struct MessageDecoder: Sendable {
    /// Most bytes of a message before sign-in has succeeded.
    package static let signInLimit = 10_000
    /// Most bytes of a message in a session: PostgreSQL's own bound, 1 GiB.
    package static let sessionLimit = 0x3FFF_FFFF
    /// Most bytes of a frontend message that carries no data (PostgreSQL's PQ_SMALL_MESSAGE_LIMIT).
    private static let smallLimit = 10_000

    private let sender: Sender
    /// Most bytes of a message's length field.
    package var limit: Int
    private var buffer = ByteBuffer()
    private var failure: PostgresWireError?
    /// Of the message that has started, what is still to come as pieces.
    private var openBytes = 0

    package init(_ sender: Sender, limit: Int = MessageDecoder.sessionLimit) {
        self.sender = sender
        self.limit = limit
    }

    /// Bytes that no frame has taken yet.
    package var unreadBytes: Int { self.buffer.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        if self.buffer.readableBytes == 0 {
            self.buffer = bytes
        } else if self.buffer.readerIndex > 0 {
            // Frames given out share the storage: writing to it would copy what they have taken as well.
            var joined = ByteBuffer()
            joined.reserveCapacity(self.buffer.readableBytes + bytes.readableBytes)
            joined.writeImmutableBuffer(self.buffer)
            joined.writeImmutableBuffer(bytes)
            self.buffer = joined
        } else {
            self.buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole message, or nil when more bytes are needed.
    package mutating func next() throws(PostgresWireError) -> Frame? {
        guard let (kind, length) = try self.header(limit: self.limit) else { return nil }
        guard let bytes = self.buffer.readSlice(length: length + 1) else { return nil }
        return Frame(kind: kind, bytes: bytes)
    }

    /// The next message, or what is there of one that carries data (DataRow, CopyData) and is longer than `bound`; nil
    /// when more bytes are needed. What carries data may be as long as PostgreSQL allows, anything else as `limit` says.
    package mutating func nextPart(keepingUpTo bound: Int) throws(PostgresWireError) -> MessagePart? {
        if self.openBytes > 0 {
            let count = min(self.openBytes, self.buffer.readableBytes)
            guard count > 0, let piece = self.buffer.readSlice(length: count) else { return nil }
            self.openBytes -= count
            return .piece(piece, isLast: self.openBytes == 0)
        }
        let isData = self.buffer.getInteger(at: self.buffer.readerIndex, as: UInt8.self).map(Self.carriesData) ?? false
        guard let (kind, length) = try self.header(limit: isData ? Self.sessionLimit : self.limit) else { return nil }
        if isData, length > bound {
            let isRow = kind == BackendMessage.Kind.dataRow.rawValue
            guard let bytes = self.buffer.readSlice(length: isRow ? 7 : 5) else { return nil }
            self.openBytes = length + 1 - bytes.readableBytes
            return .start(Frame(kind: kind, bytes: bytes), rest: self.openBytes)
        }
        guard let bytes = self.buffer.readSlice(length: length + 1) else { return nil }
        return .whole(Frame(kind: kind, bytes: bytes))
    }

    /// Kind and length of the next message, judged; nil when they aren't there yet.
    private mutating func header(limit: Int) throws(PostgresWireError) -> (kind: UInt8, length: Int)? {
        if let failure = self.failure { throw failure }
        let start = self.buffer.readerIndex
        guard let kind = self.buffer.getInteger(at: start, as: UInt8.self) else { return nil }
        guard Self.isKnown(kind, from: self.sender) else {
            throw self.fail(
                PostgresWireError(.unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(kind)"))
        }
        guard let length = self.buffer.getInteger(at: start + 1, as: UInt32.self) else { return nil }
        guard length >= 4 else { throw self.fail(.malformed("its length is below 4")) }
        let most = self.sender == .frontend && Self.isSmall(kind) ? min(limit, Self.smallLimit) : limit
        guard Int(length) <= most else {
            throw self.fail(
                PostgresWireError(
                    .messageTooLong, "a PostgreSQL message of \(length) bytes is over the \(most) allowed"))
        }
        return (kind, Int(length))
    }

    /// What no frame has taken, for whoever goes on with the stream; the decoder is empty afterwards.
    package mutating func takeUnread() -> ByteBuffer {
        let rest = self.buffer
        self.buffer = ByteBuffer()
        return rest
    }

    private mutating func fail(_ error: PostgresWireError) -> PostgresWireError {
        self.failure = error
        self.buffer = ByteBuffer()
        return error
    }

    private static func isKnown(_ kind: UInt8, from sender: Sender) -> Bool {
        switch sender {
        case .frontend: FrontendMessage.Kind(rawValue: kind) != nil
        case .backend: BackendMessage.Kind(rawValue: kind) != nil
        }
    }

    private static func carriesData(_ kind: UInt8) -> Bool {
        kind == BackendMessage.Kind.dataRow.rawValue || kind == BackendMessage.Kind.copyData.rawValue
    }

    private static func isSmall(_ kind: UInt8) -> Bool {
        switch FrontendMessage.Kind(rawValue: kind) {
        case .describe, .execute, .close, .sync, .flush, .copyDone, .copyFail, .terminate: true
        default: false
        }
    }
}
