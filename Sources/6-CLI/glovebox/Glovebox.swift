import ArgumentParser
import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The one executable: the roles, and the commands of the people who use them.
@main
struct Glovebox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "glovebox",
        abstract:
            "Work in live production through leases: see everything but the secrets, leave a record, leave nothing else.",
        discussion: """
            Exit status: \(ExitStatus.documentation)
            The profile (who you are, at which gateway) is in $GLOVEBOX_HOME or ~/.config/glovebox. What's \
            asked for often may be set there, in config.yaml, or in the environment: \
            \(Settings.Key.allCases.map(\.variable).joined(separator: ", ")).
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Target",
                subcommands: [
                    PsqlCommand.self, ConnectCommand.self, LeaseCommand.self, ApprovalCommand.self, SessionCommand.self,
                    TargetCommand.self,
                ]),
            CommandGroup(
                name: "Change", subcommands: [FlagCommand.self, ChangeCommand.self, RollbackCommand.self]),
            CommandGroup(name: "Test", subcommands: [TestCommand.self, BaselineCommand.self]),
            CommandGroup(
                name: "Sign-in", subcommands: [LoginCommand.self, LogoutCommand.self, WhoAmICommand.self]),
            CommandGroup(
                name: "Administration",
                subcommands: [IdentityCommand.self, TokenCommand.self, AgentCommand.self, AuditCommand.self]),
            CommandGroup(
                name: "Service",
                subcommands: [
                    UpCommand.self, GatewayCommand.self, EdgeCommand.self, PolicyCommand.self, BackupCommand.self,
                    RestoreCommand.self,
                ]),
            CommandGroup(name: "Redaction", subcommands: [RedactCommand.self]),
            CommandGroup(
                name: "Program", subcommands: [DoctorCommand.self, CompletionCommand.self, VersionCommand.self]),
        ])

    static func main() async {
        do {
            var command = try await self.asyncParseAsRoot(nil)
            // A wrong setting keeps nobody from help, which is a command of the argument parser's.
            if !String(reflecting: type(of: command)).hasPrefix("ArgumentParser.") { _ = try Settings.loaded.get() }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            self.leave(with: error)
        }
    }

    /// Says what went wrong on standard error, as `glovebox: MESSAGE [CODE]`, and exits.
    private static func leave(with error: any Error) -> Never {
        switch error {
        case let error as GloveboxError:
            Terminal.complain("\(error.message) [\(error.code)]")
            endProgram(ExitStatus(error.code).rawValue)
        case let error as ProgramExit:
            endProgram(error.status)
        case is CancellationError:
            endProgram(ExitStatus.interrupted.rawValue)
        default:
            break
        }
        // What's left is the argument parser's: help that was asked for, or a usage that's wrong.
        let text = self.fullMessage(for: error)
        guard self.exitCode(for: error) != .success else {
            Terminal.show(text)
            endProgram(ExitStatus.success.rawValue)
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let first = lines.first, first.hasPrefix("Error: ") {
            lines[0] = "glovebox: \(first.dropFirst("Error: ".count)) [usage]"
        }
        Terminal.write(lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
        endProgram(ExitStatus.usage.rawValue)
    }
}
