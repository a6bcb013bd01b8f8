import GloveboxCore
import TestSupport
import Testing
import YAMLDocument

@Suite("What isn't accepted as a configuration file")
struct YAMLParsingTests {
    @Test(
        "a fault in the syntax is named with its place and what to do",
        arguments: [
            ("a: [1, 2\nb: 3\n", "f.yaml:2:2: ", ""),
            ("a: {b: 1\n", "f.yaml:2:1: ", "close it with '}'"),
            ("a: \"open\n", "f.yaml:2:1: ", "close the quote"),
            ("a: b: c\n", "f.yaml:1:5: ", "quote text that holds ': '"),
            ("a:\n\tb: 1\n", "f.yaml:2:1: ", "use spaces"),
            ("a: @x\n", "f.yaml:1:4: ", "text that begins with '@' has to be quoted"),
            ("targets: [*]\n", "f.yaml:1:12: ", "write \"*\""),
            ("targets: *\n", "f.yaml:1:11: ", "write \"*\""),
            ("a: *gone\n", "f.yaml:1:4: ", "has to be quoted"),
            ("a: 1\n---\nb: 2\n", "f.yaml:2:1: ", "keep one"),
            ("a: 1\nb\n", "f.yaml:3:1: ", ""),
            (" a: 1\nb: 2\n", "f.yaml:2:1: ", "look at the indentation"),
            ("a: \u{7}\n", "f.yaml:1:4: ", "can't stand in YAML"),
            ("", "f.yaml:1:1: ", "the file is empty"),
            ("# only a comment\n", "f.yaml:1:1: ", "the file is empty"),
        ])
    func syntax(_ yaml: String, _ place: String, _ advice: String) {
        let message = complaint(yaml) ?? "accepted"
        #expect(message.hasPrefix(place), "\(message)")
        #expect(message.contains(advice), "\(message)")
        #expect(!message.contains("\n"), "\(message)")
    }

    @Test("a key that's written twice is refused, whatever quotes it stands in")
    func duplicates() {
        #expect(complaint("a: 1\nb: 2\na: 3\n")?.contains("the key 'a' is written") == true)
        #expect(complaint("1: x\n'1': y\n")?.contains("the key '1' is written more than once") == true)
        #expect(complaint("x: {k: 1, k: 2}")?.contains("'k'") == true)
    }

    @Test(
        "anchors, aliases, tags and keys that aren't text are refused",
        arguments: [
            ("a: &x 1\n", "f.yaml:1:4: anchors"),
            ("a: &x 1\nb: *x\n", "f.yaml:1:4: anchors"),
            ("a: !!binary aGk=\n", "f.yaml:1:4: tags"),
            ("a: !secret x\n", "f.yaml:1:4: tags"),
            ("? [a, b]\n: 1\n", "f.yaml:1:3: a key has to be text"),
            ("~: 1\n", "f.yaml:1:1: a key has to be text"),
        ])
    func refused(_ yaml: String, _ message: String) {
        #expect(complaint(yaml)?.hasPrefix(message) == true, "\(complaint(yaml) ?? "accepted")")
    }

    @Test("a bomb of aliases is refused at once, in values, keys and behind every other disguise")
    func bombs() {
        var lines = ["l0: &l0 [x,x,x,x,x,x,x,x,x,x]"]
        for n in 1..<12 {
            lines.append("l\(n): &l\(n) [\(Array(repeating: "*l\(n - 1)", count: 10).joined(separator: ","))]")
        }
        let values = lines.joined(separator: "\n")
        #expect(complaint(values)?.contains("anchors and aliases") == true)
        #expect(complaint(values + "\n? *l11\n: 1\n? *l11\n: 2\n")?.contains("anchors and aliases") == true)
        let quoted = "a: \"text\n # \"\n" + values + "\n? *l11\n: 1\n"
        #expect(complaint(quoted)?.contains("anchors and aliases") == true)
    }

    @Test("ampersands and stars inside text are accepted")
    func innocent() {
        #expect(
            complaint("url: https://example.org/?a=1&b=2\ntargets: [\"*\", \"eu-*\"]\nnote: research & development\n")
                == nil)
        #expect(complaint("# *bold* words\na: 1\n") == nil)
    }

    @Test("a file may be nested and long within bounds only")
    func bounds() {
        func nested(_ depth: Int) -> String {
            "a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(complaint(nested(YAMLBounds.depth - 1)) == nil)
        #expect(complaint(nested(YAMLBounds.depth))?.contains("write it flatter") == true)
        #expect(complaint(nested(100_000))?.contains("write it flatter") == true)
        #expect(complaint(String(repeating: "- ", count: 100_000))?.contains("flatter") == true)
        #expect(
            complaint("a: " + String(repeating: "x", count: YAMLBounds.bytes))?.contains("larger than 1 MiB") == true)
    }

    @Test("bytes that aren't UTF-8 are refused where they stand")
    func encoding() throws {
        let bytes = Array("a: 1\nb: ä".utf8) + [0xFF] + Array("\n".utf8)
        do {
            _ = try YAMLNode(bytes: bytes, file: "f.yaml")
            Issue.record("accepted")
        } catch {
            #expect(error.message == "f.yaml:2:5: this is not UTF-8: save the file with UTF-8 encoding")
        }
        #expect(try outline(YAMLNode(bytes: Array("a: ä".utf8), file: "f.yaml")) == "{a:ä}")
    }

    @Test("no input crashes or hangs the reader, and every refusal names a place")
    func fuzz() {
        var generator = SeededGenerator(seed: 20_251)
        let pieces = [
            "a", "key: ", "- ", "[", "]", "{", "}", ", ", ": ", "\n", "  ", "\n  ", "'", "\"", "|", ">", "#", "? ",
            "!!str ",
            "%YAML 1.1\n", "---", "...", "\\u12", "\\x", "\t", "~", "1h", "é", "\u{FEFF}", "\u{2028}", "\u{0}", "<<: ",
            "@", "`",
            "&a ", "*a", "!", "%", "\r\n", "\u{85}", "|2\n", "!<x> ",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...24, using: &generator)
            let yaml = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            if let message = complaint(yaml) {
                #expect(
                    message.wholeMatch(of: /f\.yaml:[1-9][0-9]*:[1-9][0-9]*: .+/) != nil,
                    "\(yaml.debugDescription): \(message)")
            }
        }
    }
}
