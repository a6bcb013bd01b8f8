import PostgresAccess
import TestSupport

/// A shop of a test's own, with a hundred customers, whose names and dates of birth are classified, and a holder who has
/// answers about them to spare.
struct ClassifiedShop: Sendable {
    let database: TestDatabase
    let target: PostgresTarget

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 100)
        self.target = try PostgresTarget.shop(self.database).with(disclosures: 10_000)
    }

    func name(_ id: Int) async throws -> String {
        try await self.database.sql("SELECT full_name FROM customers WHERE id = \(id)")
    }
}

extension PostgresTarget {
    func with(disclosures: Int64) -> PostgresTarget {
        var target = self
        target.disclosures = disclosures
        return target
    }
}

extension String {
    /// Without what stands for masked values, in which any short word may come up by chance.
    var withoutPseudonyms: String { self.replacing(/‹[^›]*›/, with: "‹›") }
}
