import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

/// Pieces of texts of other suites, in any order: a stream says what the whole does.
@Suite("Texts in disorder")
struct DisorderTests {
    private static let texts =
        CommandTests.commands + CommandTests.plain + DataSourceTests.sources + NameTests.names + TailTests.tails
        + TailTests.headers + SerializedTests.data + SerializedTests.plain + InvisibleTests.texts + NumberTests.numbers

    @Test("however pieces of texts follow each other, and are cut, a stream comes out as the whole does")
    func disorder() throws {
        let fixture = try Fixture()
        var pieces = Self.texts.map { Array(MarkedText($0).text.utf8) }
        pieces += [
            ",", "\"", "'", "\n", "\r\n", " ", "=", ":", ";", "&", ")", "<", ">", "\\", "\\\"", "\\n", "-p",
            "password=",
            "\"password\":", "\u{1B}[0m", "\u{200B}", "\u{A0}", "\0", "@//", ":1521/", ":5432:",
        ].map { Array($0.utf8) }
        var generator = SeededGenerator(seed: 20_261_127)
        for _ in 0..<6_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let piece = pieces.randomElement(using: &generator) ?? []
                let start = Int.random(in: 0...piece.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes += piece
                case 1: bytes += piece[..<start]
                default: bytes += piece[start...]
                }
            }
            let whole = try fixture.masker().mask(ByteBuffer(bytes: bytes), as: .text, scope: .random)
            var expected = bytes
            if case .masked(let buffer) = whole { expected = Array(buffer.readableBytesView) }
            var chunks: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...60, using: &generator))
                chunks.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let out = (try? fixture.stream(chunks)) ?? Array("failed".utf8)
            if levelled(out) != levelled(expected) {
                let texts = [bytes, expected, out].map { String(decoding: $0, as: UTF8.self).debugDescription }
                Issue.record("\(texts[0]): whole \(texts[1]) ≠ chunked \(texts[2])")
                return
            }
        }
    }
}
