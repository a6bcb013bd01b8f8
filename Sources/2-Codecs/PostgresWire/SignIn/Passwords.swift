import Crypto
import GloveboxCore

/// Prepares passwords for SCRAM as RFC 4013 says, as far as that needs no Unicode tables.
///
/// Done: spaces other than U+0020 become U+0020; characters "commonly mapped to nothing" (RFC 3454, table B.1) go;
/// with a prohibited character or an empty result the password is used as it is, as PostgreSQL does. Not done:
/// normalisation to NFKC and the rules for text in both directions: a password beyond ASCII must be given in NFKC.
enum SASLPrep {
    static func prepare(_ password: Secret<String>) -> Secret<[UInt8]> {
        let raw = password.exposeSecret()
        let asItIs = Secret(Array(raw.utf8))
        if raw.utf8.allSatisfy({ $0 < 0x80 }) { return asItIs }
        var prepared = String.UnicodeScalarView()
        for scalar in raw.unicodeScalars {
            if Self.isProhibited(scalar) { return asItIs }
            if Self.isSpace(scalar) {
                prepared.append(" ")
            } else if !Self.isMappedToNothing(scalar) {
                prepared.append(scalar)
            }
        }
        if prepared.isEmpty { return asItIs }
        return Secret(Array(String(prepared).utf8))
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xA0, 0x1680, 0x2000...0x200A, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    private static func isMappedToNothing(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0xAD, 0x34F, 0x1806, 0x180B...0x180D, 0x200B...0x200D, 0x2060, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    /// Controls, private use, non-characters, and what changes display or tags (RFC 3454, tables C.2 to C.9).
    private static func isProhibited(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x340...0x341, 0x6DD, 0x70F, 0x180E, 0x200E...0x200F, 0x2028...0x202E,
            0x2061...0x2063,
            0x206A...0x206F, 0x2FF0...0x2FFB, 0xE000...0xF8FF, 0xFDD0...0xFDEF, 0xFFF9...0xFFFF, 0x1D173...0x1D17A,
            0xE0001, 0xE0020...0xE007F, 0xF0000...0x10FFFF:
            true
        case let value: value & 0xFFFE == 0xFFFE
        }
    }
}

/// The answer to AuthenticationMD5Password: `md5` and the digest of the digest of password and user, and the salt.
enum MD5Password {
    static func answer(user: String, password: Secret<String>, salt: [UInt8]) -> [UInt8] {
        let inner = Self.digest(Array(password.exposeSecret().utf8) + Array(user.utf8))
        return Array("md5".utf8) + Self.digest(inner + salt)
    }

    /// MD5 in lower-case hexadecimal.
    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return Insecure.MD5.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }
}
