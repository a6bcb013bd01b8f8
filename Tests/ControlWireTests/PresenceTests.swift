import ControlWire
import GloveboxCore
import Testing

private func at(_ seconds: Double) -> BootInstant { BootInstant(nanoseconds: Int64(seconds * 1_000_000_000)) }

@Suite struct LivenessTests {
    @Test("it pings at its pace, and any byte keeps a peer alive")
    func pings() {
        var liveness = Liveness(.standard, at: at(0))
        #expect(liveness.tick(at: at(1)) == .wait)
        #expect(liveness.tick(at: at(2)) == .ping(1))
        #expect(liveness.tick(at: at(2.5)) == .wait)
        liveness.heard(at: at(2.6))
        #expect(liveness.tick(at: at(4)) == .ping(2))
        #expect(liveness.tick(at: at(7.5)) == .ping(3))
        #expect(liveness.tick(at: at(7.6)) == .dead)
    }

    @Test("a machine that was suspended finds its peer dead")
    func suspended() {
        var liveness = Liveness(.standard, at: at(0))
        #expect(liveness.tick(at: at(3600)) == .dead)
    }
}

@Suite struct PresenceTests {
    private let one = InstanceID(unchecked: "0000000000000001")
    private let two = InstanceID(unchecked: "0000000000000002")

    @Test("a peer that comes back within the grace has rejoined; after it, it is as good as restarted")
    func grace() {
        var presence = Presence()
        #expect(presence.joined(self.one, at: at(0)) == .new)
        presence.left(at: at(10), grace: .seconds(4))
        #expect(!presence.isPresent)
        #expect(presence.tick(at: at(13.9)) == nil)
        #expect(presence.joined(self.one, at: at(13.9)) == .rejoined)
        presence.left(at: at(20), grace: .seconds(4))
        // Nobody looked at the clock, but the time is up all the same.
        #expect(presence.joined(self.one, at: at(24)) == .restarted(old: self.one))
    }

    @Test("a peer is lost once, when the grace is over")
    func lost() {
        var presence = Presence()
        _ = presence.joined(self.one, at: at(0))
        presence.left(at: at(1), grace: .seconds(4))
        presence.left(at: at(4), grace: .seconds(4))
        #expect(presence.tick(at: at(5)) == self.one)
        #expect(presence.tick(at: at(6)) == nil)
        #expect(presence.joined(self.one, at: at(7)) == .new)
    }

    @Test("another run of the peer is a restart, whether or not the old one was missed")
    func restart() {
        var presence = Presence()
        _ = presence.joined(self.one, at: at(0))
        #expect(presence.joined(self.two, at: at(1)) == .restarted(old: self.one))
        presence.left(at: at(2), grace: .seconds(4))
        #expect(presence.joined(self.one, at: at(3)) == .restarted(old: self.two))
    }

    @Test("silence and grace together stay below the 10 s of promise 5")
    func promise() {
        let pace = LivenessPace.standard
        #expect(pace.deadAfter + pace.grace < .milliseconds(9500))
    }
}
