import GloveboxCore
import PostgresWire
import Statements

extension GloveboxError {
    /// What a PostgreSQL client is told as the class of this error (PostgreSQL manual, appendix A).
    var sqlState: String {
        switch self.code {
        case .unauthenticated: "28P01"
        case .policyDenied, .ceilingDenied, .forbidden, .leaseNotActive, .unknownTarget, .approvalNeeded: "28000"
        case .agentOffline, .unavailable, .targetUnreachable, .targetRefused: "57P03"
        case .limitReached: "53300"
        case .invalidArgument: "22023"
        case .configurationInvalid: "F0000"
        case .journalUnavailable, .journalCorrupt, .storeLocked, .storeCorrupt: "58030"
        case .protocolViolation: "08P01"
        default: "XX000"
        }
    }

    /// Any error, as one that's safe to show: what isn't a ``GloveboxError`` becomes `internal` with a cause.
    init(showing error: any Error) {
        switch error {
        case let error as GloveboxError: self = error
        case let error as PostgresWireError: self = error.gloveboxError
        default: self.init(.internal, "something failed that Glovebox didn't expect: see its log", cause: error)
        }
    }
}

extension ErrorFields {
    /// `… [code]`, after which the session goes on.
    init(_ refusal: StatementRefusal) {
        self.init(sqlState: refusal.sqlState, message: "\(refusal.message) [\(refusal.code.rawValue)]")
        guard let position = refusal.position else { return }
        self.fields.append(Field(code: UInt8(ascii: "P"), value: String(position)))
    }

    /// `… [code]`, which ends the connection.
    init(fatal error: GloveboxError, sqlState: String? = nil) {
        self.init(severity: "FATAL", sqlState: sqlState ?? error.sqlState, message: error.description)
    }
}
