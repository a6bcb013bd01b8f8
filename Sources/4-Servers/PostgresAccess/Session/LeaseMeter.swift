import GloveboxCore
import Redaction
import Synchronization

/// What all sessions of a lease on this agent share: what they have received, how many are open, and the key of the
/// lease's pseudonyms. Lives until the lease ends.
final class LeaseMeter: Sendable {
    private struct State {
        var rows: Int64 = 0
        var bytes: Int64 = 0
        var sessions: Int64 = 0
        var ended: GloveboxError?
    }

    let pseudonyms: Pseudonyms
    /// Whether equal values of a stored column get equal pseudonyms: only where nobody can write values to compare with.
    let isLinkable: Bool
    private let state = Mutex(State())

    /// - Parameter overflowed: as of ``Pseudonyms``.
    init(_ grant: LeaseGrant, overflowed: @escaping @Sendable () -> Void = {}) {
        self.isLinkable = grant.capabilities == [.read]
        self.pseudonyms = Pseudonyms(linkable: self.isLinkable, overflowed: overflowed)
    }

    /// - Throws: `limit_reached` when the lease has as many sessions as it may, `lease_not_active` when it has ended.
    func openSession(_ limits: Limits) throws(GloveboxError) {
        let refusal = self.state.withLock { state -> GloveboxError? in
            if let ended = state.ended { return ended }
            if let most = limits.sessions, state.sessions >= most {
                return GloveboxError(.limitReached, "the lease allows \(most) sessions at once: close one first")
            }
            if let most = limits.rows, state.rows >= most { return .rowsReached(most) }
            if let most = limits.bytes, state.bytes >= most { return .bytesReached(most) }
            state.sessions += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    func closeSession() {
        self.state.withLock { $0.sessions -= 1 }
    }

    /// No session opens from now on.
    func end(_ error: GloveboxError) {
        self.state.withLock { $0.ended = $0.ended ?? error }
    }

    var ended: GloveboxError? { self.state.withLock { $0.ended } }

    /// Takes what a piece of a result needs, or nothing.
    ///
    /// - Throws: `limit_reached` when the lease doesn't allow it.
    func take(rows: Int64, bytes: Int64, _ limits: Limits) throws(GloveboxError) {
        // Without bounds there is nothing to share, and no lock to wait for.
        if limits.rows == nil && limits.bytes == nil { return }
        let refusal = self.state.withLock { state -> GloveboxError? in
            if let most = limits.rows, state.rows + rows > most { return .rowsReached(most) }
            if let most = limits.bytes, state.bytes + bytes > most { return .bytesReached(most) }
            state.rows += rows
            state.bytes += bytes
            return nil
        }
        if let refusal { throw refusal }
    }
}

/// The leases that ended last, and why.
struct EndedLeases {
    private static let most = 65_536

    private var errors: [LeaseID: GloveboxError] = [:]
    private var order: [LeaseID] = []

    subscript(_ lease: LeaseID) -> GloveboxError? { self.errors[lease] }

    mutating func add(_ lease: LeaseID, _ error: GloveboxError) {
        guard self.errors.updateValue(error, forKey: lease) == nil else { return }
        self.order.append(lease)
        guard self.order.count > Self.most else { return }
        for old in self.order.prefix(Self.most / 2) { self.errors[old] = nil }
        self.order.removeFirst(Self.most / 2)
    }
}

extension GloveboxError {
    static func rowsReached(_ most: Int64) -> Self {
        Self(.limitReached, "the lease allows \(most) rows in all, and they have been received: open another lease")
    }

    static func bytesReached(_ most: Int64) -> Self {
        Self(
            .limitReached,
            "the lease allows \(most) bytes of results in all, and they have been received: open another lease")
    }

    static func secondsReached(_ most: Int64) -> Self {
        Self(.limitReached, "the lease allows \(most) seconds for a statement, and they have passed")
    }
}
