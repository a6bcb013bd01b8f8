import Foundation
import GloveboxCore
import NIOCore
import Synchronization
import Testing

@testable import Redaction

@Suite("Secrets known again")
struct TaintTests {
    private static let secret = "kV7w-Qz2Lm9-Tr4"
    private let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    private func masker(of lease: Pseudonyms) throws -> Masker {
        try Masker(detectors: self.fixture.detectors, pseudonyms: lease)
    }

    private func mask(_ text: String, as shape: ValueShape = .text, _ masker: Masker) throws -> String? {
        Fixture.text(try masker.mask(ByteBuffer(string: text), as: shape, scope: .random), of: text)
    }

    @Test(
        "what was masked once in a lease is masked by itself, in a text, in JSON and in base64, in every session of it")
    func again() throws {
        let lease = Pseudonyms(linkable: true)
        let (first, second) = (try self.masker(of: lease), try self.masker(of: lease))
        #expect(try self.mask(Self.secret, second) == Self.secret)
        _ = try self.mask("password=\(Self.secret)", first)
        #expect(levelled(try #require(try self.mask(Self.secret, second))) == "‹password:0000000000000000›")
        #expect(
            levelled(try #require(try self.mask("it was \(Self.secret)!", second)))
                == "it was ‹password:0000000000000000›!")
        let json = try #require(try self.mask("{\"a\": \"x\(Self.secret)\", \"n\": 1}", as: .json, second))
        #expect(levelled(json) == "{\"a\": \"x‹password:0000000000000000›\", \"n\": 1}")
        let code = Data("it is \(Self.secret) now".utf8).base64EncodedString()
        #expect(try self.mask(code, second)?.contains("‹password:") == true)
        #expect(try self.mask(Self.secret, as: .opaque, second) == nil)
        #expect(try second.maskText("SELECT '\(Self.secret)'").contains(Self.secret) == false)
    }

    @Test("another lease knows nothing of it, and a part of it is no secret")
    func elsewhere() throws {
        let lease = Pseudonyms(linkable: true)
        let masker = try self.masker(of: lease)
        _ = try self.mask("password=\(Self.secret)", masker)
        #expect(try self.mask(Self.secret, self.fixture.masker()) == Self.secret)
        let part = String(Self.secret.dropLast())
        #expect(try self.mask(part, masker) == part)
    }

    @Test(
        "a value under a sensitive name in JSON, or of a column of passwords, is known again; a short one and a person's aren't"
    )
    func kept() throws {
        let masker = try self.masker(of: Pseudonyms(linkable: false))
        _ = try self.mask("{\"password\": \"\(Self.secret)\"}", as: .json, masker)
        #expect(try self.mask(Self.secret, masker) != Self.secret)
        let other = "Plum.Orchard.Kite"
        _ = try masker.maskWhole(ByteBuffer(string: other), kind: .password, as: .text, scope: .random)
        #expect(try self.mask("see \(other)", masker)?.contains("Orchard") == false)
        _ = try self.mask("password=hunter2-xyz", masker)
        #expect(try self.mask("hunter2-xyz", masker) == "hunter2-xyz")
        let person = "Annelise-Moser"
        _ = try masker.maskWhole(ByteBuffer(string: person), kind: Kind("customer"), as: .text, scope: .random)
        #expect(try self.mask(person, masker) == person)
    }

    @Test("what there is no room for is counted, and masked where a detector finds it")
    func overflow() throws {
        let told = Atomic(0)
        let masker = try self.masker(
            of: Pseudonyms(linkable: false, overflowed: { told.add(1, ordering: .relaxed) }))
        for number in 0..<Taint.most { _ = try self.mask("password=secret-no-\(number)-abc", masker) }
        #expect(masker.counts[.taintOverflow] == nil && told.load(ordering: .relaxed) == 0)
        #expect(try self.mask("password=\(Self.secret)", masker)?.contains(Self.secret) == false)
        #expect(masker.counts[.taintOverflow] == 1 && told.load(ordering: .relaxed) == 1)
        // It's told once, however many there are.
        _ = try self.mask("password=another-secret-abc", masker)
        #expect(masker.counts[.taintOverflow] == 2 && told.load(ordering: .relaxed) == 1)
        #expect(try self.mask(Self.secret, masker) == Self.secret)
        #expect(try self.mask("secret-no-4095-abc", masker) != "secret-no-4095-abc")
    }

    @Test("a stream in place masks what its lease has masked before, wherever it's cut")
    func stream() throws {
        let secret = "correct.horse/battery-staple"
        let text = "see it again: \(secret) and \(secret), not as a key"
        for cut in 0...text.utf8.count {
            let masker = try Fixture().masker()
            _ = try masker.maskWhole(ByteBuffer(string: secret), kind: .password, as: .text, scope: .random)
            var stream = try RedactionStream(masker, inPlace: true)
            var out = ByteBuffer()
            try stream.write(ByteBuffer(bytes: Array(text.utf8.prefix(cut))), into: &out)
            try stream.write(ByteBuffer(bytes: Array(text.utf8.dropFirst(cut))), into: &out)
            try stream.finish(into: &out)
            let masked = String(buffer: out)
            #expect(masked.utf8.count == text.utf8.count)
            #expect(!leaks(secret, in: masked, beside: text), "cut at \(cut): \(masked)")
            #expect(masked.hasPrefix("see it again: ***") && masked.hasSuffix(", not as a key"), "\(masked)")
        }
    }
}
