package import GloveboxCore
package import NIOCore

/// Takes frames apart as their bytes arrive, in whatever pieces.
///
/// It holds no more than what has arrived: a length field reserves nothing. After a failure it stays failed, since
/// nothing says where the next frame begins.
package struct FrameDecoder<Message: WireMessage> {
    private var unread = ByteBuffer()
    private var failure: GloveboxError?

    package init() {}

    package mutating func feed(_ bytes: ByteBuffer) {
        guard self.failure == nil else { return }
        if self.unread.readableBytes == 0 {
            self.unread = bytes
        } else {
            self.unread.discardReadBytes()
            self.unread.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole message; nil when more bytes are needed. Messages of unknown optional types are passed over.
    ///
    /// - Throws: `frame_too_large`, `protocol_violation`; the same again on every later call.
    package mutating func next() throws(GloveboxError) -> Message? {
        if let failure = self.failure { throw failure }
        do throws(GloveboxError) {
            while let (type, payload) = try self.frame() {
                if let message = try Self.read(type, payload) { return message }
                guard type >= Message.firstOptionalType else {
                    throw GloveboxError(
                        .protocolViolation,
                        "the peer sent a control message of type \(type), which this version doesn't know")
                }
            }
            return nil
        } catch {
            self.failure = error
            self.unread = ByteBuffer()
            throw error
        }
    }

    /// The bytes behind the last message taken: after a take-over they're a session's.
    package mutating func takeRest() -> ByteBuffer {
        defer { self.unread = ByteBuffer() }
        return self.unread
    }

    private mutating func frame() throws(GloveboxError) -> (UInt8, ByteBuffer)? {
        guard let length = self.unread.getInteger(at: self.unread.readerIndex, as: UInt32.self) else { return nil }
        guard length >= 1 else {
            throw GloveboxError(.protocolViolation, "the peer sent a frame without a type")
        }
        guard length <= Message.longestFrame else {
            throw GloveboxError(
                .frameTooLarge, "the peer sent a frame of \(length) bytes, over the limit of \(Message.longestFrame)")
        }
        guard self.unread.readableBytes >= 4 + Int(length) else { return nil }
        self.unread.moveReaderIndex(forwardBy: 4)
        guard let type = self.unread.readInteger(as: UInt8.self),
            let payload = self.unread.readSlice(length: Int(length) - 1)
        else { throw CanonicalReader.malformed }
        return (type, payload)
    }

    private static func read(_ type: UInt8, _ payload: ByteBuffer) throws(GloveboxError) -> Message? {
        do {
            return try Message.read(type: type, CanonicalReader(payload.readableBytesView))
        } catch {
            throw GloveboxError(
                .protocolViolation, "the peer sent a control message of type \(type) that can't be read", cause: error)
        }
    }
}
