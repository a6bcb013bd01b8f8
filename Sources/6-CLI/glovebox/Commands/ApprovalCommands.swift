import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct ApprovalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approval", abstract: "Approvals: somebody else's consent to exactly one thing.",
        subcommands: [List.self, Show.self, Grant.self, Deny.self, Withdraw.self, Review.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List approvals, newest first: those that are open.",
            discussion: "Members see what they have asked for themselves, everybody else sees all.")

        @Flag(help: "Also those that are over.")
        var all = false
        @Flag(help: "Break-glass that nobody else has reviewed yet.")
        var unreviewed = false
        @Option(help: "Only what this identity has asked for.", transform: argument { try IdentityName($0) })
        var asker: IdentityName?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let approvals = try await SignedIn.call { client, _ in
                var approvals: [ApprovalStatus] = []
                try await allPages {
                    try await client.approvals(
                        ApprovalQuery(
                            openOnly: !self.all && !self.unreviewed, unreviewedOnly: self.unreviewed, asker: self.asker,
                            page: $0))
                } each: {
                    approvals += $0
                }
                return approvals
            }
            if self.output.json { return try Terminal.show(json: approvals) }
            Terminal.show(
                Terminal.table(
                    ["Approval", "Asker", "State", "Needs", "Left", "Target", "Capabilities", "For", "Reason"],
                    approvals.map { approval in
                        [
                            approval.id.rawValue, approval.asker.rawValue, approval.state.rawValue,
                            approval.missing > 0 ? "\(approval.missing) more" : "",
                            approval.remaining.map { DurationText.show($0.duration) } ?? "",
                            approval.lease?.target.rawValue ?? "",
                            approval.lease?.capabilities.map(\.rawValue).joined(separator: ", ") ?? "",
                            approval.lease.map { DurationText.show($0.duration.duration) } ?? "",
                            approval.lease?.purpose ?? "",
                        ]
                    }))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an approval: exactly what will be allowed, and who has said what.")

        @Argument(help: "The approval's identifier.", transform: argument { try ApprovalID($0) })
        var approval: ApprovalID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try show(await SignedIn.call { client, _ in try await client.approval(self.approval) }, self.output)
        }
    }

    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Grant an approval: exactly what 'approval show' shows, once.",
            discussion: "What's granted is shown; with --digest, only if it's still what you looked at before.")

        @OptionGroup var verdict: VerdictOptions

        func run() async throws {
            try await self.verdict.say { client, id, verdict in try await client.grantApproval(id, verdict) }
        }
    }

    struct Deny: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deny an approval, for good; also one that was granted and isn't used yet.")

        @OptionGroup var verdict: VerdictOptions

        func run() async throws {
            try await self.verdict.say { client, id, verdict in try await client.denyApproval(id, verdict) }
        }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Withdraw what you have asked for.")

        @Argument(help: "The approval's identifier.", transform: argument { try ApprovalID($0) })
        var approval: ApprovalID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try show(
                await SignedIn.call { client, _ in try await client.withdrawApproval(self.approval) }, self.output)
        }
    }

    struct Review: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that you have looked at a break-glass of somebody else's.",
            discussion: "What was done is in 'audit list --lease LEASE'.")

        @Argument(
            help: "The approval's identifier, as 'approval list --unreviewed' shows it.",
            transform: argument { try ApprovalID($0) })
        var approval: ApprovalID
        @Option(help: "What you found, for the record.")
        var note: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let review = ApprovalReview(note: self.note)
            try show(
                await SignedIn.call { client, _ in try await client.reviewApproval(self.approval, review) },
                self.output)
        }
    }
}

/// What granting and denying take.
struct VerdictOptions: ParsableArguments {
    @Argument(help: "The approval's identifier.", transform: argument { try ApprovalID($0) })
    var approval: ApprovalID
    @Option(help: "Why, for the record.")
    var reason: String?
    @Option(help: "What you looked at, as 'approval show' names it. (default: what it is now, which is shown)")
    var digest: String?
    @OptionGroup var output: OutputOptions

    func say(
        _ call: @Sendable (ControlClient, ApprovalID, ApprovalVerdict) async throws -> ApprovalStatus
    ) async throws {
        let approval = try await SignedIn.call { client, _ in
            let seen: String
            if let digest = self.digest {
                seen = digest
            } else {
                seen = try await client.approval(self.approval).digest
            }
            return try await call(client, self.approval, ApprovalVerdict(digest: seen, reason: self.reason))
        }
        try show(approval, self.output)
    }
}

private func show(_ approval: ApprovalStatus, _ output: OutputOptions) throws {
    if output.json { return try Terminal.show(json: approval) }
    let lease = approval.lease
    var fields: [(String, String?)] = [
        ("Approval", approval.id.rawValue), ("State", approval.state.rawValue), ("Asker", approval.asker.rawValue),
        (
            "Takes",
            approval.requirement.map { requirement in
                let who = requirement.from.isEmpty ? "approvers" : requirement.from.joined(separator: ", ")
                return "\(requirement.count) of \(who)"
                    + (approval.missing > 0 ? ", \(approval.missing) more to grant" : "")
            }
        ),
        (
            "Until",
            approval.remaining.map { left in
                "\(approval.expiresAt?.forPeople ?? "?") (\(DurationText.show(left.duration)) left)"
            }
        ),
        ("Holder", lease?.holder.rawValue), ("Target", lease?.target.rawValue),
        ("Capabilities", lease?.capabilities.map(\.rawValue).joined(separator: ", ")),
        ("For", lease.map { DurationText.show($0.duration.duration) }),
        ("Limits", lease?.limits.inWords), ("Masking", lease?.maskingProfile), ("Rule", lease?.rule),
        ("Reason", lease?.purpose), ("Digest", approval.digest), ("Lease", approval.opened?.rawValue),
    ]
    fields += approval.votes.map { ("\($0.at.forPeople)", $0.line) }
    fields.append(("Reviewed", approval.review.map { "\($0.at.forPeople) by \($0.by): \($0.note)" }))
    Terminal.show(Terminal.fields(fields))
}

extension Limits {
    /// `nil` where nothing is bounded.
    var inWords: String? {
        let limits = [
            self.rows.map { "\($0) rows" }, self.bytes.map { "\($0) bytes" },
            self.seconds.map { "\($0) s a statement" }, self.sessions.map { "\($0) sessions" },
        ].compactMap { $0 }
        return limits.isEmpty ? nil : limits.joined(separator: ", ")
    }
}
