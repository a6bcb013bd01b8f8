import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct LeaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease", abstract: "Leases: the only way in, each with a reason and an end.",
        subcommands: [Open.self, Claim.self, List.self, Show.self, End.self, Extend.self])

    struct Open: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open a lease and show its token, once.",
            discussion: """
                To go straight to the database, use 'glovebox psql' or 'glovebox connect' instead.
                Where the rule asks for approval, this waits until it's granted; Ctrl-C leaves it open for 'lease claim'.
                """)

        @Argument(help: "The target's name.", transform: argument { try TargetName($0) })
        var target: TargetName
        @Option(
            name: .customLong("for"), help: .init("How long: 90s, 15m, 1h30m.", valueName: "duration"),
            transform: argument(DurationText.parse))
        var duration: Duration
        @Option(help: "Why, for the record.")
        var reason: String
        @Option(name: .customLong("capability"), help: "What it allows; may be repeated. (default: read)")
        var capabilities: [Capability] = []
        @Flag(help: "Without waiting for approval, where a rule lets you: briefly, loudly, and reviewed afterwards.")
        var breakGlass = false
        @Flag(help: "If it takes approval, print the approval and don't wait.")
        var noWait = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let request = LeaseRequest(
                target: self.target, capabilities: self.capabilities.isEmpty ? [.read] : Set(self.capabilities),
                duration: self.duration, purpose: self.reason, breakGlass: self.breakGlass)
            try await SignedIn.call { client, place in
                let opened: OpenedLease
                if self.noWait {
                    switch try await client.openLease(request) {
                    case .opened(let lease): opened = lease
                    case .waits(let approval): return try self.tell(of: approval)
                    }
                } else {
                    opened = try await LeaseWaiting.open(request, client)
                }
                try show(opened, place, self.output)
            }
        }

        private func tell(of approval: ApprovalStatus) throws {
            if self.output.json { return try Terminal.show(json: approval) }
            Terminal.show(approval.id.rawValue)
            Terminal.note(
                "\(approval.waitingLine); 'glovebox lease claim \(approval.id)' takes the lease when it's granted")
        }
    }

    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open the lease that an approval was granted for, exactly that, and show its token, once.")

        @Argument(help: "The approval's identifier.", transform: argument { try ApprovalID($0) })
        var approval: ApprovalID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await SignedIn.call { client, place in
                try show(await LeaseWaiting.claim(self.approval, client), place, self.output)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List leases, newest first: those that are active.")

        @Flag(help: "Also those that have ended.")
        var all = false
        @Option(help: "Only this holder's.", transform: argument { try IdentityName($0) })
        var holder: IdentityName?
        @Option(help: "Only on this target.", transform: argument { try TargetName($0) })
        var target: TargetName?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let leases = try await SignedIn.call { client, _ in
                var leases: [LeaseStatus] = []
                try await allPages {
                    try await client.leases(
                        LeaseQuery(activeOnly: !self.all, holder: self.holder, target: self.target, page: $0))
                } each: {
                    leases += $0
                }
                return leases
            }
            if self.output.json { return try Terminal.show(json: leases) }
            Terminal.show(
                Terminal.table(
                    ["Lease", "Target", "Holder", "Capabilities", "State", "Left", "Reason"],
                    leases.map { lease in
                        [
                            lease.id.rawValue, lease.target.rawValue, lease.holder.rawValue,
                            lease.capabilities.map(\.rawValue).joined(separator: ", "),
                            lease.ended.map { "ended (\($0.reason.rawValue))" } ?? lease.state.rawValue,
                            DurationText.show(lease.remaining.duration), lease.purpose,
                        ]
                    }))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a lease.")

        @Argument(help: "The lease's identifier.", transform: argument { try LeaseID($0) })
        var lease: LeaseID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try show(await SignedIn.call { client, _ in try await client.lease(self.lease) }, self.output)
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a lease now; its sessions are cut.")

        @Argument(help: "The lease's identifier.", transform: argument { try LeaseID($0) })
        var lease: LeaseID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try show(await SignedIn.call { client, _ in try await client.endLease(self.lease) }, self.output)
        }
    }

    struct Extend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a lease last longer, within what its rule allows in all.")

        @Argument(help: "The lease's identifier.", transform: argument { try LeaseID($0) })
        var lease: LeaseID
        @Option(
            name: .customLong("for"), help: .init("By how much: 15m.", valueName: "duration"),
            transform: argument(DurationText.parse))
        var duration: Duration
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let request = LeaseExtension(duration: self.duration)
            try show(
                await SignedIn.call { client, _ in try await client.extendLease(self.lease, request) }, self.output)
        }
    }
}

private func show(_ opened: OpenedLease, _ place: SignedIn.Place, _ output: OutputOptions) throws {
    let opened = OpenedLeaseOutput(opened, rootCertificate: absolute(place.authorityPath))
    if output.json { return try Terminal.show(json: opened) }
    Terminal.show(opened.forPeople)
}

private func show(_ lease: LeaseStatus, _ output: OutputOptions) throws {
    if output.json { return try Terminal.show(json: lease) }
    Terminal.show(
        Terminal.fields([
            ("Lease", lease.id.rawValue), ("Target", lease.target.rawValue), ("Holder", lease.holder.rawValue),
            ("Reason", lease.purpose), ("Capabilities", lease.capabilities.map(\.rawValue).joined(separator: ", ")),
            ("Limits", lease.limits.inWords), ("Masking", lease.maskingProfile),
            ("Rule", lease.rule),
            ("Approval", lease.approval.map { lease.isBreakGlass == true ? "\($0) (break-glass)" : $0.rawValue }),
            ("Opened", lease.openedAt.forPeople),
            (
                "Until",
                lease.ended == nil
                    ? "\(lease.expiresAt.forPeople) (\(DurationText.show(lease.remaining.duration)) left)" : nil
            ),
            ("Ended", lease.ended.map { "\($0.at.forPeople) (\($0.reason.rawValue))" }),
        ]))
}

/// What `lease open` prints: everything that a client needs.
struct OpenedLeaseOutput: Encodable {
    struct Postgres: Encodable {
        var host: String
        var port: Int
        var user: String
        /// The path of the CA's certificate on this machine.
        var rootCertificate: String
    }

    var id: LeaseID
    var target: TargetName
    var expiresAt: Timestamp
    var token: OneTimeSecret
    var postgres: Postgres?

    init(_ opened: OpenedLease, rootCertificate: String) {
        self.id = opened.lease.id
        self.target = opened.lease.target
        self.expiresAt = opened.lease.expiresAt
        self.token = opened.token
        self.postgres = opened.postgres.map {
            Postgres(host: $0.host, port: $0.port, user: $0.user, rootCertificate: rootCertificate)
        }
    }

    /// A value in a connection string that stands in double quotes (PostgreSQL manual, "Connection Strings").
    private static func quoted(_ value: String) -> String {
        guard value.contains(where: { " '\\\"$`!".contains($0) }) else { return value }
        var quoted = "'"
        for character in value {
            switch character {
            case "'", "\\": quoted += "\\\\\(character == "'" ? "'" : "\\\\")"
            case "\"", "$", "`": quoted += "\\\(character)"
            default: quoted.append(character)
            }
        }
        return quoted + "'"
    }

    var forPeople: String {
        var text = """
            Lease \(self.id) on \(self.target), until \(self.expiresAt.forPeople)
            Token (not shown again): \(self.token.secret.exposeSecret())
            """
        if let postgres = self.postgres {
            text += """


                Connect with this, and give the token when asked for the password:
                  psql "host=\(postgres.host) port=\(postgres.port) user=\(postgres.user) dbname=\(self.target) sslmode=verify-full sslrootcert=\(Self.quoted(postgres.rootCertificate))"
                """
        }
        return text
    }
}

extension Capability: ExpressibleByArgument {}
