import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

@Suite("Pseudonyms")
struct PseudonymTests {
    let fixture: Fixture
    let column = PseudonymScope.column(table: 16_384, attribute: 3)

    init() throws {
        self.fixture = try Fixture()
    }

    private func masked(_ masker: Masker, _ text: String, _ scope: PseudonymScope) throws -> String {
        try #require(Fixture.text(try masker.mask(ByteBuffer(string: text), as: .text, scope: scope), of: text))
    }

    @Test("equal values of a stored column get equal pseudonyms, across the sessions of a lease")
    func linkable() throws {
        let pseudonyms = Pseudonyms(linkable: true)
        let a = try Masker(detectors: self.fixture.detectors, pseudonyms: pseudonyms)
        let b = try Masker(detectors: self.fixture.detectors, pseudonyms: pseudonyms)
        #expect(try self.masked(a, "anna@example.com", self.column) == self.masked(b, "anna@example.com", self.column))
        #expect(try self.masked(a, "anna@example.com", self.column) != self.masked(a, "berta@example.com", self.column))
    }

    @Test("other columns, other leases, computed values and unlinkable leases get others")
    func unlinkable() throws {
        let masker = try self.fixture.masker(linkable: true)
        let text = "anna@example.com"
        let here = try self.masked(masker, text, self.column)
        #expect(try self.masked(masker, text, .column(table: 16_384, attribute: 4)) != here)
        #expect(try self.masked(masker, text, .column(table: 16_385, attribute: 3)) != here)
        #expect(try self.masked(self.fixture.masker(linkable: true), text, self.column) != here)
        #expect(try self.masked(masker, text, .random) != self.masked(masker, text, .random))
        let random = try self.fixture.masker(linkable: false)
        #expect(try self.masked(random, text, self.column) != self.masked(random, text, self.column))
    }

    @Test("the form is the kind and sixteen digits of base 32")
    func form() throws {
        for scope in [PseudonymScope.random, self.column] {
            let out = try self.masked(self.fixture.masker(linkable: true), "anna@example.com", scope)
            #expect(out.hasPrefix("‹email:") && out.hasSuffix("›"))
            let digits = out.dropFirst("‹email:".count).dropLast()
            #expect(digits.count == 16 && digits.utf8.allSatisfy(Base32.isDigit))
        }
    }

    @Test("a classified value is masked whole, an empty text stays")
    func whole() throws {
        let masker = try self.fixture.masker(linkable: true)
        let name = Kind("name")
        let value = ByteBuffer(string: "Anna Meier")
        let text = try masker.maskWhole(value, kind: name, as: .text, scope: self.column)
        #expect(try masker.maskWhole(value, kind: name, as: .text, scope: self.column) == text)
        #expect(try #require(Fixture.text(text, of: "")).hasPrefix("‹name:"))
        let json = try masker.maskWhole(ByteBuffer(string: "{\"a\":1}"), kind: name, as: .json, scope: .random)
        #expect(levelled(try #require(Fixture.text(json, of: ""))) == "\"‹name:0000000000000000›\"")
        #expect(try masker.maskWhole(value, kind: name, as: .opaque, scope: .random) == .null)
        #expect(try masker.maskWhole(ByteBuffer(), kind: name, as: .text, scope: .random) == .clean)
        #expect(masker.counts == [name: 4])
    }
}
