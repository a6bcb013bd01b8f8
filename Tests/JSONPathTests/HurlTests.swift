import GloveboxCore
import JSONDocument
import JSONPath
import Testing

/// Facts of Hurl 8.0.1 (`runner/filter/jsonpath.rs`, `integration/hurl/tests_ok/jsonpath`), worked out by hand.
@Suite("JSONPath as Hurl has it")
struct HurlTests {
    private static let value: JSON = [
        "name": "shop", "empty": [], "one": ["x"], "many": ["x", "y"], "none": .null,
        "books": [["title": "Sword of Honour", "n": 1], ["title": "Moby Dick", "n": 2]],
    ]

    @Test(
        "one node is its value, none is nothing, several are a list, by how many there are",
        arguments: [
            ("$.name", "\"shop\"", "[\"shop\"]"), ("$.missing", nil, "[]"), ("$.none", "null", "[null]"),
            ("$.empty", "[]", "[[]]"), ("$.empty[*]", nil, "[]"), ("$.one", "[\"x\"]", "[[\"x\"]]"),
            ("$.one[*]", "\"x\"", "[\"x\"]"), ("$.many[*]", "[\"x\",\"y\"]", "[\"x\",\"y\"]"),
            ("$.many[0,0]", "[\"x\",\"x\"]", "[\"x\",\"x\"]"),
            ("$..title", #"["Sword of Honour","Moby Dick"]"#, nil),
            ("$.books[?@.n == 2].title", "\"Moby Dick\"", "[\"Moby Dick\"]"),
            ("$.books[?@.n > 2]", nil, "[]"),
            ("$.books[:1].n", "1", "[1]"),
        ] as [(String, String?, String?)])
    func coercion(_ text: String, _ coerced: String?, _ list: String?) throws {
        let query = try JSONPathQuery(text, dialect: .hurl)
        #expect(try query.hurlValue(in: Self.value)?.printed() == coerced)
        #expect(try query.hurlValue(in: Self.value, coerces: false)?.printed() == list ?? coerced)
    }

    @Test(
        "patterns are Rust's",
        arguments: [
            (#"$.books[?match(@.title,'^Sword.*')].n"#, "1"),
            (#"$.books[?search(@.title, '\\bDick$')].n"#, "2"),
            (#"$.books[?match(@.title, '(?i)moby\\s\\w+')].n"#, "2"),
            (#"$.books[?match(@.title, '(?:Moby|X) \\S+?')].n"#, "2"),
            (#"$.books[?search(@.title, '\\d')].n"#, nil),
        ] as [(String, String?)])
    func patterns(_ text: String, _ result: String?) throws {
        #expect(try JSONPathQuery(text, dialect: .hurl).hurlValue(in: Self.value)?.printed() == result)
    }

    @Test("a literal pattern that isn't one is refused, while RFC 9535 has it match nothing")
    func unusable() throws {
        for text in ["$.books[?search(@.title, '[')]", "$.books[?match(@.title, '(?=x)')]"] {
            let fault = #expect(throws: JSONFault.self) { try JSONPathQuery(text, dialect: .hurl) }
            #expect(fault?.code == .jsonPathInvalid && fault?.what.contains("no pattern") == true)
            #expect(fault?.column ?? 0 > 20)
            #expect(try JSONPathQuery(text).values(in: Self.value).isEmpty)
        }
        #expect(try JSONPathQuery(#"$.books[?search(@.title, '\\w')]"#).values(in: Self.value).isEmpty)
    }
}
