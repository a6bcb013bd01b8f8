import Changes
import Contracts
import ControlAPI
import ControlServer
import FlagRules
import GloveboxCore
import Logging
import Redaction
import Synchronization
import TestSupport
import Testing
import Webhooks
import YAMLDocument

@testable import Gateway
@testable import StorageSQLite

@Suite("Changes at the gateway")
struct ChangeServiceTests {
    private typealias Bench = ChangeBench

    private static let ada = ChangeBench.ada
    private static let bob = ChangeBench.bob
    private static let target = ChangeBench.target

    private static func flag(_ variant: String) -> String { ChangeBench.flag(variant) }

    @Test("a set is in the store and on record with its undo, and all of it is seen at one moment")
    func apply() async throws {
        let bench = try await Bench()
        var epochs = bench.house.epochs(of: Self.target).makeAsyncIterator()
        #expect(await epochs.next()?.epoch.number == 0)
        let grant = bench.grant()
        let set = try await bench.changes.apply(
            [
                FlagChangePlan(key: "checkout", .set(defaultVariant: "on", isEnabled: nil)),
                FlagChangePlan(key: "new", .define(try FlagValue(json: Array(Self.flag("on").utf8)))),
            ], title: "a new checkout", under: grant)
        #expect(set.state == .applied)
        #expect(try await bench.storage.changeSet(set.id) == set)
        #expect(
            set.changes.first
                == .flag(
                    FlagChange(
                        key: "checkout", definition: Self.flag("on"), former: Self.flag("off"),
                        patch: FlagPatch(defaultVariant: "on"))))
        let epoch = await epochs.next()
        #expect(epoch?.epoch.number == 1 && epoch?.epoch.definitions.count == 2)
        #expect(
            bench.log.events == [
                .changeApplied(
                    set.id, title: "a new checkout",
                    changes: ["flag 'checkout': defaultVariant off → on", "flag 'new' is made"])
            ])
        #expect(try bench.variant() == "on" && bench.variant("new") == "on")
    }

    @Test("a lease's end takes its changes back, newest first, and no other's")
    func leaseEnds() async throws {
        let bench = try await Bench()
        let running = Task { try await bench.changes.run() }
        let (mine, other) = (bench.grant(), bench.grant(Self.bob))
        let first = try await bench.turn("on", mine)
        let second = try await bench.changes.apply(
            [FlagChangePlan(key: "checkout", .remove)], title: "away", under: mine)
        let theirs = try await bench.changes.apply(
            [FlagChangePlan(key: "new", .define(try FlagValue(json: Array(Self.flag("on").utf8))))], title: "x",
            under: other)
        #expect(try bench.variant() == nil)
        bench.end(mine.lease)
        try await eventually(timeout: .seconds(10), "the end") { try bench.variant() == "off" }
        try await eventually(timeout: .seconds(10), "what's stored") {
            try await bench.storage.changeSet(first.id)?.state == .undone
        }
        #expect(try bench.variant("new") == "on")
        #expect(try await bench.storage.changeSet(theirs.id)?.state == .applied)
        try await eventually(timeout: .seconds(10), "the records") { bench.log.events.count == 5 }
        #expect(
            bench.log.events.suffix(2)
                == [second.id, first.id].map {
                    .changeUndone($0, cause: "its lease ended (expired)", by: nil, conflicts: [])
                })
        running.cancel()
        _ = await running.result
    }

    @Test("a lease that ends while its change is applied takes it back at once")
    func endsMeanwhile() async throws {
        let bench = try await Bench()
        let grant = bench.grant()
        bench.end(grant.lease, .admin)
        let error = await #expect(throws: GloveboxError.self) { _ = try await bench.turn("on", grant) }
        #expect(error?.code == .leaseNotActive)
        #expect(try bench.variant() == "off")
        #expect(try await bench.storage.changeSets(ChangeFilter()).map(\.state) == [.undone])
    }

    @Test("of two people who change one flag, whoever goes back first leaves the other's, which is named")
    func twoPeople() async throws {
        let bench = try await Bench()
        let first = try await bench.turn("on", bench.grant())
        let second = try await bench.turn("off", bench.grant(Self.bob))
        #expect(await bench.changes.conflicts([first])[first.id] == [ChangeConflict(change: 0, by: second.id)])
        #expect(await bench.changes.conflicts([second, first])[first.id] == [])
        let undone = try await bench.changes.undo(first.id, by: Self.ada)
        #expect(undone.conflicts == [ChangeConflict(change: 0, by: second.id)])
        #expect(
            bench.log.events.last
                == .changeUndone(
                    first.id, cause: "asked for by ada", by: Self.ada,
                    conflicts: ["flag 'checkout' was changed since by \(second.id), and stays so"]))
        #expect(try bench.variant() == "off")
        _ = try await bench.changes.undo(second.id, by: Self.bob)
        #expect(try bench.variant() == "off")
        #expect(try bench.house.epoch(of: nil).state.base == bench.house.epoch(of: nil).state.effective)
    }

    @Test("what's kept outlives its lease and a restart, and can't be taken back")
    func keep() async throws {
        var bench = try await Bench()
        let grant = bench.grant()
        let set = try await bench.turn("on", grant)
        #expect(try await bench.changes.keep(set.id, by: Self.bob).state == .kept)
        #expect(bench.log.events.last == .changeKept(set.id, by: Self.bob))
        bench = try await bench.again(ended: [grant.lease: .expired])
        #expect(try bench.variant() == "on")
        for step in [
            { _ = try await bench.changes.undo(set.id, by: Self.ada) },
            { _ = try await bench.changes.keep(set.id, by: Self.ada) },
        ] {
            let error = await #expect(throws: GloveboxError.self) { try await step() }
            #expect(error?.code == .changeNotOpen)
        }
    }

    @Test("a gateway that starts anew goes on with what's leased, and takes back what ended while it was away")
    func restart() async throws {
        var bench = try await Bench()
        let (gone, stays) = (bench.grant(), bench.grant(Self.bob))
        let first = try await bench.turn("on", gone)
        let second = try await bench.changes.apply(
            [FlagChangePlan(key: "new", .define(try FlagValue(json: Array(Self.flag("on").utf8))))], title: "x",
            under: stays)
        let number = try bench.house.epoch(of: nil).number
        bench = try await bench.again()
        #expect(try bench.variant() == "on" && bench.variant("new") == "on")
        #expect(try bench.house.epoch(of: nil).number == number)
        bench = try await bench.again(ended: [gone.lease: .restored])
        #expect(try bench.variant() == "off" && bench.variant("new") == "on")
        #expect(try await bench.storage.changeSet(first.id)?.state == .undone)
        #expect(
            bench.log.events.last
                == .changeUndone(first.id, cause: "its lease ended (restored)", by: nil, conflicts: []))
        #expect(try bench.house.epoch(of: nil).number == number + 1)
        #expect(try await bench.changes.undo(second.id, by: Self.bob).state == .undone)
    }

    /// A gateway killed between any two writes: each entry of the journal is the last that was stored.
    @Test("a gateway that dies at any step of apply and undo starts with the flags as the journal has them")
    func killed() async throws {
        let reference = try await Bench()
        let set = try await reference.turn("on", reference.grant())
        let undone = try await reference.changes.undo(set.id, by: Self.ada)
        #expect(undone.journal.count == 5)
        for count in 1...undone.journal.count {
            var bench = try await Bench()
            var cut = undone
            cut.journal = Array(undone.journal.prefix(count))
            cut.state = ChangeMachine(cut).state
            cut.version = 0
            var flags = FlagState(target: Self.target, base: ["checkout": Self.flag("off")])
            // The flags are written in one with the entry that tells of them.
            if count >= 2 { flags.apply(cut, 0..<1) }
            if count >= 5 { _ = flags.undo(cut.id) }
            try await bench.storage.insert(cut)
            try await bench.storage.put(flags)
            bench = try await bench.again()
            let goesBack = count >= 3
            #expect(try bench.variant() == (goesBack ? "off" : "on"), "cut at \(count)")
            #expect(
                try await bench.storage.changeSet(cut.id)?.state == (goesBack ? .undone : .applied), "cut at \(count)")
            #expect(try await bench.storage.flags(of: Self.target)?.layers.isEmpty == goesBack, "cut at \(count)")
        }
    }

    @Test("an undo that can't be stored is in force all the same, is stuck, alarmed once, and tried until it's stored")
    func stuck() async throws {
        let bench = try await Bench()
        let running = Task { try await bench.changes.run() }
        let grant = bench.grant()
        let set = try await bench.turn("on", grant)
        // From now on the store takes no write of a change.
        try await bench.storage.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON change_set BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        bench.end(grant.lease)
        try await eventually(timeout: .seconds(10), "stuck") {
            try await bench.changes.changeSet(set.id).state == .stuck
        }
        #expect(try bench.variant() == "off")
        #expect(try await bench.storage.changeSet(set.id)?.state == .applied)
        bench.time.advance(by: .seconds(1))
        try await eventually(timeout: .seconds(10), "the second attempt") {
            try await ChangeMachine(bench.changes.changeSet(set.id)).failedAttempts == 2
        }
        try await bench.storage.execute("DROP TRIGGER broken")
        #expect(try await bench.changes.undo(set.id, by: Self.ada).state == .undone)
        #expect(try await bench.storage.changeSet(set.id)?.state == .undone)
        #expect(bench.log.events.map(\.name) == ["change_applied", "change_stuck", "change_undone"])
        let told = bench.told.messages.withLock { $0 }
        #expect(told.map(\.event) == ["change_stuck", "change_undone"])
        #expect(told.allSatisfy { $0.facts.contains(.init("owner", "ada")) && $0.title.contains("on flags") })
        #expect(told.first?.title.hasSuffix("glovebox change show \(set.id)") == true)
        running.cancel()
        _ = await running.result
    }

    @Test("a scoped change is told of as such, seen by whom it's for, leaves everyone else's alone, and can't be kept")
    func scoped() async throws {
        let bench = try await Bench()
        let grant = bench.grant()
        let edit = FlagChangePlan(key: "checkout", .set(defaultVariant: "on", isEnabled: nil))
        let set = try await bench.changes.apply([edit], title: "mine", for: .identity(Self.ada), under: grant)
        #expect(try await bench.storage.changeSet(set.id)?.scope == .identity(Self.ada))
        #expect(
            bench.log.events == [
                .changeApplied(
                    set.id, title: "mine",
                    changes: ["flag 'checkout': defaultVariant off → on, for identity ada"])
            ])
        let mine = FlagContext(attributes: ["gloveboxIdentity": .string("ada")])
        func seen() throws -> String? {
            try bench.house.epoch(of: nil).flags.resolve("checkout", mine, timestamp: 0).variant
        }
        #expect(try seen() == "on" && bench.variant() == "off")
        let refusal = await #expect(throws: GloveboxError.self) { try await bench.changes.keep(set.id, by: Self.bob) }
        #expect(refusal?.code == .invalidArgument)
        // Another's for everyone is none of its conflicts' other way round.
        let everyone = try await bench.turn("on", bench.grant(Self.bob))
        let conflicts = await bench.changes.conflicts([everyone, set])
        #expect(conflicts[everyone.id] == [] && conflicts[set.id] == [])
        _ = try await bench.changes.undo(set.id, by: Self.ada)
        #expect(try seen() == "on" && bench.variant() == "on")
        _ = try await bench.changes.undo(everyone.id, by: Self.bob)
        #expect(try seen() == "off")
    }

    @Test("those who evaluate by themselves are told how long each change lasts, and when a lease is extended")
    func remaining() async throws {
        let bench = try await Bench()
        let grant = bench.grant()
        bench.leases(grant.lease, .seconds(60))
        let follower = FlagFollower(bench.house, Self.target, having: nil, time: bench.time)
        _ = await follower.next()
        let set = try await bench.turn("on", grant)
        let event = try #require(await follower.next())
        guard case .step(_, _, _, let remaining) = try FlagNotice(name: event.name, tag: event.id, data: event.data)
        else { return #expect(Bool(false), "a step") }
        #expect(remaining == [set.id: .seconds(60)])
        let running = Task { try await bench.changes.run() }
        bench.leases(grant.lease, .seconds(600))
        bench.endings.moved(grant.lease)
        let extended = try #require(await follower.next())
        #expect(
            try FlagNotice(name: extended.name, tag: nil, data: extended.data)
                == .remaining([set.id: .seconds(600)]))
        running.cancel()
        _ = try? await running.value
    }

    @Test("what can't be recorded isn't applied")
    func noRecord() async throws {
        let bench = try await Bench()
        bench.log.fail()
        let error = await #expect(throws: GloveboxError.self) { _ = try await bench.turn("on", bench.grant()) }
        #expect(error?.code == .journalUnavailable)
        #expect(try bench.variant() == "off")
        #expect(try await bench.storage.changeSets(ChangeFilter()).map(\.state) == [.undone])
    }

    @Test("what's wrong with a change is said, recorded, and nothing of it is applied")
    func refused() async throws {
        let bench = try await Bench()
        let good = FlagChangePlan(key: "checkout", .set(defaultVariant: "on", isEnabled: nil))
        for (plan, code) in [
            (FlagChangePlan(key: "nothing", .remove), "not_found"),
            (FlagChangePlan(key: "nothing", .set(defaultVariant: "on", isEnabled: nil)), "not_found"),
            (FlagChangePlan(key: "checkout", .set(defaultVariant: "blue", isEnabled: nil)), "flags_invalid"),
            (FlagChangePlan(key: "new", .define(.object(["state": .string("ON")]))), "flags_invalid"),
        ] {
            let error = await #expect(throws: GloveboxError.self) {
                _ = try await bench.changes.apply([good, plan], title: "x", under: bench.grant())
            }
            #expect(error?.code.rawValue == code)
            guard case .changeRefused(code, _) = bench.log.events.last else {
                Issue.record("\(String(describing: bench.log.events.last))")
                continue
            }
        }
        #expect(try bench.variant() == "off")
        #expect(try await bench.storage.changeSets(ChangeFilter()).isEmpty)
    }

    @Test("what changes between an answer with all flags and the first look at its events is told")
    func changedBeforeListening() async throws {
        let bench = try await Bench()
        let flags = GatewayFlags(house: bench.house, time: bench.time)
        let context = Array(#"{"context":{"targetingKey":"u"}}"#.utf8)
        /// The query of the address that the answer gives for its events.
        func after() throws -> String? {
            let answer = try FlagValue(json: try flags.evaluateAll(of: nil, body: context, ifNoneOf: []).body)
            guard case .array(let streams)? = answer.object?["eventStreams"],
                let uri = streams.first?.object?["endpoint"]?.object?["requestUri"]?.string,
                let query = uri.wholeMatch(of: #/\/flags\/flags\/ofrep\/v1\/events\?after=([0-9a-f-]+)/#)
            else { return nil }
            return String(query.output.1)
        }
        let first = try after()
        let before = try #require(first)
        _ = try await bench.turn("on", bench.grant())
        var events = try flags.events(of: nil, after: before).makeAsyncIterator()
        #expect(try await events.next()?.data.contains("refetchEvaluation") == true)
        // Nothing came in between: nothing is told.
        let now = try after()
        let since = try #require(now)
        var level = try flags.events(of: nil, after: since).makeAsyncIterator()
        #expect(try await level.next() == .alive)
    }

    @Test("a file with what flags are at first is needed until the store has them, and no longer")
    func missingSeed() async throws {
        let folder = try TemporaryFolder()
        func target() throws -> FlagTarget {
            try FlagTarget(try YAMLNode(yaml: "{name: shop, file: shop.json}", file: "g.yaml"), folder: folder.path)
        }
        let bench = try await Bench()
        let error = await #expect(throws: GloveboxError.self) { try await bench.changes.resume([try target()]) }
        #expect(error?.code == .notFound && error?.message == "there is no file \(folder.path)/shop.json")
        #expect(try await bench.storage.flags(of: TargetName(unchecked: "shop")) == nil)
        try folder.write("shop.json", #"{"flags": {"f": \#(Self.flag("on"))}}"#)
        try await bench.changes.resume([try target()])
        removeTree(folder.path)
        // On the same store, as after a restore elsewhere.
        let next = try await bench.again()
        try await next.changes.resume([try target()])
        #expect(try next.house.epoch(of: TargetName(unchecked: "shop")).definitions.keys.sorted() == ["f"])
    }

    @Test("whoever waits for flags hears of each epoch once, gets signs of life, and is let go when the gateway stops")
    func watchers() async throws {
        let bench = try await Bench()
        let flags = GatewayFlags(house: bench.house, time: bench.time)
        var events = try flags.events(of: nil, after: nil).makeAsyncIterator()
        // Where it is, so that what comes between this stream and the next isn't missed.
        #expect(try await events.next() == .place(try bench.house.epoch(of: nil).tag))
        _ = try await bench.turn("on", bench.grant())
        let news = try await events.next()
        let tag = try bench.house.epoch(of: nil).tag
        #expect(news?.id == tag && news?.data.contains("refetchEvaluation") == true)
        bench.house.remind()
        #expect(try await events.next() == .alive)
        // One who comes back hears what it missed, and one who missed nothing doesn't.
        var late = try flags.events(of: nil, after: "0-0").makeAsyncIterator()
        #expect(try await late.next()?.id == tag)
        var level = try flags.events(of: nil, after: tag).makeAsyncIterator()
        #expect(try await level.next() == .alive)
        bench.time.advance(by: .seconds(301))
        bench.house.remind()
        #expect(try await level.next() == nil)
        bench.house.close()
        #expect(try await events.next() == nil)
        var after = try flags.events(of: nil, after: nil).makeAsyncIterator()
        while try await after.next() != nil {}
        #expect(bench.house.watcherCount == 0)
    }
}
