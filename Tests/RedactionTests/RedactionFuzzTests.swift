import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

/// Seeded noise made of what the detectors look for: nothing crashes, and a stream says what the whole does.
@Suite("Redaction under noise")
struct RedactionFuzzTests {
    private static func pieces(_ detectors: Detectors) -> [[UInt8]] {
        var pieces: [[UInt8]] = detectors.table.flatMap(\.anchors).map { Array($0.description.utf8) }
        for detector in detectors.table.suffix(14) { pieces += detector.positive.map { Array($0.text.utf8) } }
        pieces += [
            " ", " ", "\n", "=", ":", "\"", "'", "\\", "@", ".", "-", "+", "(", ")", "{", "}", "[", "]", "<", ">", ",",
            "://", "a",
            "Z9", "0", "4111", "1111", "00", "+41", "CH93", "password", "é", "‹", "›", "-----END", "-----", "\\n",
            "\\u0041", "%3D",
            "example.com", "\0", "x12", "ext 4", "null", "0123456789abcdef", "AbCdEfGhIjKlMnOpQrSt0123456789",
        ].map { Array($0.utf8) }
        pieces.append([0xFF, 0xC3])
        return pieces
    }

    @Test("50,000 inputs: no crash, and chunked equals whole")
    func fuzz() throws {
        let detectors = try Fixture().detectors
        let pieces = Self.pieces(detectors)
        var generator = SeededGenerator(seed: 20_260_101)
        let masker = try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: true))
        var masked = 0
        for round in 0..<50_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...9, using: &generator) {
                bytes += pieces.randomElement(using: &generator) ?? []
            }
            let result = try masker.mask(ByteBuffer(bytes: bytes), as: .text, scope: .random)
            var whole = bytes
            if case .masked(let buffer) = result {
                whole = Array(buffer.readableBytesView)
                masked += 1
            }
            _ = try masker.mask(ByteBuffer(bytes: bytes), as: .json, scope: .random)
            guard round % 2 == 0 else { continue }
            var stream = try RedactionStream(masker)
            var out = ByteBuffer()
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...40, using: &generator))
                try stream.write(ByteBuffer(bytes: rest.prefix(count)), into: &out)
                rest = rest.dropFirst(count)
            }
            try stream.finish(into: &out)
            if levelled(Array(out.readableBytesView)) != levelled(whole) {
                let texts = [bytes, whole, Array(out.readableBytesView)].map {
                    String(decoding: $0, as: UTF8.self).debugDescription
                }
                Issue.record("\(texts[0]): whole \(texts[1]) ≠ chunked \(texts[2])")
                return
            }
        }
        #expect(masked > 10_000)
    }
}
