import Contracts
import GloveboxCore
import Leases
import TestSupport
import Testing

@Suite("When a lease runs out")
struct LeaseExpiryTests {
    @Test("jumps of the wall clock neither lengthen nor shorten it")
    func wallJumps() {
        let time = ManualTime()
        let expiry = LeaseExpiry.after(.seconds(900), from: time.reading)
        for jump in [Duration.seconds(31_536_000), .seconds(-63_072_000), .seconds(5)] {
            time.jumpWall(by: jump)
            #expect(expiry.remaining(at: time.reading) == .seconds(900))
        }
        time.advance(by: .seconds(899))
        #expect(!expiry.hasPassed(at: time.reading))
        time.advance(by: .seconds(1))
        #expect(expiry.hasPassed(at: time.reading))
        time.advance(by: .seconds(100))
        #expect(expiry.remaining(at: time.reading) == .zero)
    }

    @Test("after a reboot the wall clock bounds it")
    func rebootByWall() {
        let time = ManualTime()
        let expiry = LeaseExpiry.after(.seconds(900), from: time.reading)
        time.advance(by: .seconds(100))
        time.reboot(downtime: .seconds(200))
        #expect(expiry.remaining(at: time.reading) == .seconds(600))
        time.reboot(downtime: .seconds(600))
        #expect(expiry.hasPassed(at: time.reading))
    }

    @Test("after a reboot with the wall clock set back the persisted remainder bounds it")
    func rebootByRemainder() {
        let time = ManualTime()
        var expiry = LeaseExpiry.after(.seconds(900), from: time.reading)
        time.advance(by: .seconds(800))
        expiry = expiry.withRemainder(at: time.reading)
        time.jumpWall(by: .seconds(-31_536_000))
        time.reboot()
        #expect(expiry.remaining(at: time.reading) == .seconds(100))
    }

    @Test("anchored in the new boot it runs on the boot clock again, from what was left")
    func rebased() {
        let time = ManualTime()
        var expiry = LeaseExpiry.after(.seconds(900), from: time.reading)
        time.reboot(downtime: .seconds(300))
        expiry = expiry.rebased(at: time.reading)
        #expect(expiry.bootID == time.bootID && expiry.remainder == .seconds(600))
        time.jumpWall(by: .seconds(-10_000))
        time.advance(by: .seconds(599))
        #expect(expiry.remaining(at: time.reading) == .seconds(1))
        #expect(expiry.rebased(at: time.reading).remaining(at: time.reading) == .seconds(1))
    }

    @Test("a remainder is never refreshed by another boot's clock, and never grows")
    func remainder() {
        let time = ManualTime()
        let expiry = LeaseExpiry.after(.seconds(900), from: time.reading)
        let earlier = time.reading
        time.advance(by: .seconds(10))
        let refreshed = expiry.withRemainder(at: time.reading)
        #expect(refreshed.remainder == .seconds(890))
        #expect(refreshed.withRemainder(at: earlier).remainder == .seconds(890))
        time.reboot()
        #expect(refreshed.withRemainder(at: time.reading) == refreshed)
    }

    @Test("extremes of the clocks don't trap")
    func extremes() {
        for wall in [Int64.min, -1, 0, .max] {
            for boot in [Int64.min, 0, .max] {
                let now = ClockReading(
                    wall: WallTime(nanoseconds: wall), boot: BootInstant(nanoseconds: boot), bootID: BootID("x"))
                for duration in [Duration.zero, .seconds(1), .seconds(Int64.max)] {
                    let expiry = LeaseExpiry.after(duration, from: now)
                    #expect(expiry.remaining(at: now) <= duration)
                    #expect(expiry.rebased(at: now).remaining(at: now) <= duration)
                }
            }
        }
    }
}

@Suite("Leases under clocks that do anything")
struct LeaseClockPropertyTests {
    /// What happens to a lease and its gateway.
    private enum Event: CaseIterable {
        case pass, wallJump, gatewayRestart, reboot, keepRemainder, extend, rejudgeShorter
    }

    /// Runs a random life and gives how long the lease really lived (its holder could use it), what it was granted in
    /// all, and how much elapsed unwritten before reboots.
    private func life(
        seed: UInt64, writesBeforeReboot: Bool, jumpsBack: Bool
    ) throws -> (lived: Duration, granted: Duration, unwritten: Duration) {
        var generator = SeededGenerator(seed: seed)
        let time = ManualTime()
        var terms = exampleTerms
        var machine = try openLease(at: time, for: .seconds(900))
        var granted = machine.lease.granted
        var lived = Duration.zero
        var written = Duration.zero
        var unwritten = Duration.zero
        for _ in 0..<200 where machine.lease.isActive {
            switch Event.allCases.randomElement(using: &generator) ?? .pass {
            case .pass:
                let step = Duration.seconds(Int.random(in: 0...120, using: &generator))
                lived += min(step, machine.lease.expiry.remaining(at: time.reading))
                time.advance(by: step)
            case .wallJump:
                let jump = Int.random(in: (jumpsBack ? -40_000_000 : 0)...40_000_000, using: &generator)
                time.jumpWall(by: .seconds(jump))
            case .gatewayRestart:
                machine = LeaseMachine(machine.lease)
                _ = machine.resume(at: time.reading)
                written = lived
            case .reboot:
                if writesBeforeReboot {
                    _ = machine.keepRemainder(at: time.reading)
                    written = lived
                }
                unwritten += lived - written
                // The machine is down; nobody lives on the lease meanwhile, yet its time may pass.
                time.reboot(downtime: .seconds(Int.random(in: 1...60, using: &generator)))
                machine = LeaseMachine(machine.lease)
                _ = machine.resume(at: time.reading)
                written = lived
            case .keepRemainder:
                _ = machine.keepRemainder(at: time.reading)
                written = lived
            case .extend:
                if (try? machine.extend(by: .seconds(60), terms: terms, at: time.reading)) != nil { written = lived }
            case .rejudgeShorter:
                terms.longest = max(.seconds(60), terms.longest - .seconds(30))
                let before = machine.lease.expiry
                _ = machine.rejudge(terms, at: time.reading)
                if machine.lease.expiry != before { written = lived }
            }
            granted = max(granted, machine.lease.granted)
            _ = machine.expire(at: time.reading)
            #expect(machine.lease.granted <= exampleTerms.longest)
        }
        return (lived, granted, unwritten)
    }

    @Test(
        "a lease whose remainder is written never lives longer than it was granted", arguments: 0..<400 as Range<UInt64>
    )
    func written(seed: UInt64) throws {
        let life = try self.life(seed: seed, writesBeforeReboot: true, jumpsBack: true)
        #expect(life.lived <= life.granted)
    }

    @Test("nor does one whose machine's wall clock isn't set back", arguments: 0..<400 as Range<UInt64>)
    func forward(seed: UInt64) throws {
        let life = try self.life(seed: seed, writesBeforeReboot: false, jumpsBack: false)
        #expect(life.lived <= life.granted)
    }

    @Test(
        "with both against it, it gains at most what wasn't written before reboots", arguments: 0..<400 as Range<UInt64>
    )
    func bounded(seed: UInt64) throws {
        let life = try self.life(seed: seed, writesBeforeReboot: false, jumpsBack: true)
        #expect(life.lived <= life.granted + life.unwritten)
    }

    @Test("without reboots a lease lives exactly as long as it was granted, whatever the wall clock does")
    func exact() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            let time = ManualTime()
            var machine = try openLease(at: time, for: .seconds(900))
            var lived = 0
            while machine.lease.isActive {
                time.jumpWall(by: .seconds(Int.random(in: -1_000_000...1_000_000, using: &generator)))
                if Int.random(in: 0..<50, using: &generator) == 0 {
                    machine = LeaseMachine(machine.lease)
                    _ = machine.resume(at: time.reading)
                }
                time.advance(by: .seconds(1))
                lived += 1
                _ = machine.expire(at: time.reading)
            }
            #expect(lived == 900)
        }
    }
}
