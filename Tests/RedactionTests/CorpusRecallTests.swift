import Foundation
import GloveboxCore
import TestSupport
import Testing

@testable import Redaction

/// Recall on labelled texts that aren't ours, where they are at hand: as they are, and with everything behind the first
/// part of each secret drawn anew, so that no detector passes for knowing the text.
@Suite("Recall on labelled texts")
struct CorpusRecallTests {
    fileprivate struct Text: Decodable {
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

    /// How many values were masked.
    private struct Recall {
        var masked = 0
        var all = 0
        var share: Double { Double(self.masked) / Double(max(self.all, 1)) }
    }

    private func texts(_ file: String) async throws -> [Text] {
        let lines = try await Subprocess.check(["gzip", "-dc", "\(Self.folder)/\(file)"])
        return try lines.utf8.split(separator: 0x0A).map { try JSONDecoder().decode(Text.self, from: Data($0)) }
    }

    private func measure(_ texts: [Text], kinds: Set<String>? = nil) throws -> (all: Recall, kinds: [String: Recall]) {
        let masker = try Fixture().masker()
        let showsMisses = ProcessInfo.processInfo.environment["GLOVEBOX_SHOW_MISSES"] != nil
        var (all, byKind) = (Recall(), [String: Recall]())
        for text in texts {
            let out = try masker.maskText(text.text)
            for (kind, value) in text.values where kinds?.contains(kind) != false {
                let isMasked = !leaks(value, in: out, beside: text.text)
                all.all += 1
                all.masked += isMasked ? 1 : 0
                byKind[kind, default: Recall()].all += 1
                byKind[kind, default: Recall()].masked += isMasked ? 1 : 0
                if showsMisses, !isMasked { print("missed \(kind): \(value) in \(text.text.prefix(160))") }
            }
        }
        print("recall: \(all.masked) of \(all.all)")
        return (all, byKind)
    }

    @Test("secrets of six hundred kinds: 98 of 100", .enabled(if: Self.isThere, "needs --all: the shared corpora"))
    func secrets() async throws {
        #expect(try self.measure(await self.texts("secrets.jsonl.gz")).all.share >= 0.98)
    }

    @Test(
        "other secrets of the same kinds: 98 of 100", .enabled(if: Self.isThere, "needs --all: the shared corpora"),
        arguments: [1, 2, 3] as [UInt64])
    func others(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let texts = try await self.texts("secrets.jsonl.gz").compactMap { $0.drawnAnew(&generator) }
        #expect(texts.count > 600)
        #expect(try self.measure(texts).all.share >= 0.98)
    }

    @Test(
        "personal data with a form: 97 of 100 of each kind",
        .enabled(if: Self.isThere, "needs --all: the shared corpora"))
    func personal() async throws {
        let kinds: Set = ["CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "PHONE_NUMBER"]
        let recall = try self.measure(await self.texts("pii.jsonl.gz"), kinds: kinds)
        #expect(Set(recall.kinds.keys) == kinds)
        for (kind, figure) in recall.kinds { #expect(figure.share >= 0.97, "\(kind): \(figure.masked)/\(figure.all)") }
    }
}

extension CorpusRecallTests.Text {
    /// The text with another secret of the same make: each letter and digit behind the first part drawn anew from its
    /// class. Nil where the secret is a name, a host or a structure, of which each character says something.
    fileprivate func drawnAnew(_ generator: inout SeededGenerator) -> Self? {
        guard let secret = self.secret, secret.count >= 16,
            secret.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_=+/".contains($0)) }),
            secret.contains(where: \.isNumber), !secret.contains("eyJ")
        else { return nil }
        let isHex = secret.allSatisfy { $0.isHexDigit || $0 == "-" }
        let kept = isHex ? 0 : max(8, secret.count * 2 / 3)
        let drawn = String(
            secret.enumerated().map { index, character in
                guard index >= kept else { return character }
                let set: String =
                    switch character {
                    case "0"..."9": "0123456789"
                    case "a"..."f" where isHex: "abcdef"
                    case "A"..."F" where isHex: "ABCDEF"
                    case "a"..."z": isHex ? "abcdef" : "abcdefghijklmnopqrstuvwxyz"
                    case "A"..."Z": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                    default: String(character)
                    }
                return set.randomElement(using: &generator) ?? character
            })
        var text = self
        text.text = self.text.replacing(secret, with: drawn)
        text.secret = drawn
        return text
    }
}
