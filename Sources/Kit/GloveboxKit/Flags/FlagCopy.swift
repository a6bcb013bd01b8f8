import Contracts
import FlagRules
import GloveboxCore

/// A target's flags as a gateway last told of them, with when each leased change in them goes back: by the boot clock, and
/// after a reboot by the earlier of the wall clock and what was left when it was written down. What's kept stays for good.
struct FlagCopy: Hashable, Sendable {
    private(set) var state: FlagState
    private(set) var tag: String
    private(set) var expiries: [ChangeSetID: LeaseExpiry]

    /// The first epoch that's told of.
    init(_ state: FlagState, tag: String, remaining: [ChangeSetID: Duration], at now: ClockReading) {
        self.state = state
        self.tag = tag
        self.expiries = remaining.mapValues { .after($0, from: now) }
    }

    /// - Throws: `flags_invalid` where it's a step from another epoch than this.
    mutating func take(_ notice: FlagNotice, at now: ClockReading) throws(GloveboxError) {
        switch notice {
        case .epoch(let state, let tag, let remaining):
            self = FlagCopy(state, tag: tag, remaining: remaining, at: now)
        case .step(let step, let after, let tag, let remaining):
            guard after == self.tag else {
                throw GloveboxError(.flagsInvalid, "a step came from epoch \(after), and this is \(self.tag)")
            }
            self = FlagCopy(try step.applied(to: self.state), tag: tag, remaining: remaining, at: now)
        case .remaining(let remaining): self.expiries = remaining.mapValues { .after($0, from: now) }
        case .end: break
        }
    }

    /// What counts now: without the leased changes whose time is up, and without those that nobody gave a time.
    func inForce(at now: ClockReading) -> FlagState {
        var state = self.state
        state.layers.removeAll { self.expiries[$0.set]?.hasPassed(at: now) ?? true }
        return state
    }

    /// When the next leased change goes back.
    func nextExpiry(at now: ClockReading) -> BootInstant? {
        self.state.layers.compactMap { self.expiries[$0.set]?.remaining(at: now) }.filter { $0 > .zero }.min()
            .map { now.boot.advanced(by: $0) }
    }
}

// MARK: On disk

extension FlagCopy {
    private static let version: Int64 = 1

    /// As it's kept for the next start.
    func file(at now: ClockReading) -> [UInt8] {
        let expiries = self.expiries.mapValues { expiry -> FlagValue in
            let expiry = expiry.withRemainder(at: now)
            return .object([
                "wall": .integer(expiry.wall.nanoseconds), "boot": .string(expiry.bootID.rawValue),
                "deadline": .integer(expiry.deadline.nanoseconds),
                "remainder": .integer(expiry.remainder.nanosecondsClamped),
            ])
        }
        let value = FlagValue.object([
            "version": .integer(Self.version), "tag": .string(self.tag), "state": self.state.json,
            "expiries": .object(Dictionary(expiries.map { ($0.key.rawValue, $0.value) }) { $1 }),
        ])
        return Array(value.json.utf8)
    }

    /// - Throws: `flags_invalid`, `invalid_argument`.
    init(file bytes: [UInt8]) throws(GloveboxError) {
        let value = try FlagValue(json: bytes)
        guard value.field("version")?.integer == Self.version, let tag = value.field("tag")?.string,
            let state = value.field("state")
        else { throw GloveboxError(.flagsInvalid, "it's of another version") }
        self.state = try FlagState(json: state)
        self.tag = tag
        self.expiries = [:]
        for (set, expiry) in value.field("expiries")?.object ?? [:] {
            guard let wall = expiry.field("wall")?.integer, let boot = expiry.field("boot")?.string,
                let deadline = expiry.field("deadline")?.integer, let remainder = expiry.field("remainder")?.integer
            else { throw GloveboxError(.flagsInvalid, "when change \(set) goes back isn't there") }
            self.expiries[try ChangeSetID(set)] = LeaseExpiry(
                wall: WallTime(nanoseconds: wall), bootID: BootID(boot), deadline: BootInstant(nanoseconds: deadline),
                remainder: .nanoseconds(remainder))
        }
    }
}
