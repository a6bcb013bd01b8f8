import Contracts
import GloveboxCore
import Synchronization
import Telemetry

/// Takes records until it's told to fail.
final class TestJournal: RecordJournal {
    private let isFailing = Mutex(false)

    func fail() { self.isFailing.withLock { $0 = true } }

    func append(_ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void) {
        let isFailing = self.isFailing.withLock { $0 }
        durable(isFailing ? .failure(GloveboxError(.journalUnavailable, "the disk is full")) : .success(()))
    }

    func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {}
}

/// A role that says what it's told to.
final class TestRole: TelemetrySource {
    let failure = Mutex<String?>(nil)

    func metrics() async -> [MetricFamily] {
        RoleMetrics(role: "test", startedAt: WallTime(nanoseconds: 1_500_000_000), folders: [("state", "/")])
            .families(await self.checks())
    }

    func checks() async -> [ReadinessCheck] {
        [ReadinessCheck("store"), ReadinessCheck("log", failure: self.failure.withLock { $0 })]
    }
}
