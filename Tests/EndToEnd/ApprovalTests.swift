import Glibc
import TestSupport
import Testing

/// What `approval list`, `show`, `grant` … and `lease open --no-wait` print with `--json`.
struct ApprovalView: Decodable, Sendable {
    struct Lease: Decodable, Sendable {
        var holder: String
        var target: String
        var purpose: String
        var capabilities: [String]
        var duration: Double
        var rule: String
    }

    struct Vote: Decodable, Sendable {
        var by: String
        var verdict: String
    }

    struct Review: Decodable, Sendable {
        var by: String
        var note: String
    }

    var id: String
    var asker: String
    var state: String
    var digest: String
    var lease: Lease
    var missing: Int
    var votes: [Vote]
    var opened: String?
    var review: Review?
}

struct SessionView: Decodable, Sendable {
    var id: String
    var lease: String
    var holder: String
}

@Suite("Approvals, by people and their programs", .serialized, .timeLimit(.minutes(5)))
struct ApprovalTests {
    static let policy = """
        version: 1
        groups:
          leads: [lea, max]
        rules:
          - name: reads-with-approval
            identities: [mia, lea]
            targets: [shop-db]
            capabilities: [read]
            longest: 30m
            approval: {count: 1, from: [leads], within: 10m}
            break_glass: {identities: [mia], longest: 5m}
          - name: reads-in-a-hurry
            identities: [mia]
            targets: [read-only]
            capabilities: [read]
            longest: 30m
            approval: {from: [leads], within: 2s}

        """

    /// One `glovebox up` with a member, two approvers (one of them a lead) and its administrator.
    struct House: Sendable {
        let shop: Installation
        let mia: Person
        let lea: Person
        let oz: Person
    }

    private static func withHouse(_ body: (House, RunningProcess) async throws -> Void) async throws {
        let shop = try await Installation.make()
        try shop.write("policy.yaml", Self.policy)
        let process = try await shop.up()
        let house = House(
            shop: shop, mia: try await shop.join("mia", "member"), lea: try await shop.join("lea", "approver"),
            oz: try await shop.join("oz", "approver"))
        do {
            try await body(house, process)
        } catch {
            await process.stop()
            throw error
        }
        await process.stop()
    }

    static func ask(
        _ person: Person, _ reason: String = "INC-1", on target: String = "shop-db"
    ) async throws
        -> ApprovalView
    {
        try await person.ask(
            ApprovalView.self, "lease", "open", target, "--for", "10m", "--reason", reason, "--no-wait")
    }

    static func claim(_ approval: ApprovalView, by person: Person) async throws -> OpenedLease {
        try await person.ask(OpenedLease.self, "lease", "claim", approval.id)
    }

    private func expectRefused(
        _ person: Person, _ arguments: [String], _ code: String, location: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await person.glovebox(arguments)
        #expect(
            result.status != 0 && result.errors.hasSuffix("[\(code)]\n"), "\(result.output)\(result.errors)",
            sourceLocation: location)
    }

    @Test("a lead grants what a member asked for, exactly that is taken, and psql works")
    func granted() async throws {
        try await Self.withHouse { house, _ in
            let asked = try await Self.ask(house.mia)
            #expect(asked.state == "pending" && asked.missing == 1)
            #expect(asked.lease.rule == "reads-with-approval" && asked.lease.duration == 600)
            try await self.expectRefused(house.mia, ["lease", "claim", asked.id], "approval_needed")

            // Who may not: the asker, an approver outside of the group, an administrator outside of it, for another thing.
            try await self.expectRefused(house.mia, ["approval", "grant", asked.id], "forbidden")
            try await self.expectRefused(house.oz, ["approval", "grant", asked.id], "forbidden")
            try await self.expectRefused(house.shop.admin, ["approval", "grant", asked.id], "forbidden")
            let other = String(asked.digest.reversed())
            try await self.expectRefused(
                house.lea, ["approval", "grant", asked.id, "--digest", other], "approval_mismatch")

            let list = try await house.lea.ask([ApprovalView].self, "approval", "list")
            #expect(list.map(\.id) == [asked.id])
            let shown = try await house.lea.glovebox(["approval", "show", asked.id])
            for part in ["mia", "shop-db", "read", "10m", "reads-with-approval", "INC-1", asked.digest] {
                #expect(shown.output.contains(part), "\(part) isn't in \(shown.output)")
            }
            let granted = try await house.lea.ask(
                ApprovalView.self, "approval", "grant", asked.id, "--digest", asked.digest, "--reason", "go ahead")
            #expect(granted.state == "granted" && granted.votes.map(\.by) == ["lea"])

            try await self.expectRefused(house.oz, ["lease", "claim", asked.id], "policy_denied")
            try await self.expectRefused(house.lea, ["lease", "claim", asked.id], "forbidden")
            let lease = try await Self.claim(asked, by: house.mia)
            #expect(try await lease.rows("SELECT count(*) FROM customers") == "1000")
            try await self.expectRefused(house.mia, ["lease", "claim", asked.id], "approval_not_open")
            try await self.expectRefused(
                house.mia, ["lease", "extend", lease.id, "--for", "5m"], "approval_needed")
            #expect(try await house.mia.ask(ApprovalView.self, "approval", "show", asked.id).opened == lease.id)

            let events = try await house.shop.admin.records().map(\.event).filter { $0.hasPrefix("approval_") }
            #expect(events == ["approval_requested", "approval_granted", "approval_used"])
            #expect(try SecretSearch([lease.token]).found(under: house.shop.state).isEmpty)
        }
    }

    @Test("who waits gets the lease as soon as it's granted, and hears of a denial")
    func waiting() async throws {
        try await Self.withHouse { house, _ in
            func wait(_ reason: String) throws -> RunningProcess {
                try RunningProcess(
                    [
                        Repository.program, "lease", "open", "shop-db", "--for", "10m", "--reason", reason, "--json",
                    ], environment: house.mia.environment)
            }
            func asked(_ reason: String) async throws -> ApprovalView {
                var found: ApprovalView?
                try await eventually(timeout: .seconds(30), "the approval for \(reason)") {
                    found = try await house.lea.ask([ApprovalView].self, "approval", "list").first {
                        $0.lease.purpose == reason
                    }
                    return found != nil
                }
                guard let found else { throw TestSupportError("no approval for \(reason)") }
                return found
            }
            let waits = try wait("INC-2")
            _ = try await house.lea.ask(ApprovalView.self, "approval", "grant", try await asked("INC-2").id)
            #expect(await waits.finished())
            let lease = try decode(OpenedLease.self, from: waits.output)
            #expect(try await lease.rows("SELECT 1") == "1")
            #expect(waits.errors.contains("it takes 1 of leads within"))

            let denied = try wait("INC-3")
            _ = try await house.lea.ask(
                ApprovalView.self, "approval", "deny", try await asked("INC-3").id, "--reason", "not today")
            #expect(await denied.finished())
            #expect(denied.errors.contains("lea denied approval"), "\(denied.errors)")
            #expect(denied.errors.contains("not today") && denied.errors.hasSuffix("[approval_needed]\n"))

            // Ctrl-C leaves it as it is.
            let left = try wait("INC-4")
            let approval = try await asked("INC-4")
            left.signal(SIGINT)
            #expect(await left.finished())
            #expect(left.errors.contains("glovebox lease claim \(approval.id)"), "\(left.errors)")
            let withdrawn = try await house.mia.ask(ApprovalView.self, "approval", "withdraw", approval.id)
            #expect(withdrawn.state == "withdrawn")
            try await self.expectRefused(house.lea, ["approval", "grant", approval.id], "approval_not_open")
        }
    }

    @Test("an approval that runs out can neither be granted nor taken, and that's on record")
    func expired() async throws {
        try await Self.withHouse { house, _ in
            let asked = try await Self.ask(house.mia, on: "read-only")
            _ = try await house.shop.admin.record(event: "approval_expired")
            try await self.expectRefused(house.lea, ["approval", "grant", asked.id], "approval_not_open")
            try await self.expectRefused(house.mia, ["lease", "claim", asked.id], "approval_not_open")
            #expect(try await house.mia.ask(ApprovalView.self, "approval", "show", asked.id).state == "expired")
        }
    }

    @Test("break-glass opens at once and loudly, and is listed until somebody else has reviewed it")
    func breakGlass() async throws {
        try await Self.withHouse { house, gateway in
            func open(_ person: Person, for duration: String) -> [String] {
                ["lease", "open", "shop-db", "--for", duration, "--reason", "INC-5", "--break-glass", "--json"]
            }
            try await self.expectRefused(house.mia, open(house.mia, for: "10m"), "policy_denied")
            try await self.expectRefused(house.lea, open(house.lea, for: "5m"), "policy_denied")
            let result = try await house.mia.glovebox(open(house.mia, for: "5m"))
            let lease = try decode(OpenedLease.self, from: result.standardOutput)
            #expect(try await lease.rows("SELECT 1") == "1")
            #expect(gateway.errors.contains("break-glass: mia opened a lease without approval"))

            let open = try await house.lea.ask([ApprovalView].self, "approval", "list", "--unreviewed")
            #expect(open.map(\.opened) == [lease.id] && open.first?.state == "unreviewed")
            let id = try #require(open.first?.id)
            try await self.expectRefused(
                house.mia, ["approval", "review", id, "--note", "all fine"], "forbidden")
            let reviewed = try await house.lea.ask(
                ApprovalView.self, "approval", "review", id, "--note", "looked at every statement")
            #expect(reviewed.review?.by == "lea" && reviewed.review?.note == "looked at every statement")
            #expect(try await house.lea.ask([ApprovalView].self, "approval", "list", "--unreviewed").isEmpty)
            let events = try await house.shop.admin.records().map(\.event).filter { $0.hasPrefix("break_glass") }
            #expect(events == ["break_glass_opened", "break_glass_reviewed"])
        }
    }

    @Test("an approver watches a member's session as it goes, and ends it")
    func moderated() async throws {
        try await Self.withHouse { house, _ in
            let asked = try await Self.ask(house.mia)
            _ = try await house.lea.ask(ApprovalView.self, "approval", "grant", asked.id)
            let lease = try await Self.claim(asked, by: house.mia)
            let psql = try lease.start("SELECT pg_sleep(60)")
            try await house.shop.untilRunning(lease, "pg_sleep")
            let sessions = try await house.lea.ask([SessionView].self, "session", "list")
            #expect(sessions.map(\.lease) == [lease.id] && sessions.first?.holder == "mia")
            let id = try #require(sessions.first?.id)
            let watching = try RunningProcess(
                [Repository.program, "session", "watch", id], environment: house.lea.environment)
            try await watching.printed("pg_sleep")

            let stranger = try await house.shop.join("mo", "member")
            try await self.expectRefused(stranger, ["session", "watch", id], "not_found")
            try await self.expectRefused(stranger, ["session", "end", id], "not_found")
            #expect(try await stranger.ask([SessionView].self, "session", "list").isEmpty)

            _ = try await house.lea.ask(SessionView.self, "session", "end", id)
            #expect(await psql.finished())
            #expect(psql.errors.contains("lea ended this session"), "\(psql.errors)")
            try await house.shop.untilGone(lease)
            #expect(await watching.finished())
            #expect(watching.output.contains("session_cut") && watching.output.contains("session_ended"))
            #expect(try await lease.rows("SELECT 1") == "1", "the lease is still open")
            try await eventually(timeout: .seconds(30), "the end of all sessions") {
                try await house.lea.ask([SessionView].self, "session", "list").isEmpty
            }
            _ = try await house.shop.admin.record(lease: lease, event: "session_cut") {
                $0.details["by"]?.string == "lea"
            }
        }
    }

    @Test("a receiver is told of each step, signed, and of break-glass in the middle of it")
    func webhook() async throws {
        let shop = try await Installation.make()
        try shop.write("policy.yaml", Self.policy)
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        let receiver = try RunningProcess(
            ["python3", "-u", "-c", Self.receiver], environment: ["PATH": "/usr/bin:/bin", "SECRET": secret])
        try await receiver.printed("\n")
        let port = try #require(receiver.output.split { $0.isWhitespace }.dropFirst().first.flatMap { Int($0) })
        try shop.write("siem.secret", secret + "\n")
        chmod("\(shop.state)/siem.secret", 0o600)
        try shop.write(
            "gateway.yaml",
            try shop.read("gateway.yaml")
                + "webhooks:\n  - {name: siem, url: 'http://127.0.0.1:\(port)/', secret: {file: siem.secret}}\n")
        let gateway = try await shop.up()
        let mia = try await shop.join("mia", "member")
        let lea = try await shop.join("lea", "approver")
        let asked = try await Self.ask(mia)
        _ = try await lea.ask(ApprovalView.self, "approval", "grant", asked.id)
        _ = try await Self.claim(asked, by: mia)
        _ = try await mia.glovebox([
            "lease", "open", "shop-db", "--for", "5m", "--reason", "INC-5", "--break-glass", "--json",
        ])
        for event in ["approval_requested", "approval_granted", "approval_used", "break_glass_opened"] {
            // The first answer is a failure, so that the first event comes twice, under one id.
            try await receiver.printed("GOOD \(event) shop-db mia")
        }
        #expect(!receiver.output.contains("BAD"), "\(receiver.output)")
        #expect(!gateway.errors.contains(secret) && !receiver.output.contains("gbl_"))
        await gateway.stop()
        await receiver.stop()
    }

    /// Checks what it gets as Standard Webhooks wants it checked; fails the first.
    private static let receiver = """
        import base64, hashlib, hmac, http.server, json, os, time
        key = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
        first = True
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                global first
                body = self.rfile.read(int(self.headers["content-length"]))
                id, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
                signed = base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, hashlib.sha256)).decode()
                message = json.loads(body)
                good = self.headers["webhook-signature"] == "v1," + signed and abs(time.time() - int(at)) < 300
                if first:
                    first = False
                    self.send_response(503)
                else:
                    print("GOOD" if good else "BAD", message["type"], message["data"]["target"],
                          message["data"]["asker"])
                    self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()
            def log_message(self, *arguments):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print("PORT", server.server_address[1], "")
        server.serve_forever()
        """

    @Test("a gateway that's killed after any step goes on where it was: nothing is lost, nothing granted twice")
    func killed() async throws {
        try await Self.withHouse { house, first in
            var gateway = first
            func again() async throws {
                gateway.signal(SIGKILL)
                #expect(await gateway.finished())
                gateway = try await house.shop.up()
            }
            let asked = try await Self.ask(house.mia)
            try await again()
            #expect(try await house.lea.ask([ApprovalView].self, "approval", "list").map(\.id) == [asked.id])
            _ = try await house.lea.ask(ApprovalView.self, "approval", "grant", asked.id)
            try await again()
            let lease = try await Self.claim(asked, by: house.mia)
            try await again()
            try await house.shop.untilOnline()
            #expect(try await lease.rows("SELECT 1") == "1", "the lease is there")
            try await self.expectRefused(house.mia, ["lease", "claim", asked.id], "approval_not_open")
            await gateway.stop()
        }
    }
}
