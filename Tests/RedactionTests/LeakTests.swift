import Foundation
import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

/// A way to write a text, and how much of it tells five characters.
private struct Writing: Sendable {
    var name: String
    /// Raw characters that five characters take.
    var window: Int
    /// - Returns: the whole as it's written, and the span in it that the secret takes.
    var write: @Sendable (_ text: [UInt8], _ secret: Range<Int>) -> (bytes: [UInt8], secret: Range<Int>)

    static func units(
        _ name: String, window: Int, head: String = "", tail: String = "", _ unit: @escaping @Sendable (UInt8) -> String
    )
        -> Self
    {
        Self(name: name, window: window) { text, secret in
            func written(_ range: Range<Int>) -> [UInt8] { text[range].flatMap { Array(unit($0).utf8) } }
            let before = Array(head.utf8) + written(0..<secret.lowerBound)
            let inside = written(secret)
            return (
                before + inside + written(secret.upperBound..<text.count) + Array(tail.utf8),
                before.count..<(before.count + inside.count)
            )
        }
    }

    static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }

    static func base64(_ name: String, shift: Int, isURLSafe: Bool = false, fold: Int? = nil) -> Self {
        Self(name: name, window: 7) { text, secret in
            let pad =
                fold == nil
                ? [UInt8](repeating: 0x2E, count: shift) : Array("The quick brown fox jumps over lazy dogs. ".utf8)
            var code = Array(Data(pad + text).base64EncodedString().utf8)
            if isURLSafe {
                code = code.compactMap { $0 == 0x2B ? 0x2D : $0 == 0x2F ? 0x5F : $0 == 0x3D ? nil : $0 }
            }
            var first = (pad.count + secret.lowerBound) * 8 / 6
            var last = ((pad.count + secret.upperBound) * 8 + 5) / 6
            if let fold {
                var folded: [UInt8] = []
                for (index, byte) in code.enumerated() {
                    if index > 0, index % fold == 0 { folded.append(0x0A) }
                    folded.append(byte)
                }
                code = folded
                first += first / fold
                last += (last - 1) / fold
            }
            let head = Array("data ".utf8)
            return (head + code + Array(" end\n".utf8), (head.count + first)..<(head.count + last))
        }
    }

    static let all: [Self] = [
        .units("raw", window: 5) { String(UnicodeScalar($0)) },
        .units("JSON string", window: 5, head: "{\"message\":\"", tail: "\"}\n") {
            switch $0 {
            case 0x22: "\\\""
            case 0x5C: "\\\\"
            case 0x2F: "\\/"
            case 0x0A: "\\n"
            default: String(UnicodeScalar($0))
            }
        },
        .units("\\u", window: 30, head: "{\"message\":\"", tail: "\"}\n") { "\\u00" + Self.hex($0) },
        .units("percent", window: 15, head: "GET /?q=", tail: " HTTP/1.1\n") { "%" + Self.hex($0).uppercased() },
        .base64("base64", shift: 0), .base64("base64 + 1", shift: 1), .base64("base64 + 2", shift: 2),
        .base64("base64, URL-safe", shift: 1, isURLSafe: true),
        .base64("base64, folded", shift: 0, fold: 64),
        .units("hexadecimal", window: 10, head: "\\\\x", tail: " end\n") { Self.hex($0) },
        .units("entities", window: 25, head: "<p>", tail: "</p>\n") { "&#\($0);" },
    ]
}

@Suite("Leaks")
struct LeakTests {
    /// An example of each kind that the engine detects whole.
    private static func examples(_ fixture: Fixture) throws -> [Detector.Example] {
        var seen: Set<Kind> = []
        var examples: [Detector.Example] = []
        for detector in fixture.detectors.table {
            // What a manifest's lines say is lost where they aren't lines: `StructureTests` cuts it.
            if case .manifest = detector.form { continue }
            guard let example = detector.positive.first, example.text.utf8.allSatisfy({ $0 < 0x80 }),
                let out = try fixture.mask(example.text), !leaks(example.secret, in: out, beside: example.text),
                seen.insert(detector.kind).inserted
            else { continue }
            examples.append(example)
        }
        return examples
    }

    private static func isLeaked(_ input: [UInt8], _ secret: Range<Int>, window: Int, in out: [UInt8]) -> Bool {
        let span = input[secret].filter { $0 != 0x0A }
        let rest = String(decoding: input[..<secret.lowerBound] + [0] + input[secret.upperBound...], as: UTF8.self)
        let out = String(decoding: (levelled(out) ?? out).filter { $0 != 0x0A }, as: UTF8.self)
        let count = min(window, span.count)
        for start in 0...(span.count - count) {
            let part = String(decoding: span[start..<(start + count)], as: UTF8.self)
            if out.contains(part), !rest.contains(part) { return true }
        }
        return false
    }

    @Test("no kind leaks in any encoding, wherever its stream is cut")
    func everyOffset() throws {
        let fixture = try Fixture()
        let examples = try Self.examples(fixture)
        #expect(examples.count >= 80)
        let masker = try fixture.masker()
        // Of another lease, which doesn't know what the whole has taught.
        let streaming = try fixture.masker()
        var report = ""
        for writing in Writing.all {
            var (runs, leaked) = (0, 0)
            for example in examples {
                let text = Array(example.text.utf8)
                guard let place = example.text.range(of: example.secret) else { continue }
                let start = example.text.utf8.distance(from: example.text.startIndex, to: place.lowerBound)
                let (bytes, secret) = writing.write(text, start..<(start + example.secret.utf8.count))
                let whole: [UInt8]
                switch try masker.mask(ByteBuffer(bytes: bytes), as: .text, scope: .random) {
                case .masked(let buffer): whole = Array(buffer.readableBytesView)
                default: whole = bytes
                }
                let level = levelled(whole)
                var known: (out: [UInt8]?, leaks: Bool) = (nil, false)
                for cut in 0...bytes.count {
                    var stream = try RedactionStream(streaming)
                    var out = ByteBuffer()
                    try stream.write(ByteBuffer(bytes: bytes[..<cut]), into: &out)
                    try stream.write(ByteBuffer(bytes: bytes[cut...]), into: &out)
                    try stream.finish(into: &out)
                    let result = levelled(Array(out.readableBytesView))
                    runs += 1
                    if result != known.out {
                        known = (
                            result,
                            Self.isLeaked(bytes, secret, window: writing.window, in: Array(out.readableBytesView))
                        )
                        #expect(
                            result == level,
                            "\(writing.name) cut at \(cut) isn't the whole: \(example.text)")
                        if known.leaks {
                            Issue.record("\(writing.name), cut at \(cut): \(example.text) → \(String(buffer: out))")
                        }
                    }
                    if known.leaks { leaked += 1 }
                }
            }
            report += "leak rate, \(writing.name): \(leaked) of \(runs)\n"
            #expect(leaked == 0)
        }
        print(report)
    }
}
