import Contracts
import ControlAPI
import Crypto
import GloveboxCore
import Hummingbird
import Synchronization

/// One request with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-06) creates once: sent again, it's
/// answered with the same answer for as long as that is in memory, and after that, or after a restart, with what it has
/// created. An answer with a secret in it is on no disk.
final class Idempotency: Sendable {
    /// How long a key stands for its request.
    static let lifetime = Duration.seconds(86_400)
    /// How long its answer is kept, at most, ...
    static let kept = Duration.seconds(600)
    /// ... and how many are.
    static let mostKept = 1000

    /// Who asks for what, under which key.
    struct Question {
        var caller: String
        var endpoint: Endpoint
        var key: String
        var body: [UInt8]
    }

    /// What was created, and how that was answered.
    struct Answer: Sendable {
        var created: String
        var status: Int
        var body: [UInt8]
    }

    private enum Known {
        case underWay(digest: [UInt8])
        case answered(digest: [UInt8], Answer, at: BootInstant)
    }

    private let ledger: any CreationLedger
    private let time: any TimeSource
    private let known = Mutex<[[UInt8]: Known]>([:])

    init(ledger: any CreationLedger, time: any TimeSource) {
        self.ledger = ledger
        self.time = time
    }

    /// - Throws: `idempotency_key_reused`, `idempotency_unsettled`, `already_created`, and what `create` throws.
    func answer(_ question: Question, create: () async throws -> Answer) async throws -> Answer {
        let key = Self.hash([question.caller, question.endpoint.rawValue, question.key])
        let digest = Array(SHA256.hash(data: question.body))
        if let answer = try self.begin(key, digest) { return answer }
        do {
            let now = self.time.wall
            let claim = CreationEntry(
                keyHash: key, digest: digest, claimedAt: now, expiresAt: now.advanced(by: Self.lifetime))
            if let there = try await self.ledger.claim(claim, at: now) { throw Self.refusal(there, digest) }
        } catch {
            self.forget(key)
            throw error
        }
        let answer: Answer
        do {
            answer = try await create()
        } catch {
            // A refusal has created nothing, and the key is free. Of anything else nobody knows what came of it.
            if let error = error as? GloveboxError, error.code != .internal { try? await self.ledger.release(key) }
            self.forget(key)
            throw error
        }
        // If this can't be written, the key stays claimed, and a restarted gateway says that it doesn't know.
        try? await self.ledger.settle(key, created: answer.created)
        self.keep(key, digest, answer)
        return answer
    }

    private func begin(_ key: [UInt8], _ digest: [UInt8]) throws(GloveboxError) -> Answer? {
        let now = self.time.boot
        let found = self.known.withLock { known -> Known? in
            if case .answered(_, _, let at) = known[key], at.advanced(by: Self.kept) <= now { known[key] = nil }
            if let found = known[key] { return found }
            known[key] = .underWay(digest: digest)
            return nil
        }
        switch found {
        case nil: return nil
        case .answered(digest, let answer, _): return answer
        case .underWay(digest):
            throw GloveboxError(
                .idempotencyUnsettled, "a request with this Idempotency-Key is still under way: try again in a moment")
        case .answered, .underWay: throw Self.reused
        }
    }

    private func forget(_ key: [UInt8]) {
        self.known.withLock { _ = $0.removeValue(forKey: key) }
    }

    private func keep(_ key: [UInt8], _ digest: [UInt8], _ answer: Answer) {
        let now = self.time.boot
        self.known.withLock { known in
            known[key] = .answered(digest: digest, answer, at: now)
            let answered = known.compactMap { key, known -> (key: [UInt8], at: BootInstant)? in
                if case .answered(_, _, let at) = known { (key, at) } else { nil }
            }
            for old in answered where old.at.advanced(by: Self.kept) <= now { known[old.key] = nil }
            let spare = answered.count - Self.mostKept
            guard spare > 0 else { return }
            for old in answered.sorted(by: { $0.at < $1.at }).prefix(spare) { known[old.key] = nil }
        }
    }

    private static func refusal(_ there: CreationEntry, _ digest: [UInt8]) -> GloveboxError {
        guard there.digest == digest else { return Self.reused }
        guard let created = there.created else {
            return GloveboxError(
                .idempotencyUnsettled,
                "a request with this Idempotency-Key began at \(Timestamp(there.claimedAt)), and what came of it isn't known: look whether what it asked for is there, and ask again with a new key if it isn't"
            )
        }
        return GloveboxError(
            .alreadyCreated,
            "the request with this Idempotency-Key has created \(created), at \(Timestamp(there.claimedAt)); the answer isn't kept, so a secret that it showed can't be shown again"
        )
    }

    private static var reused: GloveboxError {
        GloveboxError(
            .idempotencyKeyReused, "this Idempotency-Key was used for another request: take a new one for each")
    }

    /// Of the parts and their lengths, so that no two lists are hashed alike.
    private static func hash(_ parts: [String]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Array("\(part.utf8.count):".utf8) + Array(part.utf8))
        }
        return Array(hash.finalize())
    }
}

/// An answer that tells of something new.
protocol Creation: Encodable {
    /// What it is, in words and without a secret.
    var created: String { get }
    var status: Int { get }
}

extension Creation {
    var status: Int { 201 }
}

extension Idempotency.Answer {
    init(_ creation: some Creation) throws {
        self.init(created: creation.created, status: creation.status, body: try JSONForm.encode(creation))
    }
}

extension LeaseAnswer: Creation {
    var created: String {
        switch self {
        case .opened(let opened): "lease \(opened.lease.id)"
        case .waits(let approval): "approval \(approval.id)"
        }
    }

    var status: Int {
        switch self {
        case .opened: 201
        case .waits: 202
        }
    }
}

extension IssuedCertificate: Creation {
    var created: String { "a certificate for \(self.subject)" }
}

extension Invitation: Creation {
    var created: String { "an invitation for \(self.subject)" }
}

extension CreatedToken: Creation {
    var created: String { "token \(self.token.name)" }
}

extension ChangeStatus: Creation {
    var created: String { "change \(self.id)" }
}
