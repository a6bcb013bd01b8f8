import Foundation
import GloveboxCore
import TestContextToken
import TestSupport
import Testing

private struct ChangeView: Decodable {
    struct Clients: Decodable {
        var epoch: Int?
        var count: Int
    }

    var id: String
    var state: String
    var lease: String
    var cause: String?
    var epoch: Int?
    var clients: [Clients]
}

private struct OpenedView: Decodable {
    var id: String
}

private struct MarksView: Decodable {
    var marks: [String]
}

private struct ProblemView: Decodable {
    var code: String
    var detail: String
}

/// A gateway, and an edge that follows it.
@Suite("An edge and its gateway", .serialized, .timeLimit(.minutes(4)))
struct EdgeGatewayTests {
    private static let policy =
        Configuration.policy + """
              - name: routes
                identities: [admin]
                targets: [shop-edge]
                capabilities: [change, test]
                longest: 1h
                keep: true

            """

    private let shop: Installation
    private let folder: TemporaryFolder

    init() async throws {
        self.shop = try Installation(
            database: await PostgresServer.shared().makeShop(customers: 1), policy: Self.policy)
        try self.shop.write(
            "gateway.yaml",
            Configuration.gateway(self.shop.ports) + """
                edges:
                  - {name: shop-edge, labels: {env: test}}

                """)
        self.folder = try TemporaryFolder()
        let inner = TestContextSigner(
            audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        try self.folder.write("internal.key", Data(inner.privateKey.exposeSecret()).base64EncodedString() + "\n")
        chmod(self.folder.file("internal.key"), 0o600)
    }

    /// An edge that follows the gateway.
    private func edge() async throws -> EdgeTests.Running {
        let token = try await self.shop.token("edge", "--role", "member", "--scope", "followFlags,markKeys")
        try self.folder.write("edge.token", token + "\n")
        chmod(self.folder.file("edge.token"), 0o600)
        let marks = """
            gateway: {url: "\(self.shop.gatewayAddress)", target: shop-edge, token: edge.token, authority: "\(self.shop.admin.home)/ca.pem", state: state}
            marks: {signing: {key: internal.key}}
            """
        let running = try await EdgeTests.Running(self.folder, self.shop.admin.environment, marks: marks)
        return running
    }

    /// Asks the API as a person would with a token of theirs.
    private func ask(_ path: String, _ body: String?, token: String) async throws -> (status: Int, body: String) {
        let result = try await Subprocess.run(
            [
                "curl", "--silent", "--cacert", "\(self.shop.admin.home)/ca.pem", "--header",
                "authorization: Bearer \(token)", "--header", "content-type: application/json", "--write-out",
                "\n%{http_code}", "--request", "POST",
            ] + (body.map { ["--data", $0] } ?? []) + ["\(self.shop.gatewayAddress)\(path)"])
        var lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let status = lines.popLast().flatMap { Int($0) } ?? 0
        return (status, lines.joined(separator: "\n"))
    }

    private func versions(_ running: EdgeTests.Running, _ count: Int = 40) async throws -> [String: Int] {
        var versions: [String: Int] = [:]
        for _ in 0..<count { versions[try await running.get("/").answer.version, default: 0] += 1 }
        return versions
    }

    @Test("weights change by one command, are acknowledged, go back by one, and by themselves without a gateway")
    func routes() async throws {
        var up = try await self.shop.up()
        let admin = self.shop.admin
        let running = try await self.edge()
        let half = try self.folder.write(
            "half.yaml",
            """
            title: half of them
            changes:
              - route: {service: web, weights: {v1: 50, v2: 50}}

            """)
        let set = try await admin.ask(ChangeView.self, "change", "apply", half, "--for", "10m")
        #expect(set.state == "applied")
        try await eventually(timeout: .seconds(20), "the edge's word") {
            let shown = try await admin.ask(ChangeView.self, "change", "show", set.id)
            return shown.clients.contains { $0.epoch == shown.epoch && $0.count == 1 }
        }
        let mixed = try await self.versions(running)
        #expect(mixed["v1"] ?? 0 > 5 && mixed["v2"] ?? 0 > 5, "\(mixed)")
        let shown = try await admin.glovebox(["change", "show", set.id]).output
        #expect(shown.contains("Route:") && shown.contains(#""v2":50"#), "\(shown)")
        #expect(try await admin.glovebox(["rollback"]).succeeded)
        try await eventually(timeout: .seconds(20), "v1 alone") { try await self.versions(running) == ["v1": 40] }

        // A lease of a few seconds, and a gateway that dies in them: the edge goes back by itself.
        let all = try self.folder.write(
            "all.yaml",
            """
            title: all of them
            changes:
              - route: {service: web, weights: {v2: 1}}

            """)
        _ = try await admin.ask(ChangeView.self, "change", "apply", all, "--for", "12s")
        try await eventually(timeout: .seconds(20), "v2 alone") { try await self.versions(running, 5) == ["v2": 5] }
        up.signal(SIGKILL)
        _ = await up.stop()
        try await eventually(timeout: .seconds(40), "v1 alone") { try await self.versions(running, 5) == ["v1": 5] }

        // Flags aren't an edge's, nor are routes for flags.
        up = try await self.shop.up()
        let wrong = try self.folder.write(
            "wrong.yaml",
            """
            title: x
            changes:
              - flag: {key: a, isRemoved: true}

            """)
        let refused = try await admin.glovebox(["change", "apply", wrong, "--target", "shop-edge"])
        #expect(!refused.succeeded && refused.errors.contains("is an edge"), "\(refused.errors)")
        #expect(await running.stop().succeeded)
        _ = await up.stop()
    }

    @Test("a run's marks count while it's attended to and its gateway is heard, and for nobody else")
    func runs() async throws {
        let up = try await self.shop.up()
        let admin = self.shop.admin
        let running = try await self.edge()
        let token = try await self.shop.token("runner", "--identity", "admin", "--role", "admin")
        let lease = try await admin.ask(
            OpenedView.self, "lease", "open", "shop-edge", "--capability", "test", "--for", "10m", "--reason", "nightly"
        ).id
        func begin(_ writes: Int) async throws -> ChangeView {
            let answer = try await self.ask(
                "/v1/changes",
                #"{"lease":"\#(lease)","title":"nightly","changes":[{"testRun":{"routes":[{"path":"/api"}],"writes":\#(writes)}}]}"#,
                token: token)
            #expect(answer.status == 201, "\(answer.body)")
            return try JSONDecoder().decode(ChangeView.self, from: Data(answer.body.utf8))
        }
        func marks(
            _ run: String, _ more: String = #""methods":["GET"],"version":"v2""#
        ) async throws -> (
            status: Int, body: String
        ) {
            try await self.ask("/v1/changes/\(run)/marks", #"{"testCase":"case-1",\#(more)}"#, token: token)
        }
        func mark(_ run: String) async throws -> String {
            let answer = try await marks(run)
            #expect(answer.status == 200, "\(answer.body)")
            return try JSONDecoder().decode(MarksView.self, from: Data(answer.body.utf8)).marks.first ?? ""
        }
        func version(_ mark: String, _ path: String = "/api/x") async throws -> String {
            try await running.get(path, ["--header", "baggage: glovebox=\(mark)"]).answer.version
        }

        let run = try await begin(0)
        try await eventually(timeout: .seconds(30), "a mark that counts") {
            #expect(try await self.ask("/v1/changes/\(run.id)/attend", nil, token: token).status == 200)
            return try await version(mark(run.id)) == "v2"
        }
        let used = try await mark(run.id)
        #expect(try await version(used) == "v2")
        #expect(try await version(used) == "v1")
        #expect(try await version(mark(run.id), "/other") == "v1")
        // Without a budget nothing that writes is marked.
        let refused = try await marks(run.id, #""methods":["POST"]"#)
        #expect(refused.status == 403 && refused.body.contains("policy_denied"), "\(refused.body)")
        // Many at once, each another.
        let many = try JSONDecoder().decode(
            MarksView.self, from: Data(try await marks(run.id, #""methods":["GET"],"count":100"#).body.utf8)
        ).marks
        #expect(Set(many).count == 100)

        // One command, and what was issued before doesn't count any more.
        let kept = try await mark(run.id)
        #expect(try await admin.glovebox(["rollback", run.id]).succeeded)
        try await eventually(timeout: .seconds(10), "the end") {
            try await version(kept) == "v1"
        }
        let over = try await marks(run.id)
        #expect(over.status == 409 && over.body.contains("change_not_open"), "\(over.body)")

        // Nobody attends to it: it goes back within seconds, though its lease has minutes.
        let left = try await begin(5)
        try await eventually(timeout: .seconds(30), "the run's end") {
            try await admin.ask(ChangeView.self, "change", "show", left.id).cause?.contains("nobody attends") == true
        }

        // A gateway that falls silent: no mark counts after ten seconds, though the run's lease goes on.
        let cut = try await begin(0)
        try await eventually(timeout: .seconds(20), "a mark that counts") {
            try await version(mark(cut.id)) == "v2"
        }
        let before = try await mark(cut.id)
        up.signal(SIGSTOP)
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        let line = #"glovebox_edge_false_marks_total{reason="cut_off"}"#
        var isCutOff = false
        while ContinuousClock.now < deadline, !isCutOff {
            #expect(["v1", "v2"].contains(try await version(before)))
            isCutOff = try await running.metric(line) ?? 0 > 0
        }
        #expect(isCutOff)
        up.signal(SIGCONT)
        #expect(await running.stop().succeeded)
        _ = await up.stop()
    }
}
