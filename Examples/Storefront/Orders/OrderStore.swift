import Foundation

/// What's sold, and what was.
struct OrderStore: Sendable {
    struct Item: Sendable {
        var sku: String
        var name: String
        var category: String
        var tags: [String]
        /// In the smallest unit.
        var prices: [Currency: Int]
    }

    struct Order: Sendable {
        struct Line: Sendable {
            var sku: String
            var quantity: Int
            var unitMinor: Int
        }

        var id: UUID
        var createdAt: String
        var customer: String
        var currency: Currency
        var totalMinor: Int
        var lines: [Line]
    }

    /// Whom a test buys for.
    static let syntheticCustomer = "synthetic"

    let database: Database

    /// Sorted by SKU; with a SKU, that one at most.
    func items(sku: String = "") async throws -> [Item] {
        try await self.database.run { connection in
            let rows = try connection.query(
                """
                SELECT p.sku, p.name, p.category, array_to_string(p.tags, ','), r.currency, r.minor
                FROM storefront.products p JOIN storefront.prices r USING (sku) WHERE $1 = '' OR p.sku = $1
                ORDER BY p.sku, r.currency
                """, [sku])
            var items: [Item] = []
            for row in rows.map({ $0.map { $0 ?? "" } }) where row.count == 6 {
                guard let currency = Currency(rawValue: row[4]), let minor = Int(row[5]) else { continue }
                if items.last?.sku != row[0] {
                    items.append(
                        Item(
                            sku: row[0], name: row[1], category: row[2],
                            tags: row[3].split(separator: ",").map(String.init), prices: [:]))
                }
                items[items.count - 1].prices[currency] = minor
            }
            return items
        }
    }

    /// Keeps an order; in a test's scope it's the synthetic customer's, whoever was named.
    /// - Returns: as it was kept. Nil where there's no such customer.
    func add(
        _ id: UUID, customer: String, currency: Currency, totalMinor: Int, lines: [Order.Line], scope: String
    ) async throws -> Order? {
        try await self.database.transaction { connection in
            let customer = scope.isEmpty ? customer : Self.syntheticCustomer
            let rows = try connection.query(
                """
                INSERT INTO storefront.orders (id, customer, currency, total_minor, synthetic, scope)
                SELECT $1::uuid, c.id, $3, $4::bigint, c.synthetic, $5 FROM storefront.customers c
                WHERE c.id = $2 AND c.synthetic = ($5::text <> '')
                RETURNING \(Self.time)
                """, [id.uuidString, customer, currency.rawValue, "\(totalMinor)", scope])
            guard let createdAt = rows.first?.first ?? nil else { return nil }
            for line in lines {
                try connection.query(
                    """
                    INSERT INTO storefront.order_lines (order_id, sku, quantity, unit_minor)
                    VALUES ($1::uuid, $2, $3::bigint, $4::bigint)
                    """, [id.uuidString, line.sku, "\(line.quantity)", "\(line.unitMinor)"])
            }
            return Order(
                id: id, createdAt: createdAt, customer: customer, currency: currency, totalMinor: totalMinor,
                lines: lines)
        }
    }

    /// An ordinary one, or one of this run's own: no other is there.
    func order(_ id: UUID, scope: String) async throws -> Order? {
        try await self.database.run { connection in
            let rows = try connection.query(
                """
                SELECT \(Self.time), customer, currency, total_minor FROM storefront.orders
                WHERE id = $1::uuid AND (NOT synthetic OR scope = $2)
                """, [id.uuidString, scope])
            guard let row = rows.first, row.count == 4, let createdAt = row[0], let customer = row[1],
                let currency = row[2].flatMap({ Currency(rawValue: $0) }), let total = row[3].flatMap({ Int($0) })
            else { return nil }
            let lines = try connection.query(
                "SELECT sku, quantity, unit_minor FROM storefront.order_lines WHERE order_id = $1::uuid ORDER BY sku",
                [id.uuidString])
            return Order(
                id: id, createdAt: createdAt, customer: customer, currency: currency, totalMinor: total,
                lines: lines.compactMap { line in
                    guard let sku = line[0], let quantity = line[1].flatMap({ Int($0) }),
                        let unit = line[2].flatMap({ Int($0) })
                    else { return nil }
                    return .init(sku: sku, quantity: quantity, unitMinor: unit)
                })
        }
    }

    /// Of exactly this scope: a test can't take an ordinary order back.
    func remove(_ id: UUID, scope: String) async throws -> Bool {
        try await self.database.run { connection in
            try !connection.query(
                "DELETE FROM storefront.orders WHERE id = $1::uuid AND scope = $2 RETURNING id", [id.uuidString, scope]
            ).isEmpty
        }
    }

    private static let time = "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
}
