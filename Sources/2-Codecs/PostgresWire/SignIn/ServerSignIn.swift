package import GloveboxCore
package import NIOCore

/// What a gateway does for a client that signs in.
package enum ServerSignInAction: Hashable, Sendable {
    /// Write these bytes.
    case send(ByteBuffer)
    /// Write these bytes in the clear, then put TLS in place and call ``ServerSignIn/tlsStarted()``.
    case startTLS(ByteBuffer)
    /// The client began TLS without asking: put it in place, call ``ServerSignIn/tlsStarted()``, and give TLS these bytes. TLS
    /// must then agree on the application protocol ``ServerSignIn/applicationProtocol``.
    case startDirectTLS(unread: ByteBuffer)
    /// Not a session: cancel what `key` names, then close without an answer.
    case cancel(CancelKey)
    /// Look up who this is, then call ``ServerSignIn/authenticate(against:isKnown:nonce:)``.
    case lookUp(StartupParameters)
    /// Write `answer` (up to AuthenticationOk); the session begins. `unread` is what the client has already sent.
    case signedIn(StartupParameters, answer: ByteBuffer, unread: ByteBuffer)
    /// Write these bytes, then close. The reason is for the record, never for the peer.
    case refuse(ByteBuffer, reason: SignInRefusal)
    /// The client went away in good order: close.
    case close
}

/// Why a client was refused.
package enum SignInRefusal: Hashable, Sendable {
    /// A plain-text connection where TLS is demanded.
    case plaintext
    /// Not PostgreSQL's protocol, or not as it may come now.
    case protocolViolation(PostgresWireError)
    case unsupportedVersion(ProtocolVersion)
    case replication
    case noUser
    case scram(ScramRefusal)
}

/// The server's side of signing in: first packets, TLS, startup, SCRAM-SHA-256 (PostgreSQL manual, "Start-up" and
/// "SASL Authentication"; RFC 5802).
///
/// Append bytes, then call ``next()`` until it gives nil. Once credentials are asked for, every refusal is the same
/// message, so that it tells nobody which part was wrong. Bytes that come in the clear behind a request for TLS are
/// refused (CVE-2021-23214). A connection may begin with TLS right away (libpq's `sslnegotiation=direct`), as PostgreSQL 17
/// allows; no first packet begins like it, for its length would be over 300 MB.
///
/// Transitions: initial → (awaitingTLS → initial) → lookingUp → exchanging → finished; a refusal → finished.
package struct ServerSignIn: ~Copyable {
    private struct Startup {
        var parameters: StartupParameters
        var version: ProtocolVersion
    }

    private enum State: ~Copyable {
        case initial
        case awaitingTLS
        case lookingUp(Startup)
        case exchanging(StartupParameters, ScramServer, mechanismKnown: Bool)
        case finished
    }

    /// By TLS's name for it (ALPN, RFC 7301), so that nobody has another protocol's TLS connection end here.
    package static let applicationProtocol = "postgresql"
    /// The first byte of TLS: a handshake record (RFC 8446, section 5.1).
    private static let tlsHandshake: UInt8 = 0x16

    private var state = State.initial
    private let allowsPlaintext: Bool
    private let offersTLS: Bool
    private var isSecure: Bool
    private var gssAsked = false
    private var hasBytesBeforeTLS = false
    private var buffer = ByteBuffer()
    private var decoder = MessageDecoder(.frontend, limit: MessageDecoder.signInLimit)

    /// - Parameters:
    ///   - offersTLS: whether a request for TLS is granted.
    ///   - allowsPlaintext: whether a client may sign in without TLS (loopback only).
    ///   - isSecure: TLS is already in place below.
    package init(offersTLS: Bool = true, allowsPlaintext: Bool = false, isSecure: Bool = false) {
        self.offersTLS = offersTLS
        self.allowsPlaintext = allowsPlaintext
        self.isSecure = isSecure
    }

    package mutating func append(_ bytes: ByteBuffer) {
        if self.buffer.readableBytes == 0 {
            self.buffer = bytes
        } else {
            self.buffer.writeImmutableBuffer(bytes)
        }
    }

    /// TLS is in place; what comes from now on is what it carries.
    package mutating func tlsStarted() {
        switch exchange(&self.state, with: .finished) {
        case .awaitingTLS:
            self.isSecure = true
            self.hasBytesBeforeTLS = self.buffer.readableBytes > 0
            self.state = .initial
        case .initial:
            self.state = .initial
        case .lookingUp(let startup):
            self.state = .lookingUp(startup)
        case .exchanging(let parameters, let scram, let known):
            self.state = .exchanging(parameters, scram, mechanismKnown: known)
        case .finished: break
        }
    }

    /// Answers ``ServerSignInAction/lookUp(_:)``.
    ///
    /// - Parameters:
    ///   - verifier: for a user who isn't known, one that looks like it (see ``ScramServer``).
    ///   - nonce: printable ASCII without comma, from a random source, at least 18 bytes.
    package mutating func authenticate(
        against verifier: ScramVerifier, isKnown: Bool, nonce: String
    ) -> ServerSignInAction {
        switch exchange(&self.state, with: .finished) {
        case .lookingUp(let startup):
            var answer = ByteBuffer()
            let options = startup.parameters.protocolOptions
            if startup.version.minor > 0 || !options.isEmpty {
                BackendMessage.negotiateProtocolVersion(newest: .supported, unknownOptions: options).write(
                    into: &answer)
            }
            BackendMessage.authentication(.sasl(["SCRAM-SHA-256"])).write(into: &answer)
            self.state = .exchanging(
                startup.parameters, ScramServer(verifier: verifier, isKnown: isKnown, nonce: nonce),
                mechanismKnown: false)
            return .send(answer)
        case .initial: return self.answeredUnasked()
        case .awaitingTLS: return self.answeredUnasked()
        case .exchanging: return self.answeredUnasked()
        case .finished: return self.answeredUnasked()
        }
    }

    private func answeredUnasked() -> ServerSignInAction {
        assertionFailure("only what was asked for is answered")
        return self.refused(.scram(.outOfTurn))
    }

    /// The next thing to do; nil when more bytes, TLS or an answer are needed first.
    package mutating func next() -> ServerSignInAction? {
        switch exchange(&self.state, with: .finished) {
        case .initial:
            guard !self.hasBytesBeforeTLS else { return self.refused(.bytesBeforeTLS) }
            if self.offersTLS, !self.isSecure, !self.gssAsked,
                self.buffer.getInteger(at: self.buffer.readerIndex, as: UInt8.self) == Self.tlsHandshake
            {
                self.state = .awaitingTLS
                defer { self.buffer = ByteBuffer() }
                return .startDirectTLS(unread: self.buffer)
            }
            self.state = .initial
            do {
                guard let packet = try InitialPacket.read(from: &self.buffer) else { return nil }
                return self.initial(packet)
            } catch {
                return self.refuse(.protocolViolation(error))
            }
        case .awaitingTLS:
            self.state = .awaitingTLS
            return nil
        case .lookingUp(let startup):
            self.state = .lookingUp(startup)
            // A client must wait for the question; what it sends unasked is bounded.
            guard self.buffer.readableBytes <= MessageDecoder.signInLimit else {
                return self.refuse(.protocolViolation(.unexpected(0, "before it is asked for")))
            }
            return nil
        case .exchanging(let parameters, let scram, let known):
            if self.buffer.readableBytes > 0 { self.decoder.append(self.buffer) }
            self.buffer = ByteBuffer()
            do {
                guard let frame = try self.decoder.next() else {
                    self.state = .exchanging(parameters, scram, mechanismKnown: known)
                    return nil
                }
                return try self.proceed(frame, parameters, scram, known)
            } catch {
                return self.refused(.protocolViolation(error))
            }
        case .finished:
            return nil
        }
    }

    private mutating func initial(_ packet: InitialPacket) -> ServerSignInAction {
        switch packet {
        case .tlsRequest:
            guard !self.isSecure else {
                return self.refuse(.protocolViolation(.malformed("TLS is asked for inside TLS")))
            }
            guard self.offersTLS else { return .send(ByteBuffer(string: "N")) }
            guard self.buffer.readableBytes == 0 else {
                return self.refuse(.bytesBeforeTLS)
            }
            self.state = .awaitingTLS
            return .startTLS(ByteBuffer(string: "S"))
        case .gssRequest:
            guard !self.gssAsked else {
                return self.refuse(.protocolViolation(.malformed("GSSAPI is asked for twice")))
            }
            self.gssAsked = true
            return .send(ByteBuffer(string: "N"))
        case .cancel(let key):
            self.state = .finished
            return .cancel(key)
        case .startup(let version, let parameters):
            guard version.major == 3 else { return self.refuse(.unsupportedVersion(version)) }
            guard self.isSecure || self.allowsPlaintext else { return self.refuse(.plaintext) }
            guard !parameters.isReplication else { return self.refuse(.replication) }
            guard !parameters.user.isEmpty else { return self.refuse(.noUser) }
            self.state = .lookingUp(Startup(parameters: parameters, version: version))
            return .lookUp(parameters)
        }
    }

    private mutating func proceed(
        _ frame: Frame, _ parameters: StartupParameters, _ scram: consuming ScramServer, _ mechanismKnown: Bool
    ) throws(PostgresWireError) -> ServerSignInAction {
        if frame.kind == FrontendMessage.Kind.terminate.rawValue {
            self.state = .finished
            return .close
        }
        guard frame.kind == FrontendMessage.Kind.password.rawValue else {
            throw .unexpected(frame.kind, "while signing in")
        }
        var body = frame.body
        if !mechanismKnown {
            guard try body.lenientText("a mechanism") == "SCRAM-SHA-256" else {
                throw .malformed("the mechanism wasn't offered")
            }
            guard let first = try body.value("a first SASL message") else {
                throw .malformed("a SASL message is missing")
            }
            try body.finished("a first SASL message")
            body = first
        }
        switch scram.received(Array(body.readableBytesView)) {
        case .challenge(let message):
            self.state = .exchanging(parameters, scram, mechanismKnown: true)
            var answer = ByteBuffer()
            BackendMessage.authentication(.saslContinue(ByteBuffer(bytes: message))).write(into: &answer)
            return .send(answer)
        case .accept(let message):
            self.state = .finished
            var answer = ByteBuffer()
            BackendMessage.authentication(.saslFinal(ByteBuffer(bytes: message))).write(into: &answer)
            BackendMessage.authentication(.ok).write(into: &answer)
            return .signedIn(parameters, answer: answer, unread: self.decoder.takeUnread())
        case .refuse(let reason):
            self.state = .finished
            return self.refused(.scram(reason))
        }
    }

    private mutating func refuse(_ reason: SignInRefusal) -> ServerSignInAction {
        self.state = .finished
        return self.refused(reason)
    }

    private func refused(_ reason: SignInRefusal) -> ServerSignInAction {
        var answer = ByteBuffer()
        reason.fields.writeError(into: &answer)
        return .refuse(answer, reason: reason)
    }
}

extension SignInRefusal {
    fileprivate static let bytesBeforeTLS = SignInRefusal.protocolViolation(
        PostgresWireError(.bytesBeforeTLS, "the client sent data before TLS was in place"))

    /// What the client is told.
    package var fields: ErrorFields {
        switch self {
        case .plaintext:
            ErrorFields(
                severity: "FATAL", sqlState: "28000",
                message: "this port speaks PostgreSQL over TLS only [tls_required]",
                hint: "Connect with sslmode=verify-full, or use 'glovebox connect'.")
        case .unsupportedVersion(let version):
            ErrorFields(
                severity: "FATAL", sqlState: "0A000",
                message:
                    "protocol version \(version.major).\(version.minor) isn't supported: 3.0 is [protocol_unsupported]")
        case .replication:
            ErrorFields(
                severity: "FATAL", sqlState: "0A000",
                message: "replication connections aren't supported [replication_refused]")
        case .protocolViolation(let error) where error.code == .bytesBeforeTLS:
            ErrorFields(severity: "FATAL", sqlState: "08P01", message: error.message)
        case .noUser, .scram, .protocolViolation: .signInRefused
        }
    }
}

extension ErrorFields {
    /// The one answer to whoever can't sign in, whatever the reason.
    package static let signInRefused = ErrorFields(
        severity: "FATAL", sqlState: "28P01", message: "sign-in refused [unauthenticated]",
        hint:
            "Use TARGET.LEASE as the user and the lease's token as the password; 'glovebox lease list' shows what is open."
    )
}
