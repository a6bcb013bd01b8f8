/// The blast radius of a lease. `nil` means that this part sets no bound.
package struct Limits: Hashable, Sendable, Codable {
    /// Most rows that all sessions of the lease may receive.
    package var rows: Int64?
    /// Most bytes of results that all sessions of the lease may receive.
    package var bytes: Int64?
    /// Longest that one statement may run, in seconds.
    package var seconds: Int64?
    /// Most sessions open at once.
    package var sessions: Int64?

    package init(rows: Int64? = nil, bytes: Int64? = nil, seconds: Int64? = nil, sessions: Int64? = nil) {
        self.rows = rows
        self.bytes = bytes
        self.seconds = seconds
        self.sessions = sessions
    }

    /// The tighter of both, part by part.
    package func tightened(by other: Limits) -> Limits {
        func least(_ a: Int64?, _ b: Int64?) -> Int64? {
            switch (a, b) {
            case (let a?, let b?): min(a, b)
            case (let a, nil): a
            case (nil, let b): b
            }
        }
        return Limits(
            rows: least(self.rows, other.rows), bytes: least(self.bytes, other.bytes),
            seconds: least(self.seconds, other.seconds), sessions: least(self.sessions, other.sessions))
    }
}
