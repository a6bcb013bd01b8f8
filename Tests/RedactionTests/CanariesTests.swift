import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

@Suite("Canaries in the engine")
struct CanariesTests {
    private let canaries = Canaries(mending: "mend it")

    /// Knows addresses and web tokens, and nothing else.
    private func blindMasker() throws -> Masker {
        let table = try DetectorFile.builtIn().filter { ["email", "jwt"].contains($0.name) }
        return try Masker(detectors: Detectors(table: table), pseudonyms: Pseudonyms(linkable: false))
    }

    @Test("are drawn anew each time")
    func drawn() {
        #expect(Set(self.canaries.secrets).isDisjoint(with: Canaries(mending: "").secrets))
    }

    @Test("each is told when it comes out, whole, in part or in text, with the way that it took")
    func told() {
        for secret in self.canaries.secrets {
            for leak in [secret, "x " + secret.suffix(40).prefix(36), "\"\(secret)\""] {
                // One comes out, the others don't.
                let error = #expect(throws: GloveboxError.self) {
                    try self.canaries.send(by: "a way") { ByteBuffer(string: $0 == secret ? leak : "‹masked›") }
                }
                #expect(error?.code == .canaryLeaked)
                #expect(error?.message == "a canary came out unmasked by a way: mend it")
            }
        }
        #expect(throws: Never.self) { try self.canaries.send(by: "a way") { _ in ByteBuffer(string: "‹masked›") } }
    }

    @Test("a text's stream lets none out, and one that looks for nothing is found out")
    func streams() throws {
        let masker = try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false))
        for _ in 0..<20 { try Canaries(mending: "mend it").sendText(by: masker) }
        let error = #expect(throws: GloveboxError.self) { try self.canaries.sendText(by: self.blindMasker()) }
        #expect(error?.code == .canaryLeaked)
    }

    @Test("leave no trace: nothing is counted, told, or known again as a secret of the lease")
    func traceless() throws {
        let masker = try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false))
        var told = 0
        masker.onDetection = { _ in told += 1 }
        _ = try masker.maskText("mail ada@example.com")
        try self.canaries.sendText(by: masker)
        try masker.trial {
            for secret in self.canaries.secrets { _ = try masker.maskText("see \(secret)") }
        }
        #expect(masker.counts == [.email: 1] && told == 1)
        #expect(!masker.pseudonyms.taint.isActive)
        _ = try masker.maskText("password=swordfish7abcd")
        #expect(masker.counts[.password] == 1 && told == 2 && masker.pseudonyms.taint.isActive)
    }
}
