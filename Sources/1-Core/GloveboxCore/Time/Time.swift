/// A moment on the wall clock, in nanoseconds since 1970-01-01 00:00 UTC. For people and records; never for judging
/// whether a lease has run out, since wall clocks are set back and forward.
package struct WallTime: Hashable, Comparable, Sendable, Codable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    package func advanced(by duration: Duration) -> WallTime {
        WallTime(nanoseconds: self.nanoseconds.addingClamped(duration.nanosecondsClamped))
    }

    package func duration(to other: WallTime) -> Duration {
        .nanoseconds(other.nanoseconds.subtractingReportingOverflow(self.nanoseconds).partialValue)
    }
}

/// A moment on a machine's boot clock, in nanoseconds since that machine started, suspended time included. Comparable
/// only within one boot (see ``BootID``).
package struct BootInstant: Hashable, Comparable, Sendable, Codable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    package func advanced(by duration: Duration) -> BootInstant {
        BootInstant(nanoseconds: self.nanoseconds.addingClamped(duration.nanosecondsClamped))
    }

    package func duration(to other: BootInstant) -> Duration {
        .nanoseconds(other.nanoseconds.subtractingReportingOverflow(self.nanoseconds).partialValue)
    }
}

/// Names one boot of one machine; Linux draws a new one at every start.
package struct BootID: Hashable, Sendable, Codable {
    package var rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }
}

extension Duration {
    /// In nanoseconds, held to what 64 bits carry (292 years).
    package var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : scaled.addingClamped(attoseconds / 1_000_000_000)
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
