package import GloveboxCore

/// Why a request failed, as RFC 9457 has it (`application/problem+json`), with our stable code beside it.
package struct Problem: Sendable, Codable, Hashable {
    /// `urn:glovebox:problem:CODE`
    package var type: String
    /// The code in words; the same for every occurrence.
    package var title: String
    package var status: Int
    /// What happened this time and what to do about it.
    package var detail: String
    /// What programs test.
    package var code: String
    /// Also in the answer's `X-Request-Id`, and in the gateway's log.
    package var requestId: String?

    package static let contentType = "application/problem+json"

    package init(_ error: GloveboxError, status: Int? = nil, requestID: String? = nil) {
        let code = error.code.rawValue
        self.type = "urn:glovebox:problem:\(code)"
        let words = code.split(separator: "_").joined(separator: " ")
        self.title = words.prefix(1).uppercased() + words.dropFirst()
        self.status = status ?? error.code.httpStatus
        self.detail = error.message
        self.code = code
        self.requestId = requestID
    }

    /// The error again, as a client of the API throws it.
    package var error: GloveboxError {
        GloveboxError(.init(self.code), self.detail)
    }
}

extension GloveboxError.Code {
    // What the API itself answers.
    package static let methodNotAllowed = Self("method_not_allowed")
    package static let unsupportedMediaType = Self("unsupported_media_type")
    package static let bodyTooLarge = Self("body_too_large")
    package static let requestTimeout = Self("request_timeout")
    package static let headersTooLarge = Self("headers_too_large")
    /// Too many requests of one caller or address.
    package static let rateLimited = Self("rate_limited")
    /// Too many wrong codes or tokens from one address.
    package static let signInLocked = Self("sign_in_locked")
    /// Another request had the same `Idempotency-Key`.
    package static let idempotencyKeyReused = Self("idempotency_key_reused")
    /// The request with this `Idempotency-Key` is still under way, or nobody knows what came of it.
    package static let idempotencyUnsettled = Self("idempotency_unsettled")
    /// The request with this `Idempotency-Key` has created what it asked for, and the answer isn't kept any more.
    package static let alreadyCreated = Self("already_created")
    /// What was to be changed isn't as it was read.
    package static let preconditionFailed = Self("precondition_failed")
    /// The request has to say what it read.
    package static let preconditionRequired = Self("precondition_required")

    /// The status that goes with this code (RFC 9110, section 15); a code without one of its own is the gateway's
    /// failure.
    package var httpStatus: Int {
        Self.statuses[self] ?? 500
    }

    private static let statuses: [Self: Int] = [
        .invalidArgument: 400,
        .inviteInvalid: 401,
        .unauthenticated: 401,
        .certificateInvalid: 401,
        .forbidden: 403,
        .policyDenied: 403,
        .ceilingDenied: 403,
        .approvalNeeded: 403,
        .notFound: 404,
        .unknownTarget: 404,
        .methodNotAllowed: 405,
        .conflict: 409,
        .alreadyCreated: 409,
        .idempotencyUnsettled: 409,
        .idempotencyKeyReused: 422,
        .storeConflict: 409,
        .leaseNotActive: 409,
        .approvalNotOpen: 409,
        .approvalMismatch: 409,
        .changeNotOpen: 409,
        .guardTripped: 409,
        .flagsInvalid: 400,
        .preconditionFailed: 412,
        .bodyTooLarge: 413,
        .requestTimeout: 408,
        .unsupportedMediaType: 415,
        .preconditionRequired: 428,
        .limitReached: 429,
        .rateLimited: 429,
        .signInLocked: 429,
        .headersTooLarge: 431,
        .targetRefused: 502,
        .targetUnreachable: 502,
        .unavailable: 503,
        .agentOffline: 503,
        .agentQuarantined: 503,
        .journalUnavailable: 503,
        .storeLocked: 503,
    ]
}
