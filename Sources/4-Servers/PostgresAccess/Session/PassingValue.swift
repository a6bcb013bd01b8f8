import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// A value that passes in pieces, masked in place: as long when it comes out as when it went in.
///
/// Throws `redaction_failed`, and `malformed_message` for a `bytea` that isn't hexadecimal.
final class PassingValue {
    private let isHexadecimal: Bool
    private var stream: RedactionStream
    /// Bytes that came in, so far.
    private var taken = 0
    /// The first digit of a byte whose second isn't there yet.
    private var digit: UInt8?

    /// - Returns: nil for a value of a form that can't be masked in place.
    init?(_ form: ValueForm, _ masker: any SessionMasking) throws(GloveboxError) {
        switch form {
        case .itself(.text), .converted(.bytea, .binary, _): self.isHexadecimal = false
        case .converted(.bytea, .text, _): self.isHexadecimal = true
        default: return nil
        }
        self.stream = try masker.streamInPlace()
    }

    /// Takes the next bytes, and writes into `out` what may pass.
    func take(_ piece: ByteBuffer, isLast: Bool, into out: inout ByteBuffer) throws {
        guard self.isHexadecimal else {
            try self.stream.write(piece, into: &out)
            if isLast { try self.stream.finish(into: &out) }
            return
        }
        var raw = ByteBuffer()
        try self.decode(piece, isLast: isLast, into: &raw, prefixInto: &out)
        var masked = ByteBuffer()
        try self.stream.write(raw, into: &masked)
        if isLast { try self.stream.finish(into: &masked) }
        Self.encode(masked, into: &out)
    }

    /// Hexadecimal behind `\x`, as PostgreSQL writes it unless `bytea_output` says otherwise.
    private func decode(
        _ piece: ByteBuffer, isLast: Bool, into raw: inout ByteBuffer, prefixInto out: inout ByteBuffer
    ) throws(PostgresWireError) {
        raw.reserveCapacity(piece.readableBytes / 2 + 1)
        for byte in piece.readableBytesView {
            defer { self.taken += 1 }
            guard self.taken > 1 else {
                guard byte == (self.taken == 0 ? UInt8(ascii: "\\") : UInt8(ascii: "x")) else {
                    throw .malformed("a long bytea isn't hexadecimal: set bytea_output to hex")
                }
                out.writeInteger(byte)
                continue
            }
            guard let value = BinaryValue.hexDigit(byte) else {
                throw .malformed("a bytea's digit isn't hexadecimal")
            }
            if let high = self.digit {
                raw.writeInteger(high << 4 | value)
                self.digit = nil
            } else {
                self.digit = value
            }
        }
        guard !isLast || self.digit == nil else { throw .malformed("a bytea has an odd number of digits") }
    }

    private static func encode(_ bytes: ByteBuffer, into out: inout ByteBuffer) {
        out.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.readableBytes * 2) { target in
            var index = 0
            for byte in bytes.readableBytesView {
                target[index] = BinaryValue.hexDigits[Int(byte >> 4)]
                target[index + 1] = BinaryValue.hexDigits[Int(byte & 15)]
                index += 2
            }
            return index
        }
    }
}
