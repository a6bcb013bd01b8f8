import Foundation
import GloveboxKit
import Logging

/// What flags cost: evaluations in process, clients that follow a gateway, requests by OFREP. `scripts/bench changes` runs it;
/// each way prints JSON.
///
///     FlagBenchmark evaluate SECONDS
///     FlagBenchmark evaluate-times KEY COUNT              (prints nothing: for whoever counts its allocations)
///     FlagBenchmark follow GATEWAY CA TARGET CLIENTS      (the token on standard input; then it runs until that ends)
///     FlagBenchmark ofrep GATEWAY CA TARGET FLAG SECONDS  (the token on standard input)
@main
struct FlagBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.first, arguments.count) {
        case ("evaluate", 2): try await Evaluations(seconds: Double(arguments[2]) ?? 1).run()
        case ("evaluate-times", 3): try await Evaluations(seconds: 0).run(arguments[2], times: Int(arguments[3]) ?? 1)
        case ("follow", 5):
            try await Followers(
                gateway: arguments[2], authority: arguments[3], target: arguments[4], count: Int(arguments[5]) ?? 1
            ).run()
        case ("ofrep", 6):
            try await Requests(
                gateway: arguments[2], authority: arguments[3], target: arguments[4], flag: arguments[5],
                seconds: Double(arguments[6]) ?? 1
            ).run()
        default: print("usage: FlagBenchmark evaluate|evaluate-times|follow|ofrep …")
        }
    }

    static let logger = Logger(label: "flags") { StreamLogHandler.standardError(label: $0) }

    static func show(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
        fflush(nil)
    }
}

/// Evaluations by the Kit's client, as a service makes them, on one core.
struct Evaluations {
    var seconds: Double

    /// The flags that flagd's own benchmarks have (core/pkg/evaluator/json_test.go): one without targeting, one whose rule
    /// looks at an e-mail address, one that's split by it; and a longer rule.
    private static let flags = #"""
        {"version": 1, "tag": "1-a", "expiries": {}, "state": {"target": "flags", "epoch": 1, "layers": [], "base": {
          "static": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
          "targeting": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{"in": ["@faas.com", {"var": "email"}]}, "on", null]}},
          "fractional": {"state": "ENABLED", "defaultVariant": "red",
            "variants": {"red": "#b91c1c", "blue": "#0284c7", "green": "#16a34a", "grey": "#4b5563"},
            "targeting": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]},
              ["red", 25], ["blue", 25], ["green", 25], ["grey", 25]]}},
          "four rules": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{"and": [{"==": [{"var": "tier"}, "premium"]}, {">": [{"var": "age"}, 30]},
              {"starts_with": [{"var": "email"}, "user"]}, {"sem_ver": [{"var": "version"}, ">=", "1.2.0"]}]}, "on", "off"]}}
        }}}
        """#

    private static let context = EvaluationContext(
        targetingKey: "user-7f3a",
        ["email": "user@faas.com", "tier": "premium", "age": 40, "version": "1.4.2", "country": "DE"])

    func run() async throws {
        let client = try await self.client()
        guard client.stringDetails("fractional", default: "", Self.context).reason == .targetingMatch else {
            throw Wrong(key: "fractional")
        }
        var figures: [String: Double] = [:]
        for key in ["static", "targeting", "four rules", "fractional"] {
            guard self.evaluate(client, key, 1) else { throw Wrong(key: key) }
            figures[key] = self.best { self.evaluate(client, key, $0) }
        }
        figures["static, with details"] = self.best { count in
            for _ in 0..<count where client.boolDetails("static", default: false, Self.context).variant == nil {
                return false
            }
            return true
        }
        try FlagBenchmark.show(figures)
    }

    func run(_ key: String, times: Int) async throws {
        guard self.evaluate(try await self.client(), key, times) else { throw Wrong(key: key) }
    }

    /// One that has the flags from disk, and nobody to follow.
    private func client() async throws -> FlagClient {
        let folder = FileManager.default.temporaryDirectory.appending(path: "flags-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(Self.flags.utf8).write(to: folder.appending(path: "flags.flags.json"))
        var logger = FlagBenchmark.logger
        logger.logLevel = .critical
        let client = FlagClient(
            .init(gateway: "https://127.0.0.1:1", target: "flags", token: "", folder: folder.path), logger: logger)
        let running = Task { await client.run() }
        await client.ready()
        running.cancel()
        await running.value
        return client
    }

    /// - Returns: whether each came to what it should.
    private func evaluate(_ client: FlagClient, _ key: String, _ times: Int) -> Bool {
        if key == "fractional" {
            for _ in 0..<times where client.stringValue(key, default: "", Self.context).isEmpty { return false }
        } else {
            for _ in 0..<times where !client.boolValue(key, default: false, Self.context) { return false }
        }
        return true
    }

    private struct Wrong: Error {
        var key: String
    }

    /// Nanoseconds for one, of the best of many runs: what disturbs one only ever makes it slower.
    private func best(_ body: (Int) -> Bool) -> Double {
        let (count, clock) = (20_000, ContinuousClock())
        let end = clock.now.advanced(by: .seconds(self.seconds))
        var best = Double.infinity
        while clock.now < end {
            let taken = clock.measure { precondition(body(count)) }
            best = min(best, taken / .nanoseconds(1) / Double(count))
        }
        return best
    }
}
