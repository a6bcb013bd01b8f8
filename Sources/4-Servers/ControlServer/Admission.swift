import Contracts
import ControlAPI
import Crypto
import GloveboxCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Who may ask how often: by address before anything else is looked at, by caller once it's known who it is, and by
/// address for wrong codes and tokens. One address's flood is its own: the others' buckets aren't touched.
package final class Admission: Sendable {
    /// A pace that may be exceeded for a while.
    package struct Pace: Hashable, Sendable {
        /// Most at once.
        package var burst: Double
        package var perSecond: Double

        package init(burst: Double, perSecond: Double) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    private struct State {
        var addresses: PacedKeys<String>
        var callers: PacedKeys<CertificateSubject>
        var failures: PacedKeys<String>
        /// Tokens that let somebody in, each from an address, and when last.
        var knownGood: [String: BootInstant] = [:]
    }

    /// How long a token that let somebody in isn't locked out with its address, and how many such are remembered.
    private static let knownFor = Duration.seconds(3600)
    private static let mostKnown = 10_000

    private let time: any TimeSource
    private let state: Mutex<State>

    init(_ limits: RequestLimits, time: any TimeSource) {
        self.time = time
        self.state = Mutex(
            State(
                addresses: PacedKeys(limits.perAddress), callers: PacedKeys(limits.perCaller),
                failures: PacedKeys(limits.failedSignIns)))
    }

    /// - Throws: `rate_limited`.
    func admit(address: String?) throws(Refusal) {
        let key = Self.key(address)
        let wait = self.state.withLock { $0.addresses.take(key, at: self.time.boot) }
        try Refusal.check(wait, .rateLimited, "too many requests come from this address")
    }

    /// - Throws: `rate_limited`.
    func admit(caller: CertificateSubject) throws(Refusal) {
        let wait = self.state.withLock { $0.callers.take(caller, at: self.time.boot) }
        try Refusal.check(wait, .rateLimited, "\(caller) makes too many requests")
    }

    /// Asked before a code or a token is looked at. A certificate can't be guessed, and is let in always; so is a token
    /// that has let somebody in from this address before, lest neighbours lock each other out.
    /// - Throws: `sign_in_locked`.
    func checkAttempt(from address: String?, with token: Secret<String>?) throws(Refusal) {
        let (key, now) = (Self.key(address), self.time.boot)
        let known = token.map { Self.known($0, key) }
        let wait = self.state.withLock { state -> Duration? in
            if let known, let at = state.knownGood[known], now < at.advanced(by: Self.knownFor) { return nil }
            return state.failures.wait(key, at: now)
        }
        try Refusal.check(wait, .signInLocked, "too many wrong codes or tokens came from this address")
    }

    func attemptSucceeded(from address: String?, with token: Secret<String>) {
        let (known, now) = (Self.known(token, Self.key(address)), self.time.boot)
        self.state.withLock { state in
            if state.knownGood[known] == nil, state.knownGood.count >= Self.mostKnown {
                for old in state.knownGood.sorted(by: { $0.value < $1.value }).prefix(Self.mostKnown / 10) {
                    state.knownGood[old.key] = nil
                }
            }
            state.knownGood[known] = now
        }
    }

    /// A token's hash, so that no secret is kept, and where it came from.
    private static func known(_ token: Secret<String>, _ address: String) -> String {
        "\(Base32.encode(Array(SHA256.hash(data: Array(token.exposeSecret().utf8))))) \(address)"
    }

    func attemptFailed(from address: String?) {
        let key = Self.key(address)
        _ = self.state.withLock { $0.failures.take(key, at: self.time.boot) }
    }

    /// An IPv6 host has a whole /64 to choose from: it's taken as one.
    static func key(_ address: String?) -> String {
        guard let address else { return "" }
        var parsed = in6_addr()
        guard address.contains(":"), inet_pton(AF_INET6, address, &parsed) == 1 else { return address }
        let bytes = withUnsafeBytes(of: parsed) { Array($0) }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return (isMapped ? bytes.suffix(4) : bytes.prefix(8)).map(String.init).joined(separator: ".")
    }

    /// A refusal that says when to come again.
    struct Refusal: Error {
        var error: GloveboxError
        var retryAfter: Duration

        /// Whole seconds, at least one.
        var seconds: Int64 { max(1, (self.retryAfter + .nanoseconds(999_999_999)).components.seconds) }

        static func check(_ wait: Duration?, _ code: GloveboxError.Code, _ why: String) throws(Refusal) {
            guard let wait else { return }
            var refusal = Refusal(error: GloveboxError(code, ""), retryAfter: wait)
            refusal.error.message = "\(why): try again in \(refusal.seconds) s"
            throw refusal
        }
    }
}

/// How often may be asked.
package struct RequestLimits: Hashable, Sendable {
    package var perAddress = Admission.Pace(burst: 400, perSecond: 100)
    package var perCaller = Admission.Pace(burst: 200, perSecond: 50)
    package var failedSignIns = Admission.Pace(burst: 10, perSecond: 1.0 / 6)

    package init() {}
}

/// A token bucket for each key, in bounded memory. Keys whose buckets are full are forgotten first, as they'd begin so
/// again: whoever is out of tokens stays so, however many others come.
struct PacedKeys<Key: Hashable & Sendable>: Sendable {
    static var most: Int { 10_000 }

    private let pace: Admission.Pace
    private var buckets: [Key: (left: Double, at: BootInstant)] = [:]

    init(_ pace: Admission.Pace) {
        self.pace = pace
    }

    var count: Int { self.buckets.count }

    /// - Returns: nil when one was there to take; otherwise how long until one is.
    mutating func take(_ key: Key, at now: BootInstant) -> Duration? {
        let left = self.left(key, at: now)
        guard left >= 1 else { return self.until(left) }
        if self.buckets[key] == nil, self.buckets.count >= Self.most { self.forget(at: now) }
        self.buckets[key] = (left - 1, now)
        return nil
    }

    /// The same without taking one.
    func wait(_ key: Key, at now: BootInstant) -> Duration? {
        let left = self.left(key, at: now)
        return left >= 1 ? nil : self.until(left)
    }

    private func left(_ key: Key, at now: BootInstant) -> Double {
        guard let bucket = self.buckets[key] else { return self.pace.burst }
        return min(self.pace.burst, bucket.left + bucket.at.duration(to: now) / .seconds(1) * self.pace.perSecond)
    }

    private func until(_ left: Double) -> Duration {
        .nanoseconds(Int64((1 - left) / self.pace.perSecond * 1_000_000_000))
    }

    /// A tenth of them, the fullest.
    private mutating func forget(at now: BootInstant) {
        let order = self.buckets.keys.map { ($0, self.left($0, at: now)) }.sorted { $0.1 > $1.1 }
        for (key, _) in order.prefix(Self.most / 10) { self.buckets[key] = nil }
    }
}
