import Agent
import ArgumentParser
import Contracts
import ControlAPI
import ControlClient
import Foundation
import Gateway
import GloveboxCore
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import UnixSignals
import YAMLDocument

/// Options of every command that runs a role.
struct RunOptions: ParsableArguments {
    @Option(help: "The folder that holds configuration, keys and data.")
    var state: String

    @Option(
        name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                throw ValidationError("'\(text)' is no level: write info, notice or warning, for example")
            }
            return level
        })
    var logLevel: Logger.Level?

    @Option(
        name: .customLong("log-format"), help: "text, or json for one object a line.",
        transform: { text in
            guard let format = LogSettings.Format(rawValue: text) else {
                throw ValidationError("'\(text)' is no format of a log: write text or json")
            }
            return format
        })
    var logFormat: LogSettings.Format?

    /// As the flags say, else the environment (`GLOVEBOX_LOG_LEVEL`, `GLOVEBOX_LOG_FORMAT`), else the role's
    /// configuration.
    func logger(_ label: String, _ configured: LogSettings) throws -> Logger {
        let environment = ProcessInfo.processInfo.environment
        let inEnvironment = LogSettings(
            format: try Self.setting("GLOVEBOX_LOG_FORMAT", environment),
            level: try Self.setting("GLOVEBOX_LOG_LEVEL", environment))
        return LogSettings(format: self.logFormat, level: self.logLevel).orElse(inEnvironment).orElse(configured)
            .logger(label, standardLevel: .notice)
    }

    private static func setting<Value: RawRepresentable & CaseIterable>(
        _ name: String, _ environment: [String: String]
    ) throws -> Value? where Value.RawValue == String {
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw GloveboxError(.configurationInvalid, "'\(text)' in \(name) isn't known: write one of \(known)")
        }
        return value
    }

    /// Runs a role until it fails, or the process is asked to stop by SIGTERM or SIGINT; who asks by the same signal again
    /// doesn't want to wait, and the process ends at once, as if it were killed.
    ///
    /// - Parameters:
    ///   - drain: how long its sessions may go on then.
    ///   - reload: reads what may be changed while it runs, when the process gets SIGHUP. Without one, and where the input is
    ///     a terminal, which sends SIGHUP when it's closed, that signal ends the process.
    ///   - stopSessions: lets them come to an end before any of the services is asked to stop.
    func run(
        _ services: [any Service], drain: Duration, _ logger: Logger, isReady: Bool = false,
        reload: (@Sendable () -> Void)? = nil, stopSessions: @escaping @Sendable () async -> Void
    ) async throws {
        try await Self.run(
            services, drain: drain, logger, isReady: isReady, reload: reload, stopSessions: stopSessions)
    }

    /// As the other, for what has no role's options.
    static func run(
        _ services: [any Service], drain: Duration, _ logger: Logger, isReady: Bool = false,
        reload: (@Sendable () -> Void)? = nil, stopSessions: @escaping @Sendable () async -> Void = {}
    ) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        var configuration = ServiceGroupConfiguration(
            // They are asked to stop in the reverse order.
            services: (services + [SessionStop(isReady: isReady, stop: stopSessions)]).map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            logger: quiet)
        // Whoever keeps a request open doesn't keep us.
        configuration.maximumGracefulShutdownDuration = drain + .seconds(12)
        let group = ServiceGroup(configuration: configuration)
        let reload = isatty(STDIN_FILENO) == 0 ? reload : nil
        let signals = await UnixSignalsSequence(
            trapping: reload == nil ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                var seen: Set<UnixSignal> = []
                for await signal in signals {
                    if signal == .sighup {
                        reload?()
                        continue
                    }
                    // Ctrl-C goes to all of a terminal's processes, and what has started us may then send its own signal.
                    guard seen.insert(signal).inserted else { endProgram(ExitStatus.interrupted.rawValue) }
                    await group.triggerGracefulShutdown()
                }
            }
            try await tasks.next()
            tasks.cancelAll()
        }
    }
}

/// Is asked to stop before the role is, and lets the role's sessions come to an end first.
private struct SessionStop: Service {
    /// Whether the role is ready as soon as it runs; others say so themselves.
    let isReady: Bool
    let stop: @Sendable () async -> Void

    func run() async throws {
        if self.isReady { SystemdNotice.ready.send() }
        do {
            try await gracefulShutdown()
        } catch {
            return
        }
        SystemdNotice.stopping.send()
        await self.stop()
    }
}

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Run a gateway, or begin another log after a restore.",
        subcommands: [Run.self, BeginLog.self], defaultSubcommand: Run.self)

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "run", abstract: "Run a gateway.")

        @OptionGroup var options: RunOptions
        @Flag(help: "Print a code for an administrator on standard output, before serving.")
        var inviteAdministrator = false

        func run() async throws {
            let configuration = try GatewayRole.configuration(self.options.state)
            let logger = try self.options.logger("gateway", configuration.logging)
            let gateway = try GatewayRole(folder: self.options.state, time: SystemTime(), logger: logger)
            if self.inviteAdministrator {
                Terminal.show(try await gateway.inviteAdministrator(UpCommand.administrator).exposeSecret())
            }
            try await self.options.run(
                [
                    ListeningGateway(gateway: gateway) {
                        Terminal.show(GatewayCommand.ready($0))
                        SystemdNotice.ready.send()
                    }
                ], drain: configuration.drain, logger, stopSessions: { await gateway.stopSessions() })
        }
    }

    struct BeginLog: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "After a restore: give the gateway's audit log another name and key.",
            discussion: """
                A restored log may lack records that it had signed for, so it may not go on under its old name. The new \
                one names the old checkpoint; every agent's host accepts it by 'glovebox agent accept-log', people by \
                'glovebox audit checkpoint --accept'. The gateway must not be running.
                """)

        @Option(help: "The gateway's state folder.")
        var state: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let key = try GatewayRole.beginNewLog(folder: self.state)
            if self.output.json { return try Terminal.show(json: ["logKey": key]) }
            Terminal.show("The log's public key is now \(key)")
        }
    }

    /// What says that everything is served.
    static func ready(_ places: GatewayRole.Places) -> String {
        "ready: API \(places.api), PostgreSQL \(places.postgres), agents \(places.tunnel)"
    }
}

extension AgentCommand {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "run", abstract: "Run an agent.")

        @OptionGroup var options: RunOptions

        func run() async throws {
            let configuration = try AgentRole.configuration(self.options.state)
            let logger = try self.options.logger("agent", configuration.logging)
            let time = SystemTime()
            let agent = try AgentRole(folder: self.options.state, time: time, logger: logger)
            let renewal = ProfileRenewal(
                folder: AgentRole.credentialsFolder(self.options.state), time: time, logger: logger)
            try await self.options.run(
                [agent, renewal], drain: configuration.drain, logger, isReady: true, reload: { agent.reload() },
                stopSessions: { await agent.stopSessions() })
        }
    }
}

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run gateway and agent in one process, for one machine.",
        discussion: "Enrols the machine's agent, and whoever runs this as administrator, unless they are already.")

    /// What the first administrator is called.
    static let administrator = IdentityName(unchecked: "admin")

    @OptionGroup var options: RunOptions

    func run() async throws {
        let configuration = try GatewayRole.configuration(self.options.state)
        let logger = try self.options.logger("up", configuration.logging)
        let profile = try SignedIn.folder
        let gateway = try GatewayRole(folder: self.options.state, time: SystemTime(), logger: logger)
        let (listening, listens) = AsyncStream.makeStream(of: GatewayRole.Places.self)
        let local = LocalAgent(
            folder: self.options.state, profile: profile, gateway: gateway, listening: listening,
            time: SystemTime(), logger: logger)
        // The gateway stays until it has the agent's last records.
        try await self.options.run(
            [
                ListeningGateway(gateway: gateway) { places in
                    listens.yield(places)
                    listens.finish()
                },
                local,
            ], drain: configuration.drain, logger, reload: { local.reload() },
            stopSessions: { await gateway.stopSessions() })
    }
}

private struct ListeningGateway: Service {
    let gateway: GatewayRole
    let listens: @Sendable (GatewayRole.Places) async -> Void

    func run() async throws {
        try await self.gateway.run(ready: self.listens)
    }
}

/// The agent of the machine that the gateway runs on: enrolled and started once that listens.
private final class LocalAgent: Service, Sendable {
    let folder: String
    /// Where the caller's profile is.
    let profile: String
    let gateway: GatewayRole
    let listening: AsyncStream<GatewayRole.Places>
    let time: SystemTime
    let logger: Logger
    private let agent = Mutex<AgentRole?>(nil)

    init(
        folder: String, profile: String, gateway: GatewayRole, listening: AsyncStream<GatewayRole.Places>,
        time: SystemTime, logger: Logger
    ) {
        self.folder = folder
        self.profile = profile
        self.gateway = gateway
        self.listening = listening
        self.time = time
        self.logger = logger
    }

    func reload() {
        self.agent.withLock { $0 }?.reload()
    }

    func run() async throws {
        let places = await cancelWhenGracefulShutdown { await self.listening.first { _ in true } }
        if let places { try await self.serve(places) }
    }

    private func serve(_ places: GatewayRole.Places) async throws {
        let api = GatewayAddress(host: self.gateway.configuration.names[0], port: places.api.port)
        let name = try AgentRole.configuration(self.folder).name
        let credentials = AgentRole.credentialsFolder(self.folder)
        if try await !self.isEnrolled(credentials, .agent(name)) {
            _ = try await ClientEnrolment.enrol(
                code: try await self.gateway.inviteLocalAgent(name), for: .agent, gateway: api, folder: credentials)
        }
        try await self.enrolCaller(api)
        let agent = try AgentRole(
            folder: self.folder, near: self.gateway.near, time: self.time, logger: self.logger)
        self.agent.withLock { $0 = agent }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await agent.run() }
            tasks.addTask {
                try await ProfileRenewal(folder: credentials, time: self.time, logger: self.logger).run()
            }
            tasks.addTask {
                await cancelWhenGracefulShutdown { await self.gateway.untilJoined(name) }
                if Task.isShuttingDownGracefully { return }
                Terminal.show(GatewayCommand.ready(places))
            }
            for try await _ in tasks {}
        }
    }

    /// Makes the caller an administrator, unless they are somebody already.
    private func enrolCaller(_ api: GatewayAddress) async throws {
        if let profile = try? Profile.load(folder: self.profile) {
            guard profile.isOf(authorityPEM: self.gateway.authorityPEM) else {
                return self.logger.warning(
                    "you are signed in to another gateway, and stay so: run 'up' and what you try with GLOVEBOX_HOME set to a folder of its own to sign in to this one",
                    metadata: ["gateway": "\(profile.gateway)", "profile": "\(self.profile)"])
            }
            if let subject = await self.subject(profile) {
                guard subject != .init(CertificateSubject.identity(UpCommand.administrator)) else { return }
                return self.logger.notice("you are signed in already", metadata: ["as": "\(subject)"])
            }
        }
        _ = try await ClientEnrolment.enrol(
            code: try await self.gateway.inviteAdministrator(UpCommand.administrator), for: .identity, gateway: api,
            folder: self.profile)
    }

    /// Whether the profile in `folder` is one that this gateway takes.
    private func isEnrolled(_ folder: String, _ subject: CertificateSubject) async throws -> Bool {
        guard let profile = try? Profile.load(folder: folder) else { return false }
        return await self.subject(profile) == .init(subject)
    }

    /// Who the gateway says that the profile is of; nil if it doesn't take it.
    private func subject(_ profile: Profile) async -> Subject? {
        guard let client = try? ControlClient(profile, time: self.time) else { return nil }
        let answer = try? await client.whoAmI()
        await client.shutdown()
        return answer?.subject
    }
}
