import Baselines
import Contracts
import GloveboxCore
import JSONDocument
import TestSupport

/// Answers of the shapes that the storefront has, with its noise, and its faults where they're asked for.
struct ShopAnswers {
    enum Fault { case rename, currency, failing, slow, uuidLost, elementLost }

    static let products = "GET /api/products"
    static let order = "POST /api/orders"
    static let page = "GET /"

    private(set) var generator: SeededGenerator
    /// Milliseconds since 2026-11-27T12:00:00Z.
    private var clock = 0
    private var stock = ["cup": 90_000, "pen": 480, "print": 75, "shirt": 230]

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    private static func padded(_ value: Int, _ count: Int) -> String {
        String(repeating: "0", count: count - "\(value)".count) + "\(value)"
    }

    mutating func time() -> String {
        self.clock += Int.random(in: 20...400, using: &self.generator)
        let second = self.clock / 1000
        return "2026-11-27T\(Self.padded(12 + second / 3600, 2)):\(Self.padded(second / 60 % 60, 2)):"
            + "\(Self.padded(second % 60, 2)).\(Self.padded(self.clock % 1000, 3))Z"
    }

    mutating func hex(_ count: Int) -> String {
        String((0..<count).map { _ in "0123456789abcdef".randomElement(using: &self.generator) ?? "0" })
    }

    mutating func uuid() -> String {
        "\(self.hex(8))-\(self.hex(4))-4\(self.hex(3))-a\(self.hex(3))-\(self.hex(12))"
    }

    private mutating func buy() {
        if self.generator.once(in: 2) { self.stock["cup"]? -= 1 }
    }

    static func answer(
        _ body: JSON, status: Int = 200, served: String = "web@1, orders@1, inventory@1", latency: Int64 = 3000,
        headers: [ExchangeRequest.Field] = []
    ) -> ObservedAnswer {
        Self.answer(
            bytes: body.bytes(), "application/json", status: status, served: served, latency: latency, headers: headers)
    }

    static func answer(
        bytes: [UInt8], _ type: String, status: Int = 200, served: String = "web@1, orders@1, inventory@1",
        latency: Int64 = 3000, headers: [ExchangeRequest.Field] = []
    ) -> ObservedAnswer {
        var answer = ExchangeAnswer(
            url: "http://shop/", status: status,
            headers: [
                .init("Content-Type", type), .init("Content-Length", "\(bytes.count)"), .init("X-Served-By", served),
            ]
                + headers, rawBody: bytes)
        answer.timings.total = latency
        return ObservedAnswer([answer])
    }

    private mutating func latency() -> Int64 { Int64.random(in: 1500...9000, using: &self.generator) }

    private mutating func isHit(_ fault: Fault, in count: Int, _ faults: Set<Fault>) -> Bool {
        faults.contains(fault) && self.generator.once(in: count)
    }

    private mutating func headers() -> [ExchangeRequest.Field] {
        [
            .init(
                "Date",
                "Fri, 27 Nov 2026 \(12 + self.clock / 3_600_000):\(Self.padded(self.clock / 60_000 % 60, 2)):\(Self.padded(self.clock / 1000 % 60, 2)) GMT"
            ),
            .init("ETag", "\"\(self.hex(16))\""), .init("X-Request-Id", self.uuid()),
            .init("Set-Cookie", "sid=\(self.hex(32)); Path=/; HttpOnly"),
        ]
    }

    mutating func productList(
        _ faults: Set<Fault> = [], served: String = "web@1, orders@1, inventory@1"
    ) -> ObservedAnswer {
        self.buy()
        if self.isHit(.failing, in: 7, faults) {
            return Self.answer(
                ["error": ["code": "inventory_failed", "message": "inventory has answered with 503"]], status: 502,
                served: served)
        }
        var rows: [JSON] = []
        for (sku, level) in self.stock.sorted(by: { $0.key < $1.key }) {
            if faults.contains(.elementLost), sku == "shirt" { continue }
            let tags: [JSON] = ["new", "small", .string("for-\(sku)")].shuffled(using: &self.generator)
            rows.append([
                "sku": .string(sku), "name": .string("The \(sku)"), "category": "things", "tags": .array(tags),
                "prices": ["EUR": "12.90", "JPY": "1900"],
                (faults.contains(.rename) ? "in_stock" : "available"): .number(JSONNumber(level)),
            ])
        }
        let isSlow = self.isHit(.slow, in: 3, faults)
        let headers = self.headers()
        let id = faults.contains(.uuidLost) ? "req-\(self.hex(12))" : self.uuid()
        return Self.answer(
            [
                "products": .array(rows.shuffled(using: &self.generator)), "request_id": .string(id),
                "generated_at": .string(self.time()),
            ], served: served, latency: isSlow ? 2_504_000 : self.latency(), headers: headers)
    }

    mutating func placedOrder(
        _ faults: Set<Fault> = [], served: String = "web@1, orders@1, inventory@1"
    ) -> ObservedAnswer {
        let lines: [JSON] = [
            ["sku": "pen", "quantity": 2, "unit": "1900"], ["sku": "cup", "quantity": 1, "unit": "11500"],
        ]
        return Self.answer(
            [
                "id": .string(self.uuid()), "created_at": .string(self.time()), "customer": "synthetic",
                "currency": "JPY",
                "total": faults.contains(.currency) ? "153.00" : "15300",
                "lines": .array(lines.shuffled(using: &self.generator)),
            ], status: 201, served: served, latency: self.latency())
    }

    mutating func shopPage(_ faults: Set<Fault> = []) -> ObservedAnswer {
        self.buy()
        let rows = self.stock.sorted { $0.key < $1.key }.map { sku, level in
            "<tr id=\"\(sku)\"><td>The \(sku)</td><td>things</td><td class=\"price\">12.90 EUR</td>"
                + "<td class=\"stock\">\(faults.contains(.rename) ? "unknown" : "\(level)")</td></tr>"
        }
        let html = """
            <!doctype html>
            <html lang="en">
            <head><meta charset="utf-8"><title>Storefront</title></head>
            <body>
            <h1>Storefront</h1>
            <table>
            <thead><tr><th>product</th><th>category</th><th class="price">price</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            <footer><small>request \(self.uuid()), \(self.time())</small></footer>
            </body>
            </html>

            """
        return Self.answer(bytes: Array(html.utf8), "text/html; charset=utf-8", latency: self.latency())
    }

    /// A baseline of one case with all three, from so many runs.
    mutating func baseline(runs: Int = 4) throws -> Baseline {
        let answers = (0..<runs).map { _ in [self.productList(), self.placedOrder(), self.shopPage()] }
        return try Baseline.recorded(
            caseName: "shop", endpoints: [Self.products, Self.order, Self.page], runs: answers,
            at: .init(nanoseconds: 1_795_780_800_000_000_000),
            expires: CalendarDay("2026-12-31") ?? CalendarDay(number: 0),
            mask: { $0 })
    }
}

extension Baseline {
    func kinds(_ entry: Int) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: self.entries[entry].noise.rules.map {
                ($0.key.description, $0.value.kind?.name ?? "-")
            })
    }
}
