package import Contracts

/// One thing that every storage adapter has to do. An adapter's tests run all of them, each on a new, empty store:
///
///     @Test("the store keeps the contract", arguments: StorageBehaviour.all)
///     func contract(_ behaviour: StorageBehaviour) async throws { try await behaviour.check(makeStore()) }
package struct StorageBehaviour: Sendable, CustomStringConvertible {
    package let description: String
    /// Throws ``ContractBroken`` where the store does something else.
    package let check: @Sendable (_ store: any Storage) async throws -> Void

    init(_ description: String, _ check: @escaping @Sendable (any Storage) async throws -> Void) {
        self.description = description
        self.check = check
    }

    package static let all =
        Self.entries + Self.invitations + Self.certificates + Self.tokens + Self.endings + Self.creations + Self.leases
        + Self.approvals + Self.changes
}

/// What a store did against its contract.
package struct ContractBroken: Error, CustomStringConvertible {
    package let description: String
}
