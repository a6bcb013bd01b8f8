import NIOCore

/// How long a refusal is held back: longer with each that failed for the same user name, known or not, so that tokens
/// can't be tried quickly. (A token can't be guessed in any time; this keeps the trying cheap for us.)
struct FailedProofs {
    private struct Entry {
        var count: Int
        var last: NIODeadline
    }

    private var entries: [String: Entry] = [:]

    private static let first = TimeAmount.milliseconds(200)
    private static let doublings = 4
    /// After this long without a failure a name starts anew.
    private static let memory = TimeAmount.minutes(1)
    private static let entryLimit = 4096

    /// Notes a failure and gives the delay of its refusal.
    mutating func failed(_ name: String, now: NIODeadline) -> TimeAmount {
        if self.entries.count >= Self.entryLimit {
            self.entries = self.entries.filter { now - $0.value.last < Self.memory }
            if self.entries.count >= Self.entryLimit { self.entries.removeAll() }
        }
        var entry = self.entries[name] ?? Entry(count: 0, last: now)
        if now - entry.last >= Self.memory { entry.count = 0 }
        let delay = Self.first * Double(1 << min(entry.count, Self.doublings))
        entry.count += 1
        entry.last = now
        self.entries[name] = entry
        return delay
    }

    mutating func succeeded(_ name: String) {
        self.entries[name] = nil
    }
}

extension TimeAmount {
    fileprivate static func * (amount: TimeAmount, factor: Double) -> TimeAmount {
        .nanoseconds(Int64(Double(amount.nanoseconds) * factor))
    }
}
