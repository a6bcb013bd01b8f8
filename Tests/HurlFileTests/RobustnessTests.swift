import HurlFile
import TestSupport
import Testing

@Suite("No text makes the reader of Hurl files fail badly")
struct RobustnessTests {
    /// Whatever is read prints as it was; whatever isn't says where, within the text.
    private func check(_ bytes: [UInt8]) throws {
        let document: HurlDocument
        do throws(HurlError) {
            document = try HurlDocument(bytes: bytes, keepsShellOnly: true)
        } catch {
            #expect(error.line >= 1 && error.column >= 1 && error.position.offset <= bytes.count)
            #expect(!error.message.isEmpty && !error.message.contains("\n"))
            return
        }
        #expect(Array(document.text.utf8) == bytes)
        let formatted = document.formatted
        let again = try HurlDocument(formatted, keepsShellOnly: true)
        #expect(again.formatted == formatted, "\(String(decoding: bytes, as: UTF8.self))")
    }

    @Test("every valid sample cut off at every byte is read or refused with its place", arguments: Samples.all)
    func truncation(text: String) throws {
        let bytes = Array(text.utf8)
        for count in 0...bytes.count { try self.check(Array(bytes.prefix(count))) }
    }

    @Test("spoiled samples are read or refused with their place")
    func fuzzing() throws {
        let samples = Samples.all.map { Array($0.utf8) }
        try Fuzzing("HurlFile").run(4_000) { generator in
            let sample = samples[generator.place(in: samples.count)]
            try self.check(generator.spoiled(sample))
        }
    }

    @Test("pieces of the format in any order are read or refused with their place")
    func pieces() throws {
        let pieces = [
            "GET ", "POST ", "http://a", "HTTP ", "HTTP/1.1 ", "200", "*", "\n", "\r\n", " ", "\t", "# c", "[Asserts]",
            "[Query]",
            "[Options]", "[Captures]", "a: b", "a:", "{{", "}}", "x", "{", "}", "[", "]", "\"", "`", "```", "json",
            "status", "==",
            "not ", "exists", "jsonpath ", "\"$.a\" ", "count ", "regex /a/", "/", "\\", "\\u{41}", "hex,00;",
            "base64,", ";",
            "file,a;", "1", "-1.5", "null", "<a>", "</a>", "<!--", "-->", "delay: 3s", "location: true",
            "variable: a=1", "\u{FEFF}",
            "glovebox: ", "redact", "é", ",", ":", "variables ",
        ].map { Array($0.utf8) }
        try Fuzzing("HurlFile pieces").run(6_000) { generator in
            var bytes: [UInt8] = generator.once(in: 2) ? Array("GET http://a\nHTTP 200\n[Asserts]\n".utf8) : []
            for _ in 0..<Int.random(in: 1...24, using: &generator) {
                bytes += pieces[generator.place(in: pieces.count)]
            }
            try self.check(bytes)
        }
    }

    @Test("depth is bounded, and so is size")
    func limits() throws {
        func code(_ text: String) -> HurlError.Code? {
            do throws(HurlError) {
                _ = try HurlDocument(text)
                return nil
            } catch {
                return error.code
            }
        }
        let post = "POST http://a.example\n"
        #expect(code(post + String(repeating: "[", count: 100_000)) == .tooLarge)
        #expect(code(post + String(repeating: "{\"a\":", count: 100_000)) == .tooLarge)
        #expect(code(post + String(repeating: "[", count: 127) + String(repeating: "]", count: 127)) == nil)
        #expect(code("GET " + String(repeating: "{{a split \"", count: 10_000)) == .tooLarge)
        #expect(code(post + String(repeating: "<a>", count: 100_000)) == .tooLarge)
        #expect(code(String(repeating: "#", count: HurlDocument.largest + 1)) == .tooLarge)
    }

    @Test("a long file takes work in proportion to its length")
    func length() throws {
        let line = "X-Header: " + String(repeating: "é", count: 200) + "\n"
        let text =
            "GET http://a.example\n" + String(repeating: "# c\n", count: 20_000) + String(repeating: line, count: 2_000)
        #expect(try HurlDocument(text).entries[0].request.headers.count == 2_000)
        let wide = "POST http://a.example\n[" + String(repeating: "{{a}},", count: 20_000) + "1]"
        #expect(try HurlDocument(wide).text == wide)
    }
}
