import ControlAPI
import GloveboxCore
import Identity
import TestSupport
import Testing

@testable import ControlServer

@Suite("Who may call what")
struct AuthorisationTests {
    /// The table once more, written by hand: member, approver, auditor, admin, agent. `-` no, `o` own, `a` all;
    /// `open` needs no certificate.
    static let expected: [Endpoint: String] = [
        .apiDocument: "open", .authority: "open", .health: "open", .enrol: "open",
        .renewCertificate: "ooooo", .revokeCurrentCertificate: "ooooo", .whoAmI: "ooooo",
        .inviteIdentity: "---a-", .inviteAgent: "---a-",
        .listIdentities: "--aa-", .showIdentity: "ooaa-", .disableIdentity: "---a-", .enableIdentity: "---a-",
        .showAgent: "aaaa-", .quarantineAgent: "---a-", .releaseAgent: "---a-", .removeAgent: "---a-",
        .createToken: "---a-", .listTokens: "ooaa-", .revokeToken: "oooa-",
        .listTargets: "aaaa-", .listAgents: "aaaa-",
        .openLease: "oooo-", .extendLease: "oooo-", .endLease: "oooa-",
        .listLeases: "oaaa-", .showLease: "oaaa-",
        .listRecords: "ooaa-", .showRecord: "ooaa-", .proveRecord: "ooaa-", .followRecords: "ooaa-",
        .showCheckpoint: "aaaa-",
        .listApprovals: "oaaa-", .showApproval: "oaaa-", .withdrawApproval: "oooo-",
        .grantApproval: "-a-a-", .denyApproval: "-a-a-", .reviewApproval: "-a-a-",
        .applyChanges: "oooo-", .listChanges: "oaaa-", .showChange: "oaaa-", .keepChange: "oaoa-", .undoChange: "oaoa-",
        .attendRun: "oooo-", .issueMarks: "oooo-", .markKeys: "aaaa-",
        .rollBack: "oaoa-", .listFlags: "aaaa-", .explainFlag: "aaaa-", .followFlags: "aaaa-",
        .listSessions: "oaaa-", .sessionRecords: "oaaa-", .endSession: "oaoa-",
    ]

    static let callers = ["max", "ann", "aud", "ada"]

    @Test("every endpoint has a row", arguments: Endpoint.allCases)
    func everyEndpointHasARow(endpoint: Endpoint) throws {
        let row = try #require(Self.expected[endpoint], "no row for \(endpoint)")
        let actual = Authorisation.row(endpoint)
        if actual.isOpen {
            #expect(row == "open")
        } else {
            let grants = [actual.member, actual.approver, actual.auditor, actual.admin, actual.agent]
            #expect(
                String(
                    grants.map { grant -> Character in
                        switch grant {
                        case .no: "-"
                        case .own: "o"
                        case .all: "a"
                        }
                    }) == row)
        }
    }

    @Test("the server holds every caller to the table, and hands on the reach")
    func enforced() async throws {
        try await TestGateway.run { gateway in
            let request =
                try ClientKey().certificateRequest()
                .split(separator: "\n").joined(separator: "\\n") + "\\n"
            for endpoint in Endpoint.allCases {
                let row = try #require(Self.expected[endpoint])
                let path =
                    endpoint.path.contains("records/")
                    ? endpoint.path(id: "gateway:1")
                    : endpoint.path(id: endpoint.path.contains("sessions/") ? "0123456789abcdef" : "0123456789ab")
                let body = Self.body(endpoint, request)
                let headers = ["if-match: *"] + (body.isEmpty ? [] : ["content-type: application/json"])
                let line = "\(endpoint.method.rawValue) \(path)"

                let anonymous = try await gateway.request(line, headers: headers, body: body)
                if row == "open" {
                    #expect(anonymous.status == endpoint.successStatus, "\(line) by anyone: \(anonymous.body)")
                    continue
                }
                #expect(anonymous.status == 401, "\(line) by anyone")
                #expect(anonymous.problem?.code == "unauthenticated")
                #expect(anonymous.headers["www-authenticate"] != nil)

                let subjects =
                    try Self.callers.map { CertificateSubject.identity(try IdentityName($0)) }
                    + [.agent(try AgentName("eu-1"))]
                for (subject, grant) in zip(subjects, row) {
                    let before = gateway.operations.entries.count
                    let answer = try await gateway.request(line, headers: headers, body: body, as: subject)
                    let called = gateway.operations.entries.dropFirst(before)
                    if grant == "-" {
                        #expect(answer.status == 403, "\(line) by \(subject)")
                        #expect(answer.problem?.code == "forbidden")
                        #expect(called.isEmpty)
                    } else {
                        #expect(answer.status == endpoint.successStatus, "\(line) by \(subject): \(answer.body)")
                        #expect(called.first?.call?.reach == (grant == "a" ? .all : .own(subject)))
                        #expect(called.first?.call?.caller.subject == subject)
                    }
                }
            }
        }
    }

    @Test("a token does what its holder's role and its scope both allow, and never asks for a certificate")
    func tokens() async throws {
        try await TestGateway.run { gateway in
            func status(_ line: String, _ token: String, body: String = "") async throws -> Int {
                let json = body.isEmpty ? [] : ["content-type: application/json"]
                return try await gateway.request(
                    line, headers: ["authorization: Bearer \(token)", "if-match: *"] + json, body: body
                ).status
            }
            let lease = Self.body(.openLease, "")
            #expect(try await status("GET /v1/leases", "max:all") == 200)
            #expect(try await status("POST /v1/leases", "max:all", body: lease) == 201)
            #expect(try await status("POST /v1/identities/eve/disable", "max:all") == 403)
            #expect(try await status("GET /v1/leases", "ada:read") == 200)
            #expect(try await status("POST /v1/leases", "ada:read", body: lease) == 403)
            #expect(try await status("POST /v1/leases", "ada:openLease", body: lease) == 201)
            #expect(try await status("GET /v1/leases", "ada:openLease") == 403)
            #expect(try await status("GET /v1/whoami", "ada:openLease") == 200)
            #expect(try await status("GET /v1/whoami", "nonsense") == 401)
            let renewal = Self.body(.renewCertificate, "x")
            #expect(try await status("POST /v1/certificates", "ada:all", body: renewal) == 403)
            #expect(try await status("DELETE /v1/certificates/current", "ada:all") == 403)
            let basic = try await gateway.request(
                "GET /v1/whoami", headers: ["authorization: Basic x"], as: .identity(IdentityName("ada")))
            #expect(basic.status == 401, "a certificate doesn't make up for a wrong token")
        }
    }

    @Test("a scope includes another that allows nothing more")
    func scopes() {
        #expect(TokenScope.all.includes(TokenScope.read) && !TokenScope.read.includes(TokenScope.all))
        #expect(TokenScope.read.includes(.operations(["listLeases"])))
        #expect(!TokenScope.read.includes(.operations(["listLeases", "openLease"])))
        #expect(!TokenScope.operations(["listLeases"]).includes(TokenScope.read))
    }

    @Test("an identity without a role may do nothing")
    func noRole() async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request("GET /v1/whoami", as: .identity(IdentityName("nobody")))
            #expect(answer.status == 403)
        }
    }

    @Test("own reach takes in what the caller holds, and nothing else")
    func reach() throws {
        let ada = try IdentityName("ada")
        let own = Reach.own(.identity(ada))
        #expect(own.includes(ada))
        #expect(!own.includes(try IdentityName("max")))
        #expect(!own.includes(nil))
        #expect(Reach.all.includes(nil))
        #expect(!Reach.own(.agent(try AgentName("ada"))).includes(ada))
    }

    static func body(_ endpoint: Endpoint, _ request: String) -> String {
        switch endpoint {
        case .enrol: #"{"code":"gbi_x","certificateRequest":"\#(request)"}"#
        case .renewCertificate: #"{"certificateRequest":"\#(request)"}"#
        case .inviteIdentity: #"{"name":"new","role":"member"}"#
        case .inviteAgent: #"{"name":"new"}"#
        case .createToken: #"{"name":"ci","role":"member","lifetime":60}"#
        case .openLease: #"{"target":"shop-db","duration":60,"purpose":"test"}"#
        case .extendLease: #"{"duration":60}"#
        case .grantApproval, .denyApproval: #"{"digest":"ab01"}"#
        case .reviewApproval: #"{"note":"fine"}"#
        case .applyChanges: #"{"lease":"0123456789ab","title":"x","changes":[{"flag":{"key":"a","isRemoved":true}}]}"#
        case .rollBack, .explainFlag: "{}"
        case .issueMarks: #"{"testCase": "a", "methods": ["GET"]}"#
        default: ""
        }
    }
}
