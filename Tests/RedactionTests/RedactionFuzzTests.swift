import Foundation
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
        pieces += ["%41", "%3D%22", "\\\\\"", "\\/", "&quot;", "&#112;", "&am", "+", "\\u00", "\n  "].map {
            Array($0.utf8)
        }
        pieces.append([0xFF, 0xC3])
        return pieces
    }

    /// The same in one of the encodings, with something before it and behind.
    private static func written(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        let long = Bool.random(using: &generator) ? bytes + bytes + bytes : bytes
        let code: [UInt8]
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: code = Array(Data(long).base64EncodedString().utf8)
        case 1: code = Array(Data(long).base64EncodedString(options: .lineLength64Characters).utf8)
        case 2: code = long.flatMap { Array(String($0, radix: 16).utf8) }
        case 3: code = long.flatMap { Array("%\(String($0 | 0x10, radix: 16))".utf8) }
        default: code = long.flatMap { Array("\\u00\(String($0 | 0x10, radix: 16))".utf8) }
        }
        let around = ["", " ", "x", "/", "\"", "%", "=", "\n"].map { Array($0.utf8) }
        return (around.randomElement(using: &generator) ?? []) + code + (around.randomElement(using: &generator) ?? [])
    }

    @Test("50,000 inputs: no crash, and chunked equals whole")
    func fuzz() throws {
        let detectors = try Fixture().detectors
        let pieces = Self.pieces(detectors)
        var generator = SeededGenerator(seed: 20_260_101)
        // Of another lease, which doesn't know what the whole has taught.
        let streaming = try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: true))
        var masked = 0
        for round in 0..<50_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...9, using: &generator) {
                bytes += pieces.randomElement(using: &generator) ?? []
            }
            if round % 3 == 0 { bytes = Self.written(bytes, &generator) }
            let masker = try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: true))
            let result = try masker.mask(ByteBuffer(bytes: bytes), as: .text, scope: .random)
            var whole = bytes
            if case .masked(let buffer) = result {
                whole = Array(buffer.readableBytesView)
                masked += 1
            }
            _ = try masker.mask(ByteBuffer(bytes: bytes), as: .json, scope: .random)
            guard round % 2 == 0 else { continue }
            var stream = try RedactionStream(streaming)
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
