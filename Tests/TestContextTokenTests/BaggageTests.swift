import GloveboxCore
import TestContextToken
import TestSupport
import Testing

@Suite("W3C Baggage")
struct BaggageTests {
    typealias Member = Baggage.Member

    private static func lines(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    @Test(
        "a header's lines are one list",
        arguments: [
            (["a=b"], [Member("a", "b")]),
            (
                ["a=b;c,d=e;f=g"],
                [Member("a", "b", properties: [.init("c")]), Member("d", "e", properties: [.init("f", "g")])]
            ),
            (
                ["a \t = \t b \t ; \t c \t , \t d = e;f = g"],
                [Member("a", "b", properties: [.init("c")]), Member("d", "e", properties: [.init("f", "g")])]
            ),
            (["a=b", "c=d,e=f"], [Member("a", "b"), Member("c", "d"), Member("e", "f")]),
            (["a=b=c=", "d="], [Member("a", "b=c="), Member("d", "")]),
            (["userId=Am%C3%A9lie,serverNode=DF%2028"], [Member("userId", "Amélie"), Member("serverNode", "DF 28")]),
            (["a=%e2%82x"], [Member("a", "\u{FFFD}x")]),
            (["a=b;p=%2C%3B"], [Member("a", "b", properties: [.init("p", ",;")])]),
            (
                ["a=1,a=2;x;x=1;x=2"],
                [Member("a", "1"), Member("a", "2", properties: [.init("x"), .init("x", "1"), .init("x", "2")])]
            ),
            (["", " , a=b ,,", "\t"], [Member("a", "b")]), ([], []),
            (
                ["!#$%&'*+-.^_`|~aZ0=!#$&'()*+-./:<=>?@[]^_`{|}~"],
                [Member("!#$%&'*+-.^_`|~aZ0", "!#$&'()*+-./:<=>?@[]^_`{|}~")]
            ),
        ] as [([String], [Member])])
    func read(_ lines: [String], _ members: [Member]) throws {
        let baggage = try Baggage(Self.lines(lines))
        #expect(baggage.members == members)
        #expect(try Baggage([Array(baggage.line().utf8)]) == baggage)
    }

    @Test(
        "what isn't a list is refused",
        arguments: [
            "a", "=b", "a=b;", "a=b;=c", "a=b c", "a=\"b\"", "a=b\\", "é=b", "a=é", "a b=c", "a=b,c", "a=%", "a=%4",
            "a=%zz", "a=%+1",
            "a(=b", "a=b;c d", "a=b;c=d e", "a;b=c", "a=\u{7F}", "a=\u{0}",
        ])
    func refused(_ line: String) {
        let error = #expect(throws: GloveboxError.self) { try Baggage(Self.lines([line])) }
        #expect(error?.code == .baggageInvalid && error?.message.hasPrefix("baggage: ") == true)
    }

    @Test("64 members and 8,192 bytes are read, over all lines, and no more")
    func limits() throws {
        let many = (0..<64).map { "k\($0)=v" }
        #expect(try Baggage(Self.lines(many)).members.count == 64)
        #expect(try Baggage(Self.lines([many.joined(separator: ",")])).members.count == 64)
        #expect(throws: GloveboxError.self) { try Baggage(Self.lines(many + ["k=v"])) }
        let long = "a=" + String(repeating: "x", count: 8190)
        #expect(try Baggage(Self.lines([long]))["a"]?.utf8.count == 8190)
        #expect(throws: GloveboxError.self) { try Baggage(Self.lines([long + "x"])) }
        #expect(throws: GloveboxError.self) { try Baggage(Self.lines([long, ""])) }
    }

    @Test("what has to be in percents is written so, and nothing else")
    func written() throws {
        let baggage = Baggage([
            Member("k", "a \"%,;\\é\n=b", properties: [.init("p"), .init("q", "x y")]), Member("e", ""),
        ])
        #expect(try baggage.line() == #"k=a%20%22%25%2C%3B%5C%C3%A9%0A=b;p;q=x%20y,e="#)
        #expect(
            try Baggage([Array(baggage.line().utf8)]) == baggage && baggage["k"]?.hasPrefix("a ") == true
                && baggage["x"] == nil)
        for wrong in [
            Member("", "a"), Member("a b", "c"), Member("é", "c"), Member("a", "b", properties: [.init("x=")]),
        ] {
            #expect(throws: GloveboxError.self) { try Baggage([wrong]).line() }
        }
    }

    @Test("any list comes back from its line; any bytes are read or refused")
    func fuzzed() throws {
        try Fuzzing("baggage").run(2000) { generator in
            let members = (0..<generator.place(in: 6)).map { number in
                Member(
                    "k\(number)", String(decoding: generator.bytes(generator.place(in: 12)), as: UTF8.self),
                    properties: generator.once(in: 2) ? [.init("p", "é;"), .init("q")] : [])
            }
            let line = Array(try Baggage(members).line().utf8)
            #expect(try Baggage([line]).members == members)
            let spoiled = generator.spoiled(line)
            if let read = try? Baggage(generator.pieces(spoiled)) {
                #expect(try Baggage([Array(read.line().utf8)]) == read)
            }
        }
    }
}

@Suite("The mark in the baggage")
struct BaggageLinesTests {
    private static func lines(_ texts: [String]) -> BaggageLines { BaggageLines(texts.map { Array($0.utf8) }) }

    private static func texts(_ lines: BaggageLines) -> [String] {
        lines.lines.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "is found whatever else is there, and taken out so that the rest stays byte for byte",
        arguments: [
            ([], .none, []), (["a=b"], .none, ["a=b"]), (["glovebox=T"], .one(Array("T".utf8)[...]), []),
            (["a=b , \tglovebox = T ,c=\"d"], .one(Array("T".utf8)[...]), ["a=b ,c=\"d"]),
            (["a=b", "glovebox=T,c", "x"], .one(Array("T".utf8)[...]), ["a=b", "c", "x"]),
            (["glovebox=T", "é\u{1},,"], .one(Array("T".utf8)[...]), ["é\u{1},,"]),
            (["glovebox=T=="], .one(Array("T==".utf8)[...]), []),
            (["glovebox=T,glovebox=T"], .duplicated, []), (["glovebox=T", "a=b,glovebox=U"], .duplicated, ["a=b"]),
            (["glovebox=T,GLOVEBOX=U,a=b"], .duplicated, ["a=b"]), (["GloveBox=T"], .malformed, []),
            (["%67lovebox=T"], .malformed, []), (["%20gloveb%4Fx+=T,a=1"], .malformed, ["a=1"]),
            (["+glovebox=T"], .malformed, []),
            (["glovebox"], .malformed, []), (["glovebox="], .malformed, []), (["glovebox=T;p"], .malformed, []),
            (["glovebox;p=T"], .malformed, []),
            (["gloveboxes=T,aglovebox=T,a=glovebox"], .none, ["gloveboxes=T,aglovebox=T,a=glovebox"]),
            (["a=b;glovebox=T"], .none, ["a=b;glovebox=T"]),
            (["glove box=T,%zzglovebox=T"], .none, ["glove box=T,%zzglovebox=T"]),
        ] as [([String], BaggageLines.Mark, [String])])
    func found(_ texts: [String], _ mark: BaggageLines.Mark, _ rest: [String]) {
        var lines = Self.lines(texts)
        switch (lines.mark, mark) {
        case (.one(let a), .one(let b)): #expect(a.elementsEqual(b))
        default: #expect(lines.mark == mark)
        }
        #expect(texts.contains { BaggageLines.mayHoldMark($0.utf8) } || mark == .none)
        lines.removeMarks()
        #expect(Self.texts(lines) == rest && lines.mark == .none)
        lines.replaceMarks(with: "NEW")
        if case .one(let value) = lines.mark {
            #expect(value.elementsEqual("NEW".utf8))
        } else {
            Issue.record("\(lines.mark)")
        }
        #expect(lines.lines.count == max(1, rest.count))
        lines.replaceMarks(with: "NEWER")
        lines.removeMarks()
        #expect(Self.texts(lines) == rest)
    }

    @Test(
        "lines without one are told apart at a glance",
        arguments: [
            "", "a=b", "a=glovebox", "a=b;glovebox=1", "user=g,group=glove,g=1", "a=%67lovebox", "aglovebox=1",
            "a=b c, d=\"e,f",
            "gloveboy=1,GLOVEBO=1",
        ])
    func ordinary(_ line: String) {
        #expect(!BaggageLines.mayHoldMark(line.utf8) && !BaggageLines.mayHoldMark(Array(line.utf8).lazy.map { $0 }))
        #expect(Self.lines([line]).mark == .none)
    }

    @Test("from mark to claims: none is nobody's, one is verified, others are refused by their names")
    func verified() throws {
        let fixture = TokenFixture()
        let (context, inner) = (try TokenFixture.context(), try TokenFixture.inner())
        var lines = Self.lines(["a=b", "glovebox=\(try fixture.ingress.token(context)),c=d"])
        #expect(try fixture.keys.ingress(lines.mark, edge: "edge", at: noon) == context)
        lines.replaceMarks(with: try fixture.inner.token(inner))
        #expect(try fixture.keys.internal(lines.mark, at: noon) == inner)
        #expect(throws: TestContextRefusal.wrongAudience) {
            try fixture.keys.ingress(lines.mark, edge: "edge", at: noon)
        }
        #expect(
            try fixture.keys.ingress(.none, edge: "edge", at: noon) == nil
                && fixture.keys.internal(.none, at: noon) == nil)
        #expect(throws: TestContextRefusal.duplicated) { try fixture.keys.ingress(.duplicated, edge: "edge", at: noon) }
        #expect(throws: TestContextRefusal.malformed) { try fixture.keys.internal(.malformed, at: noon) }
        #expect(
            TestContextRefusal.allCases.allSatisfy {
                $0.rawValue.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (0x61...0x7A).contains($0) }
            })
    }

    @Test("whatever bytes come: no mark is passed over, none stays, and nothing else changes")
    func fuzzed() throws {
        let seeds = [
            "a=b;p=1 , glovebox=eyJhbGciOiJ , c=d", "gloveboX=1,%67love%42ox+=2,+glovebox;x", "g=1,G%=2, glove\tbox=3",
        ].map { Array($0.utf8) }
        try Fuzzing("baggage marks").run(4000) { generator in
            let spoiled = generator.spoiled(seeds[generator.place(in: 3)])
            let original = BaggageLines(generator.once(in: 2) ? [spoiled] : generator.pieces(spoiled))
            var lines = original
            lines.removeMarks()
            #expect(lines.mark == .none)
            if original.mark == .none { #expect(lines == original) }
            let mayHold = original.lines.contains { BaggageLines.mayHoldMark($0) }
            if !mayHold { #expect(original.mark == .none) }
            // What stays is there in order, element by element.
            func elements(_ lines: BaggageLines) -> [[UInt8]] {
                lines.lines.flatMap {
                    $0.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init)
                }
            }
            var rest = elements(original)[...]
            for element in elements(lines) {
                rest = rest.drop { $0 != element }
                #expect(rest.popFirst() != nil)
            }
            lines.replaceMarks(with: "T")
            if case .one(let value) = lines.mark {
                #expect(value.elementsEqual("T".utf8))
            } else {
                Issue.record("\(lines)")
            }
        }
    }
}
