package import GloveboxCore

/// What a peer did that this codec doesn't accept. Ends the connection: the stream can't be trusted any more.
///
/// `message` says what was wrong and holds no byte of the peer's data.
package struct PostgresWireError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// A length, count, text or code that isn't as the protocol says.
        case malformedMessage = "malformed_message"
        /// A message longer than this phase allows.
        case messageTooLong = "message_too_long"
        /// A message kind that doesn't exist in this direction.
        case unknownMessage = "unknown_message"
        /// A message that may not come now.
        case unexpectedMessage = "unexpected_message"
        /// Text that isn't UTF-8.
        case notUTF8 = "not_utf8"
        /// Bytes that came before TLS was set up but belong after it (CVE-2021-23214, CVE-2021-23222).
        case bytesBeforeTLS = "bytes_before_tls"
        /// SCRAM (RFC 5802) failed: a message out of form, or a server that doesn't know the password.
        case scramFailed = "scram_failed"
        /// An authentication method that we don't do, or not on this connection.
        case authenticationUnsupported = "authentication_unsupported"
        /// The session's client_encoding is no longer UTF8.
        case encodingChanged = "encoding_changed"
        /// COPY data that isn't in the form that its statement asked for.
        case malformedCopy = "malformed_copy"
        /// A row of COPY data that is longer than we keep.
        case rowTooLong = "row_too_long"
        /// More than the session may keep outstanding.
        case tooManyOutstanding = "too_many_outstanding"
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(self.message) [\(self.code.rawValue)]" }

    /// The same for floors above, with the stable code `protocol_violation`.
    package var gloveboxError: GloveboxError {
        GloveboxError(.protocolViolation, self.message, cause: self)
    }

    package static func malformed(_ what: String) -> Self {
        Self(.malformedMessage, "a PostgreSQL message is malformed: \(what)")
    }

    package static func unexpected(_ kind: UInt8, _ state: String) -> Self {
        let name = kind > 32 && kind < 127 ? "'\(Character(UnicodeScalar(kind)))'" : "\(kind)"
        return Self(.unexpectedMessage, "a PostgreSQL message of kind \(name) may not come \(state)")
    }
}
