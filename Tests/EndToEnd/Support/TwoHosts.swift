import Glibc
import TestSupport

/// A gateway's host and an agent's with nothing but a cable between them (`Tests/Support/Network/hosts.py`). Clients reach
/// the gateway's ports, and the agent its database, as if all were on this machine.
final class TwoHosts: Sendable {
    /// Where the gateway is to the agent.
    static let gatewayAddress = "10.99.0.1"

    private let process: RunningProcess
    /// What starts a program on the gateway's host, and on the agent's.
    let onGateway: [String]
    let onAgent: [String]

    /// Whether this machine lets tests have networks of their own.
    static let canBeHad: Bool = {
        guard geteuid() == 0 else { return false }
        return (try? RunningProcess(["unshare", "--net", "true"])) != nil && access("/usr/sbin/ip", X_OK) == 0
    }()

    private init(_ process: RunningProcess, gateway: Substring, agent: Substring) {
        self.process = process
        self.onGateway = ["nsenter", "-t", String(gateway), "-n", "--"]
        self.onAgent = ["nsenter", "-t", String(agent), "-n", "--"]
    }

    static func start(_ ports: Installation.Ports, database: Int) async throws -> TwoHosts {
        let process = try RunningProcess(
            [
                "python3", Repository.file("Tests/Support/Network/hosts.py"), "\(ports.api),\(ports.postgres)",
                String(database),
            ], input: .open)
        try await process.printed("ready")
        let words = process.output.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count >= 3 else { throw TestSupportError("hosts.py: \(process.output) \(process.errors)") }
        return TwoHosts(process, gateway: words[1], agent: words[2])
    }

    /// Pulls the cable: nothing goes through, and neither side hears of it.
    func cut() async throws {
        try await self.command("cut")
    }

    func join() async throws {
        try await self.command("join")
    }

    private func command(_ word: String) async throws {
        func count() -> Int { self.process.output.split(separator: "\n").count { $0 == word } }
        let before = count()
        try self.process.write("\(word)\n")
        try await eventually(timeout: .seconds(10), word) { count() > before }
    }

    func stop() async {
        self.process.signal(SIGKILL)
        _ = await self.process.finished()
    }
}
