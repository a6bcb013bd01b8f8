import Changes
import GloveboxCore
import NIOSSL
import OutboundHTTP
import PostgresAccess
import YAMLDocument

/// An HTTP call as `agent.yaml` declares it, with its inverse.
///
///     drain:
///       parameters: {node: {type: word}}
///       check: {url: "http://127.0.0.1:9000/drained/{node}", status: [200]}
///       apply: {method: PUT, url: "http://127.0.0.1:9000/drained/{node}", body: '{"by": "glovebox"}'}
///       undo: {method: DELETE, url: "http://127.0.0.1:9000/drained/{node}", status: [204, 404]}
///       credential: {file: /etc/glovebox/drain.token}     # sent as Authorization: Bearer
///       timeout: 10s
struct DeclaredCall: Sendable {
    /// One request. What `status` doesn't list is a failure; without it every 2xx is right.
    struct Request: Sendable, Codable {
        var method: String
        var url: TextTemplate
        var headers: [String: TextTemplate]
        var body: TextTemplate?
        var status: [Int64]

        init(_ node: YAMLNode, parameters: Set<String>, method: String) throws(GloveboxError) {
            let fields = try node.mapping("method", "url", "headers", "body", "status")
            self.method = try fields["method"]?.string ?? method
            guard ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(self.method) else {
                throw node.error("'method' is GET, HEAD, POST, PUT, PATCH or DELETE")
            }
            self.url = try TextTemplate(try fields.required("url"), parameters: parameters, hasFormer: false)
            guard case .text(let begin)? = self.url.pieces.first, Self.hasWholeHost(begin) else {
                throw node.error(
                    "'url' begins with http:// or https:// and a host, without a parameter before the path")
            }
            self.headers = [:]
            for header in try fields["headers"]?.entries ?? [] {
                self.headers[header.key] = try TextTemplate(header.value, parameters: parameters, hasFormer: false)
            }
            self.body = try fields["body"].map { (node) throws(GloveboxError) in
                try TextTemplate(node, parameters: parameters, hasFormer: false)
            }
            self.status =
                try fields["status"]?.map { (node) throws(GloveboxError) in try node.int(in: 100...599) } ?? []
        }

        private static func hasWholeHost(_ url: String) -> Bool {
            for scheme in ["http://", "https://"] where url.hasPrefix(scheme) {
                let rest = url.dropFirst(scheme.count)
                return rest.first != "/" && rest.contains("/") && !rest.prefix { $0 != "/" }.contains("@")
            }
            return false
        }

        /// With parameters put in: in the address each byte that isn't unreserved is escaped (RFC 3986, section 2.1), in the
        /// body what a string of JSON can't have as it is (RFC 8259, section 7).
        func filled(_ values: [String: String]) -> Request {
            var filled = self
            filled.url = self.url.filled(values, Self.percentEncoded)
            filled.headers = self.headers.mapValues { $0.filled(values) }
            filled.body = self.body?.filled(values, Self.jsonEscaped)
            return filled
        }

        private static func percentEncoded(_ text: String) -> String {
            let digits = Array("0123456789ABCDEF")
            var encoded = ""
            for byte in text.utf8 {
                let isUnreserved =
                    (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || [0x2D, 0x5F, 0x7E].contains(byte) || (byte == 0x2E && text != "." && text != "..")
                if isUnreserved {
                    encoded.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
                }
            }
            return encoded
        }

        private static func jsonEscaped(_ text: String) -> String {
            // Values have no control characters.
            text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        }

        func isRight(_ status: Int) -> Bool {
            self.status.isEmpty ? (200...299).contains(status) : self.status.contains(Int64(status))
        }
    }

    var parameters: [String: ParameterType]
    var check: Request?
    /// `nil` for one that only takes back what others do.
    var apply: Request?
    var undo: Request
    var credential: CallPlan.Credential?
    var timeout: Duration

    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("parameters", "check", "apply", "undo", "credential", "timeout")
        self.parameters = try .init(fields["parameters"])
        let names = Set(self.parameters.keys)
        self.check = try fields["check"].map { (node) throws(GloveboxError) in
            try Request(node, parameters: names, method: "GET")
        }
        self.apply = try fields["apply"].map { (node) throws(GloveboxError) in
            try Request(node, parameters: names, method: "POST")
        }
        if self.apply == nil, let check = fields["check"] {
            throw check.error("what has no 'apply' only takes back what others do: 'check' has no meaning")
        }
        self.undo = try Request(try fields.required("undo"), parameters: names, method: "POST")
        self.credential = try fields["credential"].map { (node) throws(GloveboxError) in
            let source = try node.mapping("file", "environment")
            switch (source["file"], source["environment"]) {
            case (let file?, nil): return .file(AgentConfiguration.path(try file.string, in: folder))
            case (nil, let name?): return .environment(try name.string)
            default: throw node.error("write where the token is: {file: PATH} or {environment: NAME}")
            }
        }
        self.timeout = try fields["timeout"]?.duration ?? .seconds(10)
    }

    /// - Parameter allowed: what an address has to begin with.
    /// - Throws: `invalid_argument`, `ceiling_denied`.
    func plan(
        name: String, _ values: [String: String], allowed: [String], rule: String
    ) throws(GloveboxError) -> CallPlan {
        try self.parameters.check(values)
        let plan = CallPlan(
            name: name, check: self.check?.filled(values), apply: self.apply?.filled(values),
            undo: self.undo.filled(values), credential: self.credential, timeout: self.timeout)
        for request in [plan.check, plan.apply, plan.undo].compactMap({ $0 }) {
            let url = request.url.text()
            guard allowed.contains(where: { Self.allows($0, url) }) else {
                throw GloveboxError(
                    .ceilingDenied, "the agent's ceiling doesn't allow call '\(name)' to ask there (\(rule))")
            }
        }
        return plan
    }

    /// Whole parts of a path alone: `http://a:9000/x` allows `http://a:9000/x/y`, and not `http://a:9000/xy`.
    static func allows(_ allowed: String, _ url: String) -> Bool {
        guard url.hasPrefix(allowed), !url.contains("/../"), !url.contains("/./"), !url.hasSuffix("/..") else {
            return false
        }
        let rest = url.dropFirst(allowed.count)
        return allowed.hasSuffix("/") || rest.isEmpty || rest.first == "/" || rest.first == "?"
    }
}

struct CallPlan: Sendable, Codable {
    /// Where the token is; it's read anew for each request, and is in no journal.
    enum Credential: Sendable, Codable {
        case file(String)
        case environment(String)

        var source: CredentialSource {
            switch self {
            case .file(let path): .file(path)
            case .environment(let name): .environment(name)
            }
        }
    }

    var name: String
    var check: DeclaredCall.Request?
    var apply: DeclaredCall.Request?
    var undo: DeclaredCall.Request
    var credential: Credential?
    var timeout: Duration
}

/// A call over HTTP, undone by its declared inverse. What's sent again has the same Idempotency-Key.
struct CallKind: ChangeKind {
    private let plan: CallPlan
    private let tools: HostTools

    init(_ plan: CallPlan, _ tools: HostTools) {
        self.plan = plan
        self.tools = tools
    }

    var subject: String? { nil }
    var isExact: Bool { false }
    func look() async throws -> [UInt8]? { nil }
    func hasMade(_ state: [UInt8]) -> Bool? { nil }
    func interrupt() {}

    func isApplied() async throws -> Bool? {
        guard let check = self.plan.check else { return nil }
        let answer = try await self.send(check, "check")
        if check.isRight(answer.status) { return true }
        // What fails for another reason says nothing of it.
        guard (200...499).contains(answer.status), ![401, 403, 407, 408, 429].contains(answer.status) else {
            throw self.failed("check", answer.status)
        }
        return false
    }

    func apply() async throws {
        if let apply = self.plan.apply { try await self.do(apply, "apply") }
    }

    func undo(_ former: [UInt8]?) async throws { try await self.do(self.plan.undo, "undo") }

    private func `do`(_ request: DeclaredCall.Request, _ step: String) async throws {
        let answer = try await self.send(request, step)
        await self.tools.ran(self.title(step), "HTTP \(answer.status)", answer.body, false)
        guard request.isRight(answer.status) else { throw self.failed(step, answer.status) }
    }

    private func title(_ step: String) -> String { "\(step) of call '\(self.plan.name)'" }

    /// - Throws: `change_failed` where there's no answer, which is on record then, whatever the step.
    private func send(_ request: DeclaredCall.Request, _ step: String) async throws -> OutboundClient.Answer {
        var headers = request.headers.map { ($0.key, $0.value.text()) }
        headers.append(("Idempotency-Key", "\"\(self.tools.mark)-\(step)\""))
        let body = request.body.map { Array($0.text().utf8) }
        if body != nil, !request.headers.keys.contains(where: { $0.lowercased() == "content-type" }) {
            headers.append(("Content-Type", "application/json"))
        }
        if let credential = self.plan.credential {
            headers.append(("Authorization", "Bearer \(try await credential.source.read().exposeSecret())"))
        }
        let client = OutboundClient(
            tls: .makeClientConfiguration(), timeout: self.plan.timeout, mostBytes: 64 << 10)
        do {
            let answer = try await client.send(request.method, request.url.text(), headers: headers, body: body)
            await client.shutdown()
            return answer
        } catch let failure as OutboundFailure {
            await client.shutdown()
            await self.tools.ran(self.title(step), failure.reason, [], false)
            throw GloveboxError(.changeFailed, "\(self.title(step)) failed: \(failure.reason)", cause: failure)
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private func failed(_ step: String, _ status: Int) -> GloveboxError {
        GloveboxError(
            .changeFailed,
            "'\(step)' of call '\(self.plan.name)' was answered with \(status): see 'glovebox audit list --event change_ran'"
        )
    }
}
