import ArgumentParser
import ControlAPI
import ControlClient
import Foundation
import GloveboxCore
import UnixSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct PsqlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open a lease, run psql under it, and end it.",
        discussion:
            "What follows '--' goes to psql: glovebox psql shop-db -- -c 'SELECT 1'. psql's exit status is passed on.")

    @OptionGroup var lease: LeaseOptions
    @Argument(parsing: .postTerminator, help: "Arguments for psql.")
    var arguments: [String] = []

    func run() async throws {
        // From here on: a signal that comes while the lease is being opened ends it again right after.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        signal(SIGQUIT, SIG_IGN)
        let status = try await OwnLease.with(self.lease.request(command: "psql")) { lease, _ in
            let file = try PasswordFile(
                host: lease.address.host, port: lease.address.port, user: lease.address.user,
                password: lease.opened.token.secret)
            let psql = try ChildProgram(
                ["psql"] + self.arguments,
                environment: Self.environment(lease, passwordFile: file.path))
            return await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Ctrl-C has reached psql by way of the terminal: it cancels the query there.
                    for await signal in signals where signal != .sigint { psql.send(signal.rawValue) }
                }
                let status = await psql.status()
                group.cancelAll()
                return status
            }
        }
        throw ProgramExit(status: status)
    }

    /// This program's environment with all that decides where psql connects replaced, so that nothing left over from
    /// elsewhere (a service, another password) gets in between. No secret is in it.
    private static func environment(_ lease: OwnLease, passwordFile: String) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in [
            "PGHOSTADDR", "PGPASSWORD", "PGSERVICE", "PGSERVICEFILE", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL",
            "PGSSLCRLDIR", "PGREQUIRESSL", "PGREQUIREPEER", "PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS",
            "PGLOADBALANCEHOSTS", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGSSLMINPROTOCOLVERSION",
            "PGSSLMAXPROTOCOLVERSION",
        ] {
            environment[name] = nil
        }
        environment["PGHOST"] = lease.address.host
        environment["PGPORT"] = String(lease.address.port)
        environment["PGUSER"] = lease.address.user
        environment["PGDATABASE"] = lease.opened.lease.target.rawValue
        environment["PGPASSFILE"] = passwordFile
        environment["PGSSLMODE"] = "verify-full"
        environment["PGSSLROOTCERT"] = lease.rootCertificate
        environment["PGGSSENCMODE"] = "disable"
        environment["PGCLIENTENCODING"] = "UTF8"
        return environment
    }
}
