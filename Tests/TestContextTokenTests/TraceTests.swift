import TestContextToken
import TestSupport
import Testing

@Suite("W3C Trace Context")
struct TraceTests {
    private static let known = "00-12345678901234567890123456789012-1234567890123456-01"

    private static func parent(_ text: String) -> TraceParent? { TraceParent(Array(text.utf8)) }

    @Test(
        "a traceparent is read, a later version's as far as it's known",
        arguments: [
            (known, known), ("00-12345678901234567890123456789012-1234567890123456-00", nil),
            ("00-abcdef00000000000000000000000000-000000000000000f-03", nil),
            (
                "00-12345678901234567890123456789012-1234567890123456-ff",
                "00-12345678901234567890123456789012-1234567890123456-03"
            ),
            ("cc-12345678901234567890123456789012-1234567890123456-01", known),
            ("cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like", known),
            ("01-12345678901234567890123456789012-1234567890123456-03-", known),
        ] as [(String, String?)])
    func read(_ text: String, _ written: String?) throws {
        let parent = try #require(Self.parent(text))
        #expect(parent.description == written ?? text)
        #expect(Self.parent(parent.description)?.traceID == parent.traceID)
        #expect(parent.isSampled == !text.hasSuffix("-00") && parent.traceID.count == 16 && parent.parentID.count == 8)
    }

    @Test(
        "what isn't one is none",
        arguments: [
            "", "00", "ff-12345678901234567890123456789012-1234567890123456-01",
            "00-12345678901234567890123456789012-1234567890123456-01.",
            "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
            ".0-12345678901234567890123456789012-1234567890123456-01",
            "0.-12345678901234567890123456789012-1234567890123456-01",
            "000-12345678901234567890123456789012-1234567890123456-01",
            "0-12345678901234567890123456789012-1234567890123456-01",
            "00-00000000000000000000000000000000-1234567890123456-01",
            "00-.2345678901234567890123456789012-1234567890123456-01",
            "00-1234567890123456789012345678901.-1234567890123456-01",
            "00-123456789012345678901234567890123-1234567890123456-01",
            "00-1234567890123456789012345678901-1234567890123456-01",
            "00-12345678901234567890123456789012-0000000000000000-01",
            "00-12345678901234567890123456789012-.234567890123456-01",
            "00-12345678901234567890123456789012-12345678901234567-01",
            "00-12345678901234567890123456789012-123456789012345-01",
            "00-12345678901234567890123456789012-1234567890123456-.0",
            "00-12345678901234567890123456789012-1234567890123456-0.",
            "00-12345678901234567890123456789012-1234567890123456-001",
            "00-12345678901234567890123456789012-1234567890123456-1", " \(known)", "\(known) ",
            "00-ABCDEF78901234567890123456789012-1234567890123456-01",
            "CC-12345678901234567890123456789012-1234567890123456-01",
            "00_12345678901234567890123456789012-1234567890123456-01",
        ])
    func none(_ text: String) {
        #expect(Self.parent(text) == nil)
    }

    @Test("of several there's none; a child goes on with its trace")
    func children() throws {
        let line = Array(Self.known.utf8)
        #expect(
            TraceParent([line])?.description == Self.known && TraceParent([line, line]) == nil
                && TraceParent([[UInt8]]()) == nil)
        let parent = try #require(Self.parent("00-12345678901234567890123456789012-1234567890123456-03"))
        let child = try #require(parent.child(parentID: Array(1...8), isSampled: false))
        #expect(child.description == "00-12345678901234567890123456789012-0102030405060708-02")
        #expect(parent.child(parentID: [1]) == nil && parent.child(parentID: Array(repeating: 0, count: 8)) == nil)
        let new = TraceParent(traceID: Array(1...16), parentID: Array(1...8), isSampled: true, isRandom: true)
        #expect(new?.isRandom == true && new?.isSampled == true)
        #expect(TraceParent(traceID: Array(repeating: 0, count: 16), parentID: Array(1...8), isSampled: true) == nil)
    }

    private static func state(_ texts: [String]) -> String? { TraceState(texts.map { Array($0.utf8) })?.description }

    @Test(
        "a tracestate's lines are one list",
        arguments: [
            (["foo=1,bar=2"], "foo=1,bar=2"), (["foo=1", "", "bar=2", " \t "], "foo=1,bar=2"), ([""], ""), ([], ""),
            (["foo=1 \t , \t bar=2, \t baz=3 "], "foo=1,bar=2,baz=3"), (["foo= 1 2"], "foo= 1 2"),
            (["foo=1,foo=2", "foo=3"], "foo=1"),
            (["foo@=1,foo@@bar=2,foo@bar@baz=3,1a_-*/=4"], "foo@=1,foo@@bar=2,foo@bar@baz=3,1a_-*/=4"),
            (["foo =1"], nil), (["FOO=1"], nil), (["foo.bar=1"], nil), (["@foo=1,bar=2"], nil), (["foo=bar=baz"], nil),
            (["foo=,bar=3"], nil), (["foo= ,bar=3"], nil), (["foo"], nil), (["=1"], nil), (["foo=é"], nil),
            (["foo=\u{7F}"], nil), (["foo=a\tb"], nil),
            ([String(repeating: "z", count: 256) + "=1"], String(repeating: "z", count: 256) + "=1"),
            ([String(repeating: "z", count: 257) + "=1"], nil), (["a=" + String(repeating: "z", count: 257)], nil),
            ([(1...32).map { "k\($0)=1" }.joined(separator: ",")], (1...32).map { "k\($0)=1" }.joined(separator: ",")),
            ([(1...33).map { "k\($0)=1" }.joined(separator: ",")], nil),
        ] as [([String], String?)])
    func states(_ lines: [String], _ written: String?) {
        #expect(Self.state(lines) == written)
        if let written { #expect(Self.state([written]) == written) }
    }

    @Test("what is set goes first, and what's too much goes at the end")
    func setting() throws {
        var state = try #require(TraceState([Array("foo=1,bar=2".utf8)]))
        func isSet(_ key: String, _ value: String) -> Bool { state.set(key, value) }
        #expect(isSet("bar", "3"))
        #expect(state.description == "bar=3,foo=1" && state["foo"] == "1" && state["x"] == nil)
        for (key, value) in [("", "1"), ("A", "1"), ("a", ""), ("a", "1 "), ("a", "é"), ("a", "1,2"), ("a=", "1")] {
            #expect(!isSet(key, value), "\(key)=\(value)")
        }
        #expect(state.description == "bar=3,foo=1")
        for number in 0..<40 { #expect(isSet("k\(number)", "1")) }
        #expect(state.members.count == 32 && state.members.first?.key == "k39" && state["bar"] == nil)
        #expect(TraceState().description.isEmpty)
    }

    @Test("whatever bytes come, they're read or refused")
    func fuzzed() throws {
        let state = Array("rojo=00f067aa0ba902b7, congo@x= t61 ,,a=1".utf8)
        try Fuzzing("trace context").run(4000) { generator in
            let spoiled = generator.spoiled(Array(Self.known.utf8))
            if let parent = TraceParent(spoiled) {
                #expect(TraceParent(Array(parent.description.utf8))?.description == parent.description)
            }
            if let read = TraceState(generator.pieces(generator.spoiled(state))) {
                #expect(TraceState([Array(read.description.utf8)]) == read)
            }
        }
    }
}
