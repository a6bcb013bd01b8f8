import Foundation
import TestSupport
import Testing

@Suite("The storefront, its three services as processes", .serialized)
struct StorefrontTests {
    @Test("an order goes through all three in version 1: totals by currency, stock taken, read again, taken back")
    func order() async throws {
        let shop = try await Shop()
        let lines = #"{"lines":[{"sku":"pen","quantity":2},{"sku":"cup","quantity":1}]}"#
        let basket = try await shop.post("/api/basket", lines)
        #expect(
            basket.object["totals"] as? [String: String] == ["EUR": "92.80", "USD": "100.90", "JPY": "15300"],
            "\(basket.body)")
        #expect(basket.header("x-served-by") == "web@1, orders@1")

        let bought = try await shop.buy("pen", quantity: 3, currency: "JPY")
        #expect(bought.status == 201 && bought.object["total"] as? String == "19800", "\(bought.body)")
        #expect(bought.object["customer"] as? String == "guest")
        #expect(bought.header("x-served-by") == "web@1, orders@1, inventory@1")
        #expect(bought.header("glovebox-test-seen") == nil && bought.header("cache-control") == nil)
        #expect(try await shop.available("pen") == 72)
        let id = try #require(bought.object["id"] as? String)
        let again = try await shop.get("/api/orders/\(id)")
        #expect(again.body == bought.body)
        #expect(try await shop.get("/api/orders/\(id)", more: ["--request", "DELETE"]).status == 204)
        #expect(try await shop.available("pen") == 75)
        #expect(try await shop.get("/api/orders/\(id)").status == 404)

        // Of an order whose second line can't be had, nothing stays.
        let half = #"{"currency":"EUR","lines":[{"sku":"pen","quantity":1},{"sku":"lamp","quantity":13}]}"#
        let refused = try await shop.post("/api/orders", half)
        #expect(refused.status == 409 && refused.errorCode == "out_of_stock")
        #expect(try await shop.available("pen") == 75)
        #expect(try await shop.database.sql("SELECT count(*) FROM storefront.reservations") == "0")

        let page = try await shop.get("/")
        #expect(
            page.body.contains("<tr id=\"lamp\">") && page.body.contains("89.50 EUR") && page.body.contains("12</td>"))
        for (path, status) in [("/api/products/none", 404), ("/api/orders/none", 400), ("/nothing", 404)] {
            let answer = try await shop.get(path)
            #expect(answer.status == status && answer.errorCode != nil, "\(path): \(answer.status) \(answer.body)")
        }
        #expect(try await shop.post("/api/orders", "no json").status == 400)
        let metrics = try await shop.get("/metrics").body
        #expect(
            metrics.contains(
                #"storefront_requests_total{status="201",marked="false",service="web",version="1"} 1"#), "\(metrics)")
        #expect(metrics.contains(#"storefront_request_duration_seconds_bucket{le="+Inf",service="web",version="1"}"#))
        try await shop.stop()
    }

    @Test("a test's context passes all hops and each says so; a mark that was made up is no context anywhere")
    func context() async throws {
        let shop = try await Shop()
        let seen = try await shop.get("/api/products/cup", baggage: "tenant=a,\(shop.mark())")
        #expect(seen.header("glovebox-test-seen") == "web@1, orders@1, inventory@1", "\(seen.headers)")
        #expect(seen.header("cache-control") == "no-store")
        let other = try await Shop()
        for forged in ["glovebox=yes", try other.mark(), try shop.mark() + "A", try "\(shop.mark()),\(shop.mark())"] {
            let answer = try await shop.get("/api/products/cup", baggage: forged)
            #expect(answer.status == 200 && answer.header("glovebox-test-seen") == nil, "\(forged)")
            let bought = try await shop.buy("cup", baggage: forged)
            #expect(bought.object["customer"] as? String == "guest", "\(forged)")
        }
        // In two fields of one request, as well.
        let twice = ["--header", "baggage: \(try shop.mark())"]
        #expect(try await shop.get("/api/products/cup", more: twice).header("glovebox-test-seen") != nil)
        #expect(try await shop.get("/api/products/cup", more: twice + twice).header("glovebox-test-seen") == nil)
        #expect(try await shop.database.sql("SELECT count(*) FROM storefront.orders WHERE synthetic") == "0")
        try await other.stop()
        try await shop.stop()
    }

    @Test("a hop that drops the context is the last that saw it, though others have answered")
    func drop() async throws {
        let shop = try await Shop(["orders": "drop"])
        let answer = try await shop.get("/api/products/cup", baggage: shop.mark())
        #expect(answer.header("glovebox-test-seen") == "web@1, orders@2")
        #expect(answer.header("x-served-by") == "web@1, orders@2, inventory@1")
        try await shop.stop()
    }

    @Test("what a test writes is the synthetic customer's, seen by its run alone, and takes nothing from people")
    func synthetic() async throws {
        let shop = try await Shop()
        let mark = try shop.mark()
        let bought = try await shop.buy("lamp", quantity: 5, baggage: mark)
        #expect(bought.status == 201 && bought.object["customer"] as? String == "synthetic", "\(bought.body)")
        let id = try #require(bought.object["id"] as? String)
        #expect(try await shop.get("/api/orders/\(id)", baggage: mark).status == 200)
        #expect(try await shop.available("lamp", baggage: mark) == 7)
        // Others: people, and another run.
        let foreign = try shop.mark(run: "run-2")
        for baggage in [nil, foreign] {
            #expect(try await shop.get("/api/orders/\(id)", baggage: baggage).status == 404)
            #expect(try await shop.available("lamp", baggage: baggage) == 12)
            let taken = try await shop.get("/api/orders/\(id)", baggage: baggage, more: ["--request", "DELETE"])
            #expect(taken.status == 404)
        }
        let rows = "SELECT string_agg(synthetic || scope, ',') FROM storefront.orders"
        #expect(try await shop.database.sql(rows) == "truerun-1")
        // A test can't touch what's people's, and one that isn't declared to write can't write.
        let ordinary = try #require(try await shop.buy("lamp").object["id"] as? String)
        let touched = try await shop.get("/api/orders/\(ordinary)", baggage: mark, more: ["--request", "DELETE"])
        #expect(touched.status == 404)
        let reading = try shop.mark(synthetic: false)
        #expect(try await shop.buy("lamp", baggage: reading).errorCode == "test_may_not_write")
        #expect(try await shop.get("/api/orders/\(id)", baggage: mark, more: ["--request", "DELETE"]).status == 204)
        #expect(try await shop.available("lamp", baggage: mark) == 12)
        #expect(try await shop.available("lamp") == 11)
        try await shop.stop()
    }

    @Test("race: the last one is sold once, and more than once with the fault; for people and for tests")
    func race() async throws {
        let (right, wrong) = (try await Shop(), try await Shop(["inventory": "race"]))
        // The run first: it begins with the stock that there is.
        for baggage in [try right.mark(), nil] {
            #expect(try await right.buyAtOnce("print", buyers: 6, baggage: baggage) == 1)
        }
        for baggage in [try wrong.mark(), nil] {
            #expect(try await wrong.buyAtOnce("print", buyers: 6, baggage: baggage) > 1)
        }
        try await right.stop()
        try await wrong.stop()
    }

    @Test("rename: orders and inventory of one kind understand each other, of two kinds they don't")
    func rename() async throws {
        let both = try await Shop(["orders": "rename", "inventory": "rename"])
        #expect(try await both.available("pen") == 75)
        #expect(try await both.buy("pen").status == 201)
        try await both.stop()
        for one in ["orders", "inventory"] {
            let shop = try await Shop([one: "rename"])
            let product = try await shop.get("/api/products/pen").object
            #expect(product["available"] is NSNull, "\(one)")
            let refused = try await shop.buy("pen")
            #expect(refused.status == 502 && refused.errorCode == "inventory_answer_unreadable", "\(one)")
            #expect(try await shop.database.sql("SELECT count(*) FROM storefront.reservations") == "0", "\(one)")
            try await shop.stop()
        }
    }

    @Test("slow: with a time-out the product is shown without its stock, without one the caller waits or fails")
    func slow() async throws {
        // Of seven, inventory is slow for the third and the sixth, and down for the seventh.
        let guarded = try await Shop(["inventory": "slow"])
        var numbers: [Int?] = []
        for _ in 1...7 { numbers.append(try await guarded.available("pen")) }
        #expect(numbers == [75, 75, nil, 75, 75, nil, nil])
        try await guarded.stop()

        let unguarded = try await Shop(["orders": "slow", "inventory": "slow"])
        var statuses: [Int] = []
        var waited = 0
        for _ in 1...7 {
            let start = ContinuousClock.now
            statuses.append(try await unguarded.get("/api/products/pen").status)
            if ContinuousClock.now - start >= .milliseconds(2500) { waited += 1 }
        }
        #expect(statuses == [200, 200, 200, 200, 200, 200, 503] && waited >= 2)
        try await unguarded.stop()
    }

    @Test("currency: totals in yen are a hundredth, all others are right")
    func currency() async throws {
        let shop = try await Shop(["orders": "currency"])
        let basket = try await shop.post(
            "/api/basket", #"{"lines":[{"sku":"pen","quantity":2},{"sku":"cup","quantity":1}]}"#)
        #expect(basket.object["totals"] as? [String: String] == ["EUR": "92.80", "USD": "100.90", "JPY": "153.00"])
        #expect(try await shop.buy("pen", currency: "JPY").object["total"] as? String == "66.00")
        #expect(try await shop.buy("pen", currency: "USD").object["total"] as? String == "43.50")
        try await shop.stop()
    }

    @Test("noise: products come in another order, and are the same; without it the order stays")
    func noise() async throws {
        func skus(_ shop: Shop) async throws -> [String] {
            let list = try await shop.get("/api/products").object["products"] as? [[String: Any]] ?? []
            return list.compactMap { $0["sku"] as? String }
        }
        let sorted = ["cup", "kettle", "lamp", "notebook", "pen", "print"]
        let (quiet, noisy) = (try await Shop(), try await Shop(["orders": "noise"]))
        var orders: Set<[String]> = []
        for _ in 1...5 {
            #expect(try await skus(quiet) == sorted)
            let order = try await skus(noisy)
            #expect(order.sorted() == sorted)
            orders.insert(order)
        }
        #expect(orders.count > 1)
        let (first, second) = (try await quiet.get("/api/products"), try await quiet.get("/api/products"))
        let time = try #require(first.object["generated_at"] as? String)
        #expect(time.contains(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/), "\(time)")
        #expect(first.object["request_id"] as? String != second.object["request_id"] as? String)
        try await quiet.stop()
        try await noisy.stop()
    }

    @Test("ordinary users are counted, a line a second and on their own page, and so are their errors")
    func users() async throws {
        let shop = try await Shop()
        let port = try freePort()
        let program = Repository.built("storefront")
        let users = try RunningProcess([
            program, "users", "--target", "http://127.0.0.1:\(shop.web)", "--rate", "40", "--port", "\(port)",
        ])
        try await eventually(timeout: .seconds(20), "two lines") {
            users.output.split(separator: "\n").filter { $0.hasPrefix("users ") && $0.contains("errors 0 (0.00 %") }
                .count > 1
        }
        let page = try await LoopbackHTTP.get(port, "/metrics").body
        #expect(page.contains("storefront_users_errors_total 0\n"), "\(page)")
        #expect(page.contains(#"storefront_users_requests_total{status="201",marked="false"}"#), "\(page)")
        try await shop.stop()
        try await eventually(timeout: .seconds(20), "errors") {
            try await !LoopbackHTTP.get(port, "/metrics").body.contains("storefront_users_errors_total 0\n")
        }
        users.signalGroup(15)
        #expect(await users.finished(timeout: .seconds(20)))
        #expect(users.result.status == 0, "\(users.errors)")
    }

    @Test("a service that can't reach the one behind it says so, rather than that it took too long")
    func unreachable() async throws {
        let (port, nobody) = (try freePort(), try freePort())
        let web = try RunningProcess([
            Repository.built("storefront"), "web", "--port", "\(port)", "--upstream", "http://127.0.0.1:\(nobody)",
        ])
        try await eventually(timeout: .seconds(20), "web's start: \(web.errors)") {
            try await LoopbackHTTP.get(port, "/healthz").status == 200
        }
        let answer = ShopAnswer(try await LoopbackHTTP.get(port, "/api/products"))
        #expect(answer.status == 502 && answer.errorCode == "upstream_unreachable", "\(answer.body)")
        #expect(answer.header("x-served-by") == "web@1")
        web.signalGroup(15)
        #expect(await web.finished(timeout: .seconds(20)))
    }

    @Test("version 1 takes no fault, and no version takes one that there isn't")
    func refusedFaults() async throws {
        let program = Repository.built("storefront")
        for (version, fault) in [("1", "race"), ("2", "rust"), ("3", "")] {
            let result = try await Subprocess.run([
                program, "web", "--port", "1", "--version", version, "--faults", fault, "--upstream",
                "http://127.0.0.1:1",
            ])
            #expect(result.status == 64, "\(version) \(fault): \(result.errors)")
        }
    }
}
