import Contracts
import FlagRules
import GloveboxCore
import TestSupport
import Testing

@testable import GloveboxKit

@Suite("What a client of flags knows, and until when")
struct FlagCopyTests {
    private static let on = #"{"defaultVariant":"on","state":"ENABLED","variants":{"off":false,"on":true}}"#
    private static let off = #"{"defaultVariant":"off","state":"ENABLED","variants":{"off":false,"on":true}}"#
    private static let short = ChangeSetID(unchecked: "000000000001")
    private static let long = ChangeSetID(unchecked: "000000000002")

    private static func state() throws -> FlagState {
        FlagState(
            target: try TargetName("flags"), epoch: 3, base: ["a": Self.off, "b": Self.off, "kept": Self.on],
            layers: [
                FlagLayer(set: Self.short, entries: [.init(change: 0, key: "a", definition: Self.on)]),
                FlagLayer(set: Self.long, entries: [.init(change: 0, key: "b", definition: Self.on)]),
            ])
    }

    private static func copy(_ time: ManualTime) throws -> FlagCopy {
        FlagCopy(
            try Self.state(), tag: "3-ab", remaining: [Self.short: .seconds(60), Self.long: .seconds(600)],
            at: time.reading)
    }

    @Test(
        "each leased change counts until its own time is up on the boot clock, whatever the wall clock says; what's kept stays"
    )
    func expiry() throws {
        let time = ManualTime()
        let copy = try Self.copy(time)
        #expect(copy.inForce(at: time.reading) == copy.state)
        time.jumpWall(by: .seconds(-86_400))
        time.advance(by: .seconds(59))
        #expect(copy.inForce(at: time.reading).effective["a"] == Self.on)
        #expect(copy.nextExpiry(at: time.reading) == time.boot.advanced(by: .seconds(1)))
        time.advance(by: .seconds(1))
        let after = copy.inForce(at: time.reading)
        #expect(after.effective == ["a": Self.off, "b": Self.on, "kept": Self.on])
        #expect(copy.nextExpiry(at: time.reading) == time.boot.advanced(by: .seconds(540)))
        time.advance(by: .seconds(540))
        #expect(copy.inForce(at: time.reading).effective == ["a": Self.off, "b": Self.off, "kept": Self.on])
        #expect(copy.nextExpiry(at: time.reading) == nil)
    }

    @Test("a change that nobody gave a time doesn't count")
    func unknown() throws {
        let time = ManualTime()
        let copy = FlagCopy(try Self.state(), tag: "3-ab", remaining: [Self.long: .seconds(5)], at: time.reading)
        #expect(copy.inForce(at: time.reading).effective["a"] == Self.off)
        #expect(copy.inForce(at: time.reading).effective["b"] == Self.on)
    }

    @Test("a step fits to its epoch alone; leases that last longer or shorter are heard of")
    func news() throws {
        let time = ManualTime()
        var copy = try Self.copy(time)
        var next = try Self.state()
        next.epoch = 4
        next.layers.removeFirst()
        let step = FlagStep(from: try Self.state(), to: next)
        #expect(throws: GloveboxError.self) {
            try copy.take(.step(step, after: "2-cd", tag: "4-ef", remaining: [:]), at: time.reading)
        }
        #expect(copy == (try Self.copy(time)))
        try copy.take(
            .step(step, after: "3-ab", tag: "4-ef", remaining: [Self.long: .seconds(10)]), at: time.reading)
        #expect(copy.state == next && copy.tag == "4-ef")
        try copy.take(.remaining([Self.long: .seconds(100)]), at: time.reading)
        time.advance(by: .seconds(50))
        #expect(copy.inForce(at: time.reading) == next)
        try copy.take(.remaining([Self.long: .zero]), at: time.reading)
        #expect(copy.inForce(at: time.reading).effective["b"] == Self.off)
    }

    @Test("read from disk it counts as long as it did; after a reboot, the earlier of wall clock and what was left")
    func disk() throws {
        let time = ManualTime()
        let copy = try Self.copy(time)
        time.advance(by: .seconds(20))
        let file = copy.file(at: time.reading)
        let again = try FlagCopy(file: file)
        #expect(again.state == copy.state && again.tag == copy.tag)
        time.jumpWall(by: .seconds(-3600))
        time.advance(by: .seconds(39))
        #expect(again.inForce(at: time.reading).effective["a"] == Self.on)
        time.advance(by: .seconds(1))
        #expect(again.inForce(at: time.reading).effective["a"] == Self.off)
        // The wall clock was set back by an hour: 580 s were left of the other when it was written.
        time.reboot(downtime: .seconds(30))
        #expect(again.inForce(at: time.reading).effective["b"] == Self.on)
        time.jumpWall(by: .seconds(3600))
        time.advance(by: .seconds(600))
        #expect(again.inForce(at: time.reading).effective == ["a": Self.off, "b": Self.off, "kept": Self.on])
        for wrong in ["", "{}", #"{"version":2}"#, String(decoding: file.dropLast(), as: UTF8.self)] {
            #expect(throws: GloveboxError.self) { try FlagCopy(file: Array(wrong.utf8)) }
        }
    }
}
