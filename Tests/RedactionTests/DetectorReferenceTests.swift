import GloveboxCore
import TestSupport
import Testing

@testable import Redaction

/// Makes `docs/detectors.md` of the detectors' files, or holds it against them.
@Suite("The page of detectors")
struct DetectorReferenceTests {
    @Test("docs/detectors.md says what the files say")
    func page() throws {
        let table = try Fixture().detectors.table
        var page = Self.head
        page += "\n\(table.count) detectors; the first to find something names its kind.\n\n"
        page += "| detector | kind | how | looks behind |\n|---|---|---|---|\n"
        for detector in table where !Self.isByName(detector) {
            page += "| `\(detector.name)` | `\(detector.kind)` | \(Self.how(detector)) | \(detector.longestDelay) |\n"
        }
        page += "\n" + Self.vendors(table)
        let file = Repository.file("docs/detectors.md")
        if Repository.writesDocuments { try writeFile(file, Array(page.utf8), mode: 0o644) }
        let committed = String(decoding: try readFile(file), as: UTF8.self)
        #expect(committed == page, "run this test with GLOVEBOX_WRITE_DOCS=1, and look at what changes")
    }

    private static func isByName(_ detector: Detector) -> Bool {
        if case .vendor = detector.form { true } else { false }
    }

    /// The words of vendors, each a detector of its own.
    private static func vendors(_ table: [Detector]) -> String {
        func words(_ standsAlone: Bool) -> String {
            table.compactMap { detector in
                guard case .vendor(let alone) = detector.form, alone == standsAlone else { return nil }
                return detector.anchors.first.map(Self.code)
            }.joined(separator: ", ")
        }
        return """
            ## By a vendor's word

            A token-shaped value behind one of these words is an `api_key`; the detector is `WORD_by_name`. With a name for a key
            between the two (`flickr KEY …`, `acme.secret.…`) it may be short. Right behind one of these, a long one needs no name:

            \(words(true))

            Behind these, which stand for other things too, only with a name:

            \(words(false))

            """
    }

    private static func how(_ detector: Detector) -> String {
        let words = detector.anchors.prefix(4).map { Self.code($0) }.joined(separator: ", ")
        let keywords = detector.anchors.count > 4 ? "\(words), …" : words
        guard let pattern = detector.pattern.map(Self.code) else { return keywords.isEmpty ? "its form" : keywords }
        if case .near = detector.form { return "\(pattern) near \(keywords)" }
        return "\(keywords), then \(pattern)"
    }

    private static func code(_ text: String) -> String {
        "`\(text.replacing("|", with: "\\|"))`"
    }

    private static let head = """
        # Detectors

        Made by `DetectorReferenceTests` from `Sources/2-Codecs/DetectorRules/*.yaml`; don't edit it. Made anew with
        `GLOVEBOX_WRITE_DOCS=1 swift test --filter DetectorReferenceTests` (with the flags of `scripts/build-flags.sh`).

        A detector is data. Vectorscan looks for all keywords at once; a pattern then confirms what follows one, taking
        one look at each byte, and a validator confirms the whole before anything is masked.

            version: 1
            detectors:
              - name: acme_token            # a-z, 0-9, _
                kind: acme                  # the word in the pseudonym; the name, if it isn't written
                keywords: ["acme_"]         # what stands there literally: 2 bytes or more
                pattern: "[a-z0-9]{20}"     # what follows: sets and literals with {n}, {n,}, {n,m}, +, *, ?
                validator: mixed            # none, mixed, three_classes, jwt_header, hexadecimal
                positive: ["with ⟦acme_0123456789abcdefghij⟧ here"]
                negative: ["acme_short"]

        Further keys: `form` (`token`, the default; `near`: the pattern within `within` bytes behind a keyword; `named`: the value
        under a keyword, whatever it is; `vendor`: a token behind a vendor's word, with `alone: true` also without a name; `host`:
        a host that ends with a keyword; `command`: an argument of the command that a keyword names, which `options` says: `-p …`, `-p…`,
        `-u _:…`, `_ …`, with `…` for the secret and `_` for anything; the others are code), `before` (a set with a repeat that stands before the keyword and belongs to the token), `masks: value`
        (the keyword stays), `ignores_case`, `reach` (how far a detector looks behind its keyword), `sample` (makes an
        example of each keyword). A file whose own examples don't hold is refused, with its line.

        A stream holds a byte back for a detector's sake for at most as many bytes as the last column says.

        """
}
