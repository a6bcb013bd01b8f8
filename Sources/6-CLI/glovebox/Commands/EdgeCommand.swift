import ArgumentParser
import Contracts
import Edge
import GloveboxCore
import Logging
import ServiceLifecycle
import Telemetry

struct EdgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Run an edge: the reverse proxy on the production route.",
        discussion: """
            Carries users' and tests' requests to the versions of services, as a YAML file says; docs/edge.md has an example. \
            SIGHUP reads the file again, and one that's broken changes nothing. SIGTERM and SIGINT stop it behind the \
            requests under way.
            """)

    @Option(help: .init("Where it listens, and where requests go.", valueName: "file"), completion: .file())
    var config: String

    @Flag(help: "Only say whether the file is right.")
    var check = false

    func run() async throws {
        let configuration = try EdgeRole.configuration(self.config)
        if self.check { return Terminal.note("\(self.config): \(configuration.routeCount) routes, all right") }
        let logger = configuration.logging.logger("edge", standardLevel: .notice)
        let edge = try EdgeRole(file: self.config, time: SystemTime(), logger: logger) { addresses in
            Terminal.note("ready: requests are taken at \(addresses.joined(separator: ", "))")
            SystemdNotice.ready.send()
        }
        let reload = Reload { await edge.reload() }
        var services: [any Service] = [reload]
        if let telemetry = edge.telemetry { services.append(telemetry) }
        if let following = edge.following { services.append(following) }
        try await RunOptions.run(services + [edge], drain: configuration.drain, logger) { reload.ask() }
    }
}
