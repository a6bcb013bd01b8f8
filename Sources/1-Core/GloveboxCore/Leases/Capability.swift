/// One thing a lease allows.
package enum Capability: String, Hashable, Comparable, Sendable, Codable, CaseIterable {
    case read, write, rehearse, reveal, observe, probe, exec, test, change

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// What an identity may do in Glovebox itself.
package enum Role: String, Hashable, Sendable, Codable, CaseIterable {
    case admin, approver, auditor, member
}
