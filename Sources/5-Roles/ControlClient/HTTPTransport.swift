import ControlAPI
import GloveboxCore
import NIOSSL
import OutboundHTTP

/// HTTP to one gateway, over TLS 1.3.
struct HTTPTransport: Sendable {
    /// How the gateway has to prove itself, and how we do.
    enum Trust {
        /// Any certificate: only to fetch what is then checked against an invitation's fingerprint.
        case anyone
        case authority(NIOSSLCertificate, client: (chain: [NIOSSLCertificate], key: NIOSSLPrivateKey)?)
    }

    typealias Answer = OutboundClient.Answer

    /// Longest answer, in bytes.
    private static let mostBytes = 64 * 1024 * 1024

    let gateway: GatewayAddress
    private let client: OutboundClient
    private let token: Secret<String>?

    /// - Parameters:
    ///   - timeout: for a whole request.
    ///   - token: sent with each, in place of a client certificate.
    ///   - allowsHTTP2: not for commands, which want the answer to their one request of a gateway that stops, too.
    init(
        _ gateway: GatewayAddress, trust: Trust, timeout: Duration, token: Secret<String>? = nil,
        allowsHTTP2: Bool = false
    ) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        switch trust {
        case .anyone:
            tls.certificateVerification = .none
        case .authority(let authority, let client):
            tls.certificateVerification = .fullVerification
            tls.trustRoots = .certificates([authority])
            if let client {
                tls.certificateChain = client.chain.map { .certificate($0) }
                tls.privateKey = .privateKey(client.key)
            }
        }
        self.gateway = gateway
        self.token = token
        self.client = OutboundClient(
            tls: tls, timeout: timeout, mostBytes: Self.mostBytes, allowsHTTP2: allowsHTTP2)
    }

    func shutdown() async {
        await self.client.shutdown()
    }

    /// - Throws: `gateway_unreachable`, `gateway_untrusted`, `CancellationError`.
    func send(
        _ method: Endpoint.Method, _ path: String, fields: [(String, String)] = [], body: [UInt8]?
    ) async throws -> Answer {
        var headers = [("accept", "application/json, \(Problem.contentType)")] + fields + self.authorization
        if body != nil { headers.append(("content-type", "application/json")) }
        do {
            return try await self.client.send(
                method.rawValue, "\(self.gateway)\(path)", headers: headers, body: body)
        } catch {
            throw explained(error, reaching: self.gateway)
        }
    }

    /// - Throws: also the problem that the gateway answers with.
    func success(
        _ method: Endpoint.Method, _ path: String, fields: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Answer {
        let answer = try await self.send(method, path, fields: fields, body: body)
        guard (200..<300).contains(answer.status) else { throw self.problem(answer) }
        return answer
    }

    /// Calls `each` with the events of a stream, to its end.
    /// - Throws: as ``success(_:_:body:)``, and what `each` throws.
    func events(_ path: String, _ each: (ServerEvent) throws -> Void) async throws {
        var reader = ServerEventReader()
        let answer: Answer?
        do {
            // The gateway sends something every few seconds; one that's gone is noticed by TCP.
            answer = try await self.client.stream(
                "\(self.gateway)\(path)",
                headers: [("accept", "\(ServerEvent.contentType), \(Problem.contentType)")] + self.authorization,
                timeout: .seconds(3600)
            ) { piece in
                guard let events = reader.feed(piece) else { throw self.unexpected("an endless line") }
                for event in events { try each(event) }
            }
        } catch let failure as OutboundFailure {
            throw explained(failure, reaching: self.gateway)
        }
        if let answer { throw self.problem(answer) }
    }

    private var authorization: [(String, String)] {
        self.token.map { [("authorization", "Bearer \($0.exposeSecret())")] } ?? []
    }

    private func problem(_ answer: Answer) -> GloveboxError {
        guard answer.contentType.hasPrefix(Problem.contentType),
            let problem = try? JSONForm.decode(Problem.self, from: answer.body)
        else { return self.unexpected("status \(answer.status)") }
        return problem.error
    }

    func decode<Value: Decodable>(_ type: Value.Type, from answer: Answer) throws(GloveboxError) -> Value {
        do {
            return try JSONForm.decode(type, from: answer.body)
        } catch {
            throw self.unexpected(error.message)
        }
    }

    func unexpected(_ what: String) -> GloveboxError {
        GloveboxError(
            .gatewayUnexpected,
            "what answers at \(self.gateway) isn't a gateway that this glovebox understands (\(what)): check the address and both versions"
        )
    }
}
