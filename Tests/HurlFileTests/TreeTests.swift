import HurlFile
import Testing

@Suite("What a Hurl file says is in its tree")
struct TreeTests {
    private func entry(_ text: String) throws -> HurlEntry { try #require(try HurlDocument(text).entries.first) }

    @Test("requests have methods, URLs, headers and spans")
    func requests() throws {
        let document = try HurlDocument(Samples.requests)
        #expect(document.entries.map(\.request.start.content.method) == ["GET", "POST", "PURGE", "GET"])
        #expect(document.entries[0].request.start.content.url.fixedValue == "http://a.example/one")
        #expect(document.entries[0].request.start.end.comment?.text == " behind")
        // A '#' begins a comment, whatever stands before it.
        #expect(document.entries[3].request.start.content.url.fixedValue == "http://a.example/")
        let headers = document.entries[1].request.headers.map(\.content)
        #expect(headers.map(\.key.fixedValue) == ["Content-Type", "X-Empty", "X-Empty-Too", "x_y.z-1@$[0]"])
        #expect(headers.map(\.value.fixedValue) == ["text/plain; charset=utf-8", "", "", "spaced   value"])
        let request = document.entries[1].request
        #expect(request.span.start.line == 4 && request.span.start.column == 1 && request.span.end.line == 8)
        #expect(headers[3].value.span.start.column == 16 && headers[3].value.span.end.column == 30)
        #expect(document.entries[2].request.start.content.methodSpan.start.column == 3)
    }

    @Test("responses have versions and status codes")
    func responses() throws {
        let lines = try HurlDocument(Samples.responses).entries.compactMap(\.response?.start.content)
        #expect(lines.map(\.version) == [.any, .http10, .http11, .http2, .http3, .any])
        #expect(lines.map(\.status) == [.code(200), .any, .code(204), .code(301), .code(500), .code(200)])
        let response = try HurlDocument(Samples.responses).entries[2].response
        #expect(response?.headers.map(\.content.value.fixedValue) == ["http://b.example/", "a=b; Path=/"])
    }

    @Test("each section is read under both of its names, and may be empty")
    func sections() throws {
        let document = try HurlDocument(Samples.sections)
        let request = document.entries[0].request
        #expect(
            request.sections.map(\.heading.content.name) == [.options, .query, .form, .multipart, .cookies, .basicAuth])
        #expect(
            request.query.map(\.key.fixedValue) == ["a", "b"] && request.query.map(\.value.fixedValue) == ["1", ""])
        #expect(request.form.count == 2 && request.form[1].key.fixedValue == nil)
        #expect(request.cookies.map(\.value.fixedValue) == ["light"])
        #expect(request.basicAuth?.key.fixedValue == "bob" && request.basicAuth?.value.fixedValue == "se cret")
        let files = request.multipart.compactMap { field in
            if case .file(let file) = field { file } else { nil }
        }
        #expect(request.multipart.count == 3 && files.count == 2)
        #expect(files[0].file.name.fixedValue == "a b.txt" && files[0].contentType == nil)
        #expect(files[1].contentType?.fixedValue == "application/octet-stream")
        #expect(document.entries[1].request.sections.count == 4 && document.entries[1].request.basicAuth == nil)
        let response = document.entries[0].response
        #expect(response?.captures.map(\.isRedacted) == [true, false] && response?.asserts.count == 1)
        // Arrays that look like a section.
        #expect(document.entries[1].request.body != nil && document.entries[1].response?.body != nil)
    }

    @Test("each option has the type that its name says")
    func options() throws {
        let options = try self.entry(Samples.options).request.options
        let refused = HurlOptionName.allCases.filter { ShellOnlyFeature[.option($0)] != nil }
        #expect(Set(options.map(\.name)).union(refused) == Set(HurlOptionName.allCases))
        func value(_ name: HurlOptionName) -> HurlOptionValue? { options.first { $0.name == name }?.value }
        func text(_ name: HurlOptionName) -> String? {
            if case .text(let text) = value(name) { text.fixedValue } else { nil }
        }
        #expect(text(.awsSigV4) == "aws:amz:eu-central-1:s3" && text(.cacert) == "/etc/ca.pem")
        // An escaped ':' stays so, for the first other one ends the name.
        #expect(text(.cert) == "client\\:1.pem:pass#word")
        #expect(value(.compressed) == .boolean(true) && value(.http10) == .boolean(false))
        guard case .duration(let timeout) = value(.connectTimeout),
            case .duration(let interval) = value(.retryInterval),
            case .duration(let most) = value(.maxTime), case .number(let redirects) = value(.maxRedirs),
            case .placeholder(let pause) = value(.delay)
        else {
            Issue.record("an option has another type")
            return
        }
        #expect(timeout.milliseconds == 20_000 && interval.milliseconds == 60_000 && most.milliseconds == 500)
        #expect(redirects.value == .integer(-1) && pause.expression.source == .variable("pause"))
        let variables = options.compactMap { option in
            if case .variable(let variable) = option.value { variable } else { nil }
        }
        #expect(variables.map(\.name) == ["a", "b", "c", "d", "e", "f", "g", "h", "i"])
        guard case .number(let one) = variables[0].value, case .text(let words) = variables[1].value,
            case .number(let decimal) = variables[4].value, case .text(let version) = variables[5].value,
            case .number(let big) = variables[6].value, case .text(let nothing) = variables[8].value
        else {
            Issue.record("a variable has another type")
            return
        }
        #expect(one.value == .integer(1) && words.fixedValue == "two words" && decimal.value == .float(1.5))
        #expect(variables[2].value == .null && variables[3].value == .boolean(true))
        #expect(
            version.fixedValue == "1.2.3" && big.value == .bigInteger("99999999999999999999") && nothing.pieces.isEmpty)
    }

    @Test("each query is known, with its argument")
    func queries() throws {
        let queries = try #require(try self.entry(Samples.queries).response).captures.map(\.query)
        #expect(Set(queries.map(\.name)) == Set(HurlQueryName.allCases))
        guard case .cookie(let plain) = queries[4].argument?.value, case .cookie(let age) = queries[5].argument?.value,
            case .regex(let regex) = queries[11].argument?.value, case .text(let quoted) = queries[10].argument?.value,
            case .certificate(let field) = queries[19].argument?.value
        else {
            Issue.record("an argument has another type")
            return
        }
        #expect(plain.name.fixedValue == "LSID" && plain.attribute == nil && age.attribute == .maxAge)
        #expect(regex.pattern == "a/(b)" && regex.source == "a\\/(b)" && quoted.fixedValue == "id: (\\d+)")
        #expect(field == .subjectAltName)
        #expect(queries[0].span.start.column == 4 && queries[0].span.end.column == 10)
    }

    @Test("each filter is known, with its arguments")
    func filters() throws {
        let asserts = try #require(try self.entry(Samples.filters).response).asserts
        let filters = asserts.flatMap(\.filters).map(\.value)
        let others: Set<HurlFilterName> = [.location]
        #expect(Set(filters.map(\.name)).union(others) == Set(HurlFilterName.allCases))
        let replace = try #require(filters.first { $0.name == .replace })
        #expect(
            replace.arguments.map { argument -> String? in
                if case .text(let text) = argument.value { text.fixedValue } else { nil }
            } == ["a", "b"])
        let places = filters.filter { $0.name == .nth }.compactMap(\.arguments.first?.value)
        guard case .integer(let last) = places.first, case .placeholder = places.last else {
            Issue.record("nth has another argument")
            return
        }
        #expect(last.value == .integer(-1))
    }

    @Test("each predicate is known, with its value, and can be negated")
    func predicates() throws {
        let predicates = try #require(try self.entry(Samples.predicates).response).asserts.map(\.predicate)
        #expect(Set(predicates.map(\.name)) == Set(HurlPredicateName.allCases))
        #expect(predicates[3].isNegated && !predicates[2].isNegated && predicates[2].value?.value == .null)
        let values = predicates.compactMap(\.value?.value)
        let numbers = values.compactMap { value in
            if case .number(let number) = value { number } else { nil }
        }
        #expect(numbers.contains { $0.value == .float(-1.5) && $0.source == "-1.50" })
        #expect(numbers.contains { $0.value == .bigInteger("123456789012345678901234567890") })
        let bytes = values.compactMap { value in
            if case .bytes(let bytes) = value { bytes.bytes } else { nil }
        }
        #expect(bytes.contains([0, 1, 2, 3]) && bytes.contains([0x0A, 0x0B]) && bytes.contains([0xEF, 0xBB, 0xBF]))
        #expect(values.contains { if case .multiline = $0 { true } else { false } })
        #expect(values.contains { if case .file(let file) = $0 { file.name.fixedValue == "a.txt" } else { false } })
        #expect(values.contains { if case .regex(let regex) = $0 { regex.pattern == "^a/\\d+$" } else { false } })
        #expect(values.contains(.boolean(false)))
    }

    @Test("templates hold variables, functions and filters, and braces that open nothing")
    func templates() throws {
        let request = try self.entry(Samples.templates).request
        func expressions(_ template: HurlTemplate) -> [HurlExpression] {
            template.pieces.compactMap { piece in
                if case .placeholder(let placeholder) = piece { placeholder.expression } else { nil }
            }
        }
        #expect(
            expressions(request.start.content.url).map(\.source) == [
                .variable("host"), .variable("port"), .variable("a-b_1"),
            ])
        let functions = expressions(request.headers[0].content.value)
        #expect(functions.map(\.source) == [.function(.newUuid), .function(.newDate)])
        #expect(functions[1].filters.map(\.value.name) == [.dateFormat])
        let list = expressions(request.headers[1].content.value)
        #expect(list.count == 1 && list[0].filters.map(\.value.name) == [.split, .nth])
        guard case .text(let rest, _) = request.headers[1].content.value.pieces.last,
            case .json(let json) = request.body?.content
        else {
            Issue.record("the header or the body is something else")
            return
        }
        #expect(rest == "-{ {single} }")
        let inString = json.pieces.compactMap { piece -> Bool? in
            if case .placeholder(_, let inString) = piece { inString } else { nil }
        }
        #expect(inString == [false, true, true, false])
    }

    @Test("escapes are taken away in keys, values, quotes, backticks and names of files")
    func escapes() throws {
        let entry = try self.entry(Samples.escapes)
        #expect(entry.request.start.content.url.fixedValue == "http://a.example/#top#\\")
        #expect(entry.request.headers[0].content.key.fixedValue == "a:b#cé")
        #expect(entry.request.headers[0].content.value.fixedValue == "v\n\t\"`/\u{8}\u{C}\r")
        #expect(entry.request.query[0].key.fixedValue == "é\\" && entry.request.query[0].value.fixedValue == "😀")
        guard case .file(let file) = entry.request.multipart.first,
            case .oneline(let line) = entry.request.body?.content,
            case .text(let value) = entry.response?.asserts.first?.predicate.value?.value
        else {
            Issue.record("a part is something else")
            return
        }
        #expect(file.file.name.fixedValue == "a b;c#d{}\\.txt")
        #expect(line.fixedValue == "tick ` and A" && value.fixedValue == "A\n\\")
    }

    @Test("texts of several lines have a language, options, and what they say is processed or isn't")
    func multilines() throws {
        let texts = try HurlDocument(Samples.multilines).entries.compactMap { entry in
            if case .multiline(let multiline) = entry.request.body?.content { multiline } else { nil }
        }
        #expect(
            texts.map(\.language) == [
                .text, .json, .xml, .raw, .text, .json, .graphQL, .graphQL, .base64, .hexadecimal, .text,
            ])
        #expect(texts.map(\.options) == [[], [], [], [], [.escape, .novariable], [.escape], [], [], [], [], []])
        func value(_ index: Int) -> String? {
            if case .text(let text) = texts[index].content { text.fixedValue } else { nil }
        }
        #expect(
            value(0) == nil && value(3) == "{{ not a variable\n" && value(4) == "a\tbA{{x}}\n" && value(5) == "\"A\"\n")
        #expect(value(10) == "")
        guard case .graphQL(let query, let variables?) = texts[6].content,
            case .graphQL(let other, nil) = texts[7].content,
            case .bytes(let base64, _) = texts[8].content, case .bytes(let hexadecimal, _) = texts[9].content
        else {
            Issue.record("a text is something else")
            return
        }
        #expect(query.pieces.count == 3 && variables.value.pieces.count == 3)
        #expect(other.fixedValue == "{ variables { a } }\n")
        #expect(base64 == [0, 1, 2, 3] && hexadecimal == [0, 1, 2])
    }

    @Test("XML goes to the end of its root element")
    func xml() throws {
        let entry = try self.entry(Samples.xml)
        guard case .xml(let request) = entry.request.body?.content,
            case .xml(let response) = entry.response?.body?.content
        else {
            Issue.record("a body is something else")
            return
        }
        #expect(request.source.hasPrefix("<?xml") && request.source.hasSuffix("</a>"))
        #expect(response.source == "<a/>" && entry.request.body?.end.comment?.text == " behind")
    }

    @Test("a file with Windows' line ends says the same as one without")
    func windows() throws {
        let entry = try self.entry(Samples.windows)
        #expect(entry.request.headers.first?.content.value.fixedValue == "b")
        #expect(entry.response?.asserts.count == 1)
    }

    @Test("durations count in milliseconds, and stop at the largest there is")
    func durations() throws {
        for (text, milliseconds) in [
            ("5", 5), ("5ms", 5), ("5s", 5_000), ("5m", 300_000), ("5h", 18_000_000),
            ("9223372036854775807h", Int64.max),
        ] {
            let option = try #require(try self.entry("GET http://a\n[Options]\ndelay: \(text)").request.options.first)
            guard case .duration(let duration) = option.value else {
                Issue.record("delay is something else")
                return
            }
            #expect(duration.milliseconds == milliseconds)
        }
    }
}
