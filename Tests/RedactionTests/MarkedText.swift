import GloveboxCore
import Testing

@testable import Redaction

/// A text of a test: ⟦…⟧ is about what must be masked, ⟪…⟫ about what becomes a text in double quotes; all else must stay as
/// it is.
struct MarkedText {
    let text: String
    let expected: String

    init(_ marked: String) {
        self.text = marked.replacing(/[⟦⟧⟪⟫]/, with: "")
        self.expected = marked.replacing(/⟦[^⟧]*⟧/, with: "‹›").replacing(/⟪[^⟫]*⟫/, with: "\"‹›\"")
    }

    /// `text` with each pseudonym as an empty one.
    static func emptied(_ text: String) -> String {
        text.replacing(/‹[a-z_]+:[0-9a-z]{16}›/, with: "‹›")
    }

    /// Expects what the marks say of the whole, and the same of a stream that is cut anywhere.
    func expectMasked(_ fixture: Fixture) throws {
        let whole = try #require(try fixture.mask(self.text))
        #expect(Self.emptied(whole) == self.expected)
        try self.expectSame(as: whole, fixture)
    }

    /// Expects that a stream, cut at every byte and byte by byte, comes out as the whole does.
    func expectSame(as whole: String, _ fixture: Fixture) throws {
        let whole = levelled(whole)
        let bytes = Array(self.text.utf8)
        for place in 0...bytes.count {
            let out = try fixture.stream([Array(bytes[..<place]), Array(bytes[place...])])
            let said = levelled(String(decoding: out, as: UTF8.self))
            if said != whole {
                Issue.record("cut at \(place): \(said) ≠ \(whole)")
                return
            }
        }
        let out = try fixture.stream(bytes.map { [$0] })
        #expect(levelled(String(decoding: out, as: UTF8.self)) == whole, "byte by byte")
    }
}
