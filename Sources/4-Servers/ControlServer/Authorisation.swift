package import ControlAPI
import GloveboxCore

/// Who may call what: the one table, and the server asks nothing else. An endpoint without a row doesn't compile.
///
/// | endpoint | anyone | member | approver | auditor | admin | agent |
/// |---|---|---|---|---|---|---|
/// | apiDocument, authority, health, enrol | yes | | | | | |
/// | renewCertificate, revokeCurrentCertificate, whoAmI | | own | own | own | own | own |
/// | inviteIdentity, disableIdentity, enableIdentity, createToken | | | | | all | |
/// | inviteAgent, quarantineAgent, releaseAgent, removeAgent | | | | | all | |
/// | listIdentities | | | | all | all | |
/// | showIdentity, listTokens | | own | own | all | all | |
/// | revokeToken | | own | own | own | all | |
/// | listTargets, listAgents, showAgent | | all | all | all | all | |
/// | openLease, extendLease | | own | own | own | own | |
/// | endLease | | own | own | own | all | |
/// | listLeases, showLease | | own | all | all | all | |
/// | listRecords, showRecord, proveRecord, followRecords | | own | own | all | all | |
/// | showCheckpoint | | all | all | all | all | |
/// | listApprovals, showApproval | | own | all | all | all | |
/// | grantApproval, denyApproval, reviewApproval | | | all | | all | |
/// | listSessions, sessionRecords | | own | all | all | all | |
/// | endSession | | own | all | own | all | |
/// | withdrawApproval | | own | own | own | own | |
/// | applyChanges | | own | own | own | own | |
/// | listChanges, showChange | | own | all | all | all | |
/// | keepChange, undoChange, rollBack | | own | all | own | all | |
/// | attendRun, issueMarks | | own | own | own | own | |
/// | markKeys | | all | all | all | all | |
/// | listFlags, explainFlag, followFlags | | all | all | all | all | |
///
/// Whether a lease may be opened at all is policy's affair, and the ceiling's.
package struct Authorisation: Hashable, Sendable {
    package enum Grant: Hashable, Sendable {
        case no
        /// Only what the caller itself holds.
        case own
        case all
    }

    /// Callable without a certificate. Then none of the others counts.
    package var isOpen = false
    package var member = Grant.no
    package var approver = Grant.no
    package var auditor = Grant.no
    package var admin = Grant.no
    package var agent = Grant.no

    package static func row(_ endpoint: Endpoint) -> Authorisation {
        switch endpoint {
        case .apiDocument, .authority, .health, .enrol:
            Authorisation(isOpen: true)
        case .renewCertificate, .revokeCurrentCertificate, .whoAmI:
            Authorisation(member: .own, approver: .own, auditor: .own, admin: .own, agent: .own)
        case .inviteIdentity, .disableIdentity, .enableIdentity, .createToken, .inviteAgent, .quarantineAgent,
            .releaseAgent, .removeAgent:
            Authorisation(admin: .all)
        case .listIdentities:
            Authorisation(auditor: .all, admin: .all)
        case .showIdentity, .listTokens:
            Authorisation(member: .own, approver: .own, auditor: .all, admin: .all)
        case .revokeToken:
            Authorisation(member: .own, approver: .own, auditor: .own, admin: .all)
        case .listTargets, .listAgents, .showAgent, .listFlags, .explainFlag, .followFlags,
            .markKeys:
            Authorisation(member: .all, approver: .all, auditor: .all, admin: .all)
        case .openLease, .extendLease, .applyChanges, .attendRun, .issueMarks:
            Authorisation(member: .own, approver: .own, auditor: .own, admin: .own)
        case .endLease:
            Authorisation(member: .own, approver: .own, auditor: .own, admin: .all)
        case .listLeases, .showLease, .listChanges, .showChange:
            Authorisation(member: .own, approver: .all, auditor: .all, admin: .all)
        case .listRecords, .showRecord, .proveRecord, .followRecords:
            Authorisation(member: .own, approver: .own, auditor: .all, admin: .all)
        case .showCheckpoint:
            // Everyone may hold the log to what it has signed.
            Authorisation(member: .all, approver: .all, auditor: .all, admin: .all)
        case .listApprovals, .showApproval:
            Authorisation(member: .own, approver: .all, auditor: .all, admin: .all)
        case .grantApproval, .denyApproval, .reviewApproval:
            Authorisation(approver: .all, admin: .all)
        case .listSessions, .sessionRecords:
            Authorisation(member: .own, approver: .all, auditor: .all, admin: .all)
        case .endSession, .keepChange, .undoChange, .rollBack:
            Authorisation(member: .own, approver: .all, auditor: .own, admin: .all)
        case .withdrawApproval:
            Authorisation(member: .own, approver: .own, auditor: .own, admin: .own)
        }
    }

    package func grant(_ caller: Caller) -> Grant {
        switch (caller.subject, caller.role) {
        case (.agent, _): self.agent
        case (.identity, nil): .no
        case (.identity, .member): self.member
        case (.identity, .approver): self.approver
        case (.identity, .auditor): self.auditor
        case (.identity, .admin): self.admin
        }
    }

    /// - Throws: `forbidden`.
    static func reach(of caller: Caller, at endpoint: Endpoint) throws(GloveboxError) -> Reach {
        if case .token(let name, let scope, _) = caller.credential {
            guard ![.renewCertificate, .revokeCurrentCertificate].contains(endpoint) else {
                // A certificate would outlive the token that asked for it.
                throw GloveboxError(
                    .forbidden, "a token has no certificate: \(endpoint.path) takes a client certificate")
            }
            guard scope.includes(endpoint) else {
                throw GloveboxError(
                    .forbidden, "the scope of token '\(name)' doesn't include \(endpoint.rawValue): make one that does")
            }
        }
        switch Self.row(endpoint).grant(caller) {
        case .all: return .all
        case .own: return .own(caller.subject)
        case .no:
            let who = caller.role.map { "role \($0.rawValue)" } ?? "an agent"
            throw GloveboxError(
                .forbidden, "\(who) may not call \(endpoint.method.rawValue) \(endpoint.path): ask an administrator")
        }
    }
}
