package import GloveboxCore

/// What a server does with a SCRAM message.
package enum ScramServerAction: Hashable, Sendable {
    /// Send as SASLContinue.
    case challenge([UInt8])
    /// The client knows the password: send as SASLFinal.
    case accept([UInt8])
    /// Refuse; nothing may tell the peer why.
    case refuse(ScramRefusal)
}

/// Why a sign-in by SCRAM was refused: for the record, never for the peer.
package enum ScramRefusal: String, Hashable, Sendable {
    case malformed
    case channelBinding = "channel_binding"
    case wrongPassword = "wrong_password"
    case unknownUser = "unknown_user"
    /// A message after the end.
    case outOfTurn = "out_of_turn"
}

/// The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
///
/// For an unknown user the caller passes a verifier of its own (salt derived from the user's name and a secret, so
/// that it is the same each time) and `isKnown: false`: the exchange looks and lasts the same and ends refused.
///
/// Transitions: awaitingFirst → awaitingFinal → finished; anything wrong → finished.
package struct ScramServer: ~Copyable {
    private struct Exchange {
        var header: [UInt8]
        var clientFirstBare: [UInt8]
        var serverFirst: [UInt8]
        var nonce: [UInt8]
    }

    private enum State: ~Copyable {
        case awaitingFirst
        case awaitingFinal(Exchange)
        case finished
    }

    private var state = State.awaitingFirst
    private let verifier: ScramVerifier
    private let isKnown: Bool
    private let nonce: [UInt8]

    /// - Parameter nonce: the server's part: printable ASCII without comma, from a random source, at least 18 bytes.
    package init(verifier: ScramVerifier, isKnown: Bool = true, nonce: String) {
        self.verifier = verifier
        self.isKnown = isKnown
        self.nonce = Array(nonce.utf8)
    }

    package mutating func received(_ message: [UInt8]) -> ScramServerAction {
        switch exchange(&self.state, with: .finished) {
        case .awaitingFirst:
            switch self.first(message) {
            case .success(let exchange):
                let challenge = exchange.serverFirst
                self.state = .awaitingFinal(exchange)
                return .challenge(challenge)
            case .failure(let refusal):
                self.state = .finished
                return .refuse(refusal.reason)
            }
        case .awaitingFinal(let exchange):
            return self.final(message, exchange)
        case .finished:
            return .refuse(.outOfTurn)
        }
    }

    private struct Refused: Error {
        var reason: ScramRefusal
    }

    /// client-first-message: `gs2-cbind-flag "," [authzid] "," "n=" user ",r=" nonce`.
    private func first(_ message: [UInt8]) -> Result<Exchange, Refused> {
        let malformed = Result<Exchange, Refused>.failure(Refused(reason: .malformed))
        guard let flagEnd = message.firstIndex(of: UInt8(ascii: ",")) else { return malformed }
        switch message[..<flagEnd] {
        case [UInt8(ascii: "n")], [UInt8(ascii: "y")]: break
        case let flag where flag.starts(with: Array("p=".utf8)):
            return .failure(Refused(reason: .channelBinding))
        default: return malformed
        }
        // No authorization identity: it would be another user to act as.
        guard flagEnd + 1 < message.count, message[flagEnd + 1] == UInt8(ascii: ",") else { return malformed }
        let bare = message[(flagEnd + 2)...]
        // The user's name is the startup packet's; PostgreSQL's clients leave it empty here.
        guard let attributes = ScramAttributes(bare), attributes.value(0, "n") != nil,
            let clientNonce = attributes.value(1, "r"), ScramAttributes.isNonce(clientNonce)
        else { return malformed }
        let nonce = Array(clientNonce) + self.nonce
        let serverFirst =
            Array("r=".utf8) + nonce + Array(",s=".utf8) + Base64.encode(self.verifier.salt)
            + Array(",i=\(self.verifier.iterations)".utf8)
        return .success(
            Exchange(
                header: Array(message[...(flagEnd + 1)]), clientFirstBare: Array(bare), serverFirst: serverFirst,
                nonce: nonce))
    }

    /// client-final-message: `c=` header in base 64 `,r=` nonce [extensions] `,p=` proof.
    private func final(_ message: [UInt8], _ exchange: Exchange) -> ScramServerAction {
        guard let attributes = ScramAttributes(message[...]), let binding = attributes.value(0, "c"),
            let nonce = attributes.value(1, "r"), attributes.all.count >= 3,
            let proofText = attributes.value(attributes.all.count - 1, "p"), let proof = Base64.decode(proofText),
            proof.count == 32
        else { return .refuse(.malformed) }
        guard let header = Base64.decode(binding), header == exchange.header else { return .refuse(.channelBinding) }
        guard ScramKeys.equal(Array(nonce), exchange.nonce) else { return .refuse(.malformed) }
        let withoutProof = message[..<(proofText.startIndex - 3)]
        let authMessage =
            exchange.clientFirstBare + [UInt8(ascii: ",")] + exchange.serverFirst + [UInt8(ascii: ",")] + withoutProof
        let clientKey = ScramKeys.xor(proof, ScramKeys.signature(self.verifier.storedKey, authMessage))
        let signature = ScramKeys.signature(self.verifier.serverKey, authMessage)
        let isRight = ScramKeys.equal(ScramKeys.hash(clientKey), self.verifier.storedKey)
        guard self.isKnown else { return .refuse(.unknownUser) }
        guard isRight else { return .refuse(.wrongPassword) }
        return .accept(Array("v=".utf8) + Base64.encode(signature))
    }
}
