import Changes
import Contracts
import ControlAPI
import FlagRules
import GloveboxCore
import TestSupport
import Testing

@testable import Gateway

@Suite("Those who follow a target's flags")
struct FlagFollowerTests {
    private static let target = TargetName(unchecked: "flags")
    private static let on = #"{"defaultVariant":"on","state":"ENABLED","variants":{"off":false,"on":true}}"#
    private static let off = #"{"defaultVariant":"off","state":"ENABLED","variants":{"off":false,"on":true}}"#

    private static func epoch(_ number: Int64, _ layers: [FlagLayer] = []) throws -> FlagEpoch {
        try FlagEpoch(FlagState(target: Self.target, epoch: number, base: ["a": Self.off], layers: layers))
    }

    private static func notice(_ event: ServerEvent?) throws -> FlagNotice? {
        try event.flatMap { try FlagNotice(name: $0.name, tag: $0.id, data: $0.data) }
    }

    @Test("the whole comes first and steps from then on, with what remains; what runs is counted as it's acknowledged")
    func follow() async throws {
        let (house, time) = (FlagHouse(), ManualTime())
        house.publish(try Self.epoch(1), [:], at: time.reading)
        let follower = FlagFollower(house, Self.target, having: nil, time: time)
        let other = FlagFollower(house, Self.target, having: nil, time: time)
        guard case .epoch(let state, let first, [:]) = try Self.notice(await follower.next()) else {
            return #expect(Bool(false), "the whole comes first")
        }
        #expect(try state == Self.epoch(1).state && first == house.epoch(of: nil).tag)
        #expect(house.clients(of: Self.target) == [.init(epoch: nil, count: 2)])
        follower.acknowledge("1-nonsense")
        #expect(house.clients(of: Self.target) == [.init(epoch: nil, count: 2)])
        follower.acknowledge(first)
        #expect(house.clients(of: Self.target) == [.init(epoch: 1, count: 1), .init(epoch: nil, count: 1)])

        let set = ChangeSetID.random()
        let layer = FlagLayer(set: set, entries: [.init(change: 0, key: "a", definition: Self.on)])
        house.publish(
            try Self.epoch(2, [layer]), [set: .after(.seconds(60), from: time.reading)], at: time.reading)
        guard
            case .step(let step, let after, let second, let remaining) = try Self.notice(await follower.next())
        else { return #expect(Bool(false), "a step comes next") }
        #expect(after == first && remaining == [set: .seconds(60)])
        #expect(try step.applied(to: state) == Self.epoch(2, [layer]).state)
        follower.acknowledge(second)
        // One that has missed the epoch before gets the whole, with what remains now.
        time.advance(by: .seconds(20))
        guard case .epoch(_, second, [set: .seconds(40)]) = try Self.notice(await other.next()) else {
            return #expect(Bool(false), "the whole comes to who has missed something")
        }
        #expect(house.clients(of: Self.target) == [.init(epoch: 2, count: 1), .init(epoch: nil, count: 1)])

        // The lease is extended.
        house.revise(Self.target, [set: .after(.seconds(300), from: time.reading)])
        #expect(try Self.notice(await follower.next()) == .remaining([set: .seconds(300)]))
        house.revise(Self.target, [set: .after(.seconds(300), from: time.reading)])
        house.remind()
        #expect(await follower.next() == .alive)
        // A leased change whose lease nobody knows has nothing left.
        house.revise(Self.target, [:])
        #expect(try Self.notice(await follower.next()) == .remaining([set: .zero]))
        house.close()
        #expect(try Self.notice(await follower.next()) == .end)
        #expect(await follower.next() == nil)
    }

    @Test(
        "who comes back with the epoch in force hears how long changes last, and nothing twice; another tag gets the whole"
    )
    func again() async throws {
        let (house, time) = (FlagHouse(), ManualTime())
        house.publish(try Self.epoch(5), [:], at: time.reading)
        let tag = try house.epoch(of: nil).tag
        let same = FlagFollower(house, Self.target, having: tag, time: time)
        #expect(try Self.notice(await same.next()) == .remaining([:]))
        same.acknowledge(tag)
        #expect(house.clients(of: Self.target) == [.init(epoch: 5, count: 1)])
        // Of the same number, but of another history: a gateway that was restored from a backup.
        let foreign = FlagFollower(house, Self.target, having: "5-0000000000000000", time: time)
        guard case .epoch = try Self.notice(await foreign.next()) else {
            return #expect(Bool(false), "another history gets the whole")
        }
    }

    @Test("it ends after five minutes, so that whoever follows is asked again who they are")
    func ends() async throws {
        let (house, time) = (FlagHouse(), ManualTime())
        house.publish(try Self.epoch(1), [:], at: time.reading)
        let follower = FlagFollower(house, Self.target, having: nil, time: time)
        _ = await follower.next()
        time.advance(by: .seconds(239))
        house.remind()
        #expect(await follower.next() == .alive)
        time.advance(by: .seconds(61))
        house.remind()
        #expect(try Self.notice(await follower.next()) == .end)
        #expect(await follower.next() == nil)
    }

    @Test("an epoch's tag hangs on all that anybody sees, and on nothing else")
    func tags() throws {
        let set = ChangeSetID.random()
        func tag(
            _ number: Int64, _ scope: FlagScope?, _ definition: String, share: Int? = nil
        ) throws -> String {
            let entry = FlagLayer.Entry(change: 0, key: "a", definition: definition, share: share)
            return try Self.epoch(number, [FlagLayer(set: set, scope: scope, entries: [entry])]).state.tag
        }
        let tags = [
            try tag(1, nil, Self.on), try tag(2, nil, Self.on), try tag(1, .testRun("x"), Self.on),
            try tag(1, .testRun("y"), Self.on), try tag(1, nil, Self.off), try Self.epoch(1).state.tag,
            try tag(1, nil, Self.on, share: 10), try tag(1, nil, Self.on, share: 50),
        ]
        #expect(Set(tags).count == tags.count)
        #expect(try tag(1, nil, Self.on) == tags[0])
    }
}
