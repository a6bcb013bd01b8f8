import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore
import TransparencyLog

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the program's exit status tells scripts.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    case failure = 1
    case usage = 2
    case refused = 3
    case unreachable = 4
    case notSignedIn = 5
    case altered = 6
    case interrupted = 130

    init(_ code: GloveboxError.Code) {
        switch code {
        case .policyDenied, .ceilingDenied, .forbidden, .limitReached, .approvalNeeded, .inviteInvalid,
            .rateLimited, .signInLocked:
            self = .refused
        case .gatewayUnreachable, .gatewayUntrusted, .agentOffline, .agentQuarantined, .targetUnreachable,
            .unavailable:
            self = .unreachable
        case .notSignedIn, .certificateExpired, .certificateInvalid, .unauthenticated, .profileInvalid:
            self = .notSignedIn
        case .invalidArgument: self = .usage
        case .logReplaced, .logShortened, .logForked, .journalCorrupt, .proofInvalid, .noteInvalid: self = .altered
        default: self = .failure
        }
    }

    private var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "it failed"
        case .usage: "wrong usage"
        case .refused: "refused by policy, a ceiling, a limit, or your role"
        case .unreachable: "gateway, agent or target can't be reached or trusted"
        case .notSignedIn: "not signed in (any more)"
        case .altered: "the audit log isn't what it was"
        case .interrupted: "interrupted"
        }
    }

    /// One line for the help.
    static var documentation: String {
        Self.allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ")
            + "; psql's own after 'glovebox psql'."
    }
}

/// Ends the program with another program's status.
struct ProgramExit: Error {
    var status: Int32
}

/// `exit(3)`, by a name that the argument parser's commands don't hide.
func endProgram(_ status: Int32) -> Never {
    exit(status)
}

/// A parser of an argument's text whose complaint the argument parser shows as it is.
func argument<Value>(_ parse: @escaping @Sendable (String) throws -> Value) -> @Sendable (String) throws -> Value {
    { text in
        do {
            return try parse(text)
        } catch let error as GloveboxError {
            throw ValidationError(error.message)
        }
    }
}
