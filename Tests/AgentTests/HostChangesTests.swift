import AuditFiles
import Contracts
import Glibc
import GloveboxCore
import Logging
import Policy
import Synchronization
import TestSupport
import Testing
import YAMLDocument

@testable import Agent

/// The clock stands still, so that what's stuck stays so until it's moved or the agent starts anew.
@Suite("Changes on this host", .timeLimit(.minutes(2)))
struct HostChangesTests {
    /// An agent that runs.
    private struct Running {
        var changes: HostChanges
        var inbox: HostInbox
    }

    /// What was asked for.
    private struct Made {
        var set = ChangeSetID.random()
        var change: HostChange
        var key: HostEntry.Key { HostEntry.Key(set: self.set, number: 0) }
    }

    /// `shop FOLDER version | runs VERSION | deploy VERSION`; each of these fails while a file `FOLDER/VERB-fails` is there.
    private static let program = """
        cd "$1" || exit 9
        [ -f "$2-fails" ] && exit 3
        case "$2" in
        version) cat version ;;
        runs) [ "$(cat version)" = "$3" ] ;;
        deploy)
            [ -f "$3-hangs" ] && { : >begun; sleep 60; }
            echo "$3" >version
            echo "$3" >>history
            ;;
        esac

        """

    private let folder: TemporaryFolder
    private let time = ManualTime()
    private let records: Journal
    private let target = TargetName(unchecked: "shop")
    private let lease = LeaseID.random()
    private let terms: HostChanges.Terms

    init() throws {
        let folder = try TemporaryFolder()
        let shop = try folder.write("shop", Self.program)
        try folder.write("version", "v1\n")
        try folder.write("a.conf", "orig")
        mkdir(folder.file("records"), 0o700)
        self.folder = folder
        self.records = try Journal(folder: folder.file("records"), origin: "agent/demo")
        let yaml = """
            runbooks:
              deploy:
                parameters: {version: {type: word}}
                former: [/bin/sh, "\(shop)", "\(folder.path)", version]
                check: [/bin/sh, "\(shop)", "\(folder.path)", runs, "{version}"]
                apply: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "{version}"]
                undo: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "{former}"]
              release:
                parameters: {version: {type: word}}
                former: [/bin/sh, "\(shop)", "\(folder.path)", version]
                apply: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "{version}"]
                undo: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "{former}"]
              checked:
                parameters: {version: {type: word}}
                check: [/bin/sh, "\(shop)", "\(folder.path)", runs, "{version}"]
                apply: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "{version}"]
                undo: [/bin/sh, "\(shop)", "\(folder.path)", deploy, undone]
              forget:
                parameters: {version: {type: word}}
                undo: [/bin/sh, "\(shop)", "\(folder.path)", deploy, "forgot-{version}"]
            """
        var ceiling = CeilingTarget(capabilities: [.change], longest: .seconds(3600))
        ceiling.runbooks = ["deploy", "release", "checked", "forget"]
        ceiling.files = ["\(folder.path)/*.conf"]
        ceiling.mayKeep = true
        let host = try HostTarget(
            try YAMLNode(yaml: yaml, file: "agent.yaml").mapping("runbooks", "calls"), folder: folder.path)
        self.terms = HostChanges.Terms(
            targets: [self.target: host], ceiling: CeilingDocument(targets: [self.target: ceiling]),
            refusal: { nil }, mask: { $0 })
    }

    /// The agent runs while `body` does, and has stopped when this returns; another run of it reads the journal.
    private func running(mostOpen: Int = 1000, _ body: (Running) async throws -> Void) async throws {
        let inbox = HostInbox(self.time)
        let changes = try HostChanges(
            folder: self.folder.path, terms: self.terms, inbox: inbox, records: self.records, time: self.time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, mostOpen: mostOpen)
        let runner = Task { await changes.run() }
        do {
            try await body(Running(changes: changes, inbox: inbox))
        } catch {
            runner.cancel()
            await runner.value
            throw error
        }
        runner.cancel()
        await runner.value
    }

    private func order(_ verb: ChangeOrder.Verb, _ made: Made, _ agent: Running) {
        var order = ChangeOrder(verb, set: made.set, number: 0, title: "t", change: made.change)
        if verb == .apply {
            order.grant = LeaseGrant(
                lease: self.lease, holder: IdentityName(unchecked: "ada"), target: self.target, purpose: "INC-1",
                capabilities: [.change], limits: Limits(), maskingProfile: "default", rule: "r",
                remaining: .seconds(600))
        }
        agent.inbox.put(.order(order))
    }

    private func until(_ made: Made, _ state: ChangeState, _ agent: Running) async throws -> ChangeReport {
        var report: ChangeReport?
        try await eventually(timeout: .seconds(30), "change \(made.set) \(state)") {
            report = await agent.changes.entries[made.key]?.report
            return report?.state == state
        }
        return try #require(report)
    }

    private func asked(_ action: HostAction, _ agent: Running) -> Made {
        // Each is planned at another moment, as the order of those that are read from the journal is theirs.
        self.time.jumpWall(by: .seconds(1))
        let made = Made(change: HostChange(target: self.target, lease: self.lease, action: action))
        self.order(.apply, made, agent)
        return made
    }

    private func applied(_ action: HostAction, _ agent: Running) async throws -> Made {
        let made = self.asked(action, agent)
        _ = try await self.until(made, .applied, agent)
        return made
    }

    private func undone(_ made: Made, _ agent: Running) async throws -> ChangeReport {
        self.order(.undo, made, agent)
        return try await self.until(made, .undone, agent)
    }

    private func kept(_ made: Made, _ agent: Running) async throws {
        self.order(.keep, made, agent)
        _ = try await self.until(made, .kept, agent)
        self.order(.settle, made, agent)
        try await eventually { await agent.changes.entries[made.key] == nil }
    }

    private func runbook(_ name: String, _ version: String) -> HostAction {
        .runbook(name: name, parameters: ["version": version])
    }

    private func file(_ content: String) -> HostAction { .file(path: self.folder.file("a.conf"), content: content) }
    private func byHand(_ name: String, _ text: String) throws { try self.folder.write(name, text) }
    private func read(_ name: String) throws -> String { String(decoding: try self.folder.read(name), as: UTF8.self) }
    private func conflict(by other: Made?) -> ChangeConflict { ChangeConflict(change: 0, by: other?.set) }

    // MARK: One over the other

    @Test(
        "one that goes back under another that's stuck hands on what it would have gone back to, durably",
        arguments: ["deploy", "release"])
    func underStuckRunbook(_ name: String) async throws {
        var second: Made?
        try await self.running { agent in
            let first = try await self.applied(self.runbook(name, "v2"), agent)
            let other = try await self.applied(self.runbook(name, "v3"), agent)
            second = other
            try self.byHand("deploy-fails", "")
            self.order(.undo, other, agent)
            _ = try await self.until(other, .stuck, agent)
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: other))
            #expect(try self.read("version") == "v3\n")
        }
        unlink(self.folder.file("deploy-fails"))
        try await self.running { agent in
            let other = try #require(second)
            #expect(try await self.until(other, .undone, agent).conflict == nil)
        }
        #expect(try self.read("version") == "v1\n")
        #expect(try self.read("history") == "v2\nv3\nv1\n")
    }

    @Test(
        "so it is with a file, also where the one that's stuck had got as far as to what it stood on",
        arguments: [true, false])
    func underStuckFile(_ isHalfway: Bool) async throws {
        var second: Made?
        try await self.running { agent in
            let first = try await self.applied(self.file("AAA"), agent)
            let other = try await self.applied(self.file("BBB"), agent)
            second = other
            // Something else is in its place.
            rename(self.folder.file("a.conf"), self.folder.file("away"))
            mkdir(self.folder.file("a.conf"), 0o700)
            self.order(.undo, other, agent)
            _ = try await self.until(other, .stuck, agent)
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: other))
        }
        rmdir(self.folder.file("a.conf"))
        rename(self.folder.file("away"), self.folder.file("a.conf"))
        if isHalfway { try self.byHand("a.conf", "AAA") }
        try await self.running { agent in
            let other = try #require(second)
            #expect(try await self.until(other, .undone, agent).conflict == nil)
        }
        #expect(try self.read("a.conf") == "orig")
    }

    @Test(
        "of three, in whichever order they go back, all is as it was",
        arguments: [[0, 1, 2], [1, 0, 2], [2, 0, 1], [1, 2, 0]])
    func three(_ order: [Int]) async throws {
        try await self.running { agent in
            var runbooks: [Made] = []
            var files: [Made] = []
            for number in 2...4 {
                runbooks.append(try await self.applied(self.runbook("release", "v\(number)"), agent))
                files.append(try await self.applied(self.file("v\(number)"), agent))
            }
            for index in order {
                _ = try await self.undone(runbooks[index], agent)
                _ = try await self.undone(files[index], agent)
            }
        }
        #expect(try self.read("version") == "v1\n")
        #expect(try self.read("a.conf") == "orig")
    }

    @Test("what only takes back does nothing when it's applied, and its undo when the lease ends, newest first")
    func onlyUndo() async throws {
        try await self.running { agent in
            let first = try await self.applied(self.runbook("forget", "a"), agent)
            let second = try await self.applied(self.runbook("forget", "b"), agent)
            #expect(try self.read("version") == "v1\n" && access(self.folder.file("history"), F_OK) != 0)
            agent.inbox.put(.leaseEnded(self.lease))
            for change in [first, second] { #expect(try await self.until(change, .undone, agent).conflict == nil) }
        }
        #expect(try self.read("history") == "forgot-b\nforgot-a\n")
    }

    @Test("all whose lease ends go back newest first: none is in another's way")
    func atOnce() async throws {
        try await self.running { agent in
            var made: [Made] = []
            for number in 2...4 { made.append(try await self.applied(self.runbook("deploy", "v\(number)"), agent)) }
            agent.inbox.put(.leaseEnded(self.lease))
            for change in made { #expect(try await self.until(change, .undone, agent).conflict == nil) }
        }
        #expect(try self.read("history") == "v2\nv3\nv4\nv3\nv2\nv1\n")
    }

    @Test("what somebody changed between two of them is nobody's to overwrite")
    func between() async throws {
        try await self.running { agent in
            let first = try await self.applied(self.runbook("deploy", "v2"), agent)
            try self.byHand("version", "v7\n")
            let second = try await self.applied(self.runbook("deploy", "v3"), agent)
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: nil))
            #expect(try await self.undone(second, agent).conflict == nil)
            #expect(try self.read("version") == "v7\n")

            let file = try await self.applied(self.file("AAA"), agent)
            try self.byHand("a.conf", "by hand")
            let other = try await self.applied(self.file("BBB"), agent)
            #expect(try await self.undone(file, agent).conflict == self.conflict(by: nil))
            #expect(try await self.undone(other, agent).conflict == nil)
            #expect(try self.read("a.conf") == "by hand")
        }
    }

    // MARK: Without a check

    @Test("a runbook without a check leaves what was set by hand since, and puts back nothing that's back already")
    func byHand() async throws {
        var last: Made?
        try await self.running { agent in
            let first = try await self.applied(self.runbook("release", "v2"), agent)
            try self.byHand("version", "set-by-hand\n")
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: nil))
            #expect(try self.read("version") == "set-by-hand\n")

            let second = try await self.applied(self.runbook("release", "v2"), agent)
            try self.byHand("version", "set-by-hand\n")
            #expect(try await self.undone(second, agent).conflict == nil)
            #expect(try self.read("history") == "v2\nv2\n")
            last = try await self.applied(self.runbook("release", "v3"), agent)
        }
        // What it left is known to the next run, too.
        try self.byHand("version", "v8\n")
        try await self.running { agent in
            let last = try #require(last)
            #expect(try await self.undone(last, agent).conflict == self.conflict(by: nil))
        }
        #expect(try self.read("version") == "v8\n")
        let journal = try await Subprocess.run(["grep", "-rlF", "set-by-hand", self.folder.file("changes")])
        #expect(journal.output == "", "\(journal.output)")
    }

    @Test(
        "a later one that was kept overtakes it, also where another lies over that", arguments: ["deploy", "release"])
    func overtaken(_ name: String) async throws {
        try await self.running { agent in
            let first = try await self.applied(self.runbook(name, "v2"), agent)
            let second = try await self.applied(self.runbook(name, "v3"), agent)
            try await self.kept(second, agent)
            let third = try await self.applied(self.runbook(name, "v4"), agent)
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: second))
            #expect(try await self.undone(third, agent).conflict == nil)
            #expect(try self.read("version") == "v3\n")
        }
    }

    @Test("a file whose permissions somebody changed since stays as it is, as one whose content they changed")
    func permissions() async throws {
        func mode() -> UInt32 {
            var status = stat()
            return stat(self.folder.file("a.conf"), &status) == 0 ? UInt32(status.st_mode & 0o7777) : 0
        }
        chmod(self.folder.file("a.conf"), 0o600)
        try await self.running { agent in
            let first = try await self.applied(self.file("AAA"), agent)
            #expect(mode() == 0o600)
            chmod(self.folder.file("a.conf"), 0o640)
            let second = try await self.applied(self.file("BBB"), agent)
            #expect(try await self.undone(first, agent).conflict == self.conflict(by: nil))
            #expect(try await self.undone(second, agent).conflict == nil)
            #expect(try self.read("a.conf") == "AAA" && mode() == 0o640)

            let third = try await self.applied(self.file("CCC"), agent)
            chmod(self.folder.file("a.conf"), 0o644)
            #expect(try await self.undone(third, agent).conflict == self.conflict(by: nil))
            #expect(try self.read("a.conf") == "CCC" && mode() == 0o644)
        }
    }

    // MARK: What was never begun

    @Test("where the first look fails nothing was done, and nothing is undone")
    func neverBegun() async throws {
        try self.byHand("runs-fails", "")
        try await self.running { agent in
            let made = self.asked(self.runbook("checked", "v2"), agent)
            let report = try await self.until(made, .undone, agent)
            #expect(report.failure?.code == "change_failed" && report.conflict == nil)
            #expect(report.failure?.message.contains("'check' of runbook 'checked' failed") == true)
        }
        #expect(access(self.folder.file("history"), F_OK) != 0)
    }

    @Test("what nothing is written down of is told as such, and not as undone like any other")
    func unknown() async throws {
        let reports = Mutex<[ChangeReport]>([])
        try await self.running { agent in
            agent.inbox.answer { report in reports.withLock { $0.append(report) } }
            let made = Made(change: HostChange(target: self.target, lease: self.lease, action: self.file("AAA")))
            self.order(.undo, made, agent)
            try await eventually { reports.withLock { !$0.isEmpty } }
        }
        let report = reports.withLock { $0.first }
        #expect(report?.state == .undone && report?.failure?.code == "not_found")
    }

    @Test("what was broken off by the agent's end may have been done, and is undone")
    func brokenOff() async throws {
        try self.byHand("v2-hangs", "")
        var made: Made?
        try await self.running { agent in
            made = self.asked(self.runbook("checked", "v2"), agent)
            try await eventually { access(self.folder.file("begun"), F_OK) == 0 }
        }
        try self.byHand("runs-fails", "")
        try await self.running { agent in
            let made = try #require(made)
            _ = try await self.until(made, .stuck, agent)
            unlink(self.folder.file("runs-fails"))
            var order = ChangeOrder(.undo, set: made.set, number: 0, title: "t", change: made.change)
            order.isUrgent = true
            agent.inbox.put(.order(order))
            _ = try await self.until(made, .undone, agent)
        }
        #expect(try self.read("history") == "undone\n")
    }

    @Test("what stood so before, without a former state to say it, stays so: nothing was made that could be undone")
    func stoodBefore() async throws {
        try self.byHand("version", "v2\n")
        var made: Made?
        try await self.running { agent in made = try await self.applied(self.runbook("checked", "v2"), agent) }
        #expect(access(self.folder.file("history"), F_OK) != 0)
        try await self.running { agent in
            let report = try await self.undone(try #require(made), agent)
            #expect(report.conflict == nil)
        }
        #expect(try self.read("version") == "v2\n")
    }

    @Test("what was made, and is found made after the agent's end, is undone")
    func madeBefore() async throws {
        try self.byHand("v2-hangs", "")
        var made: Made?
        try await self.running { agent in
            made = self.asked(self.runbook("checked", "v2"), agent)
            try await eventually { access(self.folder.file("begun"), F_OK) == 0 }
        }
        // It got so far before it was broken off.
        try self.byHand("version", "v2\n")
        unlink(self.folder.file("v2-hangs"))
        try await self.running { agent in
            let made = try #require(made)
            _ = try await self.until(made, .applied, agent)
            _ = try await self.undone(made, agent)
        }
        #expect(try self.read("history") == "undone\n")
    }

    // MARK: How many

    @Test("those that are over don't count towards how many may be open")
    func most() async throws {
        try await self.running(mostOpen: 2) { agent in
            let first = try await self.applied(self.file("AAA"), agent)
            _ = try await self.applied(self.runbook("release", "v2"), agent)
            _ = self.asked(self.runbook("release", "v3"), agent)
            _ = try await self.undone(first, agent)
            #expect(await agent.changes.entries.count == 2)
            _ = try await self.applied(self.runbook("release", "v4"), agent)
        }
        #expect(try self.read("history") == "v2\nv4\n")
    }
}
