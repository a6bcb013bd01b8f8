import GloveboxCore
import HurlFile
import Testing

@Suite("What's wrong in a Hurl file is said at its place")
struct ErrorTests {
    private func error(_ text: String) -> HurlError? {
        do throws(HurlError) {
            _ = try HurlDocument(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "an error has line, column, code, and says what was expected",
        arguments: [
            ("foo", 1, 1, HurlError.Code.syntax, "method in capitals"),
            ("Get http://a", 1, 1, .syntax, "method in capitals"),
            ("GET", 1, 4, .syntax, "a blank behind the method"), ("GET ", 1, 5, .syntax, "a URL"),
            ("GET # c", 1, 5, .syntax, "a URL"),
            ("GET http://a\nHTTP", 2, 5, .syntax, "a blank behind 'HTTP'"),
            ("GET http://a\nHTTP x", 2, 6, .syntax, "status code"),
            ("GET http://a\nHTTP/1.2 200", 2, 1, .syntax, "no version 'HTTP/1.2'"),
            ("GET http://a\nHTTP 200 OK", 2, 10, .syntax, "end of the line"),
            ("GET http://a\n[Quary]\na: b", 2, 1, .unknownSection, "no section 'Quary' in a request"),
            ("GET http://a\n[Asserts]", 2, 1, .unknownSection, "in a request"),
            ("GET http://a\nHTTP 200\n[Form]", 3, 1, .unknownSection, "in a response"),
            ("GET http://a\n[Query]\n[QueryStringParams]", 3, 1, .duplicateSection, "already"),
            ("GET http://a\nHTTP 200\n[Asserts]\n[Asserts]", 4, 1, .duplicateSection, "already"),
            ("GET http://a\n[BasicAuth]\na: b\nc: d", 4, 1, .syntax, "one line"),
            ("GET http://a\n[Options]\n locaton: true", 3, 2, .unknownOption, "did you mean 'location'"),
            ("GET http://a\n[Options]\nlocation: yes", 3, 11, .syntax, "true, false or a placeholder"),
            ("GET http://a\n[Options]\ndelay: 3y", 3, 9, .badNumber, "'y' is no unit"),
            ("GET http://a\n[Options]\ndelay: -3", 3, 8, .badNumber, "a duration"),
            ("GET http://a\n[Options]\nretry: -2", 3, 8, .badNumber, "from -1"),
            ("GET http://a\n[Options]\nlimit-rate: x", 3, 13, .syntax, "from 0"),
            ("GET http://a\n[Options]\nvariable: a", 3, 12, .syntax, "'='"),
            ("GET http://a\n[Options]\nvariable: newUuid=1", 3, 11, .badTemplate, "is a function"),
            ("GET http://a\n[Options]\ncacert: ", 3, 9, .syntax, "the name of a file"),
            ("GET http://a\nHTTP 200\n[Captures]\na: foo", 4, 4, .unknownQuery, "no query 'foo'"),
            ("GET http://a\nHTTP 200\n[Captures]\na: status x", 4, 11, .unknownPredicate, "not 'redact'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatis == 1", 4, 1, .unknownQuery, "did you mean 'status'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatus", 4, 7, .syntax, "a predicate"),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatus ==", 4, 10, .syntax, "a value"),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatus existz", 4, 8, .unknownPredicate, "did you mean 'exists'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatus > true", 4, 10, .syntax, "can't be followed"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody startsWith 1", 4, 17, .syntax, "can't be followed"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody contains\"a\"", 4, 14, .syntax, "a blank behind 'contains'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nheader == 1", 4, 8, .syntax, "text in quotes behind 'header'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nheader \"a == 1", 4, 15, .syntax, "closing '\"'"),
            ("GET http://a\nHTTP 200\n[Asserts]\nregex x == 1", 4, 7, .syntax, "in quotes or slashes"),
            ("GET http://a\nHTTP 200\n[Asserts]\nregex /(/ == 1", 4, 7, .badRegex, "isn't closed, at its character 1"),
            ("GET http://a\nHTTP 200\n[Asserts]\ncookie \"a[b]\" == 1", 4, 11, .syntax, "one of Value, Expires"),
            ("GET http://a\nHTTP 200\n[Asserts]\ncertificate \"X\" == 1", 4, 14, .syntax, "one of Subject"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody nth x == 1", 4, 10, .syntax, "an integer or a placeholder"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody == 01", 4, 9, .badNumber, "a 0"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody == 1.x", 4, 11, .badNumber, "digits"),
            ("GET http://a\nHTTP 200\n[Asserts]\nbody == hex,0;", 4, 14, .badBytes, "even number"),
            ("GET http://a\nhex,0g;", 2, 6, .badBytes, "even number"),
            ("GET http://a\nbase64,A;", 2, 8, .badBytes, "no base64"),
            ("GET http://a\nfile,;", 2, 6, .syntax, "the name of a file"),
            ("GET http://a\n[1,]", 2, 3, .badJSON, "behind the last ','"),
            ("GET http://a\n{\"a\":}", 2, 6, .badJSON, "a value of JSON"),
            ("GET http://a\n{a:1}", 2, 2, .badJSON, "a name in quotes"),
            ("GET http://a\n{\"a\" 1}", 2, 6, .badJSON, "':'"), ("GET http://a\n[1 2]", 2, 4, .badJSON, "',' or ']'"),
            ("GET http://a\n[01]", 2, 2, .badJSON, "no number"),
            ("GET http://a\n\"\\x\"", 2, 2, .badJSON, "no such escape"),
            ("GET http://a\n\"a", 2, 1, .badJSON, "has no end"),
            ("GET http://a\n<a>", 2, 4, .badXML, "'a' has no end"),
            ("GET http://a\n<a></b>", 2, 4, .badXML, "closes nothing"),
            ("GET http://a\n<!-- x", 2, 1, .badXML, "no end"),
            ("GET http://a\n```jsn\n```", 2, 4, .syntax, "no kind of text"),
            ("GET http://a\n```json x\n```", 2, 9, .syntax, "escape or novariable"),
            ("GET http://a\n```\na", 3, 2, .syntax, "closing '```'"),
            ("GET http://a\n`a", 2, 3, .syntax, "closing '`'"), ("GET http://{{a", 1, 15, .badTemplate, "'}}'"),
            ("GET http://{{}}", 1, 14, .badTemplate, "variable or function"),
            ("GET http://{{a foo}}", 1, 16, .badTemplate, "or a filter"),
            ("GET http://{{getEnv}}", 1, 14, .shellOnly, "suite.yaml"),
            ("GET http://a\\x", 1, 13, .badEscape, "no escape"),
            ("GET http://a\\u{110000}", 1, 13, .badEscape, "Unicode"),
            ("GET http://a\\u41", 1, 13, .badEscape, "in braces"),
            ("GET http://a\na\\x: b", 2, 2, .badEscape, "no escape"),
            ("é\nGET http://a", 1, 1, .syntax, "not 'é'"), ("GET http://é/ü\\x", 1, 15, .badEscape, "no escape"),
        ])
    func places(text: String, line: Int, column: Int, code: HurlError.Code, words: String) {
        let error = self.error(text)
        #expect(
            error?.line == line && error?.column == column && error?.code == code
                && error?.message.contains(words) == true,
            "\(error.map { "\($0)" } ?? "no error")")
    }

    @Test("bytes that aren't UTF-8 are refused where they begin")
    func encoding() {
        let error = #expect(throws: HurlError.self) {
            try HurlDocument(bytes: Array("GET http://a\n# é".utf8) + [0xFF])
        }
        #expect(error?.code == .notUTF8 && error?.line == 2 && error?.column == 4)
    }

    @Test(
        "all that's for a shell's user only is refused at its line, with what to do", arguments: ShellOnlyFeature.all)
    func shellOnly(feature: ShellOnlyFeature) throws {
        let value: String
        switch feature.construct {
        case .option(.output), .option(.netrcFile): value = "a"
        case .option(.verbosity): value = "debug"
        case .option: value = "true"
        case .function(let name):
            let error = self.error("GET http://a\n[Query]\na: {{\(name)}}\n")
            #expect(error?.code == .shellOnly && error?.line == 3 && error?.column == 6)
            return
        }
        let text = "GET http://a\n[Options]\n  \(feature.name): \(value)\n"
        let error = self.error(text)
        #expect(error?.code == .shellOnly && error?.line == 3 && error?.column == 3)
        #expect(error?.message == "'\(feature.name)' \(feature.reason): \(feature.instead)")
        let kept = try HurlDocument(text, keepsShellOnly: true)
        #expect(kept.text == text && kept.shellOnly == [error])
    }

    @Test("as Glovebox's own error it says the place first and keeps the code")
    func asGloveboxError() {
        let error = self.error("GET")?.gloveboxError
        #expect(error?.code.rawValue == "hurl_syntax" && error?.message.hasPrefix("1:4: ") == true)
    }

    @Test("codes are written in small letters and never shared")
    func codes() {
        let codes = HurlError.Code.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        #expect(
            codes.allSatisfy { $0.hasPrefix("hurl_") && $0.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" } })
    }
}
