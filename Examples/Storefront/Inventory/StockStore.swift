import Foundation

/// Stock and reservations. A run has a stock of its own from its first write on, so no test takes anything from people.
struct StockStore: Sendable {
    struct Level: Sendable {
        var sku: String
        var available: Int
    }

    let database: Database

    /// What a request of this scope sees: its run's own number where there's one.
    private static let levels = """
        SELECT DISTINCT ON (sku) sku, on_hand FROM storefront.stock WHERE scope IN ('', $1) AND ($2 = '' OR sku = $2)
        ORDER BY sku, scope DESC
        """

    /// Sorted by SKU.
    func levels(sku: String = "", scope: String) async throws -> [Level] {
        try await self.database.run { connection in
            try connection.query(Self.levels, [scope, sku]).compactMap { row in
                guard row.count == 2, let sku = row[0], let available = row[1].flatMap({ Int($0) }) else { return nil }
                return Level(sku: sku, available: available)
            }
        }
    }

    /// Takes `quantity` of the stock for an order, in one statement that takes nothing where there's not enough.
    /// - Returns: what's left; nil where there wasn't enough.
    func reserve(order: UUID, sku: String, quantity: Int, scope: String) async throws -> Int? {
        try await self.prepare(sku: sku, scope: scope)
        return try await self.database.transaction { connection in
            let rows = try connection.query(
                """
                UPDATE storefront.stock SET on_hand = on_hand - $3::bigint
                WHERE sku = $1 AND scope = $2 AND on_hand >= $3::bigint RETURNING on_hand
                """, [sku, scope, "\(quantity)"])
            guard let left = rows.first?.first?.flatMap({ Int($0) }) else { return nil }
            try Self.note(connection, order, sku, quantity, scope)
            return left
        }
    }

    /// The same with version 2's fault: what was read a moment ago is written back less what's sold, whoever has bought
    /// meanwhile.
    func reserveByReadingFirst(order: UUID, sku: String, quantity: Int, scope: String) async throws -> Int? {
        try await self.prepare(sku: sku, scope: scope)
        let level = try await self.levels(sku: sku, scope: scope).first
        guard let level, level.available >= quantity else { return nil }
        // As long as a look at who the customer is takes.
        try await Task.sleep(for: .milliseconds(50))
        let left = level.available - quantity
        return try await self.database.transaction { connection in
            try connection.query(
                "UPDATE storefront.stock SET on_hand = $3::bigint WHERE sku = $1 AND scope = $2",
                [sku, scope, "\(left)"])
            try Self.note(connection, order, sku, quantity, scope)
            return left
        }
    }

    /// Puts back what was taken for an order of this scope.
    /// - Returns: whether there was anything.
    func release(order: UUID, scope: String) async throws -> Bool {
        try await self.database.transaction { connection in
            let taken = try connection.query(
                """
                WITH gone AS (
                    DELETE FROM storefront.reservations WHERE order_id = $1::uuid AND scope = $2 RETURNING sku, quantity)
                UPDATE storefront.stock s SET on_hand = s.on_hand + gone.quantity FROM gone
                WHERE s.sku = gone.sku AND s.scope = $2 RETURNING s.sku
                """, [order.uuidString, scope])
            return !taken.isEmpty
        }
    }

    private func prepare(sku: String, scope: String) async throws {
        if scope.isEmpty { return }
        try await self.database.run { connection in
            _ = try connection.query(
                """
                INSERT INTO storefront.stock (sku, scope, on_hand)
                SELECT sku, $2, on_hand FROM storefront.stock WHERE sku = $1 AND scope = '' ON CONFLICT DO NOTHING
                """, [sku, scope])
        }
    }

    private static func note(
        _ connection: DatabaseConnection, _ order: UUID, _ sku: String, _ quantity: Int, _ scope: String
    ) throws {
        try connection.query(
            """
            INSERT INTO storefront.reservations (order_id, sku, quantity, synthetic, scope)
            VALUES ($1::uuid, $2, $3::bigint, $4::text <> '', $4)
            """, [order.uuidString, sku, "\(quantity)", scope])
    }
}
