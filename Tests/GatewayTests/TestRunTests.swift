import Changes
import Contracts
import ControlAPI
import FlagRules
import Foundation
import GloveboxCore
import Identity
import TestContextToken
import TestSupport
import Testing

@testable import Gateway
@testable import StorageSQLite

@Suite("Test runs and routes at the gateway")
struct TestRunTests {
    private typealias Bench = ChangeBench

    private static let run = TestRunEdit(routes: [.init(host: "shop.example", path: "/api")], writes: 3)

    private static func state(_ bench: ChangeBench) throws -> EdgeState {
        try EdgeState(flags: bench.house.epoch(of: ChangeBench.edge).state.effective(for: nil))
    }

    private static func begin(
        _ bench: ChangeBench, _ grant: LeaseGrant, _ more: [LeaseID] = []
    ) async throws -> ChangeSet {
        try await bench.changes.apply([.testRun(Self.run, leases: more)], title: "nightly", under: grant)
    }

    @Test("a run is what its set is called; edges are told of it, and it's on record")
    func begin() async throws {
        let bench = try await Bench()
        let set = try await Self.begin(bench, bench.grant(on: Bench.edge))
        #expect(try Self.state(bench).runs == [set.id.rawValue: Self.run])
        #expect(
            bench.log.events.last
                == .changeApplied(
                    set.id, title: "nightly", changes: ["test run \(set.id): shop.example/api, at most 3 writes"]))
        _ = try await bench.changes.undo(set.id, by: Bench.ada)
        #expect(try Self.state(bench).runs.isEmpty)
    }

    @Test("weights of a route lie over what an edge has, and go back with their lease")
    func route() async throws {
        let bench = try await Bench()
        let grant = bench.grant(on: Bench.edge)
        let edit = RouteEdit(service: "web", weights: ["v1": 90, "v2": 10])
        let set = try await bench.changes.apply([.route(edit)], title: "a tenth", under: grant)
        #expect(try Self.state(bench).weights == ["web": ["v1": 90, "v2": 10]])
        #expect(
            bench.log.events.last
                == .changeApplied(set.id, title: "a tenth", changes: ["the route of 'web': v1 90, v2 10"]))
        // Flags are another matter: nobody sees an edge's entries among them.
        #expect(bench.house.targets == [Bench.target])
        #expect(try bench.house.epoch(of: nil).state.target == Bench.target)
        let running = Task { try await bench.changes.run() }
        bench.end(grant.lease)
        try await eventually(timeout: .seconds(10), "the end") { try Self.state(bench).weights.isEmpty }
        running.cancel()
        _ = await running.result
    }

    @Test("a run that nobody attends to goes back, with what was changed under its leases since and nothing else")
    func abandoned() async throws {
        let bench = try await Bench()
        let running = Task { try await bench.changes.run() }
        let (mine, other) = (bench.grant(on: Bench.edge), bench.grant(Bench.bob))
        let before = try await bench.turn("on", bench.grant(lease: mine.lease))
        bench.time.advance(by: .seconds(1))
        let more = LeaseID.random()
        let set = try await Self.begin(bench, mine, [more])
        let since = try await bench.changes.apply(
            [FlagChangePlan(key: "new", .define(try FlagValue(json: Array(Bench.flag("on").utf8))))], title: "x",
            under: bench.grant(lease: more))
        let theirs = try await bench.turn("off", other)

        // Somebody is there: nothing happens.
        for _ in 0..<4 {
            bench.time.advance(by: .seconds(6))
            await bench.changes.attend(try await bench.changes.changeSet(set.id))
        }
        #expect(try Self.state(bench).runs.count == 1)
        bench.time.advance(by: ChangeService.silence)
        try await eventually(timeout: .seconds(10), "the run's end") {
            try await bench.storage.changeSet(set.id)?.state == .undone
        }
        #expect(try await bench.storage.changeSet(since.id)?.state == .undone)
        #expect(try await bench.storage.changeSet(before.id)?.state == .applied)
        #expect(try await bench.storage.changeSet(theirs.id)?.state == .applied)
        try await eventually(timeout: .seconds(10), "the record") {
            bench.log.events.last
                == .changeUndone(
                    set.id, cause: "nobody attends to test run \(set.id) any more", by: nil, conflicts: [])
        }
        running.cancel()
        _ = await running.result
    }

    @Test("a run that has ended leaves the next one under the same leases alone, and what that one changes")
    func nextOne() async throws {
        let bench = try await Bench()
        let running = Task { try await bench.changes.run() }
        let (grant, more) = (bench.grant(on: Bench.edge), LeaseID.random())
        let first = try await Self.begin(bench, grant, [more])
        _ = try await bench.changes.undo(first.id, by: Bench.ada)
        bench.time.advance(by: .seconds(1))
        let second = try await Self.begin(bench, grant, [more])
        let write = try await bench.turn("on", bench.grant(lease: more))
        for _ in 0..<5 {
            bench.time.advance(by: .seconds(6))
            await bench.changes.attend(try await bench.changes.changeSet(second.id))
            // Whoever asks for one that's over begins nothing anew.
            await bench.changes.attend(try await bench.changes.changeSet(first.id))
        }
        #expect(try await bench.changes.changeSet(second.id).state == .applied)
        #expect(try await bench.changes.changeSet(write.id).state == .applied)
        // One that was ended by somebody else, and whose runner is gone, is still cleared up behind.
        _ = try await bench.changes.undo(second.id, by: Bench.bob)
        bench.time.advance(by: ChangeService.silence)
        try await eventually(timeout: .seconds(10), "what it wrote") {
            try await bench.changes.changeSet(write.id).state == .undone
        }
        running.cancel()
        _ = await running.result
    }

    @Test("a run whose undo goes back before its time ends, since nobody would take back what it writes from then on")
    func deprived() async throws {
        let bench = try await Bench()
        let (grant, more) = (bench.grant(on: Bench.edge), LeaseID.random())
        let run = try await Self.begin(bench, grant, [more])
        let other = try await bench.turn("off", bench.grant())
        _ = try await bench.changes.undo(other.id, by: Bench.ada)
        #expect(try await bench.changes.changeSet(run.id).state == .applied)
        let write = try await bench.turn("on", bench.grant(lease: more))
        _ = try await bench.changes.undo(write.id, by: Bench.bob)
        #expect(try await bench.changes.changeSet(run.id).state == .undone)
        #expect(try Self.state(bench).runs.isEmpty)
    }

    @Test("a gateway that starts anew waits for whoever runs a test run, and not for longer than before")
    func restart() async throws {
        var bench = try await Bench()
        let set = try await Self.begin(bench, bench.grant(on: Bench.edge))
        bench = try await bench.again()
        #expect(try Self.state(bench).runs.keys.contains(set.id.rawValue))
        let running = Task { [bench] in try await bench.changes.run() }
        bench.time.advance(by: ChangeService.silence)
        try await eventually(timeout: .seconds(10), "the run's end") { try Self.state(bench).runs.isEmpty }
        running.cancel()
        _ = await running.result
    }

    @Test("a run isn't kept")
    func keep() async throws {
        let bench = try await Bench()
        let set = try await Self.begin(bench, bench.grant(on: Bench.edge))
        let error = await #expect(throws: GloveboxError.self) {
            _ = try await bench.changes.keep(set.id, by: Bench.ada)
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test("marks are signed by a key that edges know, which goes on counting when the next one signs")
    func keys() async throws {
        let folder = try TemporaryFolder()
        let time = ManualTime()
        func context() throws -> IngressContext {
            try IngressContext(
                run: "r", testCase: "c", edge: "e", issuedAt: time.wall, lifetime: .seconds(60),
                runEndsAt: time.wall.advanced(by: .seconds(60)), routes: [TestContextRoute(path: "/")],
                methods: ["GET"], writeBudget: 0)
        }
        func known(_ issuer: MarkIssuer) throws -> TestContextKeys {
            TestContextKeys(
                try issuer.publicKeys().keys.map { key in
                    try TestContextKey(
                        publicKey: Array(Data(base64Encoded: key.publicKey) ?? Data()), audience: .ingress,
                        validFrom: key.validFrom.wall, validUntil: key.validUntil.wall)
                })
        }
        let issuer = try MarkIssuer(folder: folder.path, time: time)
        let marks = try issuer.sign([context(), context()])
        #expect(Set(marks).count == 2)
        let first = try issuer.publicKeys()
        #expect(first.keys.count == 1)
        #expect(try known(issuer).ingress(Array(marks[0].utf8), edge: "e", at: time.wall).run == "r")
        // Another process goes on with the same key.
        #expect(try MarkIssuer(folder: folder.path, time: time).publicKeys().keys == first.keys)

        // Half an hour before a month is over, edges are told the next key, and the old one still signs.
        time.advance(by: .seconds(30 * 86_400 - 60 - 1800))
        let told = try known(issuer)
        #expect(try issuer.publicKeys().keys.count == 2)
        let late = try issuer.sign([context()])[0]
        #expect(try told.ingress(Array(late.utf8), edge: "e", at: time.wall).run == "r")
        // An edge that asked then knows the key that signs an hour later.
        time.advance(by: .seconds(3600))
        let next = try issuer.sign([context()])[0]
        #expect(try told.ingress(Array(next.utf8), edge: "e", at: time.wall).run == "r")
        #expect(next.dropFirst(3).prefix(10) != late.dropFirst(3).prefix(10))
        // A day after it has signed last, the first one is forgotten.
        time.advance(by: .seconds(2 * 86_400))
        #expect(try issuer.publicKeys().keys.count == 1)
        #expect(try issuer.publicKeys().keys != first.keys)

        try folder.write("marks.json", "[]x")
        let error = #expect(throws: GloveboxError.self) { _ = try MarkIssuer(folder: folder.path, time: time) }
        #expect(error?.code == .configurationInvalid || error?.code == .fileExposed)
    }
}
