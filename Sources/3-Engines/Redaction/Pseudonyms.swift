import Crypto
import Glibc
import GloveboxCore

/// Makes what stands for a masked value: `‹kind:` + 16 digits of Crockford base 32 (80 bits) + `›`.
///
/// Equal only for equal values of one stored column, and only if `linkable`: HMAC-SHA256 over scope, kind and value
/// under a key that this instance draws for itself and that never leaves memory. Any other is drawn at random, so that
/// nobody can compute `'+4179' || n` and compare. One per lease.
package final class Pseudonyms: Sendable {
    /// Has taken its key already, which costs more than a short value does; copied for each.
    private let code: HMAC<SHA256>?
    /// The secrets that were masked under the lease.
    let taint: Taint

    /// Most secrets that are known again.
    package static let mostKept = Taint.most

    /// - Parameters:
    ///   - linkable: whether equal values of a column may be recognised as equal (`read` leases).
    ///   - overflowed: called once, when there's no room for another secret that is to be known again; on the thread that
    ///     masks, so it mustn't block.
    package init(linkable: Bool, overflowed: @escaping @Sendable () -> Void = {}) {
        self.taint = Taint(overflowed: overflowed)
        self.code = linkable ? HMAC<SHA256>(key: SymmetricKey(size: .bits256)) : nil
    }

    /// How many base 32 digits.
    package static let length = 16

    /// Whether the bytes are exactly a pseudonym. Anybody can write one: where it matters only what a name says, that is
    /// harmless; what a value looks like is judged all the same.
    static func isPseudonym(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > Self.length + 7, bytes.starts(with: [0xE2, 0x80, 0xB9]),
            bytes.suffix(3).elementsEqual([0xE2, 0x80, 0xBA])
        else { return false }
        let colon = bytes.count - 3 - Self.length - 1
        guard bytes[colon] == UInt8(ascii: ":") else { return false }
        return bytes[3..<colon].allSatisfy { $0.isLower || $0.isDigit || $0 == UInt8(ascii: "_") }
            && bytes[(colon + 1)..<(bytes.count - 3)].allSatisfy { Base32.isDigit($0) }
    }

    /// The UTF-8 bytes of a pseudonym for `value`.
    func bytes(
        kind: Kind, value: UnsafeRawBufferPointer, scope: PseudonymScope, _ draw: inout RandomDraw
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(kind.rawValue.utf8.count + Self.length + 7)
        out.append(contentsOf: [0xE2, 0x80, 0xB9])
        out.append(contentsOf: kind.rawValue.utf8)
        out.append(UInt8(ascii: ":"))
        self.appendDigits(kind: kind, value: value, scope: scope, &draw, to: &out)
        out.append(contentsOf: [0xE2, 0x80, 0xBA])
        return out
    }

    private func appendDigits(
        kind: Kind, value: UnsafeRawBufferPointer, scope: PseudonymScope, _ draw: inout RandomDraw,
        to out: inout [UInt8]
    ) {
        guard var code = self.code, case .column(let table, let attribute) = scope else {
            return Self.append(high: draw.next(), low: draw.next(), to: &out)
        }
        // The fixed-width scope and the terminated kind make the input's parts unambiguous.
        var head: [UInt8] = []
        head.reserveCapacity(kind.rawValue.utf8.count + 8)
        head.append(1)
        withUnsafeBytes(of: table.bigEndian) { head.append(contentsOf: $0) }
        withUnsafeBytes(of: attribute.bigEndian) { head.append(contentsOf: $0) }
        head.append(contentsOf: kind.rawValue.utf8)
        head.append(0)
        code.update(data: head)
        code.update(data: value)
        let (high, low) = code.finalize().withUnsafeBytes { bytes in
            (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        Self.append(high: high, low: low, to: &out)
    }

    /// 80 of 128 bits: 40 of each half.
    private static func append(high: UInt64, low: UInt64, to out: inout [UInt8]) {
        for index in 0..<Self.length {
            let half = index < 8 ? high : low
            out.append(Base32.alphabet[Int(half >> UInt64(5 * (index & 7)) & 31)])
        }
    }
}

/// Random words from the system's source, drawn many at a time: a call for each pseudonym would cost more than the rest.
struct RandomDraw {
    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = self.words.popLast() { return word }
        self.words = [UInt64](unsafeUninitializedCapacity: 32) { words, count in
            count = getentropy(words.baseAddress, 256) == 0 ? 32 : 0
        }
        var generator = SystemRandomNumberGenerator()
        return self.words.popLast() ?? generator.next()
    }
}
