import ControlAPI
import GloveboxCore
import TestSupport
import Testing

@Suite("The API's values")
struct APIValuesTests {
    @Test(
        "a moment is RFC 3339 in UTC and reads back exactly",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_735_689_600_000_000_000, "2025-01-01T00:00:00Z"),
            (951_827_696_789_000_000, "2000-02-29T12:34:56.789Z"), (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"), (1_500_000, "1970-01-01T00:00:00.001500Z"),
        ] as [(Int64, String)])
    func timestamps(nanoseconds: Int64, text: String) {
        #expect(Timestamp(WallTime(nanoseconds: nanoseconds)).description == text)
        #expect(Timestamp(text)?.wall.nanoseconds == nanoseconds)
    }

    @Test("any moment that 64 bits carry reads back exactly")
    func timestampsRoundTrip() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let wall = WallTime(
                nanoseconds: Int64.random(in: -9_214_646_400_000_000_000...9_214_646_399_000_000_000, using: &generator)
            )
            #expect(Timestamp(Timestamp(wall).description)?.wall == wall)
        }
    }

    @Test(
        "other RFC 3339 forms are read",
        arguments: [
            ("2025-01-01T05:30:00+05:30", "2025-01-01T00:00:00Z"),
            ("2024-12-31t19:00:00.5-05:00", "2025-01-01T00:00:00.500Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"), ("2025-01-01 00:00:00z", "2025-01-01T00:00:00Z"),
        ])
    func otherForms(text: String, canonical: String) {
        #expect(Timestamp(text)?.description == canonical)
    }

    @Test(
        "what is no moment isn't read",
        arguments: [
            "", "2025-01-01", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00", "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00Zz", "1492-10-12T00:00:00Z",
            "2025-01-01T00:00:00+5:30", "٢٠٢٥-01-01T00:00:00Z",
        ])
    func notMoments(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("durations are numbers of seconds, fractions included")
    func durations() throws {
        func json(_ duration: Duration) throws -> String {
            String(decoding: try JSONForm.encode([Seconds(duration)]), as: UTF8.self)
        }
        #expect(try json(.seconds(900)) == "[900]")
        #expect(try json(.milliseconds(1500)) == "[1.5]")
        #expect(
            try JSONForm.decode([Seconds].self, from: Array("[900,0.25]".utf8)).map(\.duration) == [
                .seconds(900), .milliseconds(250),
            ])
        for bad in ["[-1]", "[1e12]", "[\"15m\"]", "[null]"] {
            #expect(throws: GloveboxError.self) { try JSONForm.decode([Seconds].self, from: Array(bad.utf8)) }
        }
    }

    @Test("a one-time secret is in its JSON and nowhere else")
    func secrets() throws {
        let invitation = Invitation(
            subject: .agent(try AgentName("eu-1")), code: Secret("gba_hush"), expiresAt: WallTime(nanoseconds: 0))
        #expect(!String(describing: invitation).contains("hush"))
        #expect(!String(reflecting: invitation).contains("hush"))
        var dumped = ""
        dump(invitation, to: &dumped)
        #expect(!dumped.contains("hush"))
        let json = String(decoding: try JSONForm.encode(invitation), as: UTF8.self)
        #expect(
            json == #"{"code":"gba_hush","expiresAt":"1970-01-01T00:00:00Z","subject":{"kind":"agent","name":"eu-1"}}"#)
    }

    @Test(
        "what is wrong with a body is said with its place",
        arguments: [
            (#"{"target":"shop-db","duration":60,"purpose":"x","rank":1}"#, "unknown field 'rank'"),
            (#"{"target":"shop-db","purpose":"x"}"#, "duration: this field is missing"),
            (#"{"target":"shop-db","duration":"60","purpose":"x"}"#, "duration: a number is wanted"),
            (#"{"target":"shop-db","duration":60,"purpose":"x","capabilities":["read","fly"]}"#, "capabilities[1]"),
            (#"{"target":"Shop DB","duration":60,"purpose":"x"}"#, "'Shop DB' is not a name for a target"),
            (#"{"target":"shop-db","duration":60,"purpose":"x","capabilities":[]}"#, "capabilities: name at least one"),
            (#"{"target":"shop-db","duration":0,"purpose":"x"}"#, "duration: a lease lasts longer"),
            (#"{"target":"shop-db","duration":60,"purpose":" "}"#, "purpose: say why"),
            (#"{"target":"shop-db","duration":60,"purpose":"a\u0007b"}"#, "purpose: say why"),
            ("[1]", "the body"),
            ("{\"target\":\"shop-db\",\n  oops}", "malformed at line 2, column 3"),
            ("", "malformed at line 1, column 1"), (#"{"target":"shop-db"} x"#, "malformed at line 1, column 22"),
        ])
    func badBodies(json: String, expected: String) {
        let error = #expect(throws: GloveboxError.self) {
            try JSONForm.decodeBody(LeaseRequest.self, from: Array(json.utf8))
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }

    @Test("a lease asks for reading unless it says otherwise")
    func standardCapability() throws {
        let request = try JSONForm.decodeBody(
            LeaseRequest.self, from: Array(#"{"target":"shop-db","duration":60.5,"purpose":"INC-1"}"#.utf8))
        #expect(request.capabilities == [.read])
        #expect(request.duration.duration == .milliseconds(60_500))
    }

    @Test(
        "each code has its status, and one that's unknown is the gateway's failure",
        arguments: [
            (.invalidArgument, 400), (.inviteInvalid, 401), (.unauthenticated, 401), (.certificateInvalid, 401),
            (.forbidden, 403), (.policyDenied, 403), (.ceilingDenied, 403), (.approvalNeeded, 403), (.notFound, 404),
            (.unknownTarget, 404), (.methodNotAllowed, 405), (.conflict, 409), (.storeConflict, 409),
            (.leaseNotActive, 409), (.bodyTooLarge, 413), (.unsupportedMediaType, 415), (.limitReached, 429),
            (.targetRefused, 502), (.targetUnreachable, 502), (.unavailable, 503), (.agentOffline, 503),
            (.journalUnavailable, 503), (.storeLocked, 503), (.internal, 500), (.storeCorrupt, 500),
            (.init("never_heard_of"), 500),
        ] as [(GloveboxError.Code, Int)])
    func statuses(code: GloveboxError.Code, status: Int) {
        let problem = Problem(GloveboxError(code, "why"), requestID: "r1")
        #expect(problem.status == status)
        #expect(problem.code == code.rawValue)
        #expect(problem.type == "urn:glovebox:problem:\(code)")
        #expect(problem.detail == "why")
        #expect(problem.error.code == code)
        #expect(problem.error.message == "why")
    }

    @Test("a record shows its event's fields, durations in seconds")
    func recordDetails() throws {
        func details(_ event: RecordEvent) -> [String: JSONValue] {
            RecordEntry(
                StoredRecord(
                    id: RecordID(origin: "gateway", sequence: 1),
                    record: Record(time: WallTime(nanoseconds: 0), event: event))
            ).details
        }
        #expect(
            details(
                .leaseOpened(
                    capabilities: [.read, .write], limits: Limits(rows: 10), lasts: .seconds(900), purpose: "p",
                    rule: "r"))
                == [
                    "capabilities": .array([.string("read"), .string("write")]),
                    "limits": .object(["rows": .integer(10)]), "lasts": .integer(900), "purpose": .string("p"),
                    "rule": .string("r"),
                ])
        #expect(
            details(.statement(text: "SELECT $1", values: ["a", nil]))
                == ["text": .string("SELECT $1"), "values": .array([.string("a"), .null])])
        #expect(
            details(
                .sessionEnded(
                    SessionReceipt(statements: 2, valuesMasked: ["email": 3], lasted: .milliseconds(1500)),
                    reason: "client"))
                == [
                    "receipt": .object([
                        "statements": .integer(2), "rows": .integer(0), "bytes": .integer(0), "valuesSeen": .integer(0),
                        "valuesMasked": .object(["email": .integer(3)]), "lasted": .number(1.5),
                    ]), "reason": .string("client"),
                ])
        #expect(details(.leaseEnded(.expired, by: nil)) == ["reason": .string("expired")])
        #expect(details(.cancelRequested) == [:])
    }

    @Test("a record reads back from its JSON")
    func recordRoundTrip() throws {
        let entry = RecordEntry(try FakeOperations.record(RecordID(origin: "agent/eu-1", sequence: 7)))
        let again = try JSONForm.decode(RecordEntry.self, from: try JSONForm.encode(entry))
        #expect(again.id == "agent/eu-1:7")
        #expect(again.time == entry.time)
        #expect(again.details == entry.details)
        #expect(again.lease == entry.lease)
    }

    @Test("an ended lease has nothing left, and says why and when it ended")
    func endedLease() throws {
        let lease = try FakeOperations.lease(
            LeaseID("0123456789ab"), state: .ended(.policy, at: FakeOperations.moment))
        #expect(lease.state == .ended)
        #expect(lease.remaining.duration == .zero)
        #expect(lease.ended?.reason == .policy)
        let json = String(decoding: try JSONForm.encode(lease), as: UTF8.self)
        #expect(json.contains(#""ended":{"at":"2025-01-01T00:00:00Z","reason":"policy"}"#))
        #expect(!json.contains("storedKey"))
    }
}
