package import Contracts
package import GloveboxCore
import Identity
package import Logging
package import PostgresAccess
import ServiceLifecycle
import Telemetry
package import YAMLDocument

/// A gateway: identity, policy, leases, log and API on one folder, and the three ports that people, clients and agents
/// connect to.
package struct GatewayRole: Service {
    /// Where a running gateway is reached.
    package struct Places: Sendable {
        package var api: SocketPlace
        package var postgres: SocketPlace
        package var tunnel: SocketPlace
    }

    package let configuration: GatewayConfiguration
    /// For an agent that runs in this process.
    package let near = NearAgent()
    let time: any TimeSource
    let logger: Logger
    let parts: GatewayParts
    let ports = GatewayPorts()
    let drain: Drain

    /// Reads the configuration of the gateway in `folder`.
    /// - Throws: `configuration_invalid` with line and column.
    package static func configuration(_ folder: String) throws -> GatewayConfiguration {
        let file = "\(folder)/gateway.yaml"
        let text = String(decoding: try PrivateFile.read(file, sharing: true), as: UTF8.self)
        return try GatewayConfiguration(yaml: text, file: file, folder: folder)
    }

    /// Where the state of the gateway of `folder` is.
    static func stateFolder(_ folder: String) -> String { "\(folder)/gateway" }

    /// Opens the gateway's state; nothing listens yet.
    ///
    /// - Parameter folder: holds `gateway.yaml` and the policy; state goes to `gateway/` in it.
    /// - Throws: `configuration_invalid`, `store_locked`, `store_corrupt`, `journal_corrupt` and others that say what
    ///   to do.
    package init(folder: String, time: any TimeSource, logger: Logger) throws {
        self.configuration = try Self.configuration(folder)
        self.time = time
        self.logger = logger
        self.drain = Drain(role: "gateway", limit: self.configuration.drain, time: time)
        self.parts = try GatewayParts(
            state: Self.stateFolder(folder), configuration: self.configuration, time: time, logger: logger)
    }

    /// The CA's certificate.
    package var authorityPEM: String { self.parts.authority.pem }

    /// Gives the log of a gateway that isn't running another name and key (``LogKey/replace(folder:host:)``).
    /// - Returns: its public key.
    package static func beginNewLog(folder: String) throws -> String {
        let configuration = try Self.configuration(folder)
        return "\(try LogKey.replace(folder: Self.stateFolder(folder), host: configuration.names[0]))"
    }

    /// A code for an administrator, asked for by whoever owns the gateway's folder: the first one, or one who has lost
    /// their certificate.
    package func inviteAdministrator(_ name: IdentityName) async throws -> Secret<String> {
        try await self.invite(.person(name, .admin), .identityInvited(name: name, role: .admin))
    }

    /// A code for an agent of this machine, asked for by whoever owns the gateway's folder.
    package func inviteLocalAgent(_ name: AgentName) async throws -> Secret<String> {
        try await self.invite(.agent(name), .agentInvited(name: name))
    }

    private func invite(_ guest: InviteEntry.Guest, _ event: RecordEvent) async throws -> Secret<String> {
        try await self.parts.log.append([Record(time: self.time.wall, event: event)])
        return try await self.parts.enrolment.invite(guest, by: nil).code.text
    }

    /// Returns once the agent is connected.
    package func untilJoined(_ agent: AgentName) async {
        await self.parts.fleet.untilConnected(agent)
    }

    package func run() async throws {
        try await self.run { _ in }
    }

    /// The first half of an orderly stop: no session opens any more, those that run have `drain` of the configuration to
    /// come to an end, and then are ended. All else is served until ``run(ready:)`` is asked to stop.
    package func stopSessions() async {
        self.logger.notice("stopping: no session opens any more")
        await self.drain.run()
    }

    /// Serves until it's stopped.
    /// - Parameter ready: called when all ports listen.
    package func run(ready: @escaping @Sendable (Places) async -> Void) async throws {
        do {
            try await self.serve(ready)
        } catch {
            try? await self.parts.close()
            throw error
        }
        try await self.parts.close()
    }
}
