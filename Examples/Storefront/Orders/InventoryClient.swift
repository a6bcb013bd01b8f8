import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Inventory, as orders knows it.
struct InventoryClient: Sendable {
    let upstream: Upstream
    let settings: ServiceSettings

    /// What's in stock of each.
    func levels() async throws -> [String: Int] {
        try await self.levels("/stock") { try $0.json(StockList.self).stock }
    }

    func level(sku: String) async throws -> Int? {
        try await self.levels("/stock/\(sku)") { [try $0.json(StockLevel.self)] }[sku]
    }

    /// - Throws: the problem that inventory has, or that its answer can't be read.
    func reserve(order: UUID, sku: String, quantity: Int) async throws {
        let body = try JSONAnswer.bytes(ReservationRequest(order: order, sku: sku, quantity: quantity))
        let answer = try await self.upstream.send(.POST, "/reservations", body: ByteBuffer(bytes: body))
        guard answer.status == 201 else { throw self.problem(answer) }
        guard let level = try? answer.json(StockLevel.self), self.number(level) != nil else {
            throw Problem(
                .badGateway, "inventory_answer_unreadable", "inventory's answer hasn't the field that's looked for")
        }
    }

    func release(order: UUID) async throws {
        _ = try await self.upstream.send(.DELETE, "/reservations/\(order.uuidString)")
    }

    /// Numbers of stock are no reason to show no product: without an answer in time there are none. Version 2 has forgotten
    /// this together with the time-out.
    private func levels(
        _ path: String, _ read: (Upstream.Answer) throws -> [StockLevel]
    ) async throws -> [String: Int] {
        do {
            let answer = try await self.upstream.send(.GET, path)
            guard answer.status == 200 else { throw self.problem(answer) }
            return try read(answer).reduce(into: [:]) { levels, level in levels[level.sku] = self.number(level) }
        } catch {
            if self.settings.faults.contains(.slow) { throw error }
            return [:]
        }
    }

    private func number(_ level: StockLevel) -> Int? {
        self.settings.faults.contains(.rename) ? level.inStock : level.available
    }

    private func problem(_ answer: Upstream.Answer) -> Problem {
        guard let body = try? answer.json(ProblemBody.self).error, answer.status >= 400 else {
            return Problem(.badGateway, "inventory_failed", "inventory has answered with \(answer.status)")
        }
        return Problem(.init(code: answer.status), body.code, body.message)
    }
}
