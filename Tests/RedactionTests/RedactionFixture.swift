import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

/// What the tests of this target share: one compiled set, and short ways to mask.
struct Fixture {
    let detectors: Detectors

    init() throws {
        self.detectors = try Self.shared.get()
    }

    private static let shared = Result { () throws(GloveboxError) in try Detectors() }

    func masker(linkable: Bool = false) throws -> Masker {
        try Masker(detectors: self.detectors, pseudonyms: Pseudonyms(linkable: linkable))
    }

    /// `text` masked as a whole, or nil for null.
    func mask(_ text: String, as shape: ValueShape = .text) throws -> String? {
        try Self.text(self.masker().mask(ByteBuffer(string: text), as: shape, scope: .random), of: text)
    }

    static func text(_ result: MaskResult, of text: String) -> String? {
        switch result {
        case .clean: text
        case .masked(let buffer): String(buffer: buffer)
        case .null: nil
        }
    }

    /// `text` masked as a stream of the given chunks.
    func stream(_ chunks: [[UInt8]]) throws -> [UInt8] {
        var stream = try RedactionStream(self.masker())
        var out = ByteBuffer()
        for chunk in chunks { try stream.write(ByteBuffer(bytes: chunk), into: &out) }
        try stream.finish(into: &out)
        return Array(out.readableBytesView)
    }
}

/// `text` with the digits of each pseudonym as zeros: what is equal when only the draw differs.
func levelled(_ text: String) -> String {
    levelled(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } ?? text
}

func levelled(_ bytes: [UInt8]) -> [UInt8]? {
    var out = bytes
    var index = 0
    while index + 3 < out.count {
        guard out[index] == 0xE2, out[index + 1] == 0x80, out[index + 2] == 0xB9 else {
            index += 1
            continue
        }
        var colon = index + 3
        while colon < out.count, out[colon].isLower || out[colon].isDigit || out[colon] == UInt8(ascii: "_") {
            colon += 1
        }
        let end = colon + 1 + Pseudonyms.length
        if end + 3 <= out.count, out[colon] == UInt8(ascii: ":"), out[end] == 0xE2, out[end + 1] == 0x80,
            out[end + 2] == 0xBA
        {
            for digit in (colon + 1)..<end { out[digit] = 0x30 }
        }
        index = colon
    }
    return out
}

/// Whether five characters of `secret` in a row are left in `out` (all of them, if it is shorter).
func leaks(_ secret: String, in out: String, beside text: String) -> Bool {
    let secret = Array(secret.utf8)
    let rest = text.replacing(String(decoding: secret, as: UTF8.self), with: "\0")
    let count = min(5, secret.count)
    for start in 0...(secret.count - count) {
        let part = String(decoding: secret[start..<(start + count)], as: UTF8.self)
        if out.contains(part), !rest.contains(part) { return true }
    }
    return false
}
