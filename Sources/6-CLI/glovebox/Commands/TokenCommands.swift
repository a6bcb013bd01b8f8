import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens by which machines speak to the gateway.",
        discussion: """
            A machine gives its token in GLOVEBOX_TOKEN, in a file of its own (0600) that GLOVEBOX_TOKEN_FILE names, or on \
            the open descriptor GLOVEBOX_TOKEN_FD, and the gateway's address in GLOVEBOX_GATEWAY. Never put one on a \
            command line.
            """, subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token; it's shown this once.")

        @Argument(help: "The token's name.", transform: argument { try TokenName($0) })
        var name: TokenName
        @Option(
            help: "Whom it speaks for; the token's name unless told. Made if it isn't there.",
            transform: argument { try IdentityName($0) })
        var identity: IdentityName?
        @Option(help: "admin, approver, auditor or member: the role of whom it speaks for.")
        var role = Role.member
        @Option(
            help: "all, read, or operations of the API, such as openLease,endLease (docs/authorisation.md).",
            transform: argument(TokenScope.init(argument:)))
        var scope = TokenScope.all
        @Option(help: "How long it lasts, such as 90d.", transform: argument(DurationText.parse))
        var expires: Duration
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let created = try await SignedIn.call { client, _ in
                try await client.createToken(
                    TokenRequest(
                        name: self.name, identity: self.identity, role: self.role, scope: self.scope,
                        lifetime: self.expires))
            }
            if self.output.json { return try Terminal.show(json: created) }
            Terminal.show(
                """
                \(created.secret.secret.exposeSecret())

                Token \(created.token.name) speaks for identity \(created.token.identity) until \
                \(created.token.expiresAt.forPeople). It isn't shown again.
                """)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens, those that have ended too.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let tokens = try await SignedIn.call { client, _ in try await allItems { try await client.tokens($0) } }
            if self.output.json { return try Terminal.show(json: tokens) }
            Terminal.show(
                Terminal.table(
                    ["Name", "Identity", "Scope", "State", "Until"],
                    tokens.map { token in
                        [
                            token.name.rawValue, token.identity.rawValue, token.scope.description,
                            token.isActive ? "active" : token.revokedAt == nil ? "expired" : "revoked",
                            token.expiresAt.forPeople,
                        ]
                    }))
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a token now.")

        @Argument(help: "The token's name.", transform: argument { try TokenName($0) })
        var name: TokenName
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await SignedIn.call { client, _ in try await client.revokeToken(self.name) }
            if !self.output.json { Terminal.show("Revoked token \(self.name).") }
        }
    }
}

extension TokenScope {
    /// `all`, `read`, or names of operations with commas between.
    /// - Throws: `invalid_argument`; an unknown operation is the gateway's to refuse.
    fileprivate init(argument text: String) throws(GloveboxError) {
        switch text {
        case "all": self = .all
        case "read": self = .read
        default:
            let names = text.split(separator: ",").map(String.init)
            guard !names.isEmpty else {
                throw GloveboxError(.invalidArgument, "'all', 'read' or the names of operations are wanted")
            }
            self = .operations(Set(names))
        }
    }
}
