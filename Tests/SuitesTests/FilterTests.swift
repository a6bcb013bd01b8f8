import HurlFile
import LinearRegex
import Suites
import TestSupport
import Testing

@Suite("Filters make of a value what Hurl's documentation says")
struct FilterTests {
    @Test(
        "filters of texts",
        arguments: [
            ("base64Decode toHex", "PDw/Pz8+Pg==", "3c3c3f3f3f3e3e"),
            ("base64UrlSafeDecode toHex", "PDw_Pz8-Pg", "3c3c3f3f3f3e3e"),
            ("base64UrlSafeDecode toHex", "PDw_Pz8-Pg==", "3c3c3f3f3f3e3e"),
            ("utf8Encode toHex", "шеллы", "d188d0b5d0bbd0bbd18b"),
            ("utf8Encode base64Encode", "<<???>>", "PDw/Pz8+Pg=="),
            ("utf8Encode base64UrlSafeEncode", "<<???>>", "PDw_Pz8-Pg"),
            ("utf8Encode base64Encode", "", ""), ("utf8Encode utf8Decode", "é", "é"),
            ("htmlEscape", "a > b & \"c\" <'>", "a &gt; b &amp; &quot;c&quot; &lt;&#x27;&gt;"),
            ("htmlUnescape", "Foo &copy; bar &#x1D306; &gt;&#62;&#x3e;", "Foo © bar 𝌆 >>>"),
            ("htmlUnescape", "&ampamp; &notit; &nbsp &; &nope; &#; &#x;", "&amp; ¬it; \u{a0} &; &nope; &#; &#x;"),
            ("htmlUnescape", "&#0;&#128;&#xD800;&#x110000;&#13", "\u{FFFD}€\u{FFFD}\u{FFFD}\r"),
            ("htmlUnescape", "&CounterClockwiseContourIntegral;&acE;", "∳∾\u{333}"),
            (
                "urlEncode", "https://mozilla.org/?x=шеллы",
                "https%3A//mozilla.org/%3Fx%3D%D1%88%D0%B5%D0%BB%D0%BB%D1%8B"
            ), ("urlEncode", "aZ09-._~ +", "aZ09-._~%20%2B"),
            (
                "urlDecode", "https%3A//mozilla.org/%3Fx%3D%D1%88%D0%B5%D0%BB%D0%BB%D1%8B",
                "https://mozilla.org/?x=шеллы"
            ), ("urlDecode", "a+b%2x%", "a+b%2x%"), ("urlDecode", "%ff", "\u{FFFD}"),
            ("urlQueryParam \"x\"", "https://mozilla.org/?y=1&x=%D1%88+a#x=2", "ш a"),
            ("urlQueryParam \"x\"", "http://a?x&x=1", ""), ("urlQueryParam \"a b\"", "HTTP://a?a%20b=c=d", "c=d"),
            ("replace \", \" \"|\"", "192.168.2.1, 10.0.0.20", "192.168.2.1|10.0.0.20"),
            ("replace \"\" \"-\"", "aé", "-a-é-"), ("replace \"aa\" \"b\"", "aaaaa", "bba"),
            ("replace \"e\u{301}\" \"x\"", "é e\u{301}", "é x"), ("replaceRegex /\\d/ \"x\"", "a1b22", "axbxx"),
            ("replaceRegex \"B[aoi]b\" \"Dude\"", "Welcome Bob!", "Welcome Dude!"),
            ("replaceRegex /(\\w)(\\w)/ \"$2$1\"", "abcd", "badc"), ("regex \"Hello (.*)!\"", "Hello World!", "World"),
            ("regex /(?i)hello (.*)!/", "HELLO World!", "World"), ("regex /a(b)(c)/", "ac abc", "b"),
            ("split \",\" first", "a,b,c", "a"), ("split \",\" last", "a,b,c", "c"),
            ("split \",\" nth 1", "a,b,c", "b"), ("split \",\" nth -3", "a,b,c", "a"), ("split \"\" nth 1", "é", "é"),
            ("split \", \" nth 1", "a, , b", ""),
            ("toDate \"%Y-%m-%dT%H:%M:%S%.fZ\" dateFormat \"%A\"", "2023-01-23T18:25:43.511Z", "Monday"),
            ("toDate \"%+\" format \"%A\"", "2023-01-23T18:25:43.511Z", "Monday"),
            ("toString", "a", "a"), ("toInt toString", "-12", "-12"),
            ("toInt toString", "99999999999999999999", "99999999999999999999"), ("toFloat toString", "3.10", "3.1"),
            ("toFloat toString", "2", "2.0"),
            ("jsonpath \"$.a\"", "{\"a\":\"b\"}", "b"), ("jsonpath \"$..a\"", "{\"a\":\"b\"}", "b"),
            ("toDate \"%d/%m/%Y\" toString", "31/12/2024", "2024-12-31T00:00:00.000000Z"),
        ])
    func texts(filters: String, text: String, wanted: String) throws {
        #expect(try Fixture.filtered(.string(text), filters) == .string(wanted))
    }

    @Test("what's counted are items, bytes and nodes")
    func counting() throws {
        #expect(try Fixture.filtered(.list([.null, .unit]), "count") == .integer(2))
        #expect(try Fixture.filtered(.bytes([1, 2, 3]), "count") == .integer(3))
        #expect(try Fixture.filtered(.nodeset(5), "count") == .integer(5))
        #expect(try Fixture.filtered(.string("<p/>"), "xpath \"//p\" count") == .integer(2))
        #expect(try Fixture.filtered(.string("a, b, c"), "split \", \" count") == .integer(3))
    }

    @Test("days are counted from the present time, in full ones, backwards too")
    func days() throws {
        let later = SuiteValue.date(try SuiteDate("2023-06-02T18:00:00Z"))
        #expect(try Fixture.filtered(later, "daysAfterNow") == .integer(1))
        #expect(try Fixture.filtered(later, "daysBeforeNow") == .integer(-1))
        #expect(try Fixture.filtered(.date(Fixture.now), "daysAfterNow") == .integer(0))
        #expect(try Fixture.filtered(.date(try SuiteDate("2023-06-02T11:59:59.999Z")), "daysAfterNow") == .integer(0))
        #expect(try Fixture.filtered(.date(try SuiteDate("2023-05-31T12:00:00.001Z")), "daysBeforeNow") == .integer(0))
        #expect(try Fixture.filtered(.date(try SuiteDate("2020-06-01T12:00:00Z")), "daysBeforeNow") == .integer(1_095))
    }

    @Test(
        "bytes are decoded by the names that the encoding standard has",
        arguments: [
            ("gb2312", [0xC4, 0xE3, 0xBA, 0xC3, 0xCA, 0xC0, 0xBD, 0xE7], "你好世界"),
            ("UTF-8", [0xEF, 0xBB, 0xBF, 0x61], "a"), (" Latin1 ", [0xE9, 0x80], "é€"),
            ("utf-16", [0x61, 0, 0xE9, 0], "aé"), ("utf-16be", [0xFE, 0xFF, 0, 0x61], "a"),
            ("shift_jis", [0x83, 0x65], "テ"), ("euc-kr", [0xC7, 0xD1], "한"), ("koi8-r", [0xC1], "а"),
            ("big5", [0xA4, 0xA4], "中"), ("windows-1251", [0xE0], "а"), ("iso-8859-15", [0xA4], "€"),
            ("euc-jp", [0xA4, 0xA2], "あ"), ("gb18030", [0x81, 0x30, 0x81, 0x30], "\u{80}"),
        ] as [(String, [UInt8], String)])
    func charsets(label: String, bytes: [UInt8], text: String) throws {
        #expect(try Fixture.filtered(.bytes(bytes), "decode \"\(label)\"") == .string(text))
        #expect(try Fixture.filtered(.bytes(bytes), "charsetDecode \"\(label)\"") == .string(text))
        let withoutMark: [UInt8] =
            switch label {
            case "UTF-8": Array(bytes.dropFirst(3))
            case "utf-16be": Array(bytes.dropFirst(2))
            default: bytes
            }
        #expect(try Fixture.filtered(.string(text), "charsetEncode \"\(label)\"") == .bytes(withoutMark))
    }

    @Test("numbers become numbers of the other kind")
    func numbers() throws {
        #expect(try Fixture.filtered(.number(.float(-1.9)), "toInt") == .integer(-1))
        #expect(try Fixture.filtered(.number(.float(1e300)), "toInt") == .integer(Int64.max))
        #expect(try Fixture.filtered(.integer(3), "toFloat")?.kind == "float")
        #expect(try Fixture.filtered(.number(.bigInteger("100000000000000000000")), "toFloat") == .number(.float(1e20)))
        #expect(try Fixture.filtered(.integer(3), "toInt") == .integer(3))
    }

    @Test("everything that has a text is written as it")
    func toText() throws {
        for (value, text) in [
            (SuiteValue.null, "null"), (.boolean(true), "true"), (.integer(42), "42"), (.number(.float(1)), "1.0"),
            (.date(Fixture.now), "2023-06-01T12:00:00.000000Z"),
        ] {
            #expect(try Fixture.filtered(value, "toString") == .string(text))
        }
    }

    @Test("a filter may find nothing, and then no other can follow it")
    func nothing() throws {
        #expect(try Fixture.filtered(.string("x"), "regex /(a)/") == nil)
        #expect(try Fixture.filtered(.string("a"), "regex /a/") == nil)
        #expect(try Fixture.filtered(.list([]), "first") == nil)
        #expect(try Fixture.filtered(.list([]), "last") == nil)
        #expect(try Fixture.filtered(.string("http://a"), "urlQueryParam \"x\"") == nil)
        #expect(try Fixture.filtered(.response(status: 301, location: nil), "location") == nil)
        #expect(try Fixture.filtered(.response(status: 301, location: "http://b"), "location") == .string("http://b"))
        let error = #expect(throws: SuiteError.self) { try Fixture.filtered(.list([]), "first count") }
        #expect(error?.code == .missingInput && error?.span?.start.column == 12)
        #expect(throws: SuiteError.self) { try Fixture.filtered(nil, "count") }
    }

    @Test("arguments may have variables in them")
    func variables() throws {
        let variables: [String: SuiteValue] = ["n": .integer(1), "sep": .string(";"), "r": .string("(\\d)")]
        #expect(try Fixture.filtered(Fixture.strings("a", "b"), "nth {{n}}", variables) == .string("b"))
        #expect(try Fixture.filtered(.string("a;b"), "split \"{{sep}}\" count", variables) == .integer(2))
        #expect(try Fixture.filtered(.string("a1"), "regex \"{{r}}\"", variables) == .string("1"))
        #expect(throws: SuiteError.self) { try Fixture.filtered(Fixture.strings("a"), "nth {{sep}}", variables) }
    }

    @Test("JSONPath reads what came of JSON before, too")
    func jsonPath() throws {
        let object = SuiteValue.object([
            ("a\"", .list([.integer(1), .number(.float(0.5)), .null])), ("b", .string("\n")),
        ])
        #expect(try Fixture.filtered(object, "jsonpath \"$.b\"") == .string("\n"))
    }

    @Test(
        "what a filter can't work on is an error that says the kind",
        arguments: [
            ("base64Decode", SuiteValue.integer(1), SuiteError.Code.badInput, "integer <1>"),
            ("base64Decode", .string("PDw/Pz8+Pg"), .badInput, "no base64"),
            ("base64Decode", .string("PB=="), .badInput, "no base64"),
            ("base64Encode", .string("a"), .badInput, "works on bytes"),
            ("count", .string("a"), .badInput, "a list, bytes or nodes"), ("count", .object([]), .badInput, "object"),
            ("daysAfterNow", .string("a"), .badInput, "a date"),
            ("decode \"utf-8\"", .bytes([0xFF]), .badEncoding, "aren't in 'utf-8'"),
            ("charsetEncode \"latin1\"", .string("中"), .badEncoding, "lacks a character"),
            ("charsetEncode \"koi8-r\"", .string("中"), .badEncoding, "lacks a character"),
            ("charsetEncode \"klingon\"", .string(""), .badEncoding, "names no encoding"),
            ("charsetEncode \"utf-8\"", .bytes([]), .badInput, "a string"),
            ("decode \"klingon\"", .bytes([]), .badEncoding, "names no encoding"),
            ("decode \"gb2312\"", .bytes([0xC4]), .badEncoding, "aren't in 'gb2312'"),
            ("decode \"utf-16\"", .bytes([0]), .badEncoding, "aren't in"), ("first", .string("a"), .badInput, "a list"),
            ("nth 2", .list([.null, .null]), .badInput, "no item 2 in a list of 2"),
            ("nth -3", .list([.null, .null]), .badInput, "no item -3"),
            ("dateFormat \"%Q\"", .date(Fixture.now), .badFormat, "no '%Q'"),
            ("dateFormat \"%Y\"", .string("a"), .badInput, "a date"),
            ("toDate \"%Y\"", .string("x"), .badInput, "isn't a date"),
            ("htmlEscape", .null, .badInput, "null"), ("htmlUnescape", .null, .badInput, "a string"),
            ("urlEncode", .boolean(true), .badInput, "a string"), ("urlDecode", .unit, .badInput, "a string"),
            ("urlQueryParam \"a\"", .string("a?b=c"), .badURL, "http://"),
            ("utf8Decode", .bytes([0xC3]), .badEncoding, "utf-8"), ("utf8Encode", .bytes([]), .badInput, "a string"),
            ("toHex", .string(""), .badInput, "bytes"), ("toInt", .string("1.5"), .badInput, "integer"),
            ("toInt", .boolean(true), .badInput, "boolean"),
            ("toFloat", .string("0x1p3"), .badInput, "number"), ("toFloat", .string(""), .badInput, "number"),
            ("toString", .bytes([1]), .badInput, "bytes <01>"), ("toString", .list([]), .badInput, "list"),
            ("regex \"(\"", .string(""), .badRegex, "no expression"),
            ("regex /a/", .integer(1), .badInput, "a string"),
            ("replace \"a\" \"b\"", .integer(1), .badInput, "a string"),
            ("replaceRegex /a/ \"b\"", .integer(1), .badInput, "a string"),
            ("split \"a\"", .integer(1), .badInput, "a string"), ("location", .string(""), .badInput, "a response"),
            ("jsonpath \"$\"", .bytes([]), .badInput, "a string, a list or an object"),
            ("jsonpath \"$\"", .list([.bytes([])]), .badInput, "JSON"),
            ("xpath \"//a\"", .list([]), .badInput, "a string"),
        ] as [(String, SuiteValue, SuiteError.Code, String)])
    func faults(filters: String, value: SuiteValue, code: SuiteError.Code, words: String) throws {
        let error = #expect(throws: SuiteError.self) { try Fixture.filtered(value, filters) }
        #expect(error?.code == code && error?.message.contains(words) == true, "\(error as Any)")
        #expect(error?.span?.start.line == 4 && error?.span?.start.column == 6)
    }

    @Test("no bytes break unescaping, decoding and splitting")
    func fuzzing() throws {
        let samples = [
            "&amp;&#x41;&CounterClockwiseContourIntegral;", "%41%zz+%", "aGVsbG8=", "2023-01-23T18:25:43.511Z",
            "a,b,,c",
        ]
        let filters = [
            "htmlUnescape htmlEscape", "urlDecode urlEncode", "base64Decode count", "split \",\" count",
            "toDate \"%+\" dateFormat \"%c\"",
            "replace \",\" \"\"", "urlQueryParam \"a\"", "utf8Encode decode \"gb18030\"",
            "utf8Encode decode \"iso-2022-jp\"",
        ]
        try Fuzzing("Filters").run(1_000) { generator in
            let sample = samples[generator.place(in: samples.count)]
            let text = String(decoding: generator.spoiled(Array(sample.utf8)), as: UTF8.self)
            _ = try? Fixture.filtered(.string(text), filters[generator.place(in: filters.count)])
        }
    }
}
