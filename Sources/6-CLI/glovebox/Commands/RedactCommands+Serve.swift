import ArgumentParser
import Contracts
import Foundation
import GloveboxCore
import LogPipeline
import Logging
import Redaction
import ServiceLifecycle
import Telemetry
import YAMLDocument

extension RedactCommand {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take logs of services in, and pass them on masked.",
            discussion: """
                Syslog, OTLP, the journal's export and plain text come in and go to files, syslog or a collector, as a \
                YAML file says; docs/redact.md has an example. SIGTERM and SIGINT stop it in order. When the redaction \
                fails, or a canary comes out before it has begun, nothing more passes, and the exit status is \
                \(ExitStatus.failure.rawValue).
                """)

        @Option(help: .init("What it takes in and where that goes.", valueName: "file"), completion: .file())
        var config: String

        func run() async throws {
            signal(SIGPIPE, SIG_IGN)
            let configuration = try PipelineConfiguration(try Self.document(self.config))
            let logger = configuration.logging.logger("redact", standardLevel: .notice)
            let time = SystemTime()
            let pipeline = try LogPipeline(
                configuration, masker: try Self.masker(configuration, time, logger), time: time, logger: logger
            ) {
                Terminal.note("ready: logs are taken in")
                SystemdNotice.ready.send()
            }
            var services: [any Service] = []
            if let place = configuration.telemetry {
                services.append(TelemetryServer(place: place, source: pipeline, logger: logger))
            }
            let reload = Reload { [config] in
                do {
                    try await pipeline.mask(
                        by: try Self.masker(try PipelineConfiguration(try Self.document(config)), time, logger))
                } catch {
                    await pipeline.reloadFailed(error)
                }
            }
            services.append(reload)
            try await RunOptions.run(services + [pipeline], drain: configuration.drain, logger) { reload.ask() }
        }

        /// What `configuration`'s profile and detectors say, read now.
        private static func masker(
            _ configuration: PipelineConfiguration, _ time: SystemTime, _ logger: Logger
        ) throws -> sending Masker {
            let rules = try RedactionRules(
                own: try configuration.detectors.map { ($0, try Self.read($0)) },
                profiles: try configuration.profile.map { [try Self.document($0)] } ?? [])
            let name = rules.profileNames.first { $0 != MaskingProfile.default.name } ?? MaskingProfile.default.name
            let pseudonyms = Pseudonyms(linkable: false) {
                logger.warning(
                    "\(Pseudonyms.mostKept) secrets were masked: those from now on aren't known again where no detector finds them"
                )
            }
            return try rules.masker(profile: name, pseudonyms: pseudonyms, now: { time.wall })
        }

        private static func document(_ path: String) throws -> YAMLNode {
            try YAMLNode(bytes: try Self.read(path), file: path)
        }

        private static func read(_ path: String) throws -> [UInt8] {
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw GloveboxError(.notFound, "\(path) can't be read: name a file that this user may read")
            }
            return Array(bytes)
        }
    }
}
