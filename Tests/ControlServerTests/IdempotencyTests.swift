import Contracts
import ControlAPI
import GloveboxCore
import TestSupport
import Testing

@testable import ControlServer

@Suite("A request that's sent again")
struct IdempotencyTests {
    private static let lease = #"{"target":"shop-db","duration":60,"purpose":"test"}"#
    private static let other = #"{"target":"shop-db","duration":61,"purpose":"test"}"#

    private func open(
        _ gateway: TestGateway, key: String?, _ body: String = Self.lease, as name: String = "ada"
    ) async throws -> RawAnswer {
        try await gateway.request(
            "POST /v1/leases",
            headers: ["content-type: application/json"] + (key.map { ["idempotency-key: \($0)"] } ?? []), body: body,
            as: .identity(IdentityName(name)))
    }

    @Test("creates once, and is answered with the same answer, secret and all")
    func replay() async throws {
        try await TestGateway.run { gateway in
            let first = try await self.open(gateway, key: "k1")
            #expect(first.status == 201 && first.body.contains("gbl_token"))
            let again = try await self.open(gateway, key: "\"k1\"")
            #expect(again.status == 201 && again.body == first.body)
            #expect(gateway.operations.asked.count == 1)
            _ = try await self.open(gateway, key: "k2")
            _ = try await self.open(gateway, key: nil)
            _ = try await self.open(gateway, key: "k1", as: "max")
            #expect(gateway.operations.asked.count == 4, "another key, no key and another caller create anew")
        }
    }

    @Test("is answered with the same approval, if it waits for one")
    func waiting() async throws {
        let body = #"{"target":"shop-db","duration":60,"purpose":"\#(FakeOperations.purposeThatWaits)"}"#
        let ledger = MemoryLedger()
        try await TestGateway.run(ledger: ledger) { gateway in
            let first = try await self.open(gateway, key: "k1", body)
            #expect(first.status == 202 && first.body.contains("ab01"))
            let again = try await self.open(gateway, key: "k1", body)
            #expect(again.status == 202 && again.body == first.body)
            #expect(try await self.open(gateway, key: nil, body).status == 202)
            #expect(gateway.operations.asked.count == 2)
        }
        try await TestGateway.run(ledger: ledger) { gateway in
            let again = try await self.open(gateway, key: "k1", body)
            #expect(again.problem?.detail.contains("approval 0123456789ab") == true, "\(again.body)")
        }
    }

    @Test("with another body is refused, and so is a key that's none")
    func reuse() async throws {
        try await TestGateway.run { gateway in
            _ = try await self.open(gateway, key: "k1")
            let reused = try await self.open(gateway, key: "k1", Self.other)
            #expect(reused.status == 422 && reused.problem?.code == "idempotency_key_reused")
            for bad in ["", "a b", "é", String(repeating: "x", count: 129)] {
                #expect(try await self.open(gateway, key: bad).status == 400, "'\(bad)'")
            }
            #expect(gateway.operations.asked.count == 1)
        }
    }

    @Test("after a restart is told what was created, which isn't done twice, and no secret was kept")
    func restart() async throws {
        let ledger = MemoryLedger()
        try await TestGateway.run(ledger: ledger) { gateway in
            let first = try await self.open(gateway, key: "k1")
            #expect(first.status == 201)
        }
        #expect(!"\(await ledger.entries)".contains("gbl_"))
        try await TestGateway.run(ledger: ledger) { gateway in
            let again = try await self.open(gateway, key: "k1")
            #expect(again.status == 409 && again.problem?.code == "already_created")
            #expect(again.problem?.detail.contains("lease 0123456789ab") == true, "\(again.body)")
            #expect(try await self.open(gateway, key: "k1", Self.other).status == 422)
            #expect(gateway.operations.asked == [])
        }
    }

    @Test("after a refusal may be sent again; after a failure that may have created something it's told so")
    func failures() async throws {
        try await TestGateway.run { gateway in
            gateway.operations.fail(with: GloveboxError(.policyDenied, "no"))
            #expect(try await self.open(gateway, key: "k1").status == 403)
            gateway.operations.fail(with: nil)
            #expect(try await self.open(gateway, key: "k1").status == 201)
            gateway.operations.fail(with: GloveboxError(.internal, "half done"))
            #expect(try await self.open(gateway, key: "k2").status == 500)
            gateway.operations.fail(with: nil)
            let unknown = try await self.open(gateway, key: "k2")
            #expect(unknown.status == 409 && unknown.problem?.code == "idempotency_unsettled")
            #expect(gateway.operations.asked.count == 3)
        }
    }

    @Test("while the first is under way is told to wait, and creates nothing")
    func concurrent() async throws {
        try await TestGateway.run { gateway in
            let gate = Gate()
            gateway.operations.wait(for: { await gate.wait() })
            async let first = self.open(gateway, key: "k1")
            try await eventually("the first under way") { gateway.operations.asked.count == 1 }
            let second = try await self.open(gateway, key: "k1")
            #expect(second.status == 409 && second.problem?.code == "idempotency_unsettled")
            gate.open()
            let answer = try await first
            #expect(answer.status == 201)
            #expect(gateway.operations.asked.count == 1)
        }
    }

    @Test("answers are kept for ten minutes, and a thousand at most; keys for a day")
    func bounds() async throws {
        let (ledger, time) = (MemoryLedger(), ManualTime())
        let idempotency = Idempotency(ledger: ledger, time: time)
        func ask(_ key: String) async throws -> Idempotency.Answer {
            try await idempotency.answer(.init(caller: "ada", endpoint: .openLease, key: key, body: [1])) {
                Idempotency.Answer(created: "lease \(key)", status: 201, body: Array(key.utf8))
            }
        }
        func code(_ key: String) async -> GloveboxError.Code? {
            do { _ = try await ask(key) } catch { return (error as? GloveboxError)?.code }
            return nil
        }
        for number in 0...Idempotency.mostKept {
            _ = try await ask("\(number)")
            time.advance(by: .milliseconds(1))
        }
        #expect(await code("0") == .alreadyCreated, "the oldest answer went")
        #expect(await code("\(Idempotency.mostKept)") == nil)
        time.advance(by: Idempotency.kept)
        #expect(await code("\(Idempotency.mostKept)") == .alreadyCreated)
        time.advance(by: Idempotency.lifetime)
        #expect(await code("0") == nil, "the key is forgotten")
    }
}
