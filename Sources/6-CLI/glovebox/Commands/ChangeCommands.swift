import ArgumentParser
import Changes
import ControlAPI
import ControlClient
import Foundation
import GloveboxCore

struct ChangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change", abstract: "Changes: each with its undo, and gone with its lease unless it's kept.",
        subcommands: [Apply.self, List.self, Show.self, Keep.self, Undo.self])

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply a file of changes as one.",
            discussion: """
                The file, YAML or JSON, has 'title' and 'changes', and may have 'guards' under which they stay and a \
                'rollout' in shares; or it is a file of flags in flagd's form.
                It's applied under --lease, or under a lease that's opened for it with --target, --for and --reason. One \
                that changes hosts takes a lease on each: name all, or let them be opened.
                """)

        @Argument(help: "The file; '-' reads standard input.")
        var file: String
        @Option(help: "What it's for, in one line. (default: the file's title)")
        var title: String?
        @Option(
            help: .init(
                "Who sees it: identity=NAME, testRun=NAME, lease=ID, or lease for its own. (default: the file's)",
                valueName: "scope"), transform: argument { try ScopeChoice($0) })
        var scope: ScopeChoice?
        @OptionGroup var under: ChangeLeaseOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let bytes = try self.read()
            let file = try ChangeFile(bytes, file: self.file)
            guard let title = self.title ?? file.title ?? self.under.reason else {
                throw GloveboxError(.invalidArgument, "say what it's for: --title, or 'title' in the file")
            }
            guard !file.changes.isEmpty else {
                throw GloveboxError(.invalidArgument, "\(self.file): 'changes' is empty: write one at least")
            }
            let applied = try await SignedIn.call { client, _ in
                let leases = try await self.under.leases(client, for: file.changes, reason: title)
                let begun = try await self.under.endingThemOnFailure(leases, client) {
                    try await client.applyChanges(
                        ChangeRequest(
                            lease: leases[0], moreLeases: Array(leases.dropFirst()), title: title,
                            changes: file.changes, guards: file.guards, rollout: file.rollout,
                            scope: (self.scope ?? file.scope)?.scope(under: leases[0])))
                }
                let applied = try await self.followed(begun, client)
                // One that may still be applied needs its leases.
                if ![.intent, .applied, .kept].contains(applied.state) {
                    await self.under.endOpened(leases, client)
                }
                return applied
            }
            try show(applied, self.output)
            try checkApplied(applied)
        }

        /// Until it's applied or has gone back.
        /// - Throws: why that isn't known, and where to look then.
        private func followed(_ change: ChangeStatus, _ client: ControlClient) async throws -> ChangeStatus {
            do {
                return try await settled(change, client) { $0.state == .intent || $0.state == .undoing }
            } catch let error as GloveboxError {
                throw GloveboxError(
                    error.code,
                    "change \(change.id) may have been applied, which 'glovebox change show \(change.id)' says later: \(error.message)",
                    cause: error.cause)
            }
        }

        private func read() throws -> [UInt8] {
            do {
                let handle = self.file == "-" ? FileHandle.standardInput : nil
                let data =
                    try handle.map { try $0.readToEnd() ?? Data() }
                    ?? Data(
                        contentsOf: URL(fileURLWithPath: self.file))
                return Array(data)
            } catch {
                throw GloveboxError(.invalidArgument, "can't read \(self.file)", cause: error)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List changes, newest first: those that may still be kept or undone.")

        @Flag(help: "Also those that were kept or have gone back.")
        var all = false
        @Option(help: "Only those under this lease.", transform: argument { try LeaseID($0) })
        var lease: LeaseID?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let changes = try await SignedIn.call { client, _ in
                try await allItems {
                    try await client.changes(ChangeQuery(openOnly: !self.all, lease: self.lease, page: $0))
                }
            }
            if self.output.json { return try Terminal.show(json: changes) }
            Terminal.show(table(changes))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a set of changes, and what it goes back to.")

        @Argument(help: "The change's identifier.", transform: argument { try ChangeSetID($0) })
        var change: ChangeSetID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try show(await SignedIn.call { client, _ in try await client.change(self.change) }, self.output)
        }
    }

    struct Keep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a set of changes outlive its lease, where you may.")

        @Argument(help: "The change's identifier.", transform: argument { try ChangeSetID($0) })
        var change: ChangeSetID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let kept = try await SignedIn.call { client, _ in
                try await settled(try await client.keepChange(self.change), client, within: .seconds(20)) {
                    $0.state == .applied
                }
            }
            try show(kept, self.output)
            guard kept.state == .kept else {
                throw GloveboxError(
                    .unavailable,
                    "its hosts haven't said that they keep it: does the ceiling of each allow that ('keep')? See 'glovebox audit list --event change_refused'"
                )
            }
        }
    }

    struct Undo: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a set of changes back now.")

        @Argument(help: "The change's identifier.", transform: argument { try ChangeSetID($0) })
        var change: ChangeSetID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let undone = try await SignedIn.call { client, _ in
                try await settled(try await client.undoChange(self.change), client) { $0.state == .undoing }
            }
            try show(undone, self.output)
        }
    }
}

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Take changes back at once, newest first: the last set, or what's named.",
        discussion: "What others have changed since is named and left as it is. What was kept stays.")

    @Argument(
        help: "The change's identifier. (default: the last one that's open)",
        transform: argument { try ChangeSetID($0) })
    var change: ChangeSetID?
    @Option(help: "All under this lease.", transform: argument { try LeaseID($0) })
    var lease: LeaseID?
    @Option(
        help: .init("All planned so long ago, or since a moment: 15m, 2026-11-25T07:17:57Z.", valueName: "time"),
        transform: argument { try RollbackCommand.moment($0) })
    var since: Timestamp?
    @Flag(help: "All that are open and that you may take back.")
    var all = false
    @Flag(help: "Only say what would go back, and in which order.")
    var preview = false
    @OptionGroup var output: OutputOptions

    static func moment(_ text: String) throws -> Timestamp {
        if let moment = Timestamp(text) { return moment }
        let now = WallTime(nanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000))
        return Timestamp(now.advanced(by: .zero - (try DurationText.parse(text))))
    }

    func run() async throws {
        let request = RollbackRequest(
            change: self.change, lease: self.lease, since: self.since, all: self.all, preview: self.preview)
        try request.validate()
        let rollback = try await SignedIn.call { client, _ in
            var rollback = try await client.rollBack(request)
            guard !self.preview else { return rollback }
            for (index, change) in rollback.changes.enumerated() {
                rollback.changes[index] = try await settled(change, client) { $0.state == .undoing }
            }
            return rollback
        }
        if self.output.json { return try Terminal.show(json: rollback) }
        guard !rollback.changes.isEmpty else { return Terminal.note("nothing is open that could go back") }
        Terminal.show(table(rollback.changes))
        for change in rollback.changes {
            for item in change.changes {
                if item.isChangedOutside == true {
                    Terminal.note(
                        "\(change.id): \(item.kind) '\(item.key)' was changed since without Glovebox, and stays so")
                }
                guard let other = item.changedSinceBy else { continue }
                Terminal.note(
                    "\(change.id): \(item.kind) '\(item.key)' was changed since by \(other), and stays as that one has it"
                )
            }
        }
        let stuck = rollback.changes.filter { $0.state == .stuck }
        guard stuck.isEmpty else {
            throw GloveboxError(
                .unavailable,
                "\(stuck.count) of \(rollback.changes.count) couldn't go back yet and are tried again: see 'glovebox change show'"
            )
        }
    }
}

/// Under which lease something is changed.
struct ChangeLeaseOptions: ParsableArguments {
    @Option(
        help: "The lease; it allows to change its target. Several where several targets are changed.",
        transform: argument { try LeaseID($0) })
    var lease: [LeaseID] = []
    @Option(
        help: "Without --lease: the target to open a lease on. (default: the only one with flags)",
        transform: argument { try TargetName($0) })
    var target: TargetName?
    @Option(
        name: .customLong("for"),
        help: .init(
            "Without --lease: how long until it goes back: 90s, 15m, 1h30m. (default: 15m)", valueName: "duration"),
        transform: argument(DurationText.parse))
    var duration = Duration.seconds(900)
    @Option(help: "Without --lease: why, for the record. (default: what it's for)")
    var reason: String?

    /// The lease, or a new one, which stays until its time is up.
    func lease(_ client: ControlClient, reason: String) async throws -> LeaseID {
        if let lease = self.lease.first { return lease }
        return try await self.open(try await self.target(.flags, client), client, reason)
    }

    /// One for each target that's changed, that of the flags or the edge first.
    func leases(_ client: ControlClient, for changes: [ChangeItem], reason: String) async throws -> [LeaseID] {
        if !self.lease.isEmpty { return try await self.ordered(client, for: changes) }
        var targets: [TargetName] = []
        for kind in GatewayTarget.allCases where changes.contains(where: kind.isChanged) {
            targets.append(try await self.target(kind, client))
        }
        for change in changes where !GatewayTarget.allCases.contains(where: { $0.isChanged(by: change) }) {
            guard let target = change.target ?? self.target else {
                throw GloveboxError(.invalidArgument, "say which host: 'target' in the file, or --target")
            }
            if !targets.contains(target) { targets.append(target) }
        }
        var leases: [LeaseID] = []
        for target in targets {
            let opened = try await self.endingThemOnFailure(leases, client) {
                try await self.open(target, client, reason)
            }
            leases.append(opened)
        }
        return leases
    }

    /// What was opened for something that didn't come about isn't left behind.
    func endingThemOnFailure<Value>(
        _ leases: [LeaseID], _ client: ControlClient, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch {
            await self.endOpened(leases, client)
            throw error
        }
    }

    /// Those that were opened for what's changed; given ones stay as they are.
    func endOpened(_ leases: [LeaseID], _ client: ControlClient) async {
        guard self.lease.isEmpty else { return }
        for lease in leases { _ = try? await client.endLease(lease) }
    }

    /// Those given, with the one on what the gateway serves itself first, where that's changed.
    private func ordered(_ client: ControlClient, for changes: [ChangeItem]) async throws -> [LeaseID] {
        let kinds = GatewayTarget.allCases.filter { changes.contains(where: $0.isChanged) }.map(\.rawValue)
        guard self.lease.count > 1, !kinds.isEmpty else { return self.lease }
        let served = Set(
            try await allItems { try await client.targets($0) }.filter { kinds.contains($0.kind) }.map(\.name))
        var (first, rest): ([LeaseID], [LeaseID]) = ([], [])
        for id in self.lease {
            if served.contains(try await client.lease(id).target) { first.append(id) } else { rest.append(id) }
        }
        return first + rest
    }

    private func open(_ target: TargetName, _ client: ControlClient, _ reason: String) async throws -> LeaseID {
        let opened = try await LeaseWaiting.open(
            LeaseRequest(
                target: target, capabilities: [.change], duration: self.duration, purpose: self.reason ?? reason),
            client)
        return opened.lease.id
    }

    private func target(_ kind: GatewayTarget, _ client: ControlClient) async throws -> TargetName {
        if let given = self.target { return given }
        let served = try await allItems { try await client.targets($0) }.filter { $0.kind == kind.rawValue }
        guard served.count == 1, let only = served.first else {
            throw GloveboxError(
                .invalidArgument,
                served.isEmpty
                    ? kind.missing
                    : "say which target: --target with one of \(served.map(\.name.rawValue).joined(separator: ", "))")
        }
        return only.name
    }
}

/// What a gateway serves itself, without an agent, by its targets' kind.
private enum GatewayTarget: String, CaseIterable {
    case flags, edge

    func isChanged(by change: ChangeItem) -> Bool {
        switch self {
        case .flags: change.flag != nil
        case .edge: change.route != nil || change.testRun != nil
        }
    }

    var missing: String {
        switch self {
        case .flags: "this gateway serves no flags: see 'flags' in gateway.yaml"
        case .edge: "this gateway knows no edge: see 'edges' in gateway.yaml"
        }
    }
}

/// Follows a change until it isn't as `waits` says any more: what hosts do takes its time.
private func settled(
    _ change: ChangeStatus, _ client: ControlClient, within limit: Duration = .seconds(600),
    while waits: (ChangeStatus) -> Bool
) async throws -> ChangeStatus {
    var change = change
    let deadline = ContinuousClock.now.advanced(by: limit)
    while waits(change), ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(200))
        change = try await client.change(change.id)
    }
    return change
}

/// - Throws: why it isn't applied.
private func checkApplied(_ change: ChangeStatus) throws {
    switch change.state {
    case .applied, .kept: return
    case .intent:
        throw GloveboxError(.unavailable, "it's still being applied: see 'glovebox change show \(change.id)'")
    case .undoing, .stuck, .undone:
        throw GloveboxError(.changeNotOpen, "it isn't applied: \(change.cause ?? "it has gone back")")
    }
}

private func table(_ changes: [ChangeStatus]) -> String {
    Terminal.table(
        ["Change", "Target", "Holder", "State", "Left", "What", "Title"],
        changes.map { change in
            [
                change.id.rawValue, change.target.rawValue, change.holder.rawValue, change.state.rawValue,
                change.remaining.map { DurationText.show($0.duration) } ?? "–",
                change.changes.map(\.key).joined(separator: ", "), change.title,
            ]
        })
}

func show(_ change: ChangeStatus, _ output: OutputOptions) throws {
    if output.json { return try Terminal.show(json: change) }
    var fields: [(String, String?)] = [
        ("Change", change.id.rawValue), ("Title", change.title), ("Target", change.target.rawValue),
        ("Holder", change.holder.rawValue), ("Lease", change.lease.rawValue), ("State", change.state.rawValue),
        ("Seen by", change.scope.map { "\($0) alone" }), ("Planned", change.plannedAt.forPeople),
        ("Goes back", change.remaining.map { "in \(DurationText.show($0.duration)), with its lease" }),
        ("Kept by", change.keptBy?.rawValue), ("Cause", change.cause),
        (
            "Stuck",
            change.failure.map {
                "\($0.message) [\($0.code)]; tried \($0.attempts == 1 ? "once" : "\($0.attempts) times"), and again: 'glovebox change undo \(change.id)' tries at once"
            }
        ),
    ]
    if let rollout = change.rollout {
        let steps = rollout.map { "\($0.percent) % for \(DurationText.show($0.holds.duration))" }
        let now = change.percent.map { "\($0) % now; " } ?? ""
        fields.append(("Rollout", now + steps.joined(separator: ", then ")))
    }
    for condition in change.guards ?? [] {
        let bound =
            condition.atMost.map { "at most \($0.written)" } ?? condition.atLeast.map { "at least \($0.written)" } ?? ""
        let value = condition.value.map { " (\($0.written))" } ?? ""
        let verdict = condition.verdict.map { ": \($0)\(value)" } ?? ""
        fields.append(("Guard", "\(condition.name) \(bound)\(verdict)"))
    }
    if let epoch = change.epoch {
        let clients = change.clients.map { "\($0.count) \($0.epoch.map { "run epoch \($0)" } ?? "haven't said yet")" }
        fields.append(
            (
                "Clients",
                "epoch \(epoch) is in force; \(clients.isEmpty ? "nobody follows" : clients.joined(separator: ", "))"
            ))
    }
    for item in change.changes {
        let since =
            item.changedSinceBy.map { " (changed since by \($0))" }
            ?? (item.isChangedOutside == true ? " (changed since without Glovebox)" : "")
        if ["runbook", "file", "call"].contains(item.kind) {
            let values = (item.parameters ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            let host = item.target.map { " on \($0)" } ?? ""
            fields.append(
                (item.kind.prefix(1).uppercased() + item.kind.dropFirst(), "\(item.key)\(values)\(host)\(since)"))
            continue
        }
        let kind = ["route": "Route", "testRun": "Test run"][item.kind] ?? "Flag"
        fields.append((kind, "\(item.key)\(since)"))
        fields.append(("  was", try item.former.map(text) ?? "not there"))
        fields.append(("  is", try item.definition.map(text) ?? "not there"))
    }
    Terminal.show(Terminal.fields(fields))
}

private func text(_ value: JSONValue) throws -> String {
    String(decoding: try JSONForm.encode(value), as: UTF8.self)
}
