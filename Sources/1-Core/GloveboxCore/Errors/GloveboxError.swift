/// A failure that a person or a program can act on.
///
/// `code` is stable and is what programs test; `message` says in one line what to do. `description` is safe to show
/// to a client; `debugDescription` adds the cause and belongs in the log of the component where it happened.
package struct GloveboxError: Error, Sendable {
    /// A stable code, `snake_case`. Declared beside what raises it, in an extension of this type.
    package struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        package init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        package var description: String { self.rawValue }
    }

    package var code: Code
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension GloveboxError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String { "\(self.message) [\(self.code)]" }

    package var debugDescription: String {
        guard let cause = self.cause else { return self.description }
        return "\(self.description) (cause: \(String(reflecting: cause)))"
    }
}

extension GloveboxError.Code {
    // What any layer may say. Codes that belong to one part are declared there.
    package static let invalidArgument = Self("invalid_argument")
    package static let notFound = Self("not_found")
    package static let conflict = Self("conflict")
    package static let forbidden = Self("forbidden")
    package static let unauthenticated = Self("unauthenticated")
    package static let unavailable = Self("unavailable")
    package static let `internal` = Self("internal")

    // What a lease, a policy or a ceiling answers.
    package static let unknownTarget = Self("unknown_target")
    package static let gatewayUnreachable = Self("gateway_unreachable")
    package static let agentOffline = Self("agent_offline")
    package static let agentQuarantined = Self("agent_quarantined")
    package static let policyDenied = Self("policy_denied")
    package static let ceilingDenied = Self("ceiling_denied")
    package static let leaseNotActive = Self("lease_not_active")
    package static let limitReached = Self("limit_reached")
    package static let approvalNeeded = Self("approval_needed")
    /// What the approval waits for has happened: it was denied, used, withdrawn, or has run out.
    package static let approvalNotOpen = Self("approval_not_open")
    /// The approval is about something else.
    package static let approvalMismatch = Self("approval_mismatch")

    // What changes and flags answer.
    /// The change was kept, has gone back, or isn't applied yet.
    package static let changeNotOpen = Self("change_not_open")
    /// A guard of the change doesn't hold before anything is changed.
    package static let guardTripped = Self("guard_tripped")
    /// A file of flags, a flag or a context isn't what it has to be.
    package static let flagsInvalid = Self("flags_invalid")

    // What a component answers about itself.
    package static let configurationInvalid = Self("configuration_invalid")
    package static let portTaken = Self("port_taken")
    package static let storeLocked = Self("store_locked")
    package static let storeCorrupt = Self("store_corrupt")
    package static let storeConflict = Self("store_conflict")
    package static let journalUnavailable = Self("journal_unavailable")
    package static let journalCorrupt = Self("journal_corrupt")
    package static let redactionFailed = Self("redaction_failed")
    /// A canary came out unmasked.
    package static let canaryLeaked = Self("canary_leaked")
    package static let targetUnreachable = Self("target_unreachable")
    package static let targetRefused = Self("target_refused")
    package static let protocolViolation = Self("protocol_violation")
    package static let certificateInvalid = Self("certificate_invalid")
    /// One's own certificate has run out.
    package static let certificateExpired = Self("certificate_expired")
    package static let inviteInvalid = Self("invite_invalid")
}
