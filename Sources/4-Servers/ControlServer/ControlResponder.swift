import APIDocument
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
    var flags: any FlagEvaluations
    var authenticator: Authenticator
    var admission: Admission
    /// Services ask for flags more often than people for anything.
    var flagAdmission: Admission
    var idempotency: Idempotency
    var bodyLimit: Int
    var logger: Logger

    func respond(to request: Request, context: Context) async throws -> Response {
        let origin = RequestOrigin(
            requestID: Self.requestID(of: request), address: context.channel.remoteAddress?.ipAddress)
        var response: Response
        do {
            let flags = FlagRoute(path: request.uri.path)
            let route = Route(method: request.method.rawValue, path: request.uri.path)
            var admission = flags == nil ? self.admission : self.flagAdmission
            if case .endpoint(.followFlags, _) = route { admission = self.flagAdmission }
            try admission.admit(address: origin.address)
            try Self.checkFields(of: request)
            if let flags {
                let reading = RequestReader(request: request, id: nil, bodyLimit: self.bodyLimit)
                response = try await self.answer(flags, reading, context.channel, origin)
                response.headers[Self.requestIDHeader] = origin.requestID
                response.headers[.xContentTypeOptions] = "nosniff"
                return response
            }
            switch route {
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
            // RFC 9110, section 11.6.1, wants a challenge; no registered scheme asks for a certificate.
            response.headers[.wwwAuthenticate] = "Bearer realm=\"glovebox\""
        }
        return response
    }

    private func answer(
        _ endpoint: Endpoint, _ reading: RequestReader, _ channel: any Channel, _ origin: RequestOrigin
    ) async throws -> Response {
        if Authorisation.row(endpoint).isOpen {
            return try await self.answerOpen(endpoint, reading, origin)
        }
        // Nothing of a request is read before it's known who makes it.
        let caller = try await self.caller(reading.request.headers[.authorization], channel, origin)
        try (endpoint == .followFlags ? self.flagAdmission : self.admission).admit(caller: caller.subject)
        let reach = try Authorisation.reach(of: caller, at: endpoint)
        return try await self.answer(endpoint, reading, Call(caller: caller, reach: reach, origin: origin))
    }

    func caller(
        _ authorization: String?, _ channel: any Channel, _ origin: RequestOrigin
    ) async throws -> Caller {
        guard let authorization else {
            return try await self.authenticator.authenticate(
                token: nil, { try await Self.peerCertificate(channel)?.toDERBytes() }, origin)
        }
        let token = try Authenticator.token(authorization)
        let caller = try await self.guarded(token, origin) {
            try await self.authenticator.authenticate(token: token, { nil }, origin)
        }
        self.admission.attemptSucceeded(from: origin.address, with: token)
        return caller
    }

    /// Counts what fails of the attempts to come in by something that could be guessed.
    private func guarded<Value>(
        _ token: Secret<String>?, _ origin: RequestOrigin, _ attempt: () async throws -> Value
    ) async throws -> Value {
        try self.admission.checkAttempt(from: origin.address, with: token)
        do {
            return try await attempt()
        } catch let error as GloveboxError where [.unauthenticated, .inviteInvalid].contains(error.code) {
            self.admission.attemptFailed(from: origin.address)
            throw error
        }
    }

    private static func peerCertificate(_ channel: any Channel) async throws -> NIOSSLCertificate? {
        do {
            return try await channel.nioSSL_peerCertificate().get()
        } catch let error as ChannelPipelineError where error == .notFound {
            // An HTTP/2 stream has no TLS of its own: its parent, the connection, has.
            guard let connection = channel.parent else { throw error }
            return try await connection.nioSSL_peerCertificate().get()
        }
    }

    /// Endpoints that anyone may call.
    private func answerOpen(
        _ endpoint: Endpoint, _ reading: RequestReader, _ origin: RequestOrigin
    ) async throws -> Response {
        switch endpoint {
        case .apiDocument:
            try reading.noQuery()
            return Self.response(200, "application/json", APIDocument.json)
        case .authority:
            try reading.noQuery()
            let certificate = try await self.operations.authority()
            return Self.response(200, "application/pem-certificate-chain", Array(certificate.utf8))
        case .health:
            try reading.noQuery()
            let health = try await self.operations.health()
            return try Self.json(health.status == .ok ? 200 : 503, health)
        case .enrol:
            return try await self.create(endpoint, reading, by: "anyone") { reading in
                let request = try await reading.body(EnrolmentRequest.self)
                return try await self.guarded(nil, origin) { try await self.operations.enrol(request, from: origin) }
            }
        default:
            throw GloveboxError(.internal, "\(endpoint.rawValue) is open in the table and has no handler")
        }
    }

    private func answer(_ endpoint: Endpoint, _ reading: RequestReader, _ call: Call) async throws -> Response {
        let operations = self.operations
        switch endpoint {
        case .renewCertificate:
            return try await self.create(endpoint, reading, call) {
                try await operations.renewCertificate($0.body(CertificateRenewal.self), call)
            }
        case .revokeCurrentCertificate:
            try await reading.noBody()
            try await operations.revokeCurrentCertificate(call)
            return Response(status: .noContent)
        case .whoAmI:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.whoAmI(call))
        case .inviteIdentity:
            return try await self.create(endpoint, reading, call) {
                try await operations.inviteIdentity($0.body(IdentityInviteRequest.self), call)
            }
        case .inviteAgent:
            return try await self.create(endpoint, reading, call) {
                try await operations.inviteAgent($0.body(AgentInviteRequest.self), call)
            }
        case .listIdentities:
            return try Self.json(endpoint, await operations.identities(PageRequest(query: reading.query), call))
        case .showIdentity:
            try reading.noQuery()
            return try Self.versioned(await operations.identity(reading.name(IdentityName.self, "identity"), call))
        case .disableIdentity, .enableIdentity:
            let (name, precondition) = (try reading.name(IdentityName.self, "identity"), try reading.precondition())
            try await reading.noBody()
            return try await Self.versioned(
                endpoint == .disableIdentity
                    ? operations.disableIdentity(name, if: precondition, call)
                    : operations.enableIdentity(name, if: precondition, call))
        case .showAgent:
            try reading.noQuery()
            return try Self.versioned(await operations.agent(reading.name(AgentName.self, "agent"), call))
        case .quarantineAgent, .releaseAgent:
            let (name, precondition) = (try reading.name(AgentName.self, "agent"), try reading.precondition())
            try await reading.noBody()
            return try await Self.versioned(
                endpoint == .quarantineAgent
                    ? operations.quarantineAgent(name, if: precondition, call)
                    : operations.releaseAgent(name, if: precondition, call))
        case .removeAgent:
            let (name, precondition) = (try reading.name(AgentName.self, "agent"), try reading.precondition())
            try await reading.noBody()
            try await operations.removeAgent(name, if: precondition, call)
            return Response(status: .noContent)
        case .createToken:
            return try await self.create(endpoint, reading, call) {
                try await operations.createToken($0.body(TokenRequest.self), call)
            }
        case .listTokens:
            return try Self.json(endpoint, await operations.tokens(PageRequest(query: reading.query), call))
        case .revokeToken:
            let name = try reading.name(TokenName.self, "token")
            try await reading.noBody()
            try await operations.revokeToken(name, call)
            return Response(status: .noContent)
        case .listTargets:
            return try Self.json(endpoint, await operations.targets(PageRequest(query: reading.query), call))
        case .listAgents:
            return try Self.json(endpoint, await operations.agents(PageRequest(query: reading.query), call))
        case .openLease:
            return try await self.create(endpoint, reading, call) {
                try await operations.openLease($0.body(LeaseRequest.self), call)
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
            return try Self.json(endpoint, await operations.sessions(PageRequest(query: reading.query), call))
        case .sessionRecords:
            let (id, page) = (try reading.sessionID(), try PageRequest(query: reading.query))
            return try Self.json(endpoint, await operations.sessionRecords(id, page, call))
        case .endSession:
            let id = try reading.sessionID()
            try await reading.noBody()
            return try Self.json(endpoint, await operations.endSession(id, call))
        case .applyChanges:
            return try await self.create(endpoint, reading, call) {
                try await operations.applyChanges($0.body(ChangeRequest.self), call)
            }
        case .listChanges:
            return try Self.json(endpoint, await operations.changes(ChangeQuery(query: reading.query), call))
        case .showChange:
            try reading.noQuery()
            return try Self.json(endpoint, await operations.change(reading.changeID(), call))
        case .keepChange, .undoChange:
            let id = try reading.changeID()
            try await reading.noBody()
            return try await Self.json(
                endpoint,
                endpoint == .keepChange ? operations.keepChange(id, call) : operations.undoChange(id, call))
        case .rollBack:
            return try Self.json(endpoint, await operations.rollBack(reading.body(RollbackRequest.self), call))
        case .attendRun:
            let id = try reading.changeID()
            try await reading.noBody()
            return try Self.json(endpoint, await operations.attendRun(id, call))
        case .issueMarks:
            let id = try reading.changeID()
            return try Self.json(endpoint, await operations.issueMarks(id, reading.body(MarkRequest.self), call))
        case .markKeys:
            try reading.noQuery()
            return try Self.json(
                endpoint, await operations.markKeys(try reading.name(TargetName.self, "target"), call))
        case .listFlags:
            return try Self.json(endpoint, await operations.flags(FlagQuery(query: reading.query), call))
        case .explainFlag:
            let key = try reading.flagKey()
            return try Self.json(
                endpoint, await operations.explainFlag(key, reading.body(FlagQuestion.self), call))
        case .followFlags:
            try reading.noQuery()
            let target = try reading.name(TargetName.self, "target")
            let following = try await operations.followFlags(target, having: reading.lastEventID, call)
            return Self.stream(following, reading.request.body)
        case .apiDocument, .authority, .health, .enrol:
            throw GloveboxError(.internal, "\(endpoint.rawValue) is closed in the table and has no handler")
        }
    }

    private func create<Created: Creation>(
        _ endpoint: Endpoint, _ reading: RequestReader, _ call: Call,
        _ operation: (RequestReader) async throws -> Created
    ) async throws -> Response {
        try await self.create(endpoint, reading, by: call.caller.subject.description, operation)
    }

    /// Once for each `Idempotency-Key`, if the request has one.
    private func create<Created: Creation>(
        _ endpoint: Endpoint, _ reading: RequestReader, by caller: String,
        _ operation: (RequestReader) async throws -> Created
    ) async throws -> Response {
        guard let key = try reading.idempotencyKey() else {
            return Self.response(try Idempotency.Answer(try await operation(reading)))
        }
        let reading = try await reading.collected()
        let body = reading.body ?? []
        // Who isn't known is told apart by what they send: a stranger's key is never another's.
        let holder = Authorisation.row(endpoint).isOpen ? "\(caller) \(String(decoding: body, as: UTF8.self))" : caller
        let answer = try await self.idempotency.answer(
            .init(caller: holder, endpoint: endpoint, key: key, body: body)
        ) {
            try Idempotency.Answer(try await operation(reading))
        }
        return Self.response(answer)
    }

    private static func response(_ answer: Idempotency.Answer) -> Response {
        Self.response(answer.status, "application/json", answer.body)
    }

    // Problems

    private func problem(for error: any Error, _ origin: RequestOrigin, _ request: Request) -> Response {
        let shown: GloveboxError
        switch error {
        case let error as Admission.Refusal:
            var response = self.problem(error.error, origin)
            response.headers[.retryAfter] = String(error.seconds)
            return response
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

    private static func versioned(_ answer: Versioned<some Encodable>) throws -> Response {
        var response = try Self.json(200, answer.value)
        response.headers[.eTag] = "\"\(answer.version)\""
        return response
    }

    private static func json(_ status: Int, _ value: some Encodable) throws -> Response {
        Self.response(status, "application/json", try JSONForm.encode(value))
    }

    /// Written as the events come. What breaks it off ends the connection.
    static func stream(_ events: AsyncThrowingStream<ServerEvent, any Error>) -> Response {
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

    // Header fields

    /// Bytes of all fields, names included, and how many there may be. The decoder's own limits are further out: what's
    /// beyond those ends the connection.
    private static let mostFieldBytes = 16_384
    private static let mostFields = 64

    /// - Throws: `headers_too_large`.
    private static func checkFields(of request: Request) throws(GloveboxError) {
        let bytes = request.headers.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count }
        guard bytes + request.uri.description.utf8.count <= Self.mostFieldBytes,
            request.headers.count <= Self.mostFields
        else {
            throw GloveboxError(
                .headersTooLarge,
                "the header fields are too large: at most \(Self.mostFields), \(Self.mostFieldBytes) bytes with the path"
            )
        }
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
