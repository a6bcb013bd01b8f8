import GloveboxCore
import TestSupport
import Testing

@testable import Gateway

@Suite("Records of refused sign-ins")
struct RefusedSignInsTests {
    @Test("a flood is counted, not written out, and what isn't written out is told by the next record")
    func flood() throws {
        let (log, time) = (MemoryLog(), ManualTime())
        let refusals = RefusedSignIns(log: log, time: time)
        for _ in 0..<10_000 { refusals.refused(code: "protocol_violation", claimed: nil) }
        let written = log.events.count
        #expect(written < 100)
        time.advance(by: .seconds(10))
        refusals.refused(code: "unauthenticated", claimed: "shop-db.x")
        #expect(log.events.count == written + 1)
        #expect(
            log.events.last
                == .signInRefused(code: "unauthenticated", claimed: "shop-db.x", others: UInt64(10_000 - written)))
        refusals.refused(code: "unauthenticated", claimed: nil)
        #expect(log.events.last == .signInRefused(code: "unauthenticated", claimed: nil, others: 0))
    }
}
