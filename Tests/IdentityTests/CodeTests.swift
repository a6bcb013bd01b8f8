import Crypto
import GloveboxCore
import Identity
import TestSupport
import Testing

@Suite("Codes and tokens")
struct CodeTests {
    let fingerprint: Fingerprint

    init() throws {
        self.fingerprint = try CertificateAuthority(inMemoryAt: ManualTime()).fingerprint
    }

    @Test("a code that was read is the code that was made", arguments: InviteCode.Guest.allCases)
    func roundTrip(guest: InviteCode.Guest) throws {
        let made = InviteCode.random(for: guest, authority: self.fingerprint)
        let text = made.text.exposeSecret()
        #expect(text.utf8.count == 51)
        let typed = "  \(text.uppercased().replacing("0", with: "O").replacing("1", with: "l"))\r\n"
        for form in [text, typed] {
            let read = try InviteCode(Secret(form))
            #expect(read.hash == made.hash)
            #expect(read.guest == guest)
            #expect(read.isPinned(to: self.fingerprint))
        }
        #expect(made.hash == Array(SHA256.hash(data: Array(text.utf8))))
    }

    @Test("a code names its gateway's CA and no other")
    func pin() throws {
        let code = InviteCode.random(for: .person, authority: self.fingerprint)
        #expect(!code.isPinned(to: try CertificateAuthority(inMemoryAt: ManualTime()).fingerprint))
    }

    @Test("what isn't a code is refused, and not quoted")
    func malformed() throws {
        let text = InviteCode.random(for: .person, authority: self.fingerprint).text.exposeSecret()
        for bad in [
            "", "   ", "gbi", "gbl_\(text.dropFirst(4))", String(text.dropLast()), text + "0", text + "_0",
            text.replacing("_", with: "-"), "\(text.prefix(10))u\(text.dropFirst(11))", "gbi_é\(text.dropFirst(6))",
            String(repeating: "gbi_", count: 10_000),
        ] {
            let error = #expect(throws: GloveboxError.self) { try InviteCode(Secret(bad)) }
            #expect(error?.code == .inviteInvalid)
            if bad.count > 8 { #expect(error?.message.contains(bad.dropFirst(4)) != true) }
        }
    }

    @Test("codes and tokens print as redacted, and no two are the same")
    func redacted() {
        let code = InviteCode.random(for: .agent, authority: self.fingerprint)
        let digits = String(code.text.exposeSecret().dropFirst(4).prefix(26))
        var dumped = ""
        dump(code, to: &dumped)
        #expect(!"\(code) \(String(reflecting: code)) \(dumped)".contains(digits))
        let tokens = Set((0..<100).map { _ in LeaseToken.random().exposeSecret() })
        #expect(tokens.count == 100)
        #expect(
            tokens.allSatisfy { $0.hasPrefix("gbl_") && $0.utf8.count == 36 && LeaseToken.isWellFormed(Secret($0)) })
        #expect(!LeaseToken.isWellFormed(Secret("gbl_short")))
        #expect(!LeaseToken.isWellFormed(code.text))
    }
}
