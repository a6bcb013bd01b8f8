import GloveboxCore
import NIOCore
import PostgresWire
import Testing

@Suite struct ScramTests {
    static let clientFinal =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    static let serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    static let serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    static let salt: [UInt8] = [
        0x5B, 0x6D, 0x99, 0x68, 0x9D, 0x12, 0x35, 0x8E, 0xEC, 0xA0, 0x4B, 0x14, 0x12, 0x36, 0xFA, 0x81,
    ]

    static func verifier(_ password: String = "pencil") -> ScramVerifier {
        ScramVerifier.derive(password: Secret(Array(password.utf8)), salt: Self.salt, iterations: 4096)
    }

    static func server(known: Bool = true) -> ScramServer {
        ScramServer(verifier: Self.verifier(), isKnown: known, nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    }

    @Test("the client says what RFC 7677's example says")
    func clientVector() throws {
        var client = ScramClient(user: "user", password: Secret("pencil"), nonce: "rOprNGfwEbeRWgbNEkqO")
        #expect(String(decoding: client.first, as: UTF8.self) == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        let final = try client.challenged(Array(Self.serverFirst.utf8))
        #expect(String(decoding: final, as: UTF8.self) == Self.clientFinal)
        try client.finished(Array(Self.serverFinal.utf8))
        let isVerified = client.isVerified
        #expect(isVerified)
    }

    @Test("the server says what RFC 7677's example says")
    func serverVector() {
        var server = Self.server()
        #expect(
            server.received(Array("n,,n=user,r=rOprNGfwEbeRWgbNEkqO".utf8)) == .challenge(Array(Self.serverFirst.utf8)))
        #expect(server.received(Array(Self.clientFinal.utf8)) == .accept(Array(Self.serverFinal.utf8)))
        #expect(server.received(Array(Self.clientFinal.utf8)) == .refuse(.outOfTurn))
    }

    @Test("an unknown user's exchange looks the same until its end, and is refused even with the right proof")
    func unknownUser() {
        var server = Self.server(known: false)
        #expect(
            server.received(Array("n,,n=user,r=rOprNGfwEbeRWgbNEkqO".utf8)) == .challenge(Array(Self.serverFirst.utf8)))
        #expect(server.received(Array(Self.clientFinal.utf8)) == .refuse(.unknownUser))
    }

    @Test(
        "first messages out of form are refused",
        arguments: [
            ("p=tls-unique,,n=,r=abc", ScramRefusal.channelBinding), ("x,,n=,r=abc", .malformed),
            ("n,a=root,n=,r=abc", .malformed),
            ("n,,m=x,n=,r=abc", .malformed), ("n,,n=,r=", .malformed), ("n,,r=abc", .malformed), ("", .malformed),
            ("n", .malformed),
            ("n,", .malformed), ("n,,n=,r=a b", .malformed),
        ])
    func malformedFirst(message: String, refusal: ScramRefusal) {
        var server = Self.server()
        #expect(server.received(Array(message.utf8)) == .refuse(refusal))
    }

    @Test("a wrong proof, another nonce, another binding and a cut proof are refused")
    func malformedFinal() {
        func answer(_ final: String, first: String = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO") -> ScramServerAction {
            var server = Self.server()
            _ = server.received(Array(first.utf8))
            return server.received(Array(final.utf8))
        }
        #expect(answer(Self.clientFinal.replacing("dHzb", with: "dHzc")) == .refuse(.wrongPassword))
        #expect(answer(Self.clientFinal.replacing("qO%hv", with: "qO%hw")) == .refuse(.malformed))
        #expect(answer(Self.clientFinal.replacing("biws", with: "eSws")) == .refuse(.channelBinding))
        #expect(answer(String(Self.clientFinal.dropLast(4))) == .refuse(.malformed))
        #expect(answer(Self.clientFinal, first: "y,,n=user,r=rOprNGfwEbeRWgbNEkqO") == .refuse(.channelBinding))
    }

    @Test("a client that says y (it could bind, none was offered), as libpq does over TLS, signs in")
    func clientWithoutOffer() {
        var server = Self.server()
        #expect(server.received(Array("y,,n=,r=rOprNGfwEbeRWgbNEkqO".utf8)) == .challenge(Array(Self.serverFirst.utf8)))
        // Computed by another implementation (Python's hashlib and hmac).
        let final =
            "c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=VpuC5DGQa5ro9tXE9MnKs69NH1nxnuregZZcclqIGfM="
        #expect(
            server.received(Array(final.utf8)) == .accept(Array("v=FOmOj9BpTGwvnzwBtWQjBaPmVxT9I8IeHBOhcIPu3us=".utf8)))
    }

    @Test("the client refuses a server that doesn't know the password or bends the nonce")
    func falseServer() throws {
        var client = ScramClient(password: Secret("pencil"), nonce: "rOprNGfwEbeRWgbNEkqO")
        _ = try client.challenged(Array(Self.serverFirst.utf8))
        #expect(throws: PostgresWireError.self) { try client.finished(Array(Self.serverFinal.utf8)) }
        let isVerified = client.isVerified
        #expect(!isVerified)
        for challenge in [
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096", "e=other-error", "",
        ] {
            var client = ScramClient(password: Secret("pencil"), nonce: "rOprNGfwEbeRWgbNEkqO")
            #expect(throws: PostgresWireError.self) { try client.challenged(Array(challenge.utf8)) }
        }
    }

    @Test("spaces beyond ASCII and soft hyphens of a password are prepared as RFC 4013 says")
    func saslPrep() throws {
        func final(_ password: String) throws -> [UInt8] {
            var client = ScramClient(password: Secret(password), nonce: "rOprNGfwEbeRWgbNEkqO")
            return try client.challenged(Array(Self.serverFirst.utf8))
        }
        #expect(try final("I\u{AD}X") == final("IX"))
        #expect(try final("a\u{A0}é") == final("a é"))
        #expect(try final("é") != final("e"))
    }
}

@Suite struct ServerSignInTests {
    static let token = "t0ken"
    static let verifier = ScramVerifier.derive(
        password: Secret(Array(token.utf8)), salt: Array(repeating: 9, count: 16), iterations: 4096)
    static let startup = InitialPacket.startup(.supported, StartupParameters(["user": "shop.abc", "database": "d"]))

    static func refusal(_ action: ServerSignInAction?) -> ErrorFields? {
        guard case .refuse(let answer, _)? = action else { return nil }
        var decoder = MessageDecoder(.backend)
        decoder.append(answer)
        guard let frame = try? decoder.next(), case .errorResponse(let fields)? = try? BackendMessage(frame) else {
            return nil
        }
        return fields
    }

    /// Both machines against each other, bytes in pieces of `size`; gives the server's end and the client's.
    func meet(
        token: String, isKnown: Bool = true, size: Int = 10_000, version: ProtocolVersion = .supported
    ) throws -> (server: ServerSignInAction?, client: ClientSignInAction?) {
        var server = ServerSignIn(allowsPlaintext: true)
        var client = ClientSignIn(
            parameters: StartupParameters(["user": "shop.abc"]), password: Secret(token), allowsCleartext: false,
            nonce: "clientnonce")
        var decoder = MessageDecoder(.backend)
        var toServer = client.startup
        var ended: (ServerSignInAction?, ClientSignInAction?) = (nil, nil)
        for _ in 0..<10 {
            var toClient = ByteBuffer()
            while let piece = toServer.readSlice(length: min(size, toServer.readableBytes)), piece.readableBytes > 0 {
                server.append(piece)
                while var action = server.next() {
                    if case .lookUp = action {
                        action = server.authenticate(against: Self.verifier, isKnown: isKnown, nonce: "servernonce")
                    }
                    switch action {
                    case .send(let bytes): toClient.writeImmutableBuffer(bytes)
                    case .signedIn(_, let answer, _):
                        ended.0 = action
                        toClient.writeImmutableBuffer(answer)
                        toClient.writeImmutableBuffer(bytes([BackendMessage.readyForQuery(.idle)]))
                    case .refuse(let answer, _):
                        ended.0 = action
                        toClient.writeImmutableBuffer(answer)
                    default: ended.0 = action
                    }
                }
            }
            toServer = ByteBuffer()
            while let piece = toClient.readSlice(length: min(size, toClient.readableBytes)), piece.readableBytes > 0 {
                decoder.append(piece)
                while let frame = try decoder.next() {
                    switch try client.received(frame) {
                    case .send(let bytes): toServer.writeImmutableBuffer(bytes)
                    case .wait, .notice: break
                    case let action: ended.1 = action
                    }
                }
            }
            if toServer.readableBytes == 0 { break }
        }
        return ended
    }

    @Test("a client with the token signs in, however the bytes are split", arguments: [1, 2, 3, 7, 10_000])
    func signsIn(size: Int) throws {
        let (server, client) = try self.meet(token: Self.token, size: size)
        guard case .signedIn(let parameters, _, _)? = server, case .ready? = client else {
            Issue.record("not signed in: \(String(describing: server)) \(String(describing: client))")
            return
        }
        #expect(parameters.user == "shop.abc")
    }

    @Test("a wrong token and an unknown lease are told the same")
    func sameRefusal() throws {
        let wrong = try self.meet(token: "other")
        let unknown = try self.meet(token: Self.token, isKnown: false)
        guard case .refuse(let a, .scram(.wrongPassword))? = wrong.server,
            case .refuse(let b, .scram(.unknownUser))? = unknown.server
        else {
            Issue.record("not refused as expected")
            return
        }
        #expect(a == b)
        #expect(wrong.client == .refused(.signInRefused))
        #expect(Self.refusal(wrong.server)?.sqlState == "28P01")
        #expect(Self.refusal(wrong.server)?.isFatal == true)
    }

    @Test("startup in the clear is refused in clear words")
    func plaintext() {
        var machine = ServerSignIn()
        machine.append(bytes(Self.startup))
        let action = machine.next()
        #expect(Self.refusal(action)?.message.contains("TLS") == true)
        #expect(machine.next() == nil)
    }

    @Test("TLS is started on request, and GSSAPI declined before it")
    func startsTLS() {
        var machine = ServerSignIn()
        machine.append(bytes(.gssRequest))
        #expect(machine.next() == .send(ByteBuffer(string: "N")))
        machine.append(bytes(.tlsRequest))
        #expect(machine.next() == .startTLS(ByteBuffer(string: "S")))
        #expect(machine.next() == nil)
        machine.tlsStarted()
        machine.append(bytes(Self.startup))
        guard case .lookUp(let parameters)? = machine.next() else {
            Issue.record("no look-up")
            return
        }
        #expect(parameters.database == "d")
    }

    @Test("TLS may begin at once where it's offered, and isn't taken for a packet anywhere else")
    func directTLS() {
        let hello = ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
        var machine = ServerSignIn()
        #expect(machine.next() == nil)
        machine.append(hello)
        #expect(machine.next() == .startDirectTLS(unread: hello))
        #expect(machine.next() == nil)
        machine.tlsStarted()
        machine.append(bytes(Self.startup))
        guard case .lookUp? = machine.next() else {
            Issue.record("no look-up")
            return
        }
        var inside = ServerSignIn(isSecure: true)
        var without = ServerSignIn(offersTLS: false, allowsPlaintext: true)
        for refused in [inside.refusal(of: hello), without.refusal(of: hello)] {
            #expect(refused == .messageTooLong)
        }
    }

    @Test("bytes in the clear behind a request for TLS are refused")
    func injectedBeforeTLS() {
        var machine = ServerSignIn()
        var both = bytes(.tlsRequest)
        both.writeImmutableBuffer(bytes(Self.startup))
        machine.append(both)
        guard case .refuse(_, .protocolViolation(let error))? = machine.next() else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .bytesBeforeTLS)
    }

    @Test("bytes that come in the clear while TLS is put in place are refused")
    func injectedDuringTLS() {
        var machine = ServerSignIn()
        machine.append(bytes(.tlsRequest))
        #expect(machine.next() == .startTLS(ByteBuffer(string: "S")))
        machine.append(bytes(Self.startup))
        machine.tlsStarted()
        guard case .refuse(_, .protocolViolation(let error))? = machine.next() else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .bytesBeforeTLS)
        #expect(machine.next() == nil)
    }

    @Test("a cancel request is given out as one")
    func cancel() {
        var machine = ServerSignIn()
        let key = CancelKey(processID: 3, secret: [1, 2, 3, 4])
        machine.append(bytes(.cancel(key)))
        #expect(machine.next() == .cancel(key))
    }

    @Test("protocol 3.2 and unknown options are negotiated down, replication and other versions refused")
    func versions() throws {
        var machine = ServerSignIn(allowsPlaintext: true)
        machine.append(
            bytes(.startup(ProtocolVersion(major: 3, minor: 2), StartupParameters(["user": "u", "_pq_.x": "1"]))))
        guard case .lookUp? = machine.next(),
            case .send(let answer) = machine.authenticate(against: Self.verifier, isKnown: true, nonce: "n")
        else {
            Issue.record("no look-up")
            return
        }
        var decoder = MessageDecoder(.backend)
        decoder.append(answer)
        let first = try #require(try decoder.next())
        #expect(try BackendMessage(first) == .negotiateProtocolVersion(newest: .supported, unknownOptions: ["_pq_.x"]))
        func refused(_ version: ProtocolVersion, _ parameters: StartupParameters) -> SignInRefusal? {
            var machine = ServerSignIn(allowsPlaintext: true)
            machine.append(bytes(.startup(version, parameters)))
            guard case .refuse(_, let reason)? = machine.next() else { return nil }
            return reason
        }
        #expect(refused(.supported, StartupParameters(["user": "u", "replication": "true"])) == .replication)
        #expect(refused(.supported, StartupParameters([:])) == .noUser)
        #expect(
            refused(ProtocolVersion(major: 2, minor: 0), StartupParameters([:]))
                == .unsupportedVersion(.init(major: 2, minor: 0)))
    }

    @Test("garbage and a foreign mechanism are refused while signing in")
    func garbage() {
        var machine = ServerSignIn(allowsPlaintext: true)
        machine.append(bytes(Self.startup))
        _ = machine.next()
        _ = machine.authenticate(against: Self.verifier, isKnown: true, nonce: "n")
        var body = ByteBuffer(string: "SCRAM-SHA-1\0")
        body.writeInteger(Int32(-1))
        machine.append(bytes([FrontendMessage.password(body)]))
        #expect(Self.refusal(machine.next()) == .signInRefused)
        var other = ServerSignIn(allowsPlaintext: true)
        other.append(bytes(Self.startup))
        _ = other.next()
        _ = other.authenticate(against: Self.verifier, isKnown: true, nonce: "n")
        other.append(bytes([FrontendMessage.query("SELECT 1")]))
        #expect(Self.refusal(other.next()) == .signInRefused)
    }
}

@Suite struct ClientSignInTests {
    func client(_ password: String? = "s3cret", allowsCleartext: Bool = false) -> ClientSignIn {
        ClientSignIn(
            parameters: StartupParameters(["user": "shop"]), password: password.map { Secret($0) },
            allowsCleartext: allowsCleartext,
            nonce: "abc")
    }

    func frame(_ message: BackendMessage) -> Frame {
        Frame(kind: message.kind.rawValue, bytes: bytes([message]))
    }

    @Test("MD5 is answered as PostgreSQL computes it")
    func md5() throws {
        var client = self.client()
        let action = try client.received(self.frame(.authentication(.md5Password(salt: [1, 2, 3, 4]))))
        #expect(
            action
                == .send(bytes([FrontendMessage.password(ByteBuffer(string: "md5607401455b2ec14eb9d5b4bec9f0f84c\0"))]))
        )
    }

    @Test("trust leads to a session with its parameters and key; the later value of a parameter counts")
    func trust() throws {
        var client = self.client(nil)
        #expect(try client.received(self.frame(.authentication(.ok))) == .wait)
        #expect(try client.received(self.frame(.parameterStatus(name: "a", value: "1"))) == .wait)
        #expect(try client.received(self.frame(.parameterStatus(name: "a", value: "2"))) == .wait)
        let key = CancelKey(processID: 1, secret: [1, 2, 3, 4])
        #expect(try client.received(self.frame(.backendKeyData(key))) == .wait)
        guard case .ready(let session) = try client.received(self.frame(.readyForQuery(.idle))) else {
            Issue.record("not ready")
            return
        }
        #expect(session["a"] == "2")
        #expect(session.cancelKey == key)
    }

    @Test("a password goes in the clear only where that is allowed")
    func cleartext() throws {
        var strict = self.client()
        #expect(throws: PostgresWireError.self) { try strict.received(self.frame(.authentication(.cleartextPassword))) }
        var lenient = self.client(allowsCleartext: true)
        #expect(
            try lenient.received(self.frame(.authentication(.cleartextPassword)))
                == .send(bytes([FrontendMessage.password(ByteBuffer(string: "s3cret\0"))])))
    }

    @Test("an Ok in the middle of SCRAM, a missing password and a foreign method are errors")
    func refusals() throws {
        var early = self.client()
        _ = try early.received(self.frame(.authentication(.sasl(["SCRAM-SHA-256"]))))
        #expect(throws: PostgresWireError.self) { try early.received(self.frame(.authentication(.ok))) }
        var without = self.client(nil)
        #expect(throws: PostgresWireError.self) {
            try without.received(self.frame(.authentication(.sasl(["SCRAM-SHA-256"]))))
        }
        var foreign = self.client()
        #expect(throws: PostgresWireError.self) { try foreign.received(self.frame(.authentication(.other(7)))) }
        var data = self.client()
        #expect(throws: PostgresWireError.self) { try data.received(self.frame(dataRow(["x"]))) }
    }

    @Test("the server's error is given out")
    func error() throws {
        var client = self.client()
        let fields = ErrorFields(severity: "FATAL", sqlState: "3D000", message: "no such database")
        #expect(try client.received(self.frame(.errorResponse(fields))) == .refused(fields))
    }

    @Test("TLS is negotiated by one byte, and more than one byte is refused")
    func tls() throws {
        let negotiation = TLSNegotiation()
        #expect(negotiation.request == bytes(.tlsRequest))
        #expect(try negotiation.received(ByteBuffer()) == nil)
        #expect(try negotiation.received(ByteBuffer(string: "S")) == .startTLS)
        #expect(try negotiation.received(ByteBuffer(string: "N")) == .refused)
        #expect(throws: PostgresWireError.self) { try negotiation.received(ByteBuffer(string: "SR")) }
        #expect(throws: PostgresWireError.self) { try negotiation.received(ByteBuffer(string: "E")) }
    }
}

extension ServerSignIn {
    /// The code of the refusal that these bytes end in.
    fileprivate mutating func refusal(of bytes: ByteBuffer) -> PostgresWireError.Code? {
        self.append(bytes)
        guard case .refuse(_, .protocolViolation(let error))? = self.next() else { return nil }
        return error.code
    }
}
