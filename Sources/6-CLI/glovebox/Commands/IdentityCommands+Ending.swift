import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

extension IdentityCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List everybody that the gateway knows.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let identities = try await SignedIn.call { client, _ in
                try await allItems { try await client.identities($0) }
            }
            if self.output.json { return try Terminal.show(json: identities) }
            Terminal.show(
                Terminal.table(
                    ["Name", "Role", "State", "Since"],
                    identities.map {
                        [$0.name.rawValue, $0.role.rawValue, $0.isDisabled ? "disabled" : "", $0.createdAt.forPeople]
                    }))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one identity.")

        @OptionGroup var identity: IdentityArgument

        func run() async throws {
            try self.identity.show(
                try await SignedIn.call { client, _ in try await client.identity(self.identity.name).status })
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End everything that an identity holds, and let it in no more.",
            discussion: "Its leases and their sessions, certificates, tokens and invitations end at once.")

        @OptionGroup var identity: IdentityArgument

        func run() async throws {
            // Whatever somebody else changed meanwhile, this is to end.
            try self.identity.show(
                try await SignedIn.call { client, _ in
                    try await client.disableIdentity(self.identity.name, if: "*")
                })
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a disabled identity in again.",
            discussion: "What was ended stays so: invite it anew with 'glovebox identity invite'.")

        @OptionGroup var identity: IdentityArgument

        func run() async throws {
            try self.identity.show(
                try await SignedIn.call { client, _ in
                    let (_, eTag) = try await client.identity(self.identity.name)
                    return try await client.enableIdentity(self.identity.name, if: eTag)
                })
        }
    }
}

struct IdentityArgument: ParsableArguments {
    @Argument(help: "The identity's name.", transform: argument { try IdentityName($0) })
    var name: IdentityName
    @OptionGroup var output: OutputOptions

    func show(_ identity: IdentityStatus) throws {
        if self.output.json { return try Terminal.show(json: identity) }
        Terminal.show(
            Terminal.fields([
                ("Name", identity.name.rawValue), ("Role", identity.role.rawValue),
                ("State", identity.isDisabled ? "disabled" : "enabled"), ("Since", identity.createdAt.forPeople),
            ]))
    }
}
