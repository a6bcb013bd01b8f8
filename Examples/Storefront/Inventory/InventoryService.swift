import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

/// What inventory says of one product.
struct StockLevel: Codable, Sendable {
    var sku: String
    var available: Int?
    /// What `available` is called with the fault `rename`.
    var inStock: Int?

    private enum CodingKeys: String, CodingKey {
        case sku, available
        case inStock = "in_stock"
    }

    init(_ level: StockStore.Level, renamed: Bool) {
        self.sku = level.sku
        self.available = renamed ? nil : level.available
        self.inStock = renamed ? level.available : nil
    }
}

struct StockList: Codable, Sendable {
    var stock: [StockLevel]
}

struct ReservationRequest: Codable, Sendable {
    var order: UUID
    var sku: String
    var quantity: Int
}

/// What's in stock, and what's taken of it for orders.
struct InventoryService: Sendable {
    let stock: StockStore
    let settings: ServiceSettings
    private let lookups: Lookups

    init(stock: StockStore, settings: ServiceSettings) {
        self.stock = stock
        self.settings = settings
        self.lookups = Lookups()
    }

    func routes() -> Routes {
        Routes { router in
            router.get("/stock") { _, _ in
                try await self.lookUp()
                let levels = try await self.stock.levels(scope: Scope.reading)
                return try JSONAnswer.response(StockList(stock: self.settings.unordered(levels.map(self.shown))))
            }
            router.get("/stock/:sku") { _, context in
                try await self.lookUp()
                let sku = try context.parameters.require("sku")
                guard let level = try await self.stock.levels(sku: sku, scope: Scope.reading).first else {
                    throw Problem.unknown(sku: sku)
                }
                return try JSONAnswer.response(self.shown(level))
            }
            router.post("/reservations") { request, _ in
                try await self.reserve(JSONAnswer.body(ReservationRequest.self, of: request))
            }
            router.delete("/reservations/:order") { _, context in
                let order = try context.parameters.require("order", as: UUID.self)
                guard try await self.stock.release(order: order, scope: Scope.writing()) else { throw Problem.notFound }
                return Response(status: .noContent)
            }
        }
    }

    private func reserve(_ wish: ReservationRequest) async throws -> Response {
        guard wish.quantity > 0 else { throw Problem.invalid("a quantity is 1 or more") }
        let scope = try Scope.writing()
        let left =
            if self.settings.faults.contains(.race) {
                try await self.stock.reserveByReadingFirst(
                    order: wish.order, sku: wish.sku, quantity: wish.quantity, scope: scope)
            } else {
                try await self.stock.reserve(order: wish.order, sku: wish.sku, quantity: wish.quantity, scope: scope)
            }
        guard let left else {
            throw Problem(.conflict, "out_of_stock", "there aren't \(wish.quantity) of '\(wish.sku)' left")
        }
        return try JSONAnswer.response(self.shown(.init(sku: wish.sku, available: left)), status: .created)
    }

    private func shown(_ level: StockStore.Level) -> StockLevel {
        StockLevel(level, renamed: self.settings.faults.contains(.rename))
    }

    /// Version 2 asks a warehouse that's slow for every third and down for every seventh, and waits.
    private func lookUp() async throws {
        guard self.settings.faults.contains(.slow) else { return }
        let number = self.lookups.next()
        if number % 7 == 0 {
            throw Problem(.serviceUnavailable, "warehouse_unavailable", "the warehouse doesn't answer")
        }
        if number % 3 == 0 { try await Task.sleep(for: .milliseconds(2500)) }
    }

    /// Counted, not drawn: so a test meets each kind.
    private final class Lookups: Sendable {
        private let count = Atomic(0)

        func next() -> Int { self.count.add(1, ordering: .relaxed).newValue }
    }
}
