import Foundation
import GloveboxCore
import TestContextToken
import TestSupport

/// The three services as processes, before a database of their own.
final class Shop: Sendable {
    let database: TestDatabase
    let web: Int
    private let signer: TestContextSigner
    private let processes: [RunningProcess]
    private let folder: TemporaryFolder

    /// - Parameter faults: a list by service, which is of version 2 then.
    init(_ faults: [String: String] = [:]) async throws {
        let database = try await Self.makeDatabase()
        self.database = database
        self.signer = TestContextSigner(
            audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        self.folder = try TemporaryFolder()
        try self.folder.write("keys", Data(self.signer.publicKey.publicKey).base64EncodedString() + "\n")
        let keys = self.folder.file("keys")
        let program = Repository.built("storefront")
        func start(_ name: String, _ port: Int, _ more: [String]) throws -> RunningProcess {
            let list = faults[name] ?? ""
            return try RunningProcess(
                [
                    program, name, "--port", "\(port)", "--version", list.isEmpty ? "1" : "2", "--faults", list,
                    "--context-keys", keys,
                ] + more)
        }
        let (web, orders, inventory) = (try freePort(), try freePort(), try freePort())
        self.web = web
        let server = database.server
        let url = "postgresql://\(PostgresServer.superuser)@\(server.host):\(server.port)/\(database.name)"
        self.processes = [
            try start("inventory", inventory, ["--database", url]),
            try start("orders", orders, ["--database", url, "--upstream", "http://127.0.0.1:\(inventory)"]),
            try start("web", web, ["--upstream", "http://127.0.0.1:\(orders)"]),
        ]
        for (process, port) in zip(self.processes, [inventory, orders, web]) {
            try await eventually(timeout: .seconds(30), "a service's start: \(process.errors)") {
                try await LoopbackHTTP.get(port, "/healthz").status == 200
            }
        }
    }

    private static func makeDatabase() async throws -> TestDatabase {
        let database = try await PostgresServer.shared().makeDatabase()
        let schema = try readFile(Repository.file("Examples/Storefront/storefront.sql"))
        try await database.sql(String(decoding: schema, as: UTF8.self))
        return database
    }

    func stop() async throws {
        for process in self.processes {
            process.signalGroup(15)
            guard await process.finished(timeout: .seconds(20)), process.result.status == 0 else {
                throw TestSupportError("a service doesn't stop as it should: \(process.errors)")
            }
        }
    }

    /// What an edge says to the services behind it.
    func mark(run: String = "run-1", synthetic: Bool = true) throws -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let token = try self.signer.token(
            InternalContext(
                run: run, testCase: "case-1", issuedAt: WallTime(nanoseconds: Int64(now.tv_sec) * 1_000_000_000),
                lifetime: .seconds(120), declaresSyntheticWrites: synthetic))
        return "glovebox=\(token)"
    }

    func get(_ path: String, baggage: String? = nil, more: [String] = []) async throws -> ShopAnswer {
        ShopAnswer(
            try await LoopbackHTTP.get(
                self.web, path, more: more + (baggage.map { ["--header", "baggage: \($0)"] } ?? [])))
    }

    func post(_ path: String, _ body: String, baggage: String? = nil) async throws -> ShopAnswer {
        try await self.get(
            path, baggage: baggage, more: ["--header", "content-type: application/json", "--data-binary", body])
    }

    func buy(
        _ sku: String, quantity: Int = 1, currency: String = "EUR", baggage: String? = nil
    ) async throws -> ShopAnswer {
        try await self.post(
            "/api/orders", #"{"currency":"\#(currency)","lines":[{"sku":"\#(sku)","quantity":\#(quantity)}]}"#,
            baggage: baggage)
    }

    func available(_ sku: String, baggage: String? = nil) async throws -> Int? {
        try await self.get("/api/products/\(sku)", baggage: baggage).object["available"] as? Int
    }

    /// How many of several buyers at once got one.
    func buyAtOnce(_ sku: String, buyers: Int, baggage: String? = nil) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { tasks in
            for _ in 0..<buyers { tasks.addTask { try await self.buy(sku, baggage: baggage).status } }
            return try await tasks.reduce(0) { $0 + ($1 == 201 ? 1 : 0) }
        }
    }
}

struct ShopAnswer: Sendable {
    let status: Int
    let headers: String
    let body: String

    init(_ answer: LoopbackHTTP) {
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.body
    }

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self.body.utf8))) as? [String: Any] ?? [:]
    }

    var errorCode: String? { (self.object["error"] as? [String: Any])?["code"] as? String }

    func header(_ name: String) -> String? {
        for line in self.headers.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name {
                return parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }
}
