package import Contracts
package import GloveboxCore
import LogFormats
import LogSpool
package import Logging
import NIOPosix
package import Redaction
import ServiceLifecycle
package import Telemetry

/// Logs of services in any language, from inputs by way of the masker and a spool to outputs.
///
///     input ──► masker ──► spool on disk (redacted) ──► output, each at its own pace
///
/// Canaries go through it before it takes anything, at intervals, and before another masker takes the place of the one it has.
/// One that comes out seals it: it stays up to tell, takes and delivers nothing, and ends with an error when it's stopped.
///
/// An output gets each record at least once. What is full holds up what's before it: a spool its inputs. Stopped, it first
/// ends the inputs, then lets outputs go on for a while; what they don't get to is delivered after the next start.
package actor LogPipeline: Service, TelemetrySource {
    private let configuration: PipelineConfiguration
    private let logger: Logger
    private let metricsOfRole: RoleMetrics
    private let counters = PipelineCounters()
    private let spool: LogSpool
    private let intake: LogIntake
    private let runners: [OutputRunner]
    private let threads: NIOThreadPool
    private let onReady: @Sendable () -> Void
    private let time: any TimeSource
    private var isListening = false
    /// Why the last reload changed nothing.
    private var reloadFailure: (any Error)?

    /// - Parameter onReady: called when all inputs are read.
    /// - Throws: `configuration_invalid`, `store_locked`, `spool_unavailable`, `spool_corrupt`.
    package init(
        _ configuration: PipelineConfiguration, masker: sending Masker, time: any TimeSource, logger: Logger,
        onReady: @escaping @Sendable () -> Void = {}
    ) throws(GloveboxError) {
        self.configuration = configuration
        self.logger = logger
        self.time = time
        self.onReady = onReady
        self.metricsOfRole = RoleMetrics(
            role: "redact", startedAt: time.wall, folders: [("spool", configuration.spoolFolder)])
        let spool = try LogSpool(
            folder: configuration.spoolFolder, size: configuration.spoolSize,
            readers: configuration.outputs.map(\.name))
        if spool.cut > 0 { logger.notice("\(spool.cut) bytes at the spool's end, of which nobody was told, are cut") }
        self.spool = spool
        let intake = LogIntake(masker: masker, spool: spool, counters: self.counters, logger: logger)
        self.intake = intake
        // Each input and output keeps at most two of them.
        let threads = NIOThreadPool(numberOfThreads: 2 * configuration.inputs.count + configuration.outputs.count)
        self.threads = threads
        var runners: [OutputRunner] = []
        for (name, settings) in configuration.outputs {
            let output: any LogOutput =
                switch settings {
                case .file(let settings): FileOutput(settings, threads)
                case .standardOutput(let format): StandardOutput(format: format, threads: threads)
                case .syslog(let target): SyslogOutput(target, threads)
                case .otlp(let settings): try OTLPOutput(settings)
                }
            runners.append(
                OutputRunner(
                    name: name, output: output, spool: spool, intake: intake, counters: self.counters, logger: logger))
        }
        self.runners = runners
    }

    /// Returns when all inputs are at their end and everything is delivered, or when the process is asked to stop.
    /// - Throws: `redaction_failed`, `canary_leaked`, `port_taken`, `configuration_invalid`, `spool_unavailable`, `spool_corrupt`,
    ///   `protocol_violation`.
    package func run() async throws {
        self.threads.start()
        do {
            try await self.runAll()
        } catch {
            try? await self.threads.shutdownGracefully()
            throw error
        }
        try await self.threads.shutdownGracefully()
    }

    private func runAll() async throws {
        try await self.intake.sendCanaries()
        let inputs = try await self.openInputs()
        self.isListening = true
        self.onReady()
        let runners = self.runners
        try await withThrowingTaskGroup(of: Void.self) { outputs in
            for runner in runners { outputs.addTask { try await runner.run() } }
            outputs.addTask { try await self.runInputs(inputs) }
            outputs.addTask { await self.watch() }
            // The first one that ends is the inputs' task, or one that has failed.
            try await outputs.next()
            outputs.cancelAll()
            try await outputs.waitForAll()
        }
        if let seal = await self.intake.seal { throw seal }
    }

    /// Sends canaries at intervals, until the task is cancelled.
    private nonisolated func watch() async {
        let (time, interval) = (self.time, self.configuration.canaries)
        while (try? await time.sleep(until: time.boot.advanced(by: interval))) != nil {
            do {
                try await self.intake.sendCanaries()
            } catch {
                self.logger.critical(
                    "a canary wasn't masked: nothing is taken or delivered until the masking is mended and reloaded",
                    metadata: ["error": "\(error)"])
            }
        }
    }

    /// Reads until the inputs' end or a stop, and then waits for the outputs.
    private nonisolated func runInputs(_ inputs: [@Sendable () async throws -> Void]) async throws {
        var failure: (any Error)?
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for input in inputs { group.addTask { try await Self.untilCancelled(input) } }
                    var failure: (any Error)?
                    while let result = await group.nextResult() {
                        guard case .failure(let error) = result else { continue }
                        // What isn't in its format costs that input alone.
                        guard (error as? GloveboxError)?.code == .protocolViolation else { throw error }
                        self.logger.error("\(error)")
                        failure = error
                    }
                    if let failure { throw failure }
                }
            }
        } catch let error as GloveboxError where error.code == .protocolViolation {
            failure = error
        }
        await self.drain()
        if let failure { throw failure }
    }

    private static func untilCancelled(_ input: @Sendable () async throws -> Void) async throws {
        do {
            try await input()
        } catch is CancellationError {
            // Asked to stop.
        }
    }

    private nonisolated func drain() async {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: self.configuration.drain)
        while await !self.spool.isDelivered {
            guard await self.intake.seal == nil else { return }
            guard !Task.isCancelled, clock.now < deadline else {
                self.logger.notice("what isn't delivered yet stays in the spool until the next start")
                return
            }
            try? await clock.sleep(for: .milliseconds(20))
        }
    }

    /// Masks what comes from now on by `masker`, once canaries have gone through that. No connection ends for it; a plain text
    /// that's being read on one keeps what it began with until its end, since a finding may have begun in it. Lifts a seal.
    ///
    /// - Throws: `canary_leaked`, `redaction_failed`; nothing has changed.
    package func mask(by masker: sending Masker) async throws {
        let wasSealed = await self.intake.seal != nil
        try await self.intake.use(masker)
        self.reloadFailure = nil
        self.logger.notice(wasSealed ? "masking is read anew, and may be trusted again" : "masking is read anew")
    }

    /// The masking that was to be read anew stays as it was.
    package func reloadFailed(_ error: any Error) {
        self.reloadFailure = error
        self.logger.error("masking stays as it was: mend it and reload again", metadata: ["error": "\(error)"])
    }

    // MARK: Inputs

    private func openInputs() async throws -> [@Sendable () async throws -> Void] {
        var inputs: [@Sendable () async throws -> Void] = []
        for (name, input) in self.configuration.inputs {
            switch input {
            case .syslog(let places): inputs += try await self.openSyslog(name, places)
            case .otlp(let place, let token):
                let input = try await OTLPInput(place, token: try token?.read(), logger: self.logger)
                inputs.append { [intake] in try await input.run(name, intake) }
            case .journald(let source):
                inputs.append(try await self.open(name, source) { .journal })
            case .stream(let source):
                inputs.append(try await self.open(name, source) { .lines })
            }
        }
        return inputs
    }

    private func openSyslog(
        _ name: String, _ places: PipelineConfiguration.SyslogPlaces
    ) async throws -> [@Sendable () async throws -> Void] {
        var inputs: [@Sendable () async throws -> Void] = []
        var datagrams: [DatagramInput] = []
        if let path = places.datagram { datagrams.append(try DatagramInput(path: path)) }
        if let place = places.udp { datagrams.append(try DatagramInput(place)) }
        for input in datagrams {
            inputs.append { [intake, threads] in try await input.run(name, intake, threads) }
        }
        var streams: [StreamInput] = []
        if let path = places.stream {
            streams.append(try await StreamInput(path: path, logger: self.logger) { .syslog })
        }
        if let place = places.tcp { streams.append(try await StreamInput(place, logger: self.logger) { .syslog }) }
        for input in streams {
            inputs.append { [intake] in try await input.run(name, intake) }
        }
        return inputs
    }

    private func open(
        _ name: String, _ source: PipelineConfiguration.TextSource, _ makeReading: @escaping @Sendable () -> ByteReading
    ) async throws -> @Sendable () async throws -> Void {
        if case .socket(let path) = source {
            let input = try await StreamInput(path: path, logger: self.logger, makeReading)
            return { [intake] in try await input.run(name, intake) }
        }
        let input = try DescriptorInput(source, makeReading)
        return { [intake, threads] in try await input.run(name, intake, threads) }
    }

    // MARK: Telemetry

    package func metrics() async -> [MetricFamily] {
        let masked = await self.intake.masked
        let shown = await self.intake.shown
        var waiting: [MetricFamily.Sample] = []
        for runner in self.runners {
            waiting.append(
                .init(Double(await self.spool.waiting(for: runner.name)), [.init("output", runner.name)]))
        }
        let gauges = [
            MetricFamily("redact_waiting", "Records in the spool that an output hasn't got yet.", .gauge, waiting),
            .gauge(
                "redact_sealed", "Whether a canary came out, so that nothing is taken or delivered.",
                await self.intake.seal == nil ? 0 : 1),
            .gauge(
                "redact_reload_failed", "Whether the last reload of profile and detectors changed nothing.",
                self.reloadFailure == nil ? 0 : 1),
            MetricFamily(
                "redact_shown_total", "Values that were found and shown, by kind and the profile's reason.", .counter,
                shown.sorted { $0.key < $1.key }.map {
                    .init(
                        Double($0.value), [.init("kind", $0.key.kind.rawValue), .init("reason", $0.key.reason)])
                }),
            MetricFamily(
                "redact_taint_overflow_total",
                "Secrets that were masked, and that there was no room to know again.", .counter,
                [.init(Double(masked[.taintOverflow] ?? 0))]),
            .gauge("redact_spool_bytes", "The spool's size on disk.", Double(await self.spool.used)),
            MetricFamily(
                "redact_masked_total", "Values that were masked, by kind.", .counter,
                masked.filter { $0.key != .taintOverflow }.sorted { $0.key < $1.key }.map {
                    .init(Double($0.value), [.init("kind", $0.key.rawValue)])
                }),
        ]
        return self.metricsOfRole.families(await self.checks()) + self.counters.families + gauges
    }

    package func checks() async -> [ReadinessCheck] {
        let spool = ReadinessCheck("spool", failing: await self.intake.spoolFailure)
        let outputs = self.runners.map { ReadinessCheck("output \($0.name)", failure: $0.failure) }
        return [
            ReadinessCheck("inputs", failure: self.isListening ? nil : "they aren't open yet"), spool,
            ReadinessCheck("masking", failing: await self.intake.seal),
        ] + outputs
    }
}
