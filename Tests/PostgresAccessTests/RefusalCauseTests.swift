import Contracts
import GloveboxCore
import NIOCore
import Redaction
import TestSupport
import Testing

@testable import PostgresAccess

@Suite("Why no session may open")
struct RefusalCauseTests {
    @Test("each cause is lifted by itself: what mends the journal doesn't lift a seal")
    func causes() throws {
        let detectors = try SharedDetectors.result.get()
        let sessions = try PostgresAgentSessions(
            journal: MemoryJournal(), time: ManualTime(),
            makeMasker: { _, pseudonyms in try Masker(detectors: detectors, pseudonyms: pseudonyms) })
        #expect(sessions.refusal == nil)
        sessions.endAll(GloveboxError(.canaryLeaked, "sealed"), refusing: .masking)
        sessions.endAll(GloveboxError(.journalUnavailable, "full"), refusing: .journal)
        sessions.admit(.journal)
        sessions.admit(.log)
        #expect(sessions.refusal?.code == .canaryLeaked)
        sessions.admit(.masking)
        #expect(sessions.refusal == nil)
        sessions.endAll(GloveboxError(.unavailable, "others may open"))
        #expect(sessions.refusal == nil)
    }
}
