import Crypto
package import GloveboxCore

extension ScramVerifier {
    /// What RFC 5802, section 3 keeps of a password: StoredKey and ServerKey under PBKDF2 with HMAC-SHA-256.
    ///
    /// - Parameters:
    ///   - password: already prepared (``SASLPrep``); a lease token is ASCII and needs no preparation.
    ///   - iterations: at least 1; RFC 7677 asks for 4096 where people choose passwords.
    package static func derive(password: Secret<[UInt8]>, salt: [UInt8], iterations: Int) -> ScramVerifier {
        let salted = ScramKeys.salted(password, salt: salt, iterations: iterations)
        return ScramVerifier(
            salt: salt, iterations: iterations, storedKey: ScramKeys.hash(ScramKeys.clientKey(salted)),
            serverKey: ScramKeys.serverKey(salted))
    }
}

/// The functions of RFC 5802, section 3, with SHA-256 (RFC 7677).
enum ScramKeys {
    /// The longest key derivation that a client accepts: a server could keep it busy otherwise.
    static let mostIterations = 2_000_000

    static func salted(_ password: Secret<[UInt8]>, salt: [UInt8], iterations: Int) -> SymmetricKey {
        let keyed = HMAC<SHA256>(key: SymmetricKey(data: password.exposeSecret()))
        func round(_ bytes: [UInt8]) -> [UInt8] {
            var mac = keyed
            mac.update(data: bytes)
            return Array(mac.finalize())
        }
        var last = round(salt + [0, 0, 0, 1])
        var sum = last
        for _ in 1..<max(iterations, 1) {
            last = round(last)
            for index in sum.indices { sum[index] ^= last[index] }
        }
        return SymmetricKey(data: sum)
    }

    static func clientKey(_ salted: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("Client Key".utf8), using: salted))
    }

    static func serverKey(_ salted: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("Server Key".utf8), using: salted))
    }

    static func hash(_ bytes: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: bytes))
    }

    static func signature(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    static func xor(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
        zip(a, b).map { $0 ^ $1 }
    }

    /// Takes as long whatever differs; lengths aren't secret.
    static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in a.indices { difference |= a[index] ^ b[index] }
        return difference == 0
    }
}

/// The attributes of a SCRAM message: `r=…,s=…,i=…`.
struct ScramAttributes {
    let all: [(name: UInt8, value: ArraySlice<UInt8>)]

    /// Nil where an attribute isn't a letter, `=` and a value.
    init?(_ message: ArraySlice<UInt8>) {
        var all: [(UInt8, ArraySlice<UInt8>)] = []
        for part in message.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard part.count >= 2, part[part.startIndex + 1] == UInt8(ascii: "=") else { return nil }
            let name = part[part.startIndex]
            guard (65...90).contains(name) || (97...122).contains(name) else { return nil }
            all.append((name, part.dropFirst(2)))
        }
        self.all = all
    }

    /// The value of the attribute at `index`, which must be `name`.
    func value(_ index: Int, _ name: Unicode.Scalar) -> ArraySlice<UInt8>? {
        guard index < self.all.count, UInt32(self.all[index].name) == name.value else { return nil }
        return self.all[index].value
    }

    /// Nonces are printable ASCII without a comma (RFC 5802, section 7).
    static func isNonce(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.count <= 1024
            && bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
    }
}
