/// Seeds each size of the demo's shop once, for copies to be made of.
actor DatabaseTemplates {
    private var shops: [Int: Task<String, any Error>] = [:]
    /// The seeding that was asked for last: one goes on after the other, since all set up the same roles.
    private var last: Task<String, any Error>?

    func shop(customers: Int, on server: PostgresServer) async throws -> String {
        if let known = self.shops[customers] { return try await known.value }
        let before = self.last
        let seed = Task { () -> String in
            _ = await before?.result
            let name = "shop_\(customers)"
            let database = try await server.makeDatabase(template: "template0", name: name)
            let roles = String(decoding: try readFile(Repository.file("Examples/demo/roles.sql")), as: UTF8.self)
            let shop = String(decoding: try readFile(Repository.file("Examples/demo/shop.sql")), as: UTF8.self)
            try await server.sql(
                roles, database: database.name,
                variables: ["read_password": ShopDatabase.readPassword, "write_password": ShopDatabase.writePassword])
            try await server.sql(
                shop, database: database.name, variables: ["customers": String(customers), "list_secrets": "1"])
            return name
        }
        self.shops[customers] = seed
        self.last = seed
        return try await seed.value
    }
}

/// The demo's shop in a test's database, as `Examples/demo/shop.sql` makes it.
package enum ShopDatabase {
    /// The role that can't write.
    package static let readUser = "glovebox_read"
    package static let readPassword = "test-read-Password-of-the-shop"
    package static let writeUser = "glovebox_write"
    package static let writePassword = "test-write-Password-of-the-shop"

    /// One value that must never leave the agent's host.
    package struct SeededSecret: Hashable, Sendable {
        /// `email`, `phone`, `card`, `iban`, `password_hash`, `api_key`, `token`, `jwt`, `url_password`, `private_key`,
        /// `person_name`, `date_of_birth`.
        package var kind: String
        package var value: String
    }

    /// Every secret of the shop, once each. The list is in a schema that the shop's roles can't read.
    package static func secrets(of database: TestDatabase) async throws -> [SeededSecret] {
        let text = try await database.sql(
            "SELECT DISTINCT kind || E'\\t' || replace(value, E'\\n', '\\n') FROM seeded.secrets ORDER BY 1")
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return SeededSecret(
                kind: String(parts[0]), value: parts[1].split(separator: "\\n").joined(separator: "\n"))
        }
    }
}
