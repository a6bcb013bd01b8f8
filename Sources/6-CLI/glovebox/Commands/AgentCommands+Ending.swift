import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

extension AgentCommand {
    struct Quarantine: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End an agent's sessions, and let it serve nothing until it's released.",
            discussion: "It stays connected, so that the records of its journal still come in.")

        @OptionGroup var agent: AgentArgument

        func run() async throws {
            try self.agent.show(
                try await SignedIn.call { client, _ in try await client.quarantineAgent(self.agent.name, if: "*") })
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a quarantined agent serve again.")

        @OptionGroup var agent: AgentArgument

        func run() async throws {
            try self.agent.show(
                try await SignedIn.call { client, _ in
                    let (_, eTag) = try await client.agent(self.agent.name)
                    return try await client.releaseAgent(self.agent.name, if: eTag)
                })
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove an agent: its sessions end, and its certificate is no longer accepted.")

        @OptionGroup var agent: AgentArgument

        func run() async throws {
            try await SignedIn.call { client, _ in
                let (_, eTag) = try await client.agent(self.agent.name)
                try await client.removeAgent(self.agent.name, if: eTag)
            }
            if !self.agent.output.json { Terminal.show("Removed agent \(self.agent.name).") }
        }
    }
}

struct AgentArgument: ParsableArguments {
    @Argument(help: "The agent's name.", transform: argument { try AgentName($0) })
    var name: AgentName
    @OptionGroup var output: OutputOptions

    func show(_ agent: AgentStatus) throws {
        if self.output.json { return try Terminal.show(json: agent) }
        Terminal.show(Terminal.fields([("Name", agent.name.rawValue), ("State", agent.state)]))
    }
}

extension AgentStatus {
    /// In a word.
    var state: String { self.isQuarantined ? "quarantined" : self.isOnline ? "online" : "offline" }
}
