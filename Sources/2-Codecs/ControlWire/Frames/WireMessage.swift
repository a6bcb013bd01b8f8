package import GloveboxCore
package import NIOCore

/// A message that travels in a frame: `u32 length · u8 type · payload`, length in network order and counting type and
/// payload, the payload in GloveboxCore's canonical form.
///
/// How the protocol grows: a newer peer may add fields to a message (readers pass over tags that they don't know) and
/// may send messages of new types from 128 on (who doesn't know the type ignores the message). Everything else needs a
/// higher protocol version, which the hello settles.
package protocol WireMessage: Sendable {
    /// The longest frame of this kind of connection, in bytes, without its length field.
    static var longestFrame: Int { get }

    var type: UInt8 { get }

    func writePayload(to writer: inout CanonicalWriter)

    /// - Returns: nil for a type that this version doesn't know.
    /// - Throws: any ``GloveboxError``; the decoder makes a `protocol_violation` of it.
    static func read(type: UInt8, _ payload: CanonicalReader) throws(GloveboxError) -> Self?
}

extension WireMessage {
    /// Types from here on may be ignored by who doesn't know them.
    package static var firstOptionalType: UInt8 { 128 }

    /// Appends this message as one frame.
    ///
    /// - Throws: `frame_too_large`; then nothing is appended.
    package func encode(into buffer: inout ByteBuffer) throws(GloveboxError) {
        var writer = CanonicalWriter()
        self.writePayload(to: &writer)
        let length = writer.bytes.count + 1
        guard length <= Self.longestFrame else {
            throw GloveboxError(
                .frameTooLarge, "a control message of \(length) bytes is over the limit of \(Self.longestFrame)")
        }
        buffer.reserveCapacity(minimumWritableBytes: length + 4)
        buffer.writeInteger(UInt32(length))
        buffer.writeInteger(self.type)
        buffer.writeBytes(writer.bytes)
    }
}

extension GloveboxError.Code {
    /// A frame on the tunnel was longer than its kind of connection allows.
    package static let frameTooLarge = Self("frame_too_large")
    /// Gateway and agent have no protocol version in common.
    package static let versionUnsupported = Self("version_unsupported")
}
