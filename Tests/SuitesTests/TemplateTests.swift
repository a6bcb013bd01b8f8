import HurlFile
import Suites
import Testing

@Suite("Templates are written with the values of variables and functions")
struct TemplateTests {
    private static let variables: [String: SuiteValue] = [
        "a_string": .string("ap\"p\nle"), "a_bool": .boolean(true), "a_null": .null, "a_number": .integer(42),
        "a_float": .number(.float(1.5)),
        "big": .number(.bigInteger("99999999999999999999")), "a_list": .list([.integer(1), .string("é")]),
        "an_object": .object([("k", .null)]), "raw": .bytes([1]),
        "path": .string("é/x"), "csv": .string("a,b"),
    ]

    private func body(_ text: String) throws -> SuiteBody {
        let entry = try Fixture.entry("POST http://a\n\(text)\n")
        return try Fixture.scope(Self.variables).body(try #require(entry.request.body?.content))
    }

    private func text(_ body: SuiteBody) -> String { String(decoding: body.bytes, as: UTF8.self) }

    @Test("values of all kinds that have a text are written in URLs and headers")
    func values() throws {
        let entry = try Fixture.entry(
            "GET http://h/{{path}}/{{a_number}}?{{a_bool}}&{{a_null}}&{{a_float}}&{{big}}\nX: {{newUuid}} {{ newDate }}\nY: {{csv split \",\" nth 1}}{{newDate dateFormat \"%Y\"}}\n"
        )
        let scope = Fixture.scope(Self.variables)
        #expect(try scope.text(entry.request.start.content.url) == "http://h/é/x/42?true&null&1.5&99999999999999999999")
        #expect(try scope.text(entry.request.headers[0].content.value) == "\(Fixture.uuid) 2023-06-01T12:00:00.000000Z")
        #expect(try scope.text(entry.request.headers[1].content.value) == "b2023")
    }

    @Test("a value without a text, or an unknown variable, is an error at its place")
    func faults() throws {
        for (name, code) in [
            ("a_list", SuiteError.Code.wrongKind), ("an_object", .wrongKind), ("raw", .wrongKind),
            ("nope", .unknownVariable),
        ] {
            let entry = try Fixture.entry("GET http://a/{{\(name)}}")
            let error = #expect(throws: SuiteError.self) {
                try Fixture.scope(Self.variables).text(entry.request.start.content.url)
            }
            #expect(error?.code == code && error?.span?.start.line == 1, "\(error as Any)")
        }
    }

    @Test("JSON takes values as JSON, and text in strings with its escapes")
    func json() throws {
        let body = try self.body(
            #"{"k\n": "{{a_string}}", "{{csv}}": {{a_bool}}, "n": [{{a_null}}, {{a_number}}, {{big}}], "l": {{a_list}}, "o": {{an_object}}, "s": {{a_string}}, "d": {{newDate}}}"#
        )
        #expect(
            self.text(body)
                == #"{"k\n": "ap\"p\nle", "a,b": true, "n": [null, 42, 99999999999999999999], "l": [1,"é"], "o": {"k":null}, "s": "ap\"p\nle", "d": "2023-06-01T12:00:00.000000Z"}"#
        )
        #expect(body.contentType == "application/json" && body.isText)
        #expect(throws: SuiteError.self) { try self.body("{{raw}}") }
        #expect(throws: SuiteError.self) { try self.body("\"{{a_list}}\"") }
    }

    @Test(
        "each body has its bytes and its type",
        arguments: [
            ("<a>{{csv}}</a>", "<a>{{csv}}</a>", "application/xml", true), ("`x {{csv}}`", "x a,b", nil, true),
            ("```\nl1\n{{csv}}\n```", "l1\na,b\n", nil, true), ("```raw\n{{csv}}\n```", "{{csv}}\n", nil, true),
            ("```json\n{\"a\": {{a_number}}}\n```", "{\"a\": 42}\n", "application/json", true),
            ("```xml\n<a>{{csv}}</a>\n```", "<a>a,b</a>\n", "application/xml", true),
            ("```escape\n\\u{41}\\n```", "A\n", nil, true), ("```novariable\n{{csv}}\n```", "{{csv}}\n", nil, true),
            (
                "```graphql\n{ a(b: \"{{csv}}\") }\n```", "{\"query\":\"{ a(b: \\\"a,b\\\") }\\n\"}",
                "application/json", true
            ),
            (
                "```graphql\nq\nvariables {\"v\": {{a_number}}}\n```", "{\"query\":\"q\\n\",\"variables\":{\"v\": 42}}",
                "application/json", true
            ),
            ("hex,636166c3a9;", "café", nil, false), ("base64,Y2Fmw6k=;", "café", nil, false),
            ("```base64\nY2Fm\nw6k=\n```", "café", nil, false),
        ] as [(String, String, String?, Bool)])
    func bodies(text: String, wanted: String, type: String?, isText: Bool) throws {
        let body = try self.body(text)
        #expect(self.text(body) == wanted && body.contentType == type && body.isText == isText)
    }

    @Test("a file's bytes come from the suite")
    func files() throws {
        #expect(try self.body("file,a.bin;").bytes == [0xCA, 0xFE])
        #expect(throws: SuiteError.self) { try self.body("file,b.bin;") }
    }

    @Test("options take variables of their own kind")
    func options() throws {
        let scope = Fixture.scope([
            "yes": .boolean(true), "n": .integer(5), "text": .string("x"), "less": .integer(-1),
            "f": .number(.float(1)),
        ])
        func option(_ text: String) throws -> HurlOption {
            try #require(try Fixture.entry("GET http://a\n[Options]\n\(text)").request.options.first)
        }
        #expect(try scope.boolean(try option("location: {{yes}}")) && !scope.boolean(try option("skip: false")))
        #expect(try scope.integer(try option("retry: {{less}}")) == -1 && scope.integer(try option("repeat: 3")) == 3)
        #expect(
            try scope.milliseconds(try option("delay: {{n}}")) == 5
                && scope.milliseconds(try option("delay: 2s")) == 2_000)
        #expect(try scope.text(try option("user: a:{{text}}")) == "a:x")
        for (text, isDuration) in [
            ("retry: {{text}}", false), ("limit-rate: {{less}}", false), ("retry: {{f}}", false),
            ("delay: {{less}}", true),
        ] {
            let error = #expect(throws: SuiteError.self) {
                _ = isDuration ? try scope.milliseconds(try option(text)) : try scope.integer(try option(text))
            }
            #expect(error?.code == .wrongKind)
        }
        #expect(throws: SuiteError.self) { try scope.boolean(try option("location: {{text}}")) }
    }

    @Test("variables that a file defines have the kind that they're written as")
    func definitions() throws {
        let request = try Fixture.entry(
            "GET http://a\n[Options]\nvariable: a=1\nvariable: b=1.5\nvariable: c=null\nvariable: d=true\nvariable: e=\"1\"\nvariable: f=x {{y}}\nvariable: g=99999999999999999999"
        ).request
        let scope = Fixture.scope(["y": .integer(2)])
        let values = try request.options.map { option -> SuiteValue in
            guard case .variable(let definition) = option.value else { return .unit }
            return try scope.value(definition)
        }
        #expect(
            values == [
                .integer(1), .number(.float(1.5)), .null, .boolean(true), .string("1"), .string("x 2"),
                .number(.bigInteger("99999999999999999999")),
            ])
        #expect(values.map(\.kind) == ["integer", "float", "null", "boolean", "string", "string", "integer"])
    }

    @Test("variables from outside have the kind that they look like")
    func outside() {
        for (text, value) in [
            ("1", SuiteValue.integer(1)), ("-1.5e3", .number(.float(-1_500))), ("true", .boolean(true)),
            ("null", .null), ("\"1\"", .string("1")), ("1.2.3", .string("1.2.3")), ("nan", .string("nan")),
            ("inf", .string("inf")),
            ("0x10", .string("0x10")), ("", .string("")),
            ("99999999999999999999", .number(.bigInteger("99999999999999999999"))), ("\"", .string("\"")),
            ("e", .string("e")),
        ] {
            #expect(SuiteValue(variable: text) == value && SuiteValue(variable: text).kind == value.kind, "\(text)")
        }
    }
}
