package import Contracts
package import GloveboxCore

/// What a role's records tell, counted, so that whoever writes a record needn't count as well. A record counts once it is
/// durable; what a session carried counts when it ends.
package final class RecordCounters: Sendable {
    private let records = Counter("records_total", "Records written, by what they tell.", labels: ["event"])
    private let leasesOpened = Counter("leases_opened_total", "Leases opened.")
    private let leasesEnded = Counter("leases_ended_total", "Leases ended, by reason.", labels: ["reason"])
    private let sessions = Counter("sessions_started_total", "Sessions begun at this agent's targets.")
    private let refusals = Counter(
        "refusals_total", "What was refused, by code, and by the policy rule that came nearest.",
        labels: ["what", "code", "rule"])
    private let statements = Counter("statements_total", "Statements that ended sessions had forwarded.")
    private let rows = Counter("result_rows_total", "Rows that ended sessions had given.")
    private let bytes = Counter("result_bytes_total", "Bytes of results that ended sessions had given.")
    private let valuesSeen = Counter("values_seen_total", "Values that ended sessions had looked at.")
    private let valuesMasked = Counter(
        "values_masked_total", "Values that ended sessions had masked, by kind.", labels: ["kind"])

    private let valuesShown = Counter(
        "values_shown_total", "Values that ended sessions had found and shown, by kind and the profile's reason.",
        labels: ["kind", "reason"])
    private let taintOverflow = Counter(
        "taint_overflow_total", "Secrets that ended sessions had masked, and that there was no room to know again.")

    package init() {}

    package func count(_ records: [Record]) {
        for record in records { self.count(record.event) }
    }

    private func count(_ event: RecordEvent) {
        self.records.add(1, event.name)
        switch event {
        case .leaseOpened:
            self.leasesOpened.add()
        case .leaseEnded(let reason, _):
            self.leasesEnded.add(1, reason.rawValue)
        case .leaseRefused(let code, let rule, _):
            self.refusals.add(1, "lease", code, rule ?? "")
        case .sessionStarted:
            self.sessions.add()
        case .sessionRefused(let code, _):
            self.refusals.add(1, "session", code)
        case .statementRefused(let code, _, _):
            self.refusals.add(1, "statement", code)
        case .signInRefused(let code, _, let others):
            self.refusals.add(1 + Int64(clamping: others), "sign_in", code)
        case .sessionEnded(let receipt, _):
            self.statements.add(receipt.statements)
            self.rows.add(receipt.rows)
            self.bytes.add(receipt.bytes)
            self.valuesSeen.add(receipt.valuesSeen)
            for (kind, count) in receipt.valuesMasked {
                if kind == "taint_overflow" {
                    self.taintOverflow.add(count)
                } else {
                    self.valuesMasked.add(count, kind)
                }
            }
            for shown in receipt.valuesShown { self.valuesShown.add(shown.count, shown.kind, shown.reason) }
        default:
            break
        }
    }

    /// What a gateway's own records tell.
    package var ofGateway: [MetricFamily] {
        [self.records, self.leasesOpened, self.leasesEnded, self.refusals].map(\.family)
    }

    /// What an agent's records tell.
    package var ofAgent: [MetricFamily] {
        [
            self.records, self.sessions, self.refusals, self.statements, self.rows, self.bytes, self.valuesSeen,
            self.valuesMasked, self.valuesShown, self.taintOverflow,
        ].map(\.family)
    }
}

/// A journal whose records are counted.
package struct CountedJournal: RecordJournal {
    private let journal: any RecordJournal
    private let counters: RecordCounters

    package init(_ journal: any RecordJournal, _ counters: RecordCounters) {
        self.journal = journal
        self.counters = counters
    }

    package func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void
    ) {
        self.journal.append(records) { [counters] result in
            if case .success = result { counters.count(records) }
            durable(result)
        }
    }

    package func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.journal.onFailure(failed)
    }
}

/// A gateway's log whose own records are counted; its agents count theirs.
package struct CountedLog: RecordLog {
    private let log: any RecordLog
    private let journal: CountedJournal

    package init(_ log: any RecordLog, _ counters: RecordCounters) {
        self.log = log
        self.journal = CountedJournal(log, counters)
    }

    package var position: UInt64 { self.log.position }

    package func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void
    ) {
        self.journal.append(records, durable: durable)
    }

    package func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.log.onFailure(failed)
    }

    package func merge(_ records: [SequencedRecord], from origin: String) async throws -> UInt64 {
        try await self.log.merge(records, from: origin)
    }

    package func lastSequence(of origin: String) async throws -> UInt64 {
        try await self.log.lastSequence(of: origin)
    }

    package func read(after cursor: UInt64, limit: Int, where filter: RecordFilter) async throws -> RecordPage {
        try await self.log.read(after: cursor, limit: limit, where: filter)
    }

    package func record(_ id: RecordID) async throws -> StoredRecord? {
        try await self.log.record(id)
    }
}
