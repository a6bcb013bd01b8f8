import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore
import NIOCore
import UnixSignals

struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Open a lease and give it a port on this machine, for clients that have no TLS.",
        discussion: "The lease ends with this command (Ctrl-C), or this command with the lease.")

    @OptionGroup var lease: LeaseOptions
    @Option(help: "The port to listen on. (default: any free one)")
    var port = 0
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...65535).contains(self.port) else {
            throw ValidationError("--port: a number from 0 to 65535 is wanted")
        }
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try await OwnLease.with(self.lease.request(command: "connect")) { lease, client in
            let port = try await LoopbackPort(number: self.port, lease: lease)
            try self.tell(lease, port: port.number)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await port.serve() }
                group.addTask { for await _ in signals { return } }
                group.addTask { try await Self.untilEnded(lease.opened.lease, client) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private func tell(_ lease: OwnLease, port: Int) throws {
        let target = lease.opened.lease.target
        if self.output.json {
            return try Terminal.show(
                json: ConnectedOutput(
                    id: lease.opened.lease.id, target: target, expiresAt: lease.opened.lease.expiresAt,
                    token: lease.opened.token, host: "127.0.0.1", port: port, user: lease.address.user))
        }
        Terminal.show(
            """
            \(target) is at 127.0.0.1:\(port) until \(lease.opened.lease.expiresAt.forPeople), or until Ctrl-C.
              user:     \(lease.address.user)
              password: \(lease.opened.token.secret.exposeSecret())
              psql "host=127.0.0.1 port=\(port) user=\(lease.address.user) dbname=\(target)"
            """)
    }

    /// Returns once the lease has ended; somebody may extend it meanwhile.
    private static func untilEnded(_ lease: LeaseStatus, _ client: ControlClient) async throws {
        var lease = lease
        while lease.state == .active {
            // Looks at least every 30 seconds, since a lease can also end before its time.
            let left = min(lease.remaining.duration, .seconds(30))
            try await Task.sleep(for: max(left, .milliseconds(500)))
            do {
                lease = try await client.lease(lease.id)
            } catch let error as GloveboxError where ExitStatus(error.code) == .unreachable {
                continue
            }
        }
        Terminal.note("The lease has ended.")
    }
}

/// What `connect --json` prints.
private struct ConnectedOutput: Encodable {
    var id: LeaseID
    var target: TargetName
    var expiresAt: Timestamp
    var token: OneTimeSecret
    var host: String
    var port: Int
    var user: String
}
