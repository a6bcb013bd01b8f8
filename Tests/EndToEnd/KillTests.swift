import Glibc
import TestSupport
import Testing

/// Promise 6 under `kill -9`: what ran in the database is on record, once, whoever dies and wherever its sessions are.
@Suite("Killed at each step of a session", .serialized, .timeLimit(.minutes(5)))
struct KillTests {
    enum Victim: String, CaseIterable, Sendable {
        case agent, gateway, client, backend, postmaster
    }

    /// A server of its own, which logs each statement that it gets.
    private static func server() async throws -> PostgresServer {
        try await PostgresServer.start(settings: [
            "log_statement = 'all'", "log_line_prefix = '%a '", "restart_after_crash = on",
        ])
    }

    @Test(
        "sessions at each step end in order, nothing stays running, and each statement is on record once",
        arguments: Victim.allCases)
    func kill(_ victim: Victim) async throws {
        let server = try await Self.server()
        let apart = try await Apart(server: server)
        let shop = apart.shop
        try await shop.database.sql("CREATE TABLE kept (what text); GRANT SELECT, INSERT ON kept TO glovebox_write")
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let ending = try await shop.admin.openLease(capabilities: ["read", "write"])
        let mark = "mark-\(victim.rawValue)"
        var clients: [(step: Step, process: RunningProcess)] = []
        for step in Step.allCases { clients.append((step, try step.start(lease, mark: mark))) }
        let ended = try Step.inFlight.start(ending, mark: "\(mark) ended")
        for client in clients { try await client.process.printed("READY") }
        try await ended.printed("READY")
        try await shop.untilRunning(lease, "pg_sleep")
        try await shop.untilRunning(ending, "pg_sleep")

        // One lease is ended at the same time.
        async let end = shop.admin.glovebox(["lease", "end", ending.id])
        var again: RunningProcess?
        switch victim {
        case .agent: await apart.kill(apart.agent)
        case .gateway: await apart.kill(apart.gateway)
        case .client: for client in clients { client.process.signal(SIGKILL) }
        case .backend:
            let pid = try await server.sql(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE '%\(mark) in flight%' AND pid <> pg_backend_pid()")
            Glibc.kill(try #require(pid_t(pid)), SIGKILL)
        case .postmaster:
            Glibc.kill(try server.processID(), SIGKILL)
        }
        for client in clients where victim != .client {
            if client.step == .connecting, victim != .gateway { continue }
            let ending = try await Step.ending(of: client.process)
            self.check(ending, client.step, victim)
        }
        if victim == .client {
            for client in clients { #expect(await client.process.finished()) }
        }
        _ = try await end
        // It doesn't start while one of its old processes is there.
        if victim == .postmaster { again = try await server.startAgain() }
        try await shop.untilGone(lease)
        try await shop.untilGone(ending)

        switch victim {
        case .agent: try apart.startAgent()
        case .gateway: try await apart.startGateway()
        case .client, .backend, .postmaster: break
        }
        try await shop.untilOnline()
        if try await shop.admin.lease(ending.id).state == "active" { try await shop.admin.endLease(ending) }
        #expect(try await lease.rows("SELECT '\(mark) after'") == "\(mark) after")
        #expect(try await ending.psql(["-c", "SELECT 1"]).status == 2, "an ended lease stays ended")
        try await self.compare(shop, server, mark)
        _ = again
    }

    /// What a client is told.
    private func check(_ ending: Step.Ending, _ step: Step, _ victim: Victim) {
        let what: Comment = "\(step.rawValue), \(victim.rawValue) killed: \(ending)"
        #expect(!ending.error.isEmpty, what)
        switch (victim, step) {
        case (_, .busy):
            // What it sends just then meets a closed socket, whose reset may overtake the last word.
            break
        case (.agent, .idle), (.agent, .inFlight), (.agent, .inTransaction):
            #expect(ending.state == "57P01" && ending.error.contains("[agent_offline]"), what)
        case (_, .copyIn):
            // Who sends hears of the end by not being able to.
            break
        case (.agent, .midResult), (.agent, .copyOut), (.backend, .midResult), (.backend, .copyOut),
            (.postmaster, .midResult), (.postmaster, .copyOut):
            // Told if the pipe broke between two messages; else there's nothing to say it in.
            let silently = ["closed", "unexpected eof"].contains { ending.error.contains($0) }
            #expect(victim == .agent ? ending.state == "57P01" || silently : ending.state != nil || silently, what)
        case (.backend, _) where step == .inFlight:
            #expect(ending.state == "08006" && ending.error.contains("[target_unreachable]"), what)
        case (.backend, _), (.postmaster, _):
            #expect(ending.state != nil, what)
        default: break
        }
    }

    /// Each statement that PostgreSQL got is on record once; none is on record twice; what was committed is what was
    /// answered, or one more.
    private func compare(_ shop: Installation, _ server: PostgresServer, _ mark: String) async throws {
        var ran: [String: Int] = [:]
        for line in String(decoding: try readFile(server.logFile), as: UTF8.self).split(separator: "\n") {
            guard line.hasPrefix("glovebox/"), let start = line.firstRange(of: "LOG:  statement: ") else { continue }
            let text = String(line[start.upperBound...])
            if text.contains(mark) { ran[text, default: 0] += 1 }
        }
        #expect(ran.count > 20)
        try await eventually(timeout: .seconds(30), "the last record") {
            try await shop.admin.records(event: "statement").contains {
                $0.details["text"]?.string?.contains("\(mark) after") == true
            }
        }
        let all = try await shop.admin.records()
        #expect(Set(all.map(\.id)).count == all.count)
        var recorded: [String: Int] = [:]
        for record in all where record.event == "statement" {
            let text = record.details["text"]?.string ?? ""
            if text.contains(mark) { recorded[text, default: 0] += 1 }
        }
        for (text, count) in ran { #expect(recorded[text] == count, "\(text) ran \(count) times") }
        #expect(recorded.allSatisfy { $0.value == 1 })
        // What is on record and didn't run: written down just before the end of whoever would have forwarded it.
        #expect(recorded.count - ran.count <= Step.allCases.count, "\(Set(recorded.keys).subtracting(ran.keys))")
        // The agent's own numbers have no gap.
        let numbers = all.compactMap { $0.id.hasPrefix("agent/") ? Int($0.id.split { !$0.isNumber }.last ?? "") : nil }
        #expect(numbers.sorted() == Array(1...max(1, numbers.count)))
        let kept = try await shop.database.sql("SELECT what FROM kept").split(separator: "\n").map(String.init)
        #expect(!kept.contains { $0.contains("uncommitted") || $0.contains("copied") }, "rolled back")
        for row in kept { #expect(recorded["INSERT INTO kept VALUES ('\(row)')"] == 1, "\(row)") }
        #expect(kept.count >= 20)
    }
}
