import ArgumentParser
import GloveboxCore

/// Options of every command that runs a role.
struct RunOptions: ParsableArguments {
    @Option(help: "The folder that holds configuration, keys and data.")
    var state: String
}

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "gateway", abstract: "Run a gateway.")

    @OptionGroup var options: RunOptions

    func run() async throws {
        throw GloveboxError(.unavailable, "this build runs no gateway yet")
    }
}

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run gateway and agent in one process, for one machine.")

    @OptionGroup var options: RunOptions

    func run() async throws {
        throw GloveboxError(.unavailable, "this build runs no gateway yet")
    }
}

extension AgentCommand {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "run", abstract: "Run an agent.")

        @OptionGroup var options: RunOptions

        func run() async throws {
            throw GloveboxError(.unavailable, "this build runs no agent yet")
        }
    }
}
