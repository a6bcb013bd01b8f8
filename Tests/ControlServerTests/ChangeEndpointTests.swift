import ControlAPI
import ControlServer
import GloveboxCore
import TestSupport
import Testing

@testable import ControlClient

@Suite("Changes and flags, over real TLS")
struct ChangeEndpointTests {
    @Test("the client's calls reach their operations with all that was asked")
    func everyEndpoint() async throws {
        try await TestGateway.run { gateway in
            let (lease, id, target) = (
                try LeaseID("0123456789ab"), try ChangeSetID("0123456789ab"), try TargetName("flags")
            )
            let edits = [
                ChangeItem(flag: FlagEdit(key: "a/b ü", definition: .object(["state": .string("ENABLED")]))),
                ChangeItem(flag: FlagEdit(key: "b", defaultVariant: "on", isEnabled: false)),
                ChangeItem(flag: FlagEdit(key: "c", isRemoved: true)),
            ]
            let since = try #require(Timestamp("2026-11-25T07:17:57Z"))
            try await gateway.call(as: "ada") { client in
                #expect(
                    try await client.applyChanges(ChangeRequest(lease: lease, title: "why", changes: edits)).id == id)
                #expect(
                    try await client.changes(
                        ChangeQuery(openOnly: true, lease: lease, page: PageRequest(after: "a b", limit: 2))
                    ).items.count == 1)
                #expect(try await client.change(id).failure?.attempts == 2)
                #expect(try await client.keepChange(id).state == .kept)
                #expect(try await client.undoChange(id).state == .undone)
                #expect(try await client.rollBack(RollbackRequest(since: since, preview: true)).isPreview)
                _ = try await client.rollBack(RollbackRequest())
                #expect(try await client.flags(FlagQuery(target: target)).items.first?.key == "a")
                let answer = try await client.explainFlag(
                    "a/b ü", FlagQuestion(target: target, context: ["targetingKey": .string("u")]))
                #expect(answer.value == .bool(true) && answer.epoch == 7)
                #expect(try await client.attendRun(id).id == id)
                #expect(try await client.issueMarks(id, Self.marks).marks == ["mark-0", "mark-1"])
            }
            #expect(
                gateway.operations.asked == [
                    .applyChanges(lease, "why", edits),
                    .changes(ChangeQuery(openOnly: true, lease: lease, page: PageRequest(after: "a b", limit: 2))),
                    .change(id), .keepChange(id), .undoChange(id), .rollBack(nil, nil, since, false, true),
                    .rollBack(nil, nil, nil, false, false), .flags(FlagQuery(target: target)),
                    .explainFlag("a/b ü", target, ["targetingKey": .string("u")]), .attendRun(id),
                    .issueMarks(id, "order", ["GET", "POST"], "v2", 2),
                ])
        }
    }

    private static let marks = MarkRequest(testCase: "order", methods: ["GET", "POST"], version: "v2", count: 2)

    @Test(
        "a change that can't be right is refused before anything is asked",
        arguments: [
            (#"[]"#, "1 to 200"), (#"[{"flag":{"key":"a"}}]"#, "say one of definition"),
            (#"[{"flag":{"key":"","isRemoved":true}}]"#, "1 to 200 bytes"),
            (#"[{"flag":{"key":"a","isRemoved":true,"isEnabled":true}}]"#, "say one of definition"),
            (#"[{"flag":{"key":"a","isRemoved":true}},{"flag":{"key":"a","isEnabled":true}}]"#, "there twice"),
            (#"[{"flag":{"key":"a","isRemoved":true,"when":1}}]"#, "unknown field 'when'"),
            (#"[{"flag":{"key":"a","isRemoved":true},"way":{}}]"#, "unknown field 'way'"),
            (#"[{"route":{"service":"web","weights":{}}}]"#, "one at least is more than 0"),
            (#"[{"route":{"service":"web","weights":{"v1":0}}}]"#, "one at least is more than 0"),
            (#"[{"route":{"service":"w b","weights":{"v1":1}}}]"#, "1 to 63 letters"),
            (#"[{"testRun":{"routes":[]}}]"#, "1 to 32 routes"),
            (#"[{"testRun":{"routes":[{"path":"/"}],"writes":-1}}]"#, "'writes' is from 0"),
            (
                #"[{"testRun":{"routes":[{"path":"/"}]}},{"testRun":{"routes":[{"path":"/"}]}}]"#,
                "begins one test run at most"
            ),
        ])
    func malformed(_ changes: String, _ complaint: String) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(
                "POST /v1/changes", headers: ["content-type: application/json"],
                body: #"{"lease":"0123456789ab","title":"x","changes":\#(changes)}"#,
                as: .identity(IdentityName("ada")))
            #expect(answer.status == 400)
            #expect(answer.problem?.code == "invalid_argument")
            #expect(answer.problem?.detail.contains(complaint) == true, "\(answer.body)")
            #expect(gateway.operations.asked.isEmpty)
        }
    }

    @Test("a rollback names one thing")
    func rollback() async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(
                "POST /v1/rollbacks", headers: ["content-type: application/json"],
                body: #"{"all":true,"change":"0123456789ab"}"#, as: .identity(IdentityName("ada")))
            #expect(answer.status == 400 && gateway.operations.asked.isEmpty)
        }
    }

    @Test("who follows flags gets their epochs, and what they acknowledge arrives while the stream is open")
    func follow() async throws {
        try await TestGateway.run { gateway in
            let ada = CertificateSubject.identity(try IdentityName("ada"))
            let answer = try await gateway.request(
                "POST /v1/targets/talks/flags/follow",
                headers: ["content-type: text/plain", "last-event-id: 6-ab"], body: "6-ab\n7-ab\n", as: ada)
            #expect(answer.status == 200 && answer.headers["content-type"] == "text/event-stream")
            #expect(answer.body.contains("id: 7-ab\nevent: epoch\ndata: {}\n\n"), "\(answer.body)")
            #expect(
                gateway.operations.asked.prefix(2) == [
                    .followFlags(try TargetName("talks"), "6-ab"), .acknowledged("6-ab"),
                ])
            let scoped = try await gateway.request(
                "POST /v1/changes", headers: ["content-type: application/json"],
                body:
                    #"{"lease":"0123456789ab","title":"x","scope":{"identity":"ada","testRun":"x"},"changes":[{"flag":{"key":"a","isRemoved":true}}]}"#,
                as: ada)
            #expect(
                scoped.status == 400 && scoped.problem?.detail.contains("one of identity") == true, "\(scoped.body)")
        }
    }
}
