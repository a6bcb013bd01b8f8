package import GloveboxCore

/// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. It also checks that the server
/// knows the password.
///
/// Transitions: awaitingChallenge → awaitingFinal → finished; anything wrong → finished. Every failure throws
/// `scram_failed`.
package struct ScramClient: ~Copyable {
    private enum State: ~Copyable {
        case awaitingChallenge
        case awaitingFinal(serverSignature: [UInt8])
        case finished
    }

    private var state = State.awaitingChallenge
    private let password: Secret<String>
    private let clientFirstBare: [UInt8]
    private let nonce: [UInt8]
    private static let header = Array("n,,".utf8)

    /// Set once the server has proved that it knows the password.
    package private(set) var isVerified = false

    /// - Parameters:
    ///   - user: empty for PostgreSQL, which takes the startup packet's.
    ///   - nonce: printable ASCII without comma, from a random source, at least 18 bytes.
    package init(user: String = "", password: Secret<String>, nonce: String) {
        self.password = password
        self.nonce = Array(nonce.utf8)
        var name: [UInt8] = []
        for byte in user.utf8 {
            switch byte {
            case UInt8(ascii: "="): name += Array("=3D".utf8)
            case UInt8(ascii: ","): name += Array("=2C".utf8)
            default: name.append(byte)
            }
        }
        self.clientFirstBare = Array("n=".utf8) + name + Array(",r=".utf8) + self.nonce
    }

    /// The client-first-message.
    package var first: [UInt8] { Self.header + self.clientFirstBare }

    /// Takes the server-first-message (SASLContinue) and gives the client-final-message.
    package mutating func challenged(_ message: [UInt8]) throws(PostgresWireError) -> [UInt8] {
        switch exchange(&self.state, with: .finished) {
        case .awaitingChallenge: break
        case .awaitingFinal: throw Self.failed("the server sent a challenge twice")
        case .finished: throw Self.failed("the server sent a challenge after the end")
        }
        guard let attributes = ScramAttributes(message[...]), let nonce = attributes.value(0, "r"),
            let saltText = attributes.value(1, "s"), let iterationsText = attributes.value(2, "i")
        else { throw Self.failed("the server's challenge is malformed") }
        guard nonce.count > self.nonce.count, nonce.starts(with: self.nonce), ScramAttributes.isNonce(nonce) else {
            throw Self.failed("the server's nonce doesn't continue ours")
        }
        guard let salt = Base64.decode(saltText), !salt.isEmpty,
            let iterations = Int(String(decoding: iterationsText, as: UTF8.self)),
            (1...ScramKeys.mostIterations).contains(iterations)
        else { throw Self.failed("the server's salt or iteration count is malformed") }
        let salted = ScramKeys.salted(SASLPrep.prepare(self.password), salt: salt, iterations: iterations)
        let withoutProof = Array("c=".utf8) + Base64.encode(Self.header) + Array(",r=".utf8) + nonce
        let comma = [UInt8(ascii: ",")]
        let authMessage = self.clientFirstBare + comma + message + comma + withoutProof
        let clientKey = ScramKeys.clientKey(salted)
        let proof = ScramKeys.xor(clientKey, ScramKeys.signature(ScramKeys.hash(clientKey), authMessage))
        self.state = .awaitingFinal(serverSignature: ScramKeys.signature(ScramKeys.serverKey(salted), authMessage))
        return withoutProof + Array(",p=".utf8) + Base64.encode(proof)
    }

    /// Takes the server-final-message (SASLFinal).
    package mutating func finished(_ message: [UInt8]) throws(PostgresWireError) {
        switch exchange(&self.state, with: .finished) {
        case .awaitingFinal(let expected):
            guard let attributes = ScramAttributes(message[...]), let text = attributes.value(0, "v"),
                let signature = Base64.decode(text), ScramKeys.equal(signature, expected)
            else { throw Self.failed("the server doesn't know the password: it may not be the right server") }
            self.isVerified = true
        case .awaitingChallenge: throw Self.failed("the server ended the exchange before its challenge")
        case .finished: throw Self.failed("the server ended the exchange twice")
        }
    }

    private static func failed(_ what: String) -> PostgresWireError {
        PostgresWireError(.scramFailed, "sign-in by SCRAM failed: \(what)")
    }
}
