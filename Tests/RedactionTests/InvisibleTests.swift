import Testing

@testable import Redaction

/// Characters that print nothing, in a value or its name.
@Suite("Characters of no width")
struct InvisibleTests {
    static let token = "ghp_016Ctz3JkL5mNp8QrS7tUv9WxYz24aBcDeFg"

    static let texts: [String] = ["\u{200B}", "\u{FEFF}", "\u{AD}", "\u{2060}"].flatMap { mark in
        let cut = token.index(token.startIndex, offsetBy: 17)
        let split = "\(token[..<cut])\(mark)\(token[cut...])"
        return [
            "see ⟦\(split)⟧ there", "pass\(mark)word=⟦hunter2⟧ x", "password=⟦hun\(mark)ter2⟧ x",
            "\(mark)plain\(mark)text, \(mark)",
            "card ⟦4111\(mark)1111\(mark)1111\(mark)1111⟧ ok", "{\"a\":\"⟦\(split)⟧\",\"n\":\"\(mark)x\"}",
        ]
    }

    @Test("what they stand in is masked as it would be without them, however it's cut", arguments: Self.texts)
    func masked(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("many in a word cost no more than their number")
    func many() throws {
        let fixture = try Fixture()
        for word in [
            "a\u{200B}", String(repeating: "ab", count: 300) + "\u{AD}",
            String(repeating: "ab", count: 3000) + "\u{AD}",
        ] {
            let text = String(repeating: word, count: 200_000 / word.utf8.count)
            #expect(try fixture.stream([Array(text.utf8)]) == Array(text.utf8))
            #expect(try fixture.mask(text) == text)
        }
    }
}
