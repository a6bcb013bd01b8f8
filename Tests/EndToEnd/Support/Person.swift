import TestSupport

/// Somebody with a home of their own who uses the command line.
struct Person: Sendable {
    let name: String
    let home: String

    init(name: String, folder: TemporaryFolder) {
        self.name = name
        self.home = folder.file("homes/\(name)")
    }

    /// All that their programs get to see; nothing of the tests' own environment.
    var environment: [String: String] {
        ["PATH": "/usr/bin:/bin", "HOME": self.home, "GLOVEBOX_HOME": self.home, "LC_ALL": "C.UTF-8", "TZ": "UTC"]
    }

    /// Runs `glovebox` to its end.
    func glovebox(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:],
        timeout: Duration = .seconds(60)
    ) async throws -> Subprocess.Result {
        try await Subprocess.run(
            [Repository.program] + arguments, environment: self.environment.merging(environment) { $1 },
            input: input.map { .text($0) } ?? .none,
            timeout: timeout)
    }

    /// Runs `glovebox … --json`, which must succeed.
    func ask<Answer: Decodable>(_ answer: Answer.Type = Answer.self, _ arguments: String...) async throws -> Answer {
        let result = try await self.glovebox(arguments + ["--json"])
        guard result.succeeded else {
            throw TestSupportError("glovebox \(arguments.joined(separator: " ")): \(result.status) \(result.errors)")
        }
        return try decode(Answer.self, from: result.standardOutput)
    }

    func openLease(
        _ target: String = "shop-db", for duration: String = "15m", capabilities: [String] = [],
        reason: String = "INC-4711"
    ) async throws -> OpenedLease {
        let result = try await self.tryLease(target, for: duration, capabilities: capabilities, reason: reason)
        guard result.succeeded else { throw TestSupportError("no lease on \(target): \(result.errors)") }
        return try decode(OpenedLease.self, from: result.standardOutput)
    }

    func tryLease(
        _ target: String, for duration: String = "15m", capabilities: [String] = [], reason: String = "INC-4711"
    ) async throws -> Subprocess.Result {
        try await self.glovebox(
            ["lease", "open", target, "--for", duration, "--reason", reason, "--json"]
                + capabilities.flatMap { ["--capability", $0] })
    }

    @discardableResult
    func endLease(_ lease: OpenedLease) async throws -> LeaseView {
        try await self.ask(LeaseView.self, "lease", "end", lease.id)
    }

    /// Those that have ended too.
    func leases() async throws -> [LeaseView] {
        try await self.ask([LeaseView].self, "lease", "list", "--all")
    }

    func lease(_ id: String) async throws -> LeaseView {
        try await self.ask(LeaseView.self, "lease", "show", id)
    }

    func targets() async throws -> [TargetView] {
        try await self.ask([TargetView].self, "target", "list")
    }

    /// All records that they may see, oldest first.
    func records(lease: OpenedLease? = nil, event: String? = nil) async throws -> [AuditRecord] {
        var arguments = ["audit", "list", "--limit", "0", "--json"]
        if let lease { arguments += ["--lease", lease.id] }
        if let event { arguments += ["--event", event] }
        let result = try await self.glovebox(arguments)
        guard result.succeeded else { throw TestSupportError("audit list: \(result.errors)") }
        return try decode([AuditRecord].self, from: result.standardOutput)
    }

    /// Waits for a record: an agent's come a moment after what they tell of.
    func record(
        lease: OpenedLease? = nil, event: String, where holds: @Sendable (AuditRecord) -> Bool = { _ in true }
    ) async throws -> AuditRecord {
        var found: AuditRecord?
        try await eventually(timeout: .seconds(30), "a record \(event)") {
            found = try await self.records(lease: lease, event: event).first(where: holds)
            return found != nil
        }
        guard let found else { throw TestSupportError("no record \(event)") }
        return found
    }
}
