import Foundation
import GloveboxKit
import HTTPTypes
import Hummingbird

/// The catalogue with what's in stock, what baskets come to, and orders.
struct OrdersService: Sendable {
    let orders: OrderStore
    let inventory: InventoryClient
    let settings: ServiceSettings

    func routes() -> Routes {
        Routes { router in
            router.get("/products") { _, _ in
                let items = try await self.orders.items()
                let levels = try await self.inventory.levels()
                let products = items.map { self.product($0, available: levels[$0.sku]) }
                return try JSONAnswer.response(
                    ProductList(
                        products: self.settings.unordered(products), requestID: UUID().uuidString.lowercased(),
                        generatedAt: Self.timestamp()))
            }
            router.get("/products/:sku") { _, context in
                let sku = try context.parameters.require("sku")
                guard let item = try await self.orders.items(sku: sku).first else { throw Problem.unknown(sku: sku) }
                return try JSONAnswer.response(
                    self.product(item, available: try await self.inventory.level(sku: sku)))
            }
            router.post("/basket") { request, _ in
                try await self.price(JSONAnswer.body(BasketRequest.self, of: request))
            }
            router.post("/orders") { request, _ in
                try await self.buy(JSONAnswer.body(OrderRequest.self, of: request))
            }
            router.get("/orders/:id") { _, context in
                let id = try context.parameters.require("id", as: UUID.self)
                guard let order = try await self.orders.order(id, scope: Scope.reading) else { throw Problem.notFound }
                return try JSONAnswer.response(self.shown(order))
            }
            router.delete("/orders/:id") { _, context in
                let id = try context.parameters.require("id", as: UUID.self)
                guard try await self.orders.remove(id, scope: Scope.writing()) else { throw Problem.notFound }
                try await self.inventory.release(order: id)
                return Response(status: .noContent)
            }
        }
    }

    private func price(_ basket: BasketRequest) async throws -> Response {
        let prices = try await self.prices(basket.lines)
        var totals: [String: String] = [:]
        for currency in Currency.allCases {
            let total = zip(basket.lines, prices).reduce(0) { $0 + $1.0.quantity * ($1.1[currency] ?? 0) }
            totals[currency.rawValue] = self.text(total, currency)
        }
        return try JSONAnswer.response(
            BasketAnswer(
                lines: self.settings.unordered(basket.lines), totals: totals, requestID: UUID().uuidString.lowercased())
        )
    }

    /// Takes the stock, then keeps the order; what was taken goes back where that fails.
    private func buy(_ wish: OrderRequest) async throws -> Response {
        let scope = try Scope.writing()
        let id = UUID()
        let lines = zip(wish.lines, try await self.prices(wish.lines)).map { line, prices in
            OrderStore.Order.Line(sku: line.sku, quantity: line.quantity, unitMinor: prices[wish.currency] ?? 0)
        }
        do {
            for line in lines {
                try await self.inventory.reserve(order: id, sku: line.sku, quantity: line.quantity)
            }
            let total = lines.reduce(0) { $0 + $1.quantity * $1.unitMinor }
            let order = try await self.orders.add(
                id, customer: wish.customer ?? "guest", currency: wish.currency, totalMinor: total, lines: lines,
                scope: scope)
            guard let order else { throw Problem.invalid("there's no such customer") }
            return try JSONAnswer.response(self.shown(order), status: .created)
        } catch {
            try? await self.inventory.release(order: id)
            throw error
        }
    }

    /// What one of each line costs, in the order of the lines.
    private func prices(_ lines: [BasketLine]) async throws -> [[Currency: Int]] {
        guard (1...20).contains(lines.count), lines.allSatisfy({ (1...1000).contains($0.quantity) }),
            Set(lines.map(\.sku)).count == lines.count
        else { throw Problem.invalid("a basket has 1 to 20 products, each once, and 1 to 1000 of each") }
        let items = Dictionary(try await self.orders.items().map { ($0.sku, $0.prices) }) { $1 }
        return try lines.map { line in
            guard let prices = items[line.sku] else { throw Problem.unknown(sku: line.sku) }
            return prices
        }
    }

    private func product(_ item: OrderStore.Item, available: Int?) -> Product {
        var prices: [String: String] = [:]
        for (currency, minor) in item.prices { prices[currency.rawValue] = Money.text(minor, digits: currency.digits) }
        return Product(
            sku: item.sku, name: item.name, category: item.category, tags: self.settings.unordered(item.tags),
            prices: prices, available: available)
    }

    private func shown(_ order: OrderStore.Order) -> OrderAnswer {
        OrderAnswer(
            id: order.id.uuidString.lowercased(), createdAt: order.createdAt, customer: order.customer,
            currency: order.currency.rawValue, total: self.text(order.totalMinor, order.currency),
            lines: self.settings.unordered(
                order.lines.map { line in
                    .init(
                        sku: line.sku, quantity: line.quantity,
                        unit: Money.text(line.unitMinor, digits: order.currency.digits))
                }))
    }

    /// A total. Version 2's fault takes each currency's for hundredths.
    private func text(_ minor: Int, _ currency: Currency) -> String {
        Money.text(minor, digits: self.settings.faults.contains(.currency) ? 2 : currency.digits)
    }

    private static func timestamp() -> String {
        Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
