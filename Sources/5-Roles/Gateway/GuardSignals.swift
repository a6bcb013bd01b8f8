import Changes
import Commands
import Contracts
import GloveboxCore
import MetricsText
import NIOPosix
import NIOSSL
import OutboundHTTP

/// Measures what guards name.
protocol GuardMeasuring: Sendable {
    /// Whether there is such a sign.
    /// - Throws: `not_found` with those that there are.
    func check(_ sign: GuardCondition.Sign) throws(GloveboxError)

    /// - Throws: `unavailable` with why it came to no number.
    func measure(_ sign: GuardCondition.Sign) async throws -> Double

    /// Nothing is measured after it.
    func close() async
}

/// Measures by Prometheus, by pages of metrics that services show, and by programs that look.
actor GuardSignals: GuardMeasuring {
    /// For one measurement.
    private static let timeout = Duration.seconds(5)
    private static let mostBytes = 16 << 20

    /// What a page's errors are counted by.
    private enum Count: Hashable {
        case errors
        case all
    }

    nonisolated private let configuration: GuardConfiguration
    private let token: Secret<String>?
    private let time: any TimeSource
    private var client: OutboundClient?
    private var errors: [String: CounterWindow<Count>] = [:]
    private var latencies: [String: CounterWindow<Double>] = [:]
    /// Threads that wait for check commands.
    private let threads = NIOThreadPool(numberOfThreads: 2)
    /// Those that run, by signal: one of a signal at a time, however many guards name it.
    private var running: [String: (command: CommandRun, task: Task<Double, any Error>)] = [:]
    private var isClosed = false

    /// - Throws: `configuration_invalid` when Prometheus' token can't be read.
    init(_ configuration: GuardConfiguration, time: any TimeSource) throws(GloveboxError) {
        self.configuration = configuration
        self.time = time
        self.token = try configuration.prometheus?.token.map { (source) throws(GloveboxError) in
            try source.read(for: "guards.prometheus")
        }
    }

    nonisolated func check(_ sign: GuardCondition.Sign) throws(GloveboxError) {
        switch sign {
        case .signal(let name):
            guard self.configuration.signals[name] == nil else { return }
            let known = self.configuration.signals.keys.sorted()
            throw GloveboxError(
                .notFound,
                "this gateway has no signal '\(name)': "
                    + (known.isEmpty
                        ? "name some under 'guards' in gateway.yaml" : "it has \(known.joined(separator: ", "))"))
        case .query:
            guard self.configuration.prometheus == nil else { return }
            throw GloveboxError(
                .notFound, "this gateway has nobody to ask a query: name 'guards.prometheus' in gateway.yaml")
        }
    }

    func measure(_ sign: GuardCondition.Sign) async throws -> Double {
        try self.check(sign)
        switch sign {
        case .query(let text): return try await self.ask(text)
        case .signal(let name):
            switch self.configuration.signals[name] {
            case .query(let text): return try await self.ask(text)
            case .errors(let page, let selected, let of, let span):
                return try self.share(name, selected, of, span, try await self.page(page))
            case .latency(let page, let selected, let share, let span):
                return try self.latency(name, selected, share, span, try await self.page(page))
            case .command(let command): return try await self.run(name, command)
            case nil: throw GloveboxError(.notFound, "this gateway has no signal '\(name)'")
            }
        }
    }

    func close() async {
        self.isClosed = true
        let client = self.client
        self.client = nil
        await client?.shutdown()
        for (command, task) in self.running.values {
            command.interrupt()
            _ = await task.result
        }
        try? await self.threads.shutdownGracefully()
    }

    // MARK: Of programs

    /// The status that it ends with. What's killed, or can't be run, says nothing.
    private func run(_ name: String, _ check: GuardConfiguration.Command) async throws -> Double {
        if let running = self.running[name] { return try await running.task.value }
        guard !self.isClosed else { throw Self.none("this gateway is stopping") }
        self.threads.start()
        let (command, threads) = (CommandRun(), self.threads)
        let task = Task {
            do {
                // Its output may hold anything, and nobody's shown it.
                let outcome = try await command.run(
                    check.arguments, user: check.user, timeout: check.timeout, limit: 0, on: threads)
                guard let status = outcome.status else { throw Self.none("its command was \(outcome.text)") }
                return Double(status)
            } catch let failure as CommandRun.Failure {
                throw Self.none(failure.description)
            }
        }
        self.running[name] = (command, task)
        defer { self.running[name] = nil }
        return try await task.value
    }

    // MARK: Of pages

    private func share(
        _ name: String, _ selected: SampleSelector, _ of: SampleSelector, _ span: Duration, _ page: [Sample]
    ) throws(GloveboxError) -> Double {
        guard let all = of.sum(page) else { throw Self.none("the page has no \(of.name) as selected") }
        let grown = self.errors[name, default: CounterWindow(over: span)]
            .add([.errors: selected.sum(page) ?? 0, .all: all], at: self.time.boot)
        guard let grown else { throw Self.none("it was looked at once so far") }
        guard let requests = grown[.all], requests > 0 else { throw Self.none("there were no requests") }
        return (grown[.errors] ?? 0) / requests
    }

    private func latency(
        _ name: String, _ selected: SampleSelector, _ share: Double, _ span: Duration, _ page: [Sample]
    ) throws(GloveboxError) -> Double {
        let buckets = selected.buckets(page)
        guard !buckets.isEmpty else { throw Self.none("the page has no \(selected.name)_bucket as selected") }
        let grown = self.latencies[name, default: CounterWindow(over: span)].add(buckets, at: self.time.boot)
        guard let grown else { throw Self.none("it was looked at once so far") }
        guard let value = quantile(share, of: grown) else { throw Self.none("there were no requests") }
        return value
    }

    private static func none(_ why: String) -> GloveboxError { GloveboxError(.unavailable, why) }

    // MARK: Asking

    private func page(_ url: String) async throws -> [Sample] {
        Sample.page(try await self.get(url, headers: [("accept", "text/plain")]))
    }

    private func ask(_ query: String) async throws -> Double {
        guard let prometheus = self.configuration.prometheus else { throw Self.none("there's nobody to ask") }
        var headers = [("accept", "application/json")]
        if let token { headers.append(("authorization", "Bearer \(token.exposeSecret())")) }
        let url = "\(prometheus.url)/api/v1/query?query=\(Self.escaped(query))"
        // A query that's refused is answered with 400 or 422, and why.
        return try QueryAnswer.number(try await self.get(url, headers: headers, allowing: [400, 422]))
    }

    private func get(_ url: String, headers: [(String, String)], allowing: Set<Int> = []) async throws -> [UInt8] {
        let client =
            self.client
            ?? OutboundClient(tls: .makeClientConfiguration(), timeout: Self.timeout, mostBytes: Self.mostBytes)
        self.client = client
        do {
            let answer = try await client.send("GET", url, headers: headers, body: nil)
            guard answer.status == 200 || allowing.contains(answer.status) else {
                throw Self.none("it answers with status \(answer.status)")
            }
            return answer.body
        } catch let failure as OutboundFailure {
            throw Self.none(failure.reason)
        }
    }

    /// Percent-encoded but for what's unreserved (RFC 3986, section 2.3).
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            let isUnreserved =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
            if isUnreserved {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }
}
