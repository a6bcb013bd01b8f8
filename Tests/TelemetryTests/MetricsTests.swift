import Contracts
import GloveboxCore
import Telemetry
import TestSupport
import Testing

@Suite("Metrics: what is counted, and how it's written")
struct MetricsTests {
    @Test("samples are written as Prometheus reads them, with what is special in labels escaped")
    func text() {
        let text = PrometheusText.text([
            MetricFamily(
                "things_total", "Things,\nin \\ all.", .counter,
                [.init(3, [.init("kind", "a\"b\\c\nd")]), .init(0.5, [.init("kind", ""), .init("code", "é")])]),
            .gauge("level", "A level.", -2),
            MetricFamily("absent", "Nothing yet.", .gauge, []),
            MetricFamily("odd", "Odd values.", .gauge, [.init(.infinity), .init(.nan)]),
        ])
        #expect(
            text == """
                # HELP glovebox_things_total Things,\\nin \\\\ all.
                # TYPE glovebox_things_total counter
                glovebox_things_total{kind="a\\"b\\\\c\\nd"} 3
                glovebox_things_total{kind="",code="é"} 0.5
                # HELP glovebox_level A level.
                # TYPE glovebox_level gauge
                glovebox_level -2
                # HELP glovebox_odd Odd values.
                # TYPE glovebox_odd gauge
                glovebox_odd +Inf
                glovebox_odd NaN

                """)
    }

    @Test("a counter without labels is there before anything happened; with labels it is once something has")
    func beginning() {
        #expect(Counter("a_total", "A.").family.samples == [.init(0)])
        let labelled = Counter("b_total", "B.", labels: ["kind", "code"])
        #expect(labelled.family.samples.isEmpty)
        labelled.add(2, "x")
        labelled.add(1, "x", "")
        labelled.add(5, "a", "b")
        #expect(
            labelled.family.samples == [
                .init(5, [.init("kind", "a"), .init("code", "b")]),
                .init(3, [.init("kind", "x"), .init("code", "")]),
            ])
    }

    @Test("a counter's labels take no more values than it's told, and nothing is lost")
    func bounded() {
        let counter = Counter("c_total", "C.", labels: ["code"], mostSamples: 3)
        for number in 0..<1000 { counter.add(1, "code-\(number)") }
        counter.add(1, "code-0")
        let samples = counter.family.samples
        #expect(samples.count == 4)
        #expect(samples.contains(.init(997, [.init("code", Counter.other)])))
        #expect(samples.contains(.init(2, [.init("code", "code-0")])))
        #expect(samples.reduce(0) { $0 + $1.value } == 1001)
    }

    @Test("records are counted once they are durable, by what they tell")
    func records() async throws {
        let journal = TestJournal()
        let counters = RecordCounters()
        let counted = CountedJournal(journal, counters)
        let events: [RecordEvent] = [
            .leaseRefused(code: "policy_denied", rule: "oncall", message: "no"),
            .leaseRefused(code: "policy_denied", rule: nil, message: "no"),
            .signInRefused(code: "unauthenticated", claimed: "x", others: 6),
            .statementRefused(code: "statement_writes", message: "no", text: "DELETE"),
            .sessionRefused(code: "ceiling_denied", message: "no"),
            .sessionStarted(application: nil, client: nil),
            .sessionEnded(
                SessionReceipt(
                    statements: 2, rows: 3, bytes: 4, valuesSeen: 9, valuesMasked: ["email": 5, "card": 1]),
                reason: "done"),
        ]
        try await counted.append(events.map { Record(time: WallTime(nanoseconds: 0), event: $0) })
        journal.fail()
        await #expect(throws: GloveboxError.self) {
            try await counted.append([Record(time: WallTime(nanoseconds: 0), event: events[0])])
        }
        let text = PrometheusText.text(counters.ofAgent + counters.ofGateway)
        for line in [
            "glovebox_refusals_total{what=\"lease\",code=\"policy_denied\",rule=\"oncall\"} 1",
            "glovebox_refusals_total{what=\"lease\",code=\"policy_denied\",rule=\"\"} 1",
            "glovebox_refusals_total{what=\"sign_in\",code=\"unauthenticated\",rule=\"\"} 7",
            "glovebox_refusals_total{what=\"statement\",code=\"statement_writes\",rule=\"\"} 1",
            "glovebox_refusals_total{what=\"session\",code=\"ceiling_denied\",rule=\"\"} 1",
            "glovebox_sessions_started_total 1", "glovebox_statements_total 2", "glovebox_result_rows_total 3",
            "glovebox_result_bytes_total 4", "glovebox_values_seen_total 9",
            "glovebox_values_masked_total{kind=\"email\"} 5", "glovebox_values_masked_total{kind=\"card\"} 1",
            "glovebox_records_total{event=\"lease_refused\"} 2",
        ] {
            #expect(text.contains("\(line)\n"), "\(line) in \(text)")
        }
        #expect(!text.contains("DELETE"))
    }
}
