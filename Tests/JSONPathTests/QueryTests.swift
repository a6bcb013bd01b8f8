import GloveboxCore
import JSONDocument
import JSONPath
import TestSupport
import Testing

@Suite("JSONPath queries")
struct QueryTests {
    private static let shop =
        (try? JSON(
            parsing: #"""
                {
                  "orders": [
                    {"id": 1, "total": 12.5, "items": ["tea", "cup"], "by": "ann"},
                    {"id": 2, "total": 8, "items": [], "by": "bob", "note": null},
                    {"id": 3, "total": 12.50, "items": ["pot"], "by": "Ann"}
                  ],
                  "a b": {"c'd": {"\n": 1}}, "": {"x": 2}
                }
                """#)) ?? .null

    @Test(
        "come to these values",
        arguments: [
            ("$.orders[0].id", "[1]"), ("$['orders'][-1]['id']", "[3]"),
            ("$.orders[*].by", #"["ann","bob","Ann"]"#),
            ("$.orders[1:].id", "[2,3]"), ("$.orders[::-1].id", "[3,2,1]"),
            ("$.orders[0:9:2].id", "[1,3]"),
            ("$.orders[2,0].id", "[3,1]"), ("$..id", "[1,2,3]"), ("$.orders[?@.note == null].id", "[2]"),
            ("$.orders[?@.note].id", "[2]"), ("$.orders[?!@.note].id", "[1,3]"),
            ("$.orders[?@.total > 8 && @.by == 'ann'].id", "[1]"),
            ("$.orders[?@.total == $.orders[0].total].id", "[1,3]"),
            ("$.orders[?length(@.items) >= 1].id", "[1,3]"),
            ("$.orders[?count(@.items[*]) == 0].id", "[2]"),
            ("$.orders[?match(@.by, '[Aa]nn')].id", "[1,3]"),
            ("$.orders[?search(@.by, 'o')].id", "[2]"),
            ("$.orders[?value(@.items[0]) == 'pot'].id", "[3]"),
            ("$.orders[?(@.id == 1 || @.id == 3) && !(@.total < 10)].id", "[1,3]"),
            ("$[''].x", "[2]"), ("$['a b'][\"c'd\"]['\\n']", "[1]"), ("$.orders[7].id", "[]"),
            ("$.orders.id", "[]"),
            ("$.orders[?@.items[?@ == 'cup']].id", "[1]"), ("$ .orders [ 0 ]\n.id", "[1]"),
            ("$..['x', 'id']", "[1,2,3,2]"),
        ])
    func values(_ text: String, _ result: String) throws {
        let query = try JSONPathQuery(text)
        #expect(try JSON.array(query.values(in: Self.shop)).printed() == result)
        #expect(try query.nodes(in: Self.shop).map(\.value) == query.values(in: Self.shop))
    }

    @Test("each node's path leads to it alone, as a query and as a path")
    func paths() throws {
        var count = 0
        for node in try JSONPathQuery("$..*").nodes(in: Self.shop) {
            let query = try JSONPathQuery(node.location.description)
            #expect(query.isSingular)
            #expect(try query.nodes(in: Self.shop) == [node])
            #expect(node.location.value(in: Self.shop) == node.value)
            #expect(NormalizedPath(query) == node.location)
            count += 1
        }
        #expect(count == 25)
        #expect(
            NormalizedPath([.name("a'\\\u{0}\t\u{1F}é\""), .index(3)]).description
                == #"$['a\'\\\u0000\t\u001fé"'][3]"#)
        #expect(NormalizedPath().description == "$" && NormalizedPath().value(in: 1) == 1)
        #expect(
            try NormalizedPath(JSONPathQuery("$.a[*]")) == nil
                && NormalizedPath(JSONPathQuery("$.a[-1]")) == nil)
    }

    @Test(
        "names are scalars: an accent of its own is another name; of one name twice, the last is taken, and all by '*'"
    )
    func names() throws {
        let value = try JSON(parsing: "{\"\u{E9}\": 1, \"e\u{301}\": 2, \"x\": 3, \"x\": 4}")
        #expect(try JSONPathQuery("$.\u{E9}").values(in: value) == [1])
        #expect(try JSONPathQuery("$['e\u{301}']").values(in: value) == [2])
        #expect(
            try JSONPathQuery("$.x").values(in: value) == [4]
                && JSONPathQuery("$.*").values(in: value) == [1, 2, 3, 4])
        #expect(try JSONPathQuery("$[?@ == 'é']").values(in: ["e\u{301}", "\u{E9}"]) == ["\u{E9}"])
    }

    @Test("numbers are compared without rounding")
    func numbers() throws {
        let value = try JSON(
            parsing: "[9007199254740993, 9007199254740992, 1.0, 1e400, 12345678901234567890123]")
        func places(_ text: String) throws -> [String] {
            try JSONPathQuery(text).nodes(in: value).map(\.location.description)
        }
        #expect(try places("$[?@ == 9007199254740993]") == ["$[0]"])
        #expect(try places("$[?@ == 1]") == ["$[2]"] && places("$[?@ > 1e399]") == ["$[3]"])
        #expect(try places("$[?@ > 12345678901234567890122 && @ < 1e23]") == ["$[4]"])
    }

    @Test(
        "what isn't a query is refused where it's wrong, with what to do",
        arguments: [
            ("", 1, "empty"), ("orders", 1, "begins with '$'"), ("$ ", 2, "nothing may stand behind"),
            ("$orders", 2, "a '.' or '['"), ("$.", 3, "ends too early"),
            ("$.profile-id.x", 10, "in brackets: ['profile-id']"),
            ("$.[0]", 3, "no '.' stands before"), ("$.1", 3, "a name or '*'"),
            ("$[01]", 3, "no zero before"),
            ("$[-0]", 3, "no zero before"), ("$[9007199254740992]", 3, "beyond what an array can have"),
            ("$[", 3, "ends too"),
            ("$[a]", 3, "a name in quotes"), ("$[0", 4, "a ',' or ']'"), ("$['a]", 3, "has no end"),
            (#"$["\'"]"#, 4, "no such escape"), (#"$['\ud800']"#, 4, "half of a surrogate"),
            ("$[?]", 4, "a query, a literal"),
            ("$[?@.a = 1]", 8, "written '=='"), ("$[?1]", 4, "a literal is no condition"),
            ("$[?length(@.a)]", 4, "is no condition"), ("$[?@.* == 1]", 4, "may come to several"),
            ("$[?match(@.a, 'a') == true]", 4, "is true or false"),
            ("$[?length(@.*) > 1]", 11, "may come to several"),
            ("$[?count(1) > 1]", 10, "count takes a query"), ("$[?size(@) > 1]", 4, "no function 'size'"),
            ("$[?match(@.a)]", 4, "two arguments"), ("$[?count(@.a, @.b) == 1]", 4, "one argument"),
            ("$[?(@.a]", 8, "a ')'"), ("$[?@.a == abc]", 11, "text is written in quotes"),
            ("$[?!@.a == 1]", 5, "negated in parentheses"),
            ("$[?@.a == 01]", 11, "zero before its other digits"),
            ("$[?@.a == 1.]", 13, "a digit"), ("$[?@.a && ]", 11, "a query, a literal"),
            ("$.a.", 5, "ends too early"),
            ("$['é'].x-y", 9, "in brackets: ['x-y']"),
            ("$[?count (@.a) == 1]", 4, "'count' means nothing"),
        ])
    func refused(_ text: String, _ column: Int, _ words: String) {
        for dialect in [JSONPathDialect.rfc9535, .hurl] {
            let fault = #expect(throws: JSONFault.self) { try JSONPathQuery(text, dialect: dialect) }
            #expect(
                fault?.code == .jsonPathInvalid && fault?.what.contains(words) == true, "\(fault as Any)")
            #expect(fault?.line == 1 && fault?.column == column, "\(fault as Any)")
        }
    }

    @Test("a query's size and depth are bounded")
    func bounds() throws {
        func nested(_ count: Int) -> String {
            "$" + String(repeating: "[?@", count: count) + String(repeating: "]", count: count)
        }
        _ = try JSONPathQuery(nested(30))
        for text in [
            nested(5000), "$[?" + String(repeating: "(", count: 5000),
            "$[?" + String(repeating: "length(", count: 5000),
            "$" + String(repeating: "[0]", count: 30_000),
        ] {
            let fault = #expect(throws: JSONFault.self) { try JSONPathQuery(text) }
            #expect(fault?.code == .jsonPathTooLarge)
        }
    }

    @Test("what a query costs is bounded, however it costs it")
    func costs() throws {
        let wide = JSON.array((0..<1000).map { .number(JSONNumber($0)) })
        let nodes = JSONPathLimits(mostNodes: 999)
        let steps = JSONPathLimits(mostSteps: 5000)
        let long: JSON = .array((0..<20).map { _ in .string(String(repeating: "a", count: 1000)) })
        let cases: [(String, JSON, JSONPathLimits)] = [
            ("$[*]", wide, nodes), ("$[*,*,*]", wide, JSONPathLimits(mostNodes: 2999)),
            ("$[?@[?$[?@ == 7]]]", [wide, wide], steps),
            ("$[?count($[*]) == 1]", wide, steps), ("$..[?$[5] == 5]", wide, steps),
            ("$[?@ == $[0]]", .array([wide, wide]), JSONPathLimits(mostSteps: 1500)),
            ("$[?search(@, '(a|aa)+$b')]", long, steps), ("$[0:]", wide, JSONPathLimits(mostSteps: 900)),
            ("$[?length(@) == 1]", .array([.string(String(repeating: "é", count: 1_000_000))]), steps),
        ]
        for (text, value, limits) in cases {
            let query = try JSONPathQuery(text)
            let error = #expect(throws: GloveboxError.self, "\(text)") {
                try query.nodes(in: value, limits)
            }
            #expect(error?.code == .jsonPathTooLarge)
            _ = try query.nodes(in: value)
        }
        #expect(
            try JSONPathQuery("$[*]").values(in: wide, JSONPathLimits(mostNodes: 1000)).count == 1000)
        // The deepest document that is read.
        let deep = try JSON(
            parsing: String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000),
            JSONRules(deepest: 1000)
        )
        #expect(try JSONPathQuery("$..*").nodes(in: deep).count == 999)
    }

    @Test("whatever comes, a query is refused or run within its bounds")
    func fuzzed() throws {
        let seeds = [
            "$.orders[?@.total > 8 && (@.by == 'ann' || !@.note)]['id', 0, 1:2:-1, *]..x",
            "$..[?match(@.by, \"[a-c]{1,3}\\\\p{Lu}?|^x$\")][?length(value($..id)) <= count(@.*)]",
        ].map { Array($0.utf8) }
        try Fuzzing("JSONPath").run(4000) { generator in
            let text = String(decoding: generator.spoiled(seeds[generator.place(in: 2)]), as: UTF8.self)
            for dialect in [JSONPathDialect.rfc9535, .hurl] {
                guard let query = try? JSONPathQuery(text, dialect: dialect) else { continue }
                let limits = JSONPathLimits(mostNodes: 1000, mostSteps: 100_000)
                if let nodes = try? query.nodes(in: Self.shop, limits) {
                    #expect(nodes.count <= 1000 && (!query.isSingular || nodes.count <= 1))
                }
            }
        }
    }
}
