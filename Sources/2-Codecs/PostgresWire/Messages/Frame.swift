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
        if let failure = self.failure { throw failure }
        let start = self.buffer.readerIndex
        guard let kind = self.buffer.getInteger(at: start, as: UInt8.self) else { return nil }
        guard Self.isKnown(kind, from: self.sender) else {
            throw self.fail(
                PostgresWireError(.unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(kind)"))
        }
        guard let length = self.buffer.getInteger(at: start + 1, as: UInt32.self) else { return nil }
        guard length >= 4 else { throw self.fail(.malformed("its length is below 4")) }
        let most = self.sender == .frontend && Self.isSmall(kind) ? min(self.limit, Self.smallLimit) : self.limit
        guard Int(length) <= most else {
            throw self.fail(
                PostgresWireError(
                    .messageTooLong, "a PostgreSQL message of \(length) bytes is over the \(most) allowed"))
        }
        guard let bytes = self.buffer.readSlice(length: Int(length) + 1) else { return nil }
        return Frame(kind: kind, bytes: bytes)
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

    private static func isSmall(_ kind: UInt8) -> Bool {
        switch FrontendMessage.Kind(rawValue: kind) {
        case .describe, .execute, .close, .sync, .flush, .copyDone, .copyFail, .terminate: true
        default: false
        }
    }
}
