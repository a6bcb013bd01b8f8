import GloveboxCore
import Testing

@testable import Redaction

@Suite("Files of detectors")
struct DetectorFileTests {
    private func load(_ yaml: String) throws -> Detectors {
        try Detectors(own: [("own.yaml", Array("version: 1\ndetectors:\n\(yaml)".utf8))])
    }

    @Test("somebody's own detector masks, and names the kind")
    func own() throws {
        let detectors = try self.load(
            """
              - name: acme_token
                kind: acme
                keywords: ["acme_"]
                pattern: "[a-z0-9]{20}"
                positive: ["with ⟦acme_0123456789abcdefghij⟧ here"]
                negative: ["acme_short"]
            """)
        let masker = try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: false))
        #expect(
            levelled(try masker.maskText("a acme_k2j4h6g8f0d1s3a5q7w9 b")) == "a ‹acme:0000000000000000› b")
    }

    @Test(
        "a file with a fault is refused with its line and what is wrong",
        arguments: [
            ("  - name: Acme\n    keywords: [acme_]\n", "own.yaml:3:11: 'Acme' is no name"),
            ("  - name: acme\n    keywords: [acme_]\n", "own.yaml:3:5: 'detectors[0]' lacks 'pattern'"),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z\"\n    positive: [\"⟦x⟧\"]\n",
                "own.yaml:5:14: this is no pattern"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z ]{20}\"\n    positive: [\"⟦x⟧\"]\n",
                "own.yaml:5:14: this is no pattern"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z]{4}\"\n    positive: [\"⟦x⟧\"]\n",
                "own.yaml:5:14: the shortest match has 9 bytes"
            ),
            (
                "  - name: acme\n    keywords: [a]\n    pattern: \"[a-z]{20}\"\n    positive: [\"⟦x⟧\"]\n",
                "own.yaml:4:15: a keyword has 2 to 64 bytes"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z]{20}\"\n",
                "own.yaml:3:5: a detector needs an example"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z]{20}\"\n    positive: [\"nothing\"]\n",
                "own.yaml:6:16: an example needs one ⟦…⟧"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z]{20}\"\n    positive: [\"⟦acme_12⟧ x\"]\n",
                "own.yaml:3: the detector 'acme' doesn't mask its own example"
            ),
            (
                "  - name: acme\n    keywords: [acme_]\n    pattern: \"[a-z]{12}\"\n    sample: abcdefghijkl\n"
                    + "    negative: [acme_abcdefghijkl]\n",
                "own.yaml:3: the detector 'acme' masks something in a text that it says must stay"
            ),
            (
                "  - name: jwt\n    keywords: [acme_]\n    pattern: \"[a-z]{20}\"\n    positive: [\"⟦x⟧\"]\n",
                "secrets.yaml:4: the detector 'jwt' has the name of one at own.yaml:3"
            ),
            ("  - name: acme\n    from: near\n", "own.yaml:4:5: unknown key 'from': did you mean 'form'?"),
        ])
    func refused(_ yaml: String, _ complaint: String) throws {
        let error = #expect(throws: GloveboxError.self) { _ = try self.load(yaml) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix(complaint) == true, "\(error?.message ?? "")")
    }
}
