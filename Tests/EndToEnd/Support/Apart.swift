import Glibc
import Synchronization
import TestSupport
import Testing

/// A gateway and an agent in folders and processes of their own, enrolled as `docs` say.
final class Apart: Sendable {
    let shop: Installation
    private let processes: Mutex<(gateway: RunningProcess, agent: RunningProcess)>

    /// - Parameters:
    ///   - proxy: stands between agent and gateway.
    ///   - disk: whose journal or log is on a disk of its own, which `mounting` starts a program with.
    ///   - agentEnvironment, gatewayEnvironment: what they get beside what everybody's programs do.
    ///   - configure: changes files before anything is started.
    init(
        server: PostgresServer? = nil, proxy: TunnelProxy? = nil, disk: Role? = nil,
        mounting: (String) -> [String] = { _ in [] }, agentEnvironment: [String: String] = [:],
        gatewayEnvironment: [String: String] = [:], configure: (Installation) throws -> Void = { _ in }
    ) async throws {
        let shop = try await Installation.make(customers: 200, apart: true, server: server, proxy: proxy)
        try configure(shop)
        var (gatewayPrefix, agentPrefix): ([String], [String]) = ([], [])
        if disk == .gateway {
            try await Self.makeFolder("\(shop.state)/gateway/log")
            gatewayPrefix = mounting("\(shop.state)/gateway/log")
        }
        let gateway = try await shop.start(
            "gateway", more: ["--invite-administrator"], prefix: gatewayPrefix, environment: gatewayEnvironment)
        let code = try #require(gateway.output.split(separator: "\n").first { $0.hasPrefix("gbi_") })
        let login = try await shop.admin.glovebox(
            ["login", "--gateway", shop.gatewayAddress], input: String(code) + "\n")
        try #require(login.status == 0, "\(login.errors)")
        let invited = try await shop.admin.ask(Invitation.self, "agent", "invite", "test")
        let enrolled = try await shop.admin.glovebox(
            ["agent", "enrol", "--state", shop.agentState, "--gateway", shop.gatewayAddress],
            input: invited.code + "\n")
        try #require(enrolled.status == 0, "\(enrolled.errors)")
        if disk == .agent {
            try await Self.makeFolder("\(shop.agentState)/agent/journal")
            agentPrefix = mounting("\(shop.agentState)/agent/journal")
        }
        self.shop = shop
        self.processes = Mutex((gateway, try shop.launch("agent", prefix: agentPrefix, environment: agentEnvironment)))
        try await shop.untilOnline()
    }

    enum Role: Sendable, CaseIterable {
        case agent, gateway
    }

    private static func makeFolder(_ path: String) async throws {
        try await Subprocess.check(["mkdir", "-p", "-m", "700", path])
    }

    var gateway: RunningProcess { self.processes.withLock { $0.gateway } }
    var agent: RunningProcess { self.processes.withLock { $0.agent } }

    func kill(_ process: RunningProcess) async {
        process.signal(SIGKILL)
        _ = await process.finished()
    }

    func startGateway() async throws {
        let gateway = try await self.shop.start("gateway")
        self.processes.withLock { $0.gateway = gateway }
    }

    /// Starts the gateway without waiting for anything, to die as `fault` says.
    func startGateway(_ fault: Fault) throws {
        let gateway = try self.shop.launch("gateway", environment: fault.environment)
        self.processes.withLock { $0.gateway = gateway }
    }

    func startAgent(_ fault: Fault? = nil) throws {
        let agent = try self.shop.launch("agent", environment: fault?.environment ?? [:])
        self.processes.withLock { $0.agent = agent }
    }
}
