import ControlAPI
import ControlServer
import GloveboxCore
import Identity
import NIOHTTP1
import OutboundHTTP
import TestSupport
import Testing

@testable import ControlClient

@Suite("Every endpoint, over real TLS")
struct EndpointTests {
    @Test("the client's calls reach their operations with all that was asked, and bring the answers back")
    func everyEndpoint() async throws {
        try await TestGateway.run { gateway in
            let lease = try LeaseID("0123456789ab")
            try await gateway.call(as: "ada") { client in
                #expect(try await client.health().version == "1.2.3")
                let me = try await client.whoAmI()
                #expect(me.subject.description == "identity ada")
                #expect(me.role == .admin)
                #expect(me.groups == ["on-call"])

                let guest = try await client.inviteIdentity(.init(name: try IdentityName("max"), role: .member))
                #expect(guest.code.secret.exposeSecret() == "gbi_test")
                let agent = try await client.inviteAgent(.init(name: try AgentName("eu-1")))
                #expect(agent.subject.kind == .agent)

                let page = PageRequest(after: "a b", limit: 2)
                #expect(try await client.identities(page).items.first?.role == .member)
                let max = try IdentityName("max")
                let (identity, tag) = try await client.identity(max)
                #expect(identity.name == max && tag == "\"3\"")
                #expect(try await client.disableIdentity(max, if: tag).isDisabled)
                #expect(try await client.enableIdentity(max, if: "*").isDisabled == false)
                let eu = try AgentName("eu-1")
                #expect(try await client.agent(eu).eTag == "\"3\"")
                #expect(try await client.quarantineAgent(eu, if: "*").isQuarantined)
                #expect(try await client.releaseAgent(eu, if: "*").isQuarantined == false)
                try await client.removeAgent(eu, if: tag)
                let created = try await client.createToken(
                    TokenRequest(
                        name: try TokenName("ci"), identity: max, role: .member, scope: .operations(["openLease"]),
                        lifetime: .seconds(60)))
                #expect(created.secret.secret.exposeSecret() == "gbt_test")
                #expect(created.token.scope == .operations(["openLease"]))
                #expect(try await client.tokens(page).items.first?.name.rawValue == "ci")
                try await client.revokeToken(try TokenName("ci"))

                #expect(try await client.targets().items.map(\.name.rawValue) == ["shop-db"])
                #expect(
                    try await client.targets(PageRequest(after: "a b", limit: 2)).items.first?.capabilities
                        == [.read, .write])
                #expect(try await client.agents().items.first?.version == "1.2.3")

                let answer = try await client.openLease(
                    LeaseRequest(
                        target: try TargetName("shop-db"), capabilities: [.read, .write], duration: .seconds(900),
                        purpose: "INC-4711"))
                guard case .opened(let opened) = answer else { throw TestSupportError("the lease waits") }
                #expect(opened.token.secret.exposeSecret() == "gbl_token")
                #expect(opened.postgres?.user == "shop-db.0123456789ab")
                #expect(opened.lease.remaining.duration == .milliseconds(899_500))
                let leases = try await client.leases(
                    LeaseQuery(
                        activeOnly: true, holder: try IdentityName("ada"), target: try TargetName("shop-db"),
                        page: PageRequest(after: "a&b=c d", limit: 7)))
                #expect(leases.next == "cursor &1")
                #expect(try await client.lease(lease).id == lease)
                #expect(try await client.extendLease(lease, LeaseExtension(duration: .seconds(60))).state == .active)
                #expect(try await client.endLease(lease).ended?.reason == .holder)

                let records = try await client.records(
                    RecordQuery(
                        identity: try IdentityName("ada"), target: try TargetName("shop-db"), lease: lease,
                        event: "statement", page: PageRequest(after: "9", limit: 1000)))
                #expect(records.items.first?.id == "agent/eu-1:7")
                #expect(try await client.record(RecordID(origin: "agent/eu-1", sequence: 7)).event == "statement")
                try await client.revokeCurrentCertificate()
            }
            #expect(
                gateway.operations.asked == [
                    .health, .whoAmI, .inviteIdentity(try IdentityName("max"), .member),
                    .inviteAgent(try AgentName("eu-1")),
                    .identities(PageRequest(after: "a b", limit: 2)), .identity(try IdentityName("max")),
                    .disableIdentity(try IdentityName("max"), .versions([3])),
                    .enableIdentity(try IdentityName("max"), .any), .agent(try AgentName("eu-1")),
                    .quarantineAgent(try AgentName("eu-1"), .any), .releaseAgent(try AgentName("eu-1"), .any),
                    .removeAgent(try AgentName("eu-1"), .versions([3])),
                    .createToken(
                        try TokenName("ci"), try IdentityName("max"), .member, .operations(["openLease"]), .seconds(60)),
                    .tokens(PageRequest(after: "a b", limit: 2)), .revokeToken(try TokenName("ci")),
                    .targets(PageRequest()),
                    .targets(PageRequest(after: "a b", limit: 2)), .agents(PageRequest()),
                    .openLease(try TargetName("shop-db"), [.read, .write], .seconds(900), "INC-4711"),
                    .leases(
                        LeaseQuery(
                            activeOnly: true, holder: try IdentityName("ada"), target: try TargetName("shop-db"),
                            page: PageRequest(after: "a&b=c d", limit: 7))), .lease(lease),
                    .extendLease(lease, .seconds(60)), .endLease(lease),
                    .records(
                        RecordQuery(
                            identity: try IdentityName("ada"), target: try TargetName("shop-db"), lease: lease,
                            event: "statement", page: PageRequest(after: "9", limit: 1000))),
                    .record(RecordID(origin: "agent/eu-1", sequence: 7)), .revokeCurrentCertificate,
                ])
        }
    }

    @Test("a lease that waits answers with its approval, and what's said of an approval reaches its operation")
    func approvals() async throws {
        try await TestGateway.run { gateway in
            let id = try ApprovalID("0123456789ab")
            try await gateway.call(as: "ada") { client in
                let answer = try await client.openLease(
                    LeaseRequest(
                        target: try TargetName("shop-db"), duration: .seconds(60),
                        purpose: FakeOperations.purposeThatWaits))
                guard case .waits(let waits) = answer else { throw TestSupportError("the lease doesn't wait") }
                #expect(waits.id == id && waits.missing == 1 && waits.requirement?.from == ["leads"])
                #expect(waits.lease?.capabilities == [.write] && waits.digest == "ab01")
                let query = ApprovalQuery(openOnly: true, unreviewedOnly: true, asker: try IdentityName("ada"))
                #expect(try await client.approvals(query).items.count == 1)
                #expect(try await client.approval(id).votes.first?.reason == "go ahead")
                let verdict = ApprovalVerdict(digest: "ab01", reason: "why")
                #expect(try await client.grantApproval(id, verdict).state == .granted)
                #expect(try await client.denyApproval(id, verdict).state == .denied)
                #expect(try await client.withdrawApproval(id).state == .withdrawn)
                #expect(try await client.reviewApproval(id, ApprovalReview(note: "fine")).review?.note == "fine")
                #expect(
                    gateway.operations.asked.suffix(6) == [
                        .approvals(query), .approval(id), .grantApproval(id, "ab01", "why"),
                        .denyApproval(id, "ab01", "why"), .withdrawApproval(id), .reviewApproval(id, "fine"),
                    ])
            }
        }
    }

    @Test("sessions are listed, watched and ended")
    func sessions() async throws {
        try await TestGateway.run { gateway in
            let id = try SessionID("0123456789abcdef")
            try await gateway.call(as: "ada") { client in
                #expect(try await client.sessions(PageRequest(after: "a b", limit: 2)).items.map(\.id) == [id])
                let records = try await client.sessionRecords(id, after: "9")
                #expect(records.items.first?.event == "statement" && records.next == "12")
                #expect(try await client.endSession(id).endedAt != nil)
                #expect(
                    gateway.operations.asked.suffix(3) == [
                        .sessions(PageRequest(after: "a b", limit: 2)), .sessionRecords(id, PageRequest(after: "9")),
                        .endSession(id),
                    ])
            }
        }
    }

    @Test("a client that has HTTP/2 gets it, and is known by its certificate on every stream")
    func http2() async throws {
        try await TestGateway.run { gateway in
            let profile = try gateway.profile(.identity(IdentityName("ada")))
            let transport = HTTPTransport(
                gateway.address, trust: try profile.trust(), timeout: .seconds(30), allowsHTTP2: true)
            try await withThrowingTaskGroup(of: HTTPTransport.Answer.self) { tasks in
                for _ in 0..<20 { tasks.addTask { try await transport.send(.get, "/v1/whoami", body: nil) } }
                for try await answer in tasks {
                    #expect(answer.isHTTP2)
                    #expect(try JSONForm.decode(WhoAmI.self, from: answer.body).subject.name == "ada")
                }
            }
            await transport.shutdown()
            let old = try await gateway.request("GET /v1/whoami", as: .identity(IdentityName("ada")))
            #expect(old.status == 200, "HTTP/1.1 for a client that names no protocol")
        }
    }

    @Test("the CA's certificate and the state of health are there for anyone")
    func openEndpoints() async throws {
        try await TestGateway.run { gateway in
            let authority = try await gateway.request("GET /v1/ca")
            #expect(authority.status == 200)
            #expect(authority.headers["content-type"] == "application/pem-certificate-chain")
            #expect(authority.body == gateway.authority.pem)
            #expect(try await gateway.request("GET /v1/health").status == 200)
            #expect(gateway.identified.count == 0)
        }
    }

    @Test("an operation's refusal arrives as a problem with its code, and as the same error in the client")
    func problems() async throws {
        try await TestGateway.run { gateway in
            gateway.operations.fail(with: GloveboxError(.policyDenied, "rule 'on-call reads' allows 15m at most"))
            let error = try await gateway.refusal {
                _ = try await gateway.call(as: "max") { try await $0.targets() }
            }
            #expect(error?.code == .policyDenied)
            #expect(error?.message == "rule 'on-call reads' allows 15m at most")

            let answer = try await gateway.request("GET /v1/targets", as: .identity(IdentityName("max")))
            #expect(answer.status == 403)
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.problem?.title == "Policy denied")
            #expect(answer.problem?.requestId == answer.headers["x-request-id"])
        }
    }

    @Test("what goes wrong inside is in the log, with the request's id, and not in the answer")
    func internalErrors() async throws {
        struct Broken: Error { var detail = "row 17 of a secret table" }
        try await TestGateway.run { gateway in
            for error in [Broken(), GloveboxError(.internal, "row 17 of a secret table")] as [any Error] {
                gateway.operations.fail(with: error)
                let answer = try await gateway.request(
                    "GET /v1/targets", headers: ["x-request-id: find-me-17"], as: .identity(IdentityName("ada")))
                #expect(answer.status == 500)
                #expect(answer.problem?.code == "internal")
                #expect(!answer.body.contains("row 17"))
                #expect(answer.body.contains("find-me-17"))
            }
            #expect(gateway.logs.text.contains("row 17"))
            #expect(gateway.logs.text.contains("find-me-17"))
        }
    }

    @Test("a request's id is the client's own if it's harmless, and a new one otherwise")
    func requestIDs() async throws {
        try await TestGateway.run { gateway in
            let own = try await gateway.request("GET /v1/health", headers: ["x-request-id: abc-1.2_3"])
            #expect(own.headers["x-request-id"] == "abc-1.2_3")
            for bad in ["a b", "a\tb", String(repeating: "a", count: 65), "é"] {
                let answer = try await gateway.request("GET /v1/health", headers: ["x-request-id: \(bad)"])
                #expect(answer.headers["x-request-id"]?.count == 16)
            }
            let call = try await gateway.request(
                "GET /v1/whoami", headers: ["x-request-id: seen-by-op"], as: .identity(IdentityName("ada")))
            #expect(call.status == 200)
            #expect(
                gateway.operations.entries.last?.call?.origin
                    == RequestOrigin(requestID: "seen-by-op", address: "127.0.0.1"))
        }
    }
}
