import GloveboxCore
import TestContextToken
import TestSupport

/// Keys and claims that the tests share. 2027-01-15 08:00:00 UTC.
let noon = WallTime(nanoseconds: 1_800_000_000_000_000_000)

extension WallTime {
    func plus(_ milliseconds: Int64) -> WallTime { self.advanced(by: .milliseconds(milliseconds)) }
}

struct TokenFixture {
    let ingress = TestContextSigner(audience: .ingress, validFrom: noon.plus(-1000), validUntil: noon.plus(3_600_000))
    let inner = TestContextSigner(audience: .internal, validFrom: noon.plus(-1000), validUntil: noon.plus(3_600_000))
    var keys: TestContextKeys { TestContextKeys([self.ingress.publicKey, self.inner.publicKey]) }

    static func context(
        run: String = "run-1", issuedAt: WallTime = noon, lifetime: Duration = .seconds(60), left: Int64 = 600_000,
        edge: String = "edge", writeBudget: UInt32 = 3
    ) throws(GloveboxError) -> IngressContext {
        try IngressContext(
            run: run, testCase: "checkout.hurl: pays with a card", edge: edge, issuedAt: issuedAt, lifetime: lifetime,
            runEndsAt: issuedAt.plus(left),
            routes: [TestContextRoute(path: "/orders"), TestContextRoute(host: "shop.example", path: "/")],
            methods: ["POST", "GET"], writeBudget: writeBudget)
    }

    static func inner(
        issuedAt: WallTime = noon, lifetime: Duration = .seconds(60)
    ) throws(GloveboxError) -> InternalContext {
        try InternalContext(
            run: "run-1", testCase: "checkout", issuedAt: issuedAt, lifetime: lifetime, declaresSyntheticWrites: true,
            flagScope: "run-1")
    }

    /// Why an edge doesn't take this token; nil when it does.
    func refusal(_ token: some Collection<UInt8>, edge: String = "edge", at now: WallTime = noon) -> TestContextRefusal?
    {
        do {
            _ = try self.keys.ingress(token, edge: edge, at: now)
            return nil
        } catch {
            return error
        }
    }

    func innerRefusal(_ token: some Collection<UInt8>, at now: WallTime = noon) -> TestContextRefusal? {
        do {
            _ = try self.keys.internal(token, at: now)
            return nil
        } catch {
            return error
        }
    }
}
