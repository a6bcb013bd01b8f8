import ControlAPI
import GloveboxCore
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOSSL

/// One request: find its endpoint, authenticate, authorise, read, call, answer. Whatever fails becomes a problem.
struct ControlResponder: HTTPResponder {
    struct Context: InitializableFromSource {
        var channel: any Channel

        init(source: ApplicationRequestContextSource) {
            self.channel = source.channel
        }
    }

    var operations: any ControlOperations
    var authenticator: Authenticator
    var bodyLimit: Int
    var logger: Logger

    func respond(to request: Request, context: Context) async throws -> Response {
        let origin = RequestOrigin(
            requestID: Self.requestID(of: request), address: context.channel.remoteAddress?.ipAddress)
        var response: Response
        do {
            switch Route(method: request.method.rawValue, path: request.uri.path) {
            case .endpoint(let endpoint, let id):
                let reading = RequestReader(request: request, id: id, bodyLimit: self.bodyLimit)
                response = try await self.answer(endpoint, reading, context.channel, origin)
            case .otherMethod(let allowed):
                let names = allowed.map(\.rawValue).joined(separator: ", ")
                response = self.problem(
                    GloveboxError(.methodNotAllowed, "\(request.uri.path.prefix(200)) takes \(names)"), origin)
                response.headers[.allow] = names
            case .unknown:
                throw GloveboxError(
                    .notFound, "there is no \(request.method.rawValue.prefix(20)) \(request.uri.path.prefix(200))")
            }
        } catch {
            response = self.problem(for: error, origin, request)
        }
        response.headers[Self.requestIDHeader] = origin.requestID
        response.headers[.cacheControl] = "no-store"
        response.headers[.xContentTypeOptions] = "nosniff"
        if response.status.code == 401 {
            // RFC 9110, section 11.6.1, wants a challenge; a certificate isn't asked for by any registered scheme.
            response.headers[.wwwAuthenticate] = "ClientCertificate realm=\"glovebox\""
        }
        return response
    }

    private func answer(
        _ endpoint: Endpoint, _ reading: RequestReader, _ channel: any Channel, _ origin: RequestOrigin
    ) async throws -> Response {
        if Authorisation.row(endpoint).isOpen {
            return try await self.answerOpen(endpoint, reading, origin)
        }
        let caller = try await self.caller(channel, origin)
        let reach = try Authorisation.reach(of: caller, at: endpoint)
        return try await self.answer(endpoint, reading, Call(caller: caller, reach: reach, origin: origin))
    }

    private func caller(_ channel: any Channel, _ origin: RequestOrigin) async throws -> Caller {
        let certificate = try await channel.nioSSL_peerCertificate().get()
        return try await self.authenticator.authenticate(certificate?.toDERBytes(), origin)
    }

    /// Endpoints that anyone may call.
    private func answerOpen(
        _ endpoint: Endpoint, _ reading: RequestReader, _ origin: RequestOrigin
    ) async throws -> Response {
        switch endpoint {
        case .authority:
            try reading.noQuery()
            let certificate = try await self.operations.authority()
            return Self.response(200, "application/pem-certificate-chain", Array(certificate.utf8))
        case .health:
            try reading.noQuery()
            let health = try await self.operations.health()
            return try Self.json(health.status == .ok ? 200 : 503, health)
        case .enrol:
            return try Self.json(
                endpoint, await self.operations.enrol(reading.body(EnrolmentRequest.self), from: origin))
        default:
            throw GloveboxError(.internal, "\(endpoint.rawValue) is open in the table and has no handler")
        }
    }

    private func answer(_ endpoint: Endpoint, _ reading: RequestReader, _ call: Call) async throws -> Response {
        let operations = self.operations
        switch endpoint {
        case .renewCertificate:
            return try Self.json(
                endpoint, await operations.renewCertificate(reading.body(CertificateRenewal.self), call))
        case .revokeCurrentCertificate:
            try await reading.noBody()
            try await operations.revokeCurrentCertificate(call)
            return Response(status: .noContent)
        case .whoAmI:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.whoAmI(call))
        case .inviteIdentity:
            return try Self.json(
                endpoint, await operations.inviteIdentity(reading.body(IdentityInviteRequest.self), call))
        case .inviteAgent:
            return try Self.json(endpoint, await operations.inviteAgent(reading.body(AgentInviteRequest.self), call))
        case .listTargets:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.targets(call))
        case .listAgents:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.agents(call))
        case .openLease:
            switch try await operations.openLease(reading.body(LeaseRequest.self), call) {
            case .opened(let lease): return try Self.json(endpoint, lease)
            case .waits(let approval): return try Self.json(202, approval)
            }
        case .listLeases:
            return try Self.json(endpoint, await operations.leases(LeaseQuery(query: reading.query), call))
        case .showLease:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.lease(reading.leaseID(), call))
        case .extendLease:
            let id = try reading.leaseID()
            return try Self.json(
                endpoint, await operations.extendLease(id, reading.body(LeaseExtension.self), call))
        case .endLease:
            let id = try reading.leaseID()
            try await reading.noBody()
            return try Self.json(endpoint, await operations.endLease(id, call))
        case .listRecords:
            return try Self.json(endpoint, await operations.records(RecordQuery(query: reading.query), call))
        case .showRecord:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.record(reading.recordID(), call))
        case .proveRecord:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.proof(of: reading.recordID(), call))
        case .followRecords:
            return Self.stream(try await operations.follow(reading.followQuery(), call))
        case .showCheckpoint:
            return try Self.json(endpoint, await operations.checkpoint(since: reading.since(), call))
        case .listApprovals:
            return try Self.json(endpoint, await operations.approvals(ApprovalQuery(query: reading.query), call))
        case .showApproval:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.approval(reading.approvalID(), call))
        case .grantApproval:
            let id = try reading.approvalID()
            return try Self.json(
                endpoint, await operations.grantApproval(id, reading.body(ApprovalVerdict.self), call))
        case .denyApproval:
            let id = try reading.approvalID()
            return try Self.json(endpoint, await operations.denyApproval(id, reading.body(ApprovalVerdict.self), call))
        case .withdrawApproval:
            let id = try reading.approvalID()
            try await reading.noBody()
            return try Self.json(endpoint, await operations.withdrawApproval(id, call))
        case .reviewApproval:
            let id = try reading.approvalID()
            return try Self.json(endpoint, await operations.reviewApproval(id, reading.body(ApprovalReview.self), call))
        case .listSessions:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.sessions(call))
        case .sessionRecords:
            var parameters = try QueryParameters(reading.query)
            let page = try parameters.page()
            try parameters.finish()
            return try Self.json(endpoint, await operations.sessionRecords(reading.sessionID(), page, call))
        case .endSession:
            let id = try reading.sessionID()
            try await reading.noBody()
            return try Self.json(endpoint, await operations.endSession(id, call))
        case .authority, .health, .enrol:
            throw GloveboxError(.internal, "\(endpoint.rawValue) is closed in the table and has no handler")
        }
    }

    // Problems

    private func problem(for error: any Error, _ origin: RequestOrigin, _ request: Request) -> Response {
        let shown: GloveboxError
        switch error {
        case let error as GloveboxError where error.code != .internal: shown = error
        case is NIOTooManyBytesError:
            shown = GloveboxError(.bodyTooLarge, "the body is too large: at most \(self.bodyLimit) bytes")
        case is CancellationError: shown = GloveboxError(.unavailable, "the gateway is stopping: try again")
        default:
            shown = GloveboxError(
                .internal, "the gateway failed; its log says why, under request id \(origin.requestID)")
        }
        let response = self.problem(shown, origin)
        self.logger.log(
            level: response.status.code >= 500 ? .error : .notice, "request refused",
            metadata: [
                "request_id": "\(origin.requestID)", "address": "\(origin.address ?? "?")",
                "method": "\(request.method.rawValue.prefix(20))", "path": "\(request.uri.path.prefix(200))",
                "code": "\(shown.code)", "error": "\(Self.told(error))",
            ])
        return response
    }

    private static func told(_ error: any Error) -> String {
        String(reflecting: error)
    }

    private func problem(_ error: GloveboxError, _ origin: RequestOrigin) -> Response {
        let problem = Problem(error, requestID: origin.requestID)
        let body = (try? JSONForm.encode(problem)) ?? []
        return Self.response(problem.status, Problem.contentType, body)
    }

    // Answers

    private static func json(_ endpoint: Endpoint, _ value: some Encodable) throws -> Response {
        try Self.json(endpoint.successStatus, value)
    }

    private static func json(_ status: Int, _ value: some Encodable) throws -> Response {
        Self.response(status, "application/json", try JSONForm.encode(value))
    }

    /// Written as the events come. What breaks it off ends the connection.
    private static func stream(_ events: AsyncThrowingStream<ServerEvent, any Error>) -> Response {
        Response(
            status: .ok, headers: [.contentType: ServerEvent.contentType],
            body: ResponseBody { writer in
                // Something at once, so that the caller knows that it's answered.
                try await writer.write(ByteBuffer(bytes: ServerEvent.alive.bytes))
                for try await event in events { try await writer.write(ByteBuffer(bytes: event.bytes)) }
                try await writer.finish(nil)
            })
    }

    private static func response(_ status: Int, _ contentType: String, _ body: [UInt8]) -> Response {
        Response(
            status: .init(code: status), headers: [.contentType: contentType],
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    // Request ids

    static let requestIDHeader = HTTPField.Name("X-Request-Id") ?? .date

    /// The client's own, if it's short and harmless in a log; otherwise a new one.
    private static func requestID(of request: Request) -> String {
        if let given = request.headers[Self.requestIDHeader], (1...64).contains(given.utf8.count),
            given.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            })
        {
            return given
        }
        return Base32.random(length: 16)
    }
}

/// What an endpoint reads from its request.
struct RequestReader {
    var request: Request
    var id: String?
    var bodyLimit: Int

    var query: String? { self.request.uri.query }

    /// - Throws: `unsupported_media_type`, `body_too_large`, `invalid_argument`.
    func body<Body: RequestContent>(_ type: Body.Type) async throws -> Body {
        try self.noQuery()
        let mediaType = self.request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }.lowercased()
        guard mediaType == "application/json" else {
            throw GloveboxError(.unsupportedMediaType, "the body has to be JSON, with content-type application/json")
        }
        return try JSONForm.decodeBody(type, from: await self.bytes())
    }

    func noBody() async throws {
        try self.noQuery()
        let bytes = try await self.bytes()
        guard bytes.isEmpty || bytes == Array("{}".utf8) else {
            throw GloveboxError(.invalidArgument, "this takes no body")
        }
    }

    func noQuery() throws(GloveboxError) {
        try QueryParameters(self.query).finish()
    }

    /// - Throws: `not_found`, since no lease has a malformed id.
    func leaseID() throws(GloveboxError) -> LeaseID {
        guard let id = self.id.flatMap(LeaseID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no lease '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`, since no approval has a malformed id.
    func approvalID() throws(GloveboxError) -> ApprovalID {
        guard let id = self.id.flatMap(ApprovalID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no approval '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`, since no session has a malformed id.
    func sessionID() throws(GloveboxError) -> SessionID {
        guard let id = self.id.flatMap(SessionID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no session '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    func recordID() throws(GloveboxError) -> RecordID {
        guard let id = self.id.flatMap({ RecordID($0) }) else {
            throw GloveboxError(.notFound, "there is no record '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// Where the stream broke off counts for more than where it began.
    func followQuery() throws(GloveboxError) -> RecordQuery {
        var query = try RecordQuery(query: self.query)
        if let last = Self.lastEventID.flatMap({ self.request.headers[$0] }) { query.page.after = last }
        return query
    }

    private static let lastEventID = HTTPField.Name("Last-Event-ID")

    /// - Throws: `invalid_argument`.
    func since() throws(GloveboxError) -> UInt64 {
        var parameters = try QueryParameters(self.query)
        let size = try parameters.value("since") { (text) throws(GloveboxError) in
            guard let size = UInt64(text), text == String(size) else {
                throw GloveboxError(.invalidArgument, "a number of records is wanted")
            }
            return size
        }
        try parameters.finish()
        return size ?? 0
    }

    /// However slowly it trickles in.
    private static let bodyDeadline = Duration.seconds(10)

    private func bytes() async throws -> [UInt8] {
        if let length = self.request.headers[.contentLength].flatMap({ Int($0) }), length > self.bodyLimit {
            throw NIOTooManyBytesError(maxBytes: self.bodyLimit)
        }
        let (body, limit) = (self.request.body, self.bodyLimit)
        return try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
            tasks.addTask { Array(buffer: try await body.collect(upTo: limit)) }
            tasks.addTask {
                try await Task.sleep(for: Self.bodyDeadline)
                throw GloveboxError(.requestTimeout, "the body didn't come within \(Self.bodyDeadline)")
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? []
        }
    }
}
