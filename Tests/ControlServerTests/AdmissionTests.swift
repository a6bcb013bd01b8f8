import ControlAPI
import GloveboxCore
import TestSupport
import Testing

@testable import ControlServer

@Suite("How often may be asked")
struct AdmissionTests {
    private let ada = CertificateSubject.identity(IdentityName(unchecked: "ada"))

    private func limits(
        address: Double = 1000, caller: Double = 1000, failures: Double = 1000
    ) -> RequestLimits {
        var limits = RequestLimits()
        limits.perAddress = .init(burst: address, perSecond: 1)
        limits.perCaller = .init(burst: caller, perSecond: 1)
        limits.failedSignIns = .init(burst: failures, perSecond: 0.1)
        return limits
    }

    @Test("an address that asks too much is told when to come again, and may then")
    func address() async throws {
        let time = ManualTime()
        try await TestGateway.run(limits: self.limits(address: 3), time: time) { gateway in
            for _ in 0..<3 { #expect(try await gateway.request("GET /v1/health").status == 200) }
            let refused = try await gateway.request("GET /v1/health")
            #expect(refused.status == 429 && refused.problem?.code == "rate_limited")
            #expect(refused.headers["retry-after"] == "1")
            #expect(refused.headers["x-request-id"] != nil)
            time.advance(by: .seconds(1))
            #expect(try await gateway.request("GET /v1/health").status == 200)
        }
    }

    @Test("a caller that asks too much doesn't use up another's share")
    func caller() async throws {
        try await TestGateway.run(limits: self.limits(caller: 2), time: ManualTime()) { gateway in
            for expected in [200, 200, 429] {
                let answer = try await gateway.request("GET /v1/whoami", as: self.ada)
                #expect(answer.status == expected)
            }
            #expect(try await gateway.request("GET /v1/whoami", as: .identity(IdentityName("max"))).status == 200)
        }
    }

    @Test(
        "wrong codes and tokens lock an address out of trying more, but no certificate and no token that was in before")
    func lockOut() async throws {
        let time = ManualTime()
        try await TestGateway.run(limits: self.limits(failures: 2), time: time) { gateway in
            func token(_ text: String) async throws -> RawAnswer {
                try await gateway.request("GET /v1/whoami", headers: ["authorization: Bearer \(text)"])
            }
            #expect(try await token("ada:all").status == 200)
            #expect(try await token("wrong").status == 401)
            gateway.operations.fail(with: GloveboxError(.inviteInvalid, "no")) {
                if case .enrol = $0 { true } else { false }
            }
            let code = AuthorisationTests.body(.enrol, "x")
            #expect(try await gateway.post("/v1/enrolments", code).status == 401)
            #expect(try await token("ada:all").status == 200)
            let locked = try await token("max:all")
            #expect(locked.status == 429 && locked.problem?.code == "sign_in_locked")
            #expect(locked.headers["retry-after"] == "10")
            #expect(try await gateway.post("/v1/enrolments", code).status == 429)
            gateway.operations.fail(with: nil)
            #expect(try await gateway.request("GET /v1/whoami", as: self.ada).status == 200)
            time.advance(by: .seconds(10))
            #expect(try await token("max:all").status == 200)
        }
    }

    @Test("a flood from many addresses takes bounded memory, and lets nobody off who was refused")
    func flood() {
        let time = ManualTime()
        var keys = PacedKeys<String>(.init(burst: 2, perSecond: 0.001))
        for _ in 0..<2 { #expect(keys.take("culprit", at: time.boot) == nil) }
        for number in 0..<50_000 { _ = keys.take("\(number)", at: time.boot) }
        #expect(keys.count <= PacedKeys<String>.most)
        #expect(keys.take("culprit", at: time.boot) != nil)
        #expect(keys.take("bystander", at: time.boot) == nil)
    }

    @Test("an IPv6 host is known by its /64, an IPv4 one by its address")
    func addresses() {
        #expect(Admission.key("2001:db8::1") == Admission.key("2001:db8:0:0:ffff::2"))
        #expect(Admission.key("2001:db8::1") != Admission.key("2001:db8:0:1::1"))
        #expect(Admission.key("192.0.2.1") != Admission.key("192.0.2.2"))
        #expect(Admission.key("::ffff:192.0.2.1") != Admission.key("::ffff:192.0.2.2"))
    }

    @Test("header fields beyond the limits are refused as a problem, and far beyond them the connection ends")
    func fields() async throws {
        try await TestGateway.run { gateway in
            let many = try await gateway.request("GET /v1/health", headers: (0..<70).map { "x-\($0): y" })
            #expect(many.status == 431 && many.problem?.code == "headers_too_large")
            let long = try await gateway.request(
                "GET /v1/health", headers: ["x-long: \(String(repeating: "y", count: 17_000))"])
            #expect(long.status == 431)
            let farther = try await gateway.request("GET /v1/health", headers: (0..<2000).map { "x-\($0): y" })
            #expect(farther.status == 400)
            #expect(try await gateway.request("GET /v1/health").status == 200)
        }
    }
}
