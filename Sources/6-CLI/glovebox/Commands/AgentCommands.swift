import Agent
import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Agents: run one, or invite, enrol, list and end them.",
        subcommands: [
            Run.self, Invite.self, Enrol.self, AcceptLog.self, List.self, Quarantine.self, Release.self, Remove.self,
        ], defaultSubcommand: Run.self)

    struct Invite: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a single-use code with which an agent enrols.")

        @Argument(help: "The new agent's name.", transform: argument { try AgentName($0) })
        var name: AgentName
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (invitation, gateway) = try await SignedIn.call { client, place in
                (try await client.inviteAgent(.init(name: self.name)), place.gateway)
            }
            try show(invitation, "glovebox agent enrol --state FOLDER --gateway \(gateway)", self.output)
        }
    }

    struct Enrol: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enrol this machine's agent with a single-use code.",
            discussion: "Run it on the agent's host, as the user that the agent runs as.")

        @Option(help: "The agent's state folder.")
        var state: String
        @Option(help: "The gateway, https://HOST:PORT; also GLOVEBOX_GATEWAY, or the one it was enrolled with.")
        var gateway: String?
        @OptionGroup var code: CodeOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let gateway = try SignedIn.gateway(self.gateway, folder: AgentRole.credentialsFolder(self.state))
            let profile = try await ClientEnrolment.enrol(
                code: try self.code.read(), for: .agent, gateway: gateway,
                folder: AgentRole.credentialsFolder(self.state))
            try EnrolledOutput(profile).show(self.output)
        }
    }

    struct AcceptLog: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept a restored gateway's new audit log, on the agent's host.",
            discussion: """
                An agent refuses a gateway whose log isn't the one that it saw last. Make sure with whoever runs the \
                gateway that it was restored and why; then say so here. The agent goes on when it joins again.
                """)

        @Option(help: "The agent's state folder.")
        var state: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let accepted = try LogMemory.accept(folder: AgentRole.credentialsFolder(self.state))
            if self.output.json {
                return try Terminal.show(json: ["now": "\(accepted.now)", "before": "\(accepted.before)"])
            }
            Terminal.show("Accepted \(accepted.now) in place of \(accepted.before).")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List agents and whether they are connected.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let agents = try await SignedIn.call { client, _ in try await allItems { try await client.agents($0) } }
            if self.output.json { return try Terminal.show(json: agents) }
            Terminal.show(
                Terminal.table(
                    ["Name", "State", "Since", "Version", "Targets"],
                    agents.map { agent in
                        [
                            agent.name.rawValue, agent.state,
                            agent.since?.forPeople ?? "", agent.version ?? "",
                            agent.targets.map(\.rawValue).joined(separator: ", "),
                        ]
                    }))
        }
    }
}

struct TargetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target", abstract: "What can be reached.", subcommands: [List.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List targets and whether they can be reached now.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let targets = try await SignedIn.call { client, _ in
                try await allItems { try await client.targets($0) }
            }
            if self.output.json { return try Terminal.show(json: targets) }
            Terminal.show(
                Terminal.table(
                    ["Name", "Kind", "State", "Agent", "Capabilities", "Labels"],
                    targets.map { target in
                        [
                            target.name.rawValue, target.kind, target.isOnline ? "online" : "offline",
                            target.agent.rawValue, target.capabilities.map(\.rawValue).joined(separator: ", "),
                            target.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                                .joined(separator: ", "),
                        ]
                    }))
        }
    }
}
