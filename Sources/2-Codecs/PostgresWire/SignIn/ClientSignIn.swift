package import GloveboxCore
package import NIOCore

/// Asks a server for TLS (SSLRequest) and judges its answer.
///
/// A server answers with one byte in the clear; anything behind it would be read as if TLS had carried it, so it ends
/// the connection (CVE-2021-23222).
package struct TLSNegotiation: Sendable {
    package enum Answer: Hashable, Sendable {
        /// Put TLS in place now.
        case startTLS
        /// The server doesn't do TLS.
        case refused
    }

    package init() {}

    /// What to send first.
    package var request: ByteBuffer {
        var buffer = ByteBuffer()
        InitialPacket.tlsRequest.write(into: &buffer)
        return buffer
    }

    /// - Returns: nil when nothing has come yet.
    package func received(_ bytes: ByteBuffer) throws(PostgresWireError) -> Answer? {
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return nil }
        switch first {
        case UInt8(ascii: "S"), UInt8(ascii: "N"):
            guard bytes.readableBytes == 1 else {
                throw PostgresWireError(.bytesBeforeTLS, "the server sent data before TLS was in place")
            }
            return first == UInt8(ascii: "S") ? .startTLS : .refused
        case UInt8(ascii: "E"):
            // From before sign-in and in the clear: nobody knows who wrote it, so it isn't shown.
            throw PostgresWireError(.unexpectedMessage, "the server answered the request for TLS with an error")
        default:
            throw PostgresWireError(.unexpectedMessage, "the server answered the request for TLS with something else")
        }
    }
}

/// What an agent does with a message while it signs in to its target.
package enum ClientSignInAction: Hashable, Sendable {
    case send(ByteBuffer)
    /// Nothing to do yet.
    case wait
    case notice(ErrorFields)
    /// Signed in, idle. What the decoder holds after it belongs to the session.
    case ready(BackendSession)
    /// The server refused; it closes the connection.
    case refused(ErrorFields)
}

/// What a server says about a session that has begun.
package struct BackendSession: Hashable, Sendable {
    /// In the order of their coming; a later one of the same name replaces the earlier.
    package var parameters: [StartupParameters.Parameter] = []
    package var cancelKey: CancelKey?
    package var status: TransactionStatus = .idle

    package init() {}

    package subscript(_ name: String) -> String? {
        self.parameters.last { $0.name == name }?.value
    }

    mutating func set(_ name: String, _ value: String) {
        self.parameters.removeAll { $0.name == name }
        self.parameters.append(.init(name: name, value: value))
    }
}

/// The client's side of signing in to a server, from the startup packet to the first ReadyForQuery (PostgreSQL manual,
/// "Start-up"): trust, password, MD5 and SCRAM-SHA-256.
///
/// Throws `authentication_unsupported` for other methods, for a password in the clear where it isn't allowed, and
/// where a password is needed but none is there; `scram_failed`; `unexpected_message` for what may not come now.
///
/// Transitions: starting → (exchanging →) answered → authenticated → finished; an error → finished.
package struct ClientSignIn: ~Copyable {
    private enum State: ~Copyable {
        case starting
        /// A password was sent: only Ok may follow.
        case answered
        case exchanging(ScramClient)
        case authenticated(BackendSession)
        case finished
    }

    private var state = State.starting
    private let parameters: StartupParameters
    private let password: Secret<String>?
    private let allowsCleartext: Bool
    private let nonce: String

    /// - Parameters:
    ///   - allowsCleartext: whether the password may be sent as it is: over verified TLS, or where configured.
    ///   - nonce: printable ASCII without comma, from a random source, at least 18 bytes.
    package init(parameters: StartupParameters, password: Secret<String>?, allowsCleartext: Bool, nonce: String) {
        self.parameters = parameters
        self.password = password
        self.allowsCleartext = allowsCleartext
        self.nonce = nonce
    }

    /// What to send first.
    package var startup: ByteBuffer {
        var buffer = ByteBuffer()
        InitialPacket.startup(.supported, self.parameters).write(into: &buffer)
        return buffer
    }

    package mutating func received(_ frame: Frame) throws(PostgresWireError) -> ClientSignInAction {
        let message: BackendMessage
        do {
            message = try BackendMessage(frame)
        } catch {
            self.state = .finished
            throw error
        }
        switch message {
        case .errorResponse(let fields):
            self.state = .finished
            return .refused(fields)
        case .noticeResponse(let fields): return .notice(fields)
        default: break
        }
        switch exchange(&self.state, with: .finished) {
        case .starting:
            switch message {
            case .authentication(let request): return try self.answer(request)
            // We ask for 3.0 without options, so a server has nothing to negotiate.
            default: throw .unexpected(frame.kind, "before sign-in")
            }
        case .answered:
            guard case .authentication(.ok) = message else { throw .unexpected(frame.kind, "after a password") }
            self.state = .authenticated(BackendSession())
            return .wait
        case .exchanging(var scram):
            switch message {
            case .authentication(.saslContinue(let data)):
                let answer = try scram.challenged(Array(data.readableBytesView))
                self.state = .exchanging(scram)
                return .send(Self.message(answer))
            case .authentication(.saslFinal(let data)):
                try scram.finished(Array(data.readableBytesView))
                self.state = .answered
                return .wait
            // An Ok before the server has proved itself is refused too.
            default: throw .unexpected(frame.kind, "in a SASL exchange")
            }
        case .authenticated(var session):
            switch message {
            case .parameterStatus(let name, let value): session.set(name, value)
            case .backendKeyData(let key): session.cancelKey = key
            case .readyForQuery(let status):
                session.status = status
                return .ready(session)
            default: throw .unexpected(frame.kind, "before the session is ready")
            }
            self.state = .authenticated(session)
            return .wait
        case .finished:
            throw .unexpected(frame.kind, "after sign-in has ended")
        }
    }

    private mutating func answer(
        _ request: BackendMessage.Authentication
    ) throws(PostgresWireError) -> ClientSignInAction {
        switch request {
        case .ok:
            self.state = .authenticated(BackendSession())
            return .wait
        case .cleartextPassword:
            guard self.allowsCleartext else {
                throw PostgresWireError(
                    .authenticationUnsupported,
                    "the server wants the password in the clear: use TLS to it, or SCRAM-SHA-256 on it")
            }
            self.state = .answered
            return .send(Self.message(Array(try self.needPassword().exposeSecret().utf8) + [0]))
        case .md5Password(let salt):
            self.state = .answered
            let answer = MD5Password.answer(user: self.parameters.user, password: try self.needPassword(), salt: salt)
            return .send(Self.message(answer + [0]))
        case .sasl(let mechanisms):
            guard mechanisms.contains("SCRAM-SHA-256") else {
                throw PostgresWireError(.authenticationUnsupported, "the server offers no SCRAM-SHA-256")
            }
            let scram = ScramClient(password: try self.needPassword(), nonce: self.nonce)
            let first = scram.first
            self.state = .exchanging(scram)
            var body = ByteBuffer()
            body.writeCString("SCRAM-SHA-256")
            body.writeValue(ByteBuffer(bytes: first))
            return .send(Self.message(body.readableBytesView))
        case .saslContinue, .saslFinal:
            throw .unexpected(BackendMessage.Kind.authentication.rawValue, "before a SASL exchange")
        case .other(let code):
            throw PostgresWireError(
                .authenticationUnsupported,
                "the server wants authentication method \(code), which isn't supported: use SCRAM-SHA-256")
        }
    }

    private func needPassword() throws(PostgresWireError) -> Secret<String> {
        guard let password = self.password else {
            throw PostgresWireError(.authenticationUnsupported, "the server wants a password and none is configured")
        }
        return password
    }

    private static func message(_ body: some Sequence<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        FrontendMessage.password(ByteBuffer(bytes: body)).write(into: &buffer)
        return buffer
    }
}
