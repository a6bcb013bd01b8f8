import JSONPath
import LinearRegex
import TestSupport
import Testing

@Suite("Patterns in bounded time")
struct PatternTests {
    private func matches(
        _ pattern: String, _ text: String, wholly: Bool = true,
        _ dialect: PatternDialect = .iRegexp
    ) throws -> Bool {
        var steps = 10_000_000
        return try dialect.regex(pattern, wholly: wholly).matches(text, steps: &steps)
    }

    @Test(
        "I-Regexp by RFC 9485",
        arguments: [
            ("", [""], ["a"]), ("abc", ["abc"], ["ab", "abcd", "ABC"]),
            ("a|bc|", ["a", "bc", ""], ["b", "abc"]),
            ("a*b+c?", ["b", "aabbc"], ["a", "ac", "bcc"]), ("(ab)*", ["", "abab"], ["aba"]),
            ("a{2}", ["aa"], ["a", "aaa"]),
            ("a{2,}", ["aa", "aaaaa"], ["a"]), ("a{1,3}", ["a", "aaa"], ["", "aaaa"]),
            ("a{0}", [""], ["a"]),
            ("a.c", ["abc", "a\u{2028}c", "a𝄞c"], ["ac", "a\nc", "a\rc"]),
            ("[a-c]", ["a", "b", "c"], ["d", "-", ""]),
            ("[^a-c]", ["d", "\n"], ["a"]), ("[-a]", ["-", "a"], ["b"]), ("[a-]", ["-", "a"], ["b"]),
            ("[^-]", ["a"], ["-"]),
            (#"[\]\\\^\-]"#, ["]", "\\", "^", "-"], ["a"]),
            ("[.*+?(){}|$]", [".", "*", "(", "}", "|", "$"], ["a"]),
            ("[a^]", ["a", "^"], ["b"]), (#"\p{Lu}\p{Ll}+"#, ["Éa", "Abc"], ["ab", "AB"]),
            (#"\P{L}"#, ["1", " "], ["é"]),
            (#"[\p{Nd}x]+"#, ["1x٣"], ["y"]), (#"\p{C}"#, ["\u{0}", "\u{200D}", "\u{E000}"], ["a"]),
            (#"\n\r\t"#, ["\n\r\t"], []),
            (#"\(\)\*\+\.\?\[\]\{\}\|\\\-\^"#, ["()*+.?[]{}|\\-^"], []),
            ("^ab$", ["ab"], ["^ab$", "xab"]),
            ("a^b", [], ["a^b", "ab"]), ("(a|b)*c(d|e)", ["ababcd", "ce"], ["abab", "cde"]),
            ("((a){2}b){2}", ["aabaab"], ["aab"]),
            ("(a*)*", ["", "aaa"], ["b"]), ("(a*)+b", ["b", "aab"], ["a"]), ("(){1000}x", ["x"], [""]),
            ("é", ["é"], ["e\u{301}"]),
            ("(a?){3}", ["", "a", "aaa"], ["aaaa"]), ("(|a)+", ["", "aa"], ["b"]),
            (",-/:;<=>@~!\"#%&'_`", [",-/:;<=>@~!\"#%&'_`"], []),
        ] as [(String, [String], [String])])
    func iRegexp(_ pattern: String, _ right: [String], _ wrong: [String]) throws {
        for text in right {
            #expect(try self.matches(pattern, text), "\(text)")
            #expect(try self.matches(pattern, text, wholly: false), "\(text)")
        }
        for text in wrong { #expect(try !self.matches(pattern, text), "\(text)") }
    }

    @Test(
        "a part suffices where the whole isn't asked for, at the begin and at the end where anchors say so"
    )
    func search() throws {
        for (pattern, text, isThere) in [
            ("b+", "aabbcc", true), ("x", "abc", false), ("^b", "ab", false), ("b$", "ab", true),
            ("a$", "ab", false),
            ("^$", "", true), ("^$", "a", false), ("ab|cd", "xxcdxx", true), ("b{3}", "abbab", false),
        ] {
            #expect(try self.matches(pattern, text, wholly: false) == isThere, "\(pattern) in \(text)")
        }
    }

    @Test(
        "what RFC 9485 hasn't is no pattern",
        arguments: [
            "*", "+a", "a**", "a{", "a{x}", "a{2", "a{3,2}", "a{,2}", "{2}", "(", ")", "(a", "a)", "[",
            "[]", "[^]",
            "[a", "]", "}",
            "[b-a]", "[a-\\p{L}]", "[a--b]", "[[]", "\\", "\\d", "\\w", "\\$", "\\x41", "\\p", "\\p{",
            "\\p{Lx}",
            "\\p{Cs}",
            "\\pL", "(?:a)", "(?i)a", "a*?", "\\1", "^*", "[a-b-c]", "\\p{}",
        ])
    func invalid(_ pattern: String) {
        let fault = #expect(throws: LinearRegexError.self) {
            try PatternDialect.iRegexp.regex(pattern, wholly: true)
        }
        #expect(fault?.code == .invalid && fault?.message.isEmpty == false)
    }

    @Test(
        "Rust's syntax, as far as it's common",
        arguments: [
            (#"\d+\w\s"#, ["12a ", "٣é\u{A0}"], ["a1 "]), (#"[\d\-x]+"#, ["1-x"], ["y"]),
            (#"\D\W\S"#, ["a-a"], ["1aa"]),
            ("(?:ab)+?", ["ab", "abab"], ["a"]), ("(?P<year>[0-9]{4})-(?<m>..)", ["2024-01"], ["24-01"]),
            ("(?i)straSSe[a-c]", ["STRASSEB", "strassea"], ["strassed"]), (#"\bab\b"#, ["ab"], []),
            (##"\$\/\#\&\~"##, ["$/#&~"], []),
            (#"\x41\u{e9}\u0042\u00e9"#, ["AéBé"], []), (".", ["\r", "x"], ["\n"]), ("a}]", ["a}]"], []),
            (#"\pL\p{Lu}"#, ["aB"], ["a1"]),
            (#"\Aa\z"#, ["a"], []), (#"[\w.-]+@[\w-]+"#, ["a.b-c@d-e"], ["@"]), ("[^\\s]", ["a"], [" "]),
            ("(?i)[^a]", ["b"], ["A"]),
        ] as [(String, [String], [String])])
    func rust(_ pattern: String, _ right: [String], _ wrong: [String]) throws {
        for text in right { #expect(try self.matches(pattern, text, .rust), "\(text)") }
        for text in wrong { #expect(try !self.matches(pattern, text, .rust), "\(text)") }
    }

    @Test(
        "patterns that make others go back forever take a number of steps that grows with the text alone"
    )
    func blowUp() throws {
        for pattern in [
            "(a*)*b", "(a+)+b", "(a|aa)+b", "(x+x+)+y", "(a|a)*b", "(.*)(.*)(.*)(.*)(.*)b",
            "((a{0,20}){0,20})b",
        ] {
            let (whole, part) = (
                try PatternDialect.iRegexp.regex(pattern, wholly: true),
                try PatternDialect.iRegexp.regex(pattern, wholly: false)
            )
            func steps(_ count: Int) throws -> Int {
                let enough = 1 << 40
                var left = enough
                let text = String(repeating: pattern.contains("x") ? "x" : "a", count: count)
                #expect(try whole.matches(text, steps: &left) == false)
                #expect(try part.matches(text, steps: &left) == false)
                return enough - left
            }
            let (short, long) = (try steps(100), try steps(1000))
            #expect(long < short * 13, "\(pattern): \(short) steps, then \(long)")
        }
        var few = 100
        let compiled = try PatternDialect.iRegexp.regex("(a|b)*c", wholly: true)
        let fault = #expect(throws: LinearRegexError.self) {
            try compiled.matches(String(repeating: "a", count: 1000), steps: &few)
        }
        #expect(fault?.code == .tooMuchWork)
    }

    @Test("a pattern's own size is bounded")
    func bounds() throws {
        for pattern in [
            "((a{100}){100}){100}", "a{20001}", "a{99999999999999999999}", "(a{5000}){5}",
            String(repeating: "(", count: 5000), String(repeating: "a", count: 20_001),
            "((((a){9999}){9999}){9999}){9999}",
        ] {
            let fault = #expect(throws: LinearRegexError.self, "\(pattern.prefix(20))") {
                try PatternDialect.iRegexp.regex(pattern, wholly: true)
            }
            #expect(fault?.code == .tooLarge, "\(pattern.prefix(20))")
        }
    }

    @Test("they say the same as Swift's own patterns, of any form, on any text")
    func alike() throws {
        try Fuzzing("patterns").run(1500) { generator in
            let pattern = generator.pattern(depth: 3)
            let (whole, part) = (
                try PatternDialect.iRegexp.regex(pattern, wholly: true),
                try PatternDialect.iRegexp.regex(pattern, wholly: false)
            )
            let other = try Regex("(?:\(pattern))")
            for _ in 0..<4 {
                var text = ""
                for _ in 0..<generator.place(in: 8) {
                    text.append(["a", "b", "c"][generator.place(in: 3)])
                }
                var steps = 10_000_000
                #expect(
                    try whole.matches(text, steps: &steps) == (other.wholeMatch(in: text) != nil),
                    "'\(pattern)' on '\(text)'")
                #expect(
                    try part.matches(text, steps: &steps)
                        == (other.firstMatch(in: text) != nil),
                    "'\(pattern)' in '\(text)'")
            }
        }
    }

    @Test("whatever comes is a pattern or isn't")
    func fuzzed() throws {
        let seed = Array(#"^(a|[^b-d\p{Lu}]{2,3}\.)*?\d(?P<x>\u{e9})+[-\]x]$"#.utf8)
        try Fuzzing("pattern texts").run(4000) { generator in
            let text = String(decoding: generator.spoiled(seed), as: UTF8.self)
            for dialect in [PatternDialect.iRegexp, .rust] {
                guard let pattern = try? dialect.regex(text, wholly: generator.once(in: 2)) else { continue }
                var steps = 1_000_000
                _ = try? pattern.matches("ab.9é-\n𝄞", steps: &steps)
            }
        }
    }
}

extension SeededGenerator {
    /// Small enough that going back doesn't take forever.
    fileprivate mutating func pattern(depth: Int) -> String {
        switch Int.random(in: 0..<(depth == 0 ? 4 : 8), using: &self) {
        case 0: return "a"
        case 1: return "b"
        case 2: return "[^a]"
        case 3: return "."
        case 4: return self.pattern(depth: depth - 1) + self.pattern(depth: depth - 1)
        case 5:
            return
                "(\(self.pattern(depth: depth - 1))|\(self.once(in: 4) ? "" : self.pattern(depth: depth - 1)))"
        case 6: return "(\(self.pattern(depth: depth - 1)))" + ["*", "+", "?"][self.place(in: 3)]
        default:
            return "(\(self.pattern(depth: depth - 1)))"
                + ["{2}", "{1,2}", "{0,2}", "{2,}"][self.place(in: 4)]
        }
    }
}
