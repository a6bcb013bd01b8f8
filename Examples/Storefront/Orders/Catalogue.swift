/// What's sold, as the API shows it.
struct Product: Codable, Sendable {
    var sku: String
    var name: String
    var category: String
    var tags: [String]
    var prices: [String: String]
    /// Nil where inventory doesn't say.
    var available: Int?

    private enum CodingKeys: String, CodingKey { case sku, name, category, tags, prices, available }

    /// What isn't known is null, rather than not there.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.sku, forKey: .sku)
        try container.encode(self.name, forKey: .name)
        try container.encode(self.category, forKey: .category)
        try container.encode(self.tags, forKey: .tags)
        try container.encode(self.prices, forKey: .prices)
        try container.encode(self.available, forKey: .available)
    }
}

struct ProductList: Codable, Sendable {
    var products: [Product]
    var requestID: String
    var generatedAt: String

    private enum CodingKeys: String, CodingKey {
        case products
        case requestID = "request_id"
        case generatedAt = "generated_at"
    }
}

struct BasketLine: Codable, Sendable {
    var sku: String
    var quantity: Int
}

struct BasketRequest: Codable, Sendable {
    var lines: [BasketLine]
}

/// What a basket would come to, in every currency.
struct BasketAnswer: Codable, Sendable {
    var lines: [BasketLine]
    var totals: [String: String]
    var requestID: String

    private enum CodingKeys: String, CodingKey {
        case lines, totals
        case requestID = "request_id"
    }
}

struct OrderRequest: Codable, Sendable {
    var currency: Currency
    var lines: [BasketLine]
    /// Who buys; a guest without.
    var customer: String?
}

struct OrderAnswer: Codable, Sendable {
    struct Line: Codable, Sendable {
        var sku: String
        var quantity: Int
        var unit: String
    }

    var id: String
    var createdAt: String
    var customer: String
    var currency: String
    var total: String
    var lines: [Line]

    private enum CodingKeys: String, CodingKey {
        case id, customer, currency, total, lines
        case createdAt = "created_at"
    }
}
