import Foundation
import GloveboxCore
import TestSupport
import Testing

@testable import Redaction

/// Recall on labelled texts that aren't ours, where they are at hand. Every third text is held out: nobody looks at what
/// is missed in it, so that its figure says how the detectors do on kinds that they weren't tried on.
@Suite("Recall on labelled texts")
struct CorpusRecallTests {
    private struct Text: Decodable {
        struct Span: Decodable {
            var type: String
            var value: String
        }
        var text: String
        var secret: String?
        var name: String?
        var spans: [Span]?

        var values: [(kind: String, value: String)] {
            if let secret = self.secret { return [(self.name ?? "secret", secret)] }
            return (self.spans ?? []).map { ($0.type, $0.value) }
        }
    }

    private static let folder = Repository.file("../shared/corpora")
    private static let isThere = FileManager.default.fileExists(atPath: Self.folder)

    /// How many values were masked, of the open and the held-out texts.
    private struct Recall {
        var masked = 0
        var all = 0
        var share: Double { Double(self.masked) / Double(max(self.all, 1)) }
    }

    private func texts(_ file: String) async throws -> [Text] {
        let lines = try await Subprocess.check(["gzip", "-dc", "\(Self.folder)/\(file)"])
        return try lines.utf8.split(separator: 0x0A).map { try JSONDecoder().decode(Text.self, from: Data($0)) }
    }

    private func measure(
        _ file: String, kinds: Set<String>? = nil
    ) async throws -> (open: Recall, heldOut: Recall, kinds: [String: Recall]) {
        let masker = try Fixture().masker()
        let showsMisses = ProcessInfo.processInfo.environment["GLOVEBOX_SHOW_MISSES"] != nil
        var (open, heldOut, byKind) = (Recall(), Recall(), [String: Recall]())
        for (index, text) in try await self.texts(file).enumerated() {
            let out = try masker.maskText(text.text)
            for (kind, value) in text.values where kinds?.contains(kind) != false {
                let isMasked = !leaks(value, in: out, beside: text.text)
                let isHeldOut = index % 3 == 2
                heldOut.all += isHeldOut ? 1 : 0
                heldOut.masked += isHeldOut && isMasked ? 1 : 0
                open.all += isHeldOut ? 0 : 1
                open.masked += !isHeldOut && isMasked ? 1 : 0
                byKind[kind, default: Recall()].all += 1
                byKind[kind, default: Recall()].masked += isMasked ? 1 : 0
                if showsMisses, !isMasked, !isHeldOut { print("missed \(kind): \(value) in \(text.text.prefix(160))") }
            }
        }
        print("recall \(file): open \(open.masked)/\(open.all), held out \(heldOut.masked)/\(heldOut.all)")
        return (open, heldOut, byKind)
    }

    @Test("secrets of six hundred kinds", .enabled(if: Self.isThere, "needs --all: the shared corpora"))
    func secrets() async throws {
        let recall = try await self.measure("secrets.jsonl.gz")
        #expect(recall.open.share >= 0.5)
        #expect(recall.heldOut.share >= 0.5)
    }

    @Test("personal data with a form", .enabled(if: Self.isThere, "needs --all: the shared corpora"))
    func personal() async throws {
        let kinds: Set = ["CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "PHONE_NUMBER"]
        let recall = try await self.measure("pii.jsonl.gz", kinds: kinds)
        for (kind, figure) in recall.kinds.sorted(by: { $0.key < $1.key }) {
            print("recall \(kind): \(figure.masked)/\(figure.all)")
        }
        #expect(recall.open.share >= 0.5)
    }
}
