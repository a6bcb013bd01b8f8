import LinearRegex
import TestSupport
import Testing

@Suite("Regular expressions in linear time")
struct LinearRegexTests {
    /// The match and its groups, `-` for a group that took no part; nil where there's no match.
    private func found(_ pattern: String, _ text: String) throws -> String? {
        guard let match = try LinearRegex(pattern).firstMatch(in: text) else { return nil }
        let bytes = Array(text.utf8)
        let parts = ([match.range] + match.groups).map { range in
            range.map { String(decoding: bytes[$0], as: UTF8.self) } ?? "-"
        }
        return parts.joined(separator: "|")
    }

    @Test(
        "a match is the leftmost, and of those the one that the expression prefers",
        arguments: [
            ("abc", "xabcabc", "abc"), ("a|ab", "ab", "a"), ("ab|a", "ab", "ab"), ("a*", "aaa", "aaa"),
            ("a*?", "aaa", ""), ("(a*)(a*)", "aaa", "aaa|aaa|"), ("(a*?)(a*)", "aaa", "aaa||aaa"),
            ("(a+)(b+)?", "caad", "aa|aa|-"), ("(?:a|b)+c", "ababc", "ababc"), ("x{2,3}", "xxxx", "xxx"),
            ("x{2,3}?", "xxxx", "xx"), ("x{2}", "xxxx", "xx"), ("x{2,}", "xxxxx", "xxxxx"),
            ("(a|b)*", "abab", "abab|b"),
            ("(?U)a+", "aaa", "a"), ("(?U)a+?", "aaa", "aaa"), ("(a?)*?b", "aab", "aab|a"), ("()", "x", "|"),
            ("(?P<y>\\d{4})-(?<m>\\d\\d)", "on 2018-12", "2018-12|2018|12"), ("(a(b)?)+", "aba", "aba|a|b"),
            ("(|a)*", "aaa", "|"), ("(|a)+", "aaa", "|"), ("(?:|a){2,}b", "aab", "aab"), ("(?:^|a)+", "aaa", ""),
            ("(?:)*a", "a", "a"), ("(?:){2,}a", "a", "a"), ("(?:a{0,2})*", "aaaab", "aaaa"),
            ("(?:a|b??)*?c", "abc", "abc"),
        ])
    func preference(pattern: String, text: String, wanted: String) throws {
        #expect(try self.found(pattern, text) == wanted)
    }

    @Test(
        "classes, escapes and flags mean what Rust's documentation says",
        arguments: [
            ("[a-c]+", "xxabcd", "abc"), ("[^a-c]+", "abxyc", "xy"), ("[]a]+", "x]a", "]a"), ("[a\\-c]+", "b-a", "-a"),
            ("[-a]+", "b-a", "-a"), ("[a-]+", "b-a", "-a"), ("[[:digit:]x]+", "a1x2", "1x2"),
            ("[[:^digit:]]+", "12ab3", "ab"),
            ("[a-z&&[^aeiou]]+", "aebcd", "bcd"), ("[a-z--[m-z]]+", "zzabc", "abc"), ("[a-m~~h-z]+", "hhaz", "az"),
            ("\\d+", "a٣4", "٣4"), ("(?-u)\\d+", "٣4", "4"), ("\\w+", "-é_1 ", "é_1"), ("\\s+", "a\u{a0} b", "\u{a0} "),
            ("\\pL+", "12ß3", "ß"), ("\\p{Lu}", "aÉ", "É"), ("\\P{L}+", "ab12", "12"), ("\\p{^L}+", "ab12", "12"),
            ("\\p{Uppercase}", "aB", "B"), ("\\p{gc=Decimal_Number}", "x9", "9"),
            ("(?i)straße", "STRAßE", "STRAßE"), ("(?i)k", "\u{212A}", "\u{212A}"), ("(?i:a)b", "AbAB", "Ab"),
            ("(?i)[a-c]+", "xABc", "ABc"), ("(?i)[^a]", "Ab", "b"), (".", "\na", "a"), ("(?s).", "\na", "\n"),
            ("(?x) a b # c\n c", "abc", "abc"), ("\\x41\\x{42}\\u0043\\u{44}\\U00000045", "ABCDE", "ABCDE"),
            ("\\.\\*\\/", ".*/", ".*/"), ("a(?i)b|c", "C", "C"), ("[\\d-]+", "a1-2", "1-2"), ("\\u{1F600}", "😀", "😀"),
        ])
    func classes(pattern: String, text: String, wanted: String) throws {
        #expect(try self.found(pattern, text) == wanted)
    }

    @Test(
        "assertions hold where they say",
        arguments: [
            ("^b", "ab", nil), ("(?m)^b", "a\nb", "b"), ("a$", "a\n", nil), ("(?m)a$", "a\nb", "a"),
            ("\\Aa", "ba", nil),
            ("a\\z", "a\n", nil), ("(?mR)a$", "a\r\n", "a"), ("(?mR)^$", "\r\n", ""), ("\\bb", "ab b", "b"),
            ("\\Bb", "b ab", "b"),
            ("é\\b", "éa é", "é"), ("\\<b", "ab b", "b"), ("a\\>", "ab a", "a"), ("\\b{start}b", "ab b", "b"),
            ("a\\b{end}", "ab a", "a"), ("\\b{start-half}b", "ab b", "b"), ("a\\b{end-half}", "ab a", "a"),
            ("^$", "", ""),
            ("a^b", "ab", nil), ("(^|x)b", "xb", "xb|x"),
        ] as [(String, String, String?)])
    func assertions(pattern: String, text: String, wanted: String?) throws {
        #expect(try self.found(pattern, text) == wanted)
    }

    @Test(
        "what isn't an expression says where and why",
        arguments: [
            ("a)", 1, "opens nothing"), ("(a", 0, "isn't closed"), ("[a", 0, "isn't closed"),
            ("*a", 0, "repeats nothing"),
            ("a{2", 1, "isn't closed"), ("a{x}", 1, "a number"), ("a{3,2}", 1, "below its start"),
            ("[b-a]", 2, "below its start"),
            ("\\y", 0, "no escape"), ("a\\", 1, "nothing behind"), ("(?=a)", 0, "look-around"),
            ("(?<!a)", 0, "look-around"),
            ("(a)\\1", 3, "back-reference"), ("\\p{Nope}", 0, "no general category"), ("(?z)", 2, "no flag"),
            ("(?)", 0, "missing"),
            ("(?P<a>x)(?P<a>y)", 8, "two groups"), ("(?P<1>x)", 4, "letters"), ("\\x{110000}", 0, "no Unicode scalar"),
            ("\\xZZ", 0, "no Unicode scalar"), ("{", 0, "repeats nothing"),
        ])
    func faults(pattern: String, offset: Int, words: String) throws {
        let error = #expect(throws: LinearRegexError.self) { try LinearRegex(pattern) }
        #expect(
            error?.code == .invalid && error?.offset == offset && error?.message.contains(words) == true,
            "\(error as Any)")
    }

    @Test("replacing names groups as Rust does, and takes an empty match once a place")
    func replacing() throws {
        func replaced(_ pattern: String, _ text: String, _ template: String) throws -> String {
            try LinearRegex(pattern).replacingMatches(in: text, with: template)
        }
        #expect(try replaced("\\d", "a1b22", "x") == "axbxx")
        #expect(try replaced("(?P<k>\\w)=(\\w)", "a=b c=d", "$2=${k}") == "b=a d=c")
        #expect(try replaced("a", "aa", "$$") == "$$")
        #expect(try replaced("(a)", "a", "$1a|$9|${nope}|$") == "|||$")
        #expect(try replaced("(a)", "a", "${1}a") == "aa")
        #expect(try replaced("x*", "axbé", "-") == "-a-b-é-")
        #expect(try replaced("", "é", "-") == "-é-")
        #expect(try replaced("B[aoi]b", "Welcome Bob!", "Dude") == "Welcome Dude!")
    }

    @Test("expressions that make a backtracking matcher explode take no more steps than their length times the text's")
    func linear() throws {
        let text = String(repeating: "a", count: 20_000)
        #expect(try !LinearRegex("(a*)*b").matches(text))
        #expect(try !LinearRegex("(a|aa)+$x").matches(text))
        #expect(try LinearRegex("(?:a?){30}a{30}").matches(text))
        #expect(try LinearRegex("^(([a-z])+.)+[A-Z]([a-z])+$").firstMatch(in: text) == nil)
    }

    @Test("an expression or a search over the limits is refused, not carried out")
    func limits() throws {
        func code(_ pattern: String) -> LinearRegexError.Code? {
            do throws(LinearRegexError) {
                _ = try LinearRegex(pattern)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("(a{1000}){1000}") == .tooLarge)
        #expect(code("(?:(?:(?:(?:){1000}){1000}){1000}){1000}") == nil)
        #expect(code("a{1000000}") == .tooLarge)
        #expect(code(String(repeating: "(", count: 5_000)) == .invalid)
        #expect(code(String(repeating: "[", count: 5_000)) == .invalid)
        #expect(code("a" + String(repeating: "*", count: 5_000)) == .invalid)
        #expect(code(String(repeating: "a", count: 200_000)) == .tooLarge)
    }

    @Test("no pattern and no text crash it")
    func fuzzing() throws {
        let pieces =
            Array("ab1é^$.*+?{}()[]|\\dwsbBpPxuU<>:=!&-~#,\n".unicodeScalars).map { String($0) }
            + ["(?i)", "(?:", "[^", "&&", "\\p{L}", "{2,3}", "(?P<n>", "[[:alpha:]]", "\\x{41}", "*?"]
        try Fuzzing("LinearRegex").run(3_000) { generator in
            let pattern = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                pieces[generator.place(in: pieces.count)]
            }
            .joined()
            let text = (0..<Int.random(in: 0...20, using: &generator)).map { _ in pieces[generator.place(in: 12)] }
                .joined()
            guard let regex = try? LinearRegex(pattern) else { return }
            let match = try regex.firstMatch(in: text)
            #expect(try regex.matches(text) == (match != nil), "\(pattern) \(text)")
            _ = try regex.replacingMatches(in: text, with: "$1-$n")
        }
    }
}
