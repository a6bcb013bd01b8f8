import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import Synchronization

/// Sends requests at a steady rate, whether answers come or not, as people do.
final class UserLoad: Sendable {
    /// What became of the requests of one second.
    private struct Second {
        var took: [Double] = []
        var errors = 0
    }

    private struct State {
        var second = Second()
        var inFlight = 0
        var total = 0
        var errors = 0
        /// Of the second before.
        var lastP50 = 0.0
        var lastP99 = 0.0
        var lastErrors = 0
    }

    /// More at once aren't begun: they count as errors, since people would have waited for nothing.
    private static let mostInFlight = 2000

    private let target: String
    private let rate: Int
    private let client: HTTPClient
    private let metrics = ServiceMetrics(prefix: "storefront_users")
    private let state = Mutex(State())

    init(target: String, rate: Int, certificates: String?) {
        self.target = target.hasSuffix("/") ? String(target.dropLast()) : target
        self.rate = rate
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        // Who can't be reached is told of at once, not when the time is up.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        if let certificates {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificates)
            configuration.tlsConfiguration = tls
        }
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async throws { try await self.client.shutdown() }

    func run(seconds: Int?) async throws {
        try await withThrowingDiscardingTaskGroup { tasks in
            let clock = ContinuousClock()
            let start = clock.now
            var number = 0
            var second = 0
            while seconds.map({ second < $0 }) ?? true {
                for _ in 0..<self.rate {
                    let mine = number
                    number += 1
                    // Each has its own moment, so a late wake-up makes no gap.
                    try await clock.sleep(
                        until: start.advanced(by: .seconds(1) * second + .seconds(1) * (mine % self.rate) / self.rate))
                    guard self.state.withLock({ $0.inFlight < Self.mostInFlight }) else {
                        self.count(0, .zero)
                        continue
                    }
                    self.state.withLock { $0.inFlight += 1 }
                    tasks.addTask { await self.visit(mine) }
                }
                second += 1
                try await clock.sleep(until: start.advanced(by: .seconds(second)))
                self.report(second)
            }
        }
    }

    /// Requests and latencies for Prometheus, and what the line says.
    func page() -> String {
        let (p50, p99, errors, total, inFlight, last) = self.state.withLock { state in
            (state.lastP50, state.lastP99, state.errors, state.total, state.inFlight, state.lastErrors)
        }
        return self.metrics.page() + """
            # TYPE storefront_users_errors_total counter
            storefront_users_errors_total \(errors)
            # TYPE storefront_users_answers_total counter
            storefront_users_answers_total \(total)
            # TYPE storefront_users_in_flight gauge
            storefront_users_in_flight \(inFlight)
            # TYPE storefront_users_last_second_errors gauge
            storefront_users_last_second_errors \(last)
            # TYPE storefront_users_last_second_seconds gauge
            storefront_users_last_second_seconds{quantile="0.5"} \(p50)
            storefront_users_last_second_seconds{quantile="0.99"} \(p99)

            """
    }

    /// One in twenty buys something of which there's plenty.
    private func visit(_ number: Int) async {
        switch number % 20 {
        case 0: await self.send(.POST, "/api/orders", #"{"currency":"EUR","lines":[{"sku":"cup","quantity":1}]}"#)
        case 1...3:
            await self.send(
                .POST, "/api/basket", #"{"lines":[{"sku":"pen","quantity":1},{"sku":"notebook","quantity":2}]}"#)
        case 4...8: await self.send(.GET, "/api/products")
        case 9...10: await self.send(.GET, "/")
        default: await self.send(.GET, "/api/products/\(["cup", "kettle", "lamp", "notebook", "pen"][number % 5])")
        }
        self.state.withLock { $0.inFlight -= 1 }
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async {
        var request = HTTPClientRequest(url: self.target + path)
        request.method = method
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let start = ContinuousClock.now
        var status = 0
        do {
            let response = try await self.client.execute(request, timeout: .seconds(10))
            _ = try await response.body.collect(upTo: 4 * 1024 * 1024)
            status = Int(response.status.code)
        } catch {
            // No answer, or not all of it.
            status = 0
        }
        self.count(status, ContinuousClock.now - start)
    }

    /// Nothing that these users ask for may be refused: whatever isn't 2xx is an error.
    private func count(_ status: Int, _ took: Duration) {
        self.metrics.count(status: status, took: took)
        self.state.withLock { state in
            let isError = !(200...299).contains(status)
            state.total += 1
            state.errors += isError ? 1 : 0
            state.second.errors += isError ? 1 : 0
            state.second.took.append(took / .milliseconds(1))
        }
    }

    private func report(_ second: Int) {
        let (done, inFlight, allErrors) = self.state.withLock { state in
            let done = state.second
            state.second = Second()
            let sorted = done.took.sorted()
            state.lastP50 = Self.quantile(sorted, 0.5) / 1000
            state.lastP99 = Self.quantile(sorted, 0.99) / 1000
            state.lastErrors = done.errors
            return (done, state.inFlight, state.errors)
        }
        let sorted = done.took.sorted()
        let share = done.took.isEmpty ? 0 : 100 * Double(done.errors) / Double(done.took.count)
        Console.say(
            "users \(second) s: \(done.took.count)/s, errors \(done.errors) (\(Self.rounded(share)) %, \(allErrors) in all), "
                + "p50 \(Self.rounded(Self.quantile(sorted, 0.5))) ms, p99 \(Self.rounded(Self.quantile(sorted, 0.99))) ms, "
                + "\(inFlight) under way")
    }

    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private static func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
}
