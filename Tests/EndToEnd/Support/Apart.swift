import Foundation
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
    convenience init(
        server: PostgresServer? = nil, proxy: TunnelProxy? = nil, disk: Role? = nil,
        mounting: (String) -> [String] = { _ in [] }, agentEnvironment: [String: String] = [:],
        gatewayEnvironment: [String: String] = [:], configure: (Installation) throws -> Void = { _ in }
    ) async throws {
        let shop = try await Installation.make(customers: 200, apart: true, server: server, proxy: proxy)
        try configure(shop)
        let journal = "\(shop.agentState)/agent/journal"
        var gatewayPrefix: [String] = []
        if disk == .gateway {
            try await Self.makeFolder("\(shop.state)/gateway/log")
            gatewayPrefix = mounting("\(shop.state)/gateway/log")
        }
        try await self.init(
            shop, gatewayPrefix: gatewayPrefix, agentPrefix: disk == .agent ? mounting(journal) : [],
            agentDisk: disk == .agent ? journal : nil, agentEnvironment: agentEnvironment,
            gatewayEnvironment: gatewayEnvironment)
    }

    /// Each on a host of its own.
    convenience init(_ shop: Installation, on hosts: TwoHosts) async throws {
        let places = [
            ("\(shop.state)/gateway.yaml", "tunnel: 127.0.0.1:", "tunnel: \(TwoHosts.gatewayAddress):"),
            ("\(shop.state)/gateway.yaml", "names: [localhost, ", "names: [localhost, \(TwoHosts.gatewayAddress), "),
            ("\(shop.agentState)/agent.yaml", "gateway: localhost:", "gateway: \(TwoHosts.gatewayAddress):"),
        ]
        for (file, sought, replacement) in places {
            let text = String(decoding: try readFile(file), as: UTF8.self)
            guard let place = text.range(of: sought) else { throw TestSupportError("\(file) has no '\(sought)'") }
            try writeFile(file, Array(text.replacingCharacters(in: place, with: replacement).utf8))
        }
        try await self.init(shop, gatewayPrefix: hosts.onGateway, agentPrefix: hosts.onAgent)
    }

    private init(
        _ shop: Installation, gatewayPrefix: [String], agentPrefix: [String], agentDisk: String? = nil,
        agentEnvironment: [String: String] = [:], gatewayEnvironment: [String: String] = [:]
    ) async throws {
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
        if let agentDisk { try await Self.makeFolder(agentDisk) }
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
