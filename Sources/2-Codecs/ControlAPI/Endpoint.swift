import GloveboxCore

/// Every endpoint of the API, by the name of its operation. All of them speak JSON (UTF-8, lowerCamelCase fields) over
/// TLS, but `authority`, which answers PEM, and `followRecords` and `followFlags`, streams of server-sent events
/// (``ServerEvent``).
/// `APIDocument` describes each of them to others.
///
/// Moments are RFC 3339 strings in UTC (``Timestamp``), durations are numbers of seconds (``Seconds``), lists are
/// ``Page``s, failures are ``Problem``s (RFC 9457). A field that's absent has no value; `null` isn't sent.
package enum Endpoint: String, CaseIterable, Sendable {
    case apiDocument, authority, health, enrol
    case renewCertificate, revokeCurrentCertificate, whoAmI
    case inviteIdentity, listIdentities, showIdentity, disableIdentity, enableIdentity
    case inviteAgent, listAgents, showAgent, quarantineAgent, releaseAgent, removeAgent
    case createToken, listTokens, revokeToken
    case listTargets
    case openLease, listLeases, showLease, extendLease, endLease
    case listRecords, showRecord, proveRecord, followRecords, showCheckpoint
    case listApprovals, showApproval, grantApproval, denyApproval, withdrawApproval, reviewApproval
    case listSessions, sessionRecords, endSession
    case applyChanges, listChanges, showChange, keepChange, undoChange, rollBack
    case attendRun, issueMarks, markKeys
    case listFlags, explainFlag, followFlags

    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package var method: Method {
        switch self {
        case .apiDocument, .authority, .health, .whoAmI, .listIdentities, .showIdentity, .listAgents, .showAgent,
            .listTokens, .listTargets, .listLeases, .showLease, .listRecords, .showRecord, .proveRecord, .followRecords,
            .showCheckpoint, .listApprovals, .showApproval, .listSessions, .sessionRecords, .listChanges, .showChange,
            .listFlags, .markKeys:
            .get
        case .enrol, .renewCertificate, .inviteIdentity, .disableIdentity, .enableIdentity, .inviteAgent,
            .quarantineAgent, .releaseAgent, .createToken, .openLease, .extendLease, .endLease, .grantApproval,
            .denyApproval, .withdrawApproval, .reviewApproval, .endSession, .applyChanges, .keepChange, .undoChange,
            .rollBack, .attendRun, .issueMarks, .explainFlag, .followFlags:
            .post
        case .revokeCurrentCertificate, .removeAgent, .revokeToken: .delete
        }
    }

    /// The path, with `{id}` where an identifier goes.
    package var path: String {
        switch self {
        case .apiDocument: "/v1/openapi.json"
        case .authority: "/v1/ca"
        case .health: "/v1/health"
        case .enrol: "/v1/enrolments"
        case .renewCertificate: "/v1/certificates"
        case .revokeCurrentCertificate: "/v1/certificates/current"
        case .whoAmI: "/v1/whoami"
        case .inviteIdentity: "/v1/identities/invites"
        case .listIdentities: "/v1/identities"
        case .showIdentity: "/v1/identities/{id}"
        case .disableIdentity: "/v1/identities/{id}/disable"
        case .enableIdentity: "/v1/identities/{id}/enable"
        case .inviteAgent: "/v1/agents/invites"
        case .listAgents: "/v1/agents"
        case .showAgent, .removeAgent: "/v1/agents/{id}"
        case .quarantineAgent: "/v1/agents/{id}/quarantine"
        case .releaseAgent: "/v1/agents/{id}/release"
        case .createToken, .listTokens: "/v1/tokens"
        case .revokeToken: "/v1/tokens/{id}"
        case .listTargets: "/v1/targets"
        case .openLease, .listLeases: "/v1/leases"
        case .showLease: "/v1/leases/{id}"
        case .extendLease: "/v1/leases/{id}/extend"
        case .endLease: "/v1/leases/{id}/end"
        case .listRecords: "/v1/records"
        case .showRecord: "/v1/records/{id}"
        case .proveRecord: "/v1/records/{id}/proof"
        case .followRecords: "/v1/log/follow"
        case .showCheckpoint: "/v1/log/checkpoint"
        case .listApprovals: "/v1/approvals"
        case .showApproval: "/v1/approvals/{id}"
        case .grantApproval: "/v1/approvals/{id}/grant"
        case .denyApproval: "/v1/approvals/{id}/deny"
        case .withdrawApproval: "/v1/approvals/{id}/withdraw"
        case .reviewApproval: "/v1/approvals/{id}/review"
        case .listSessions: "/v1/sessions"
        case .sessionRecords: "/v1/sessions/{id}/records"
        case .endSession: "/v1/sessions/{id}/end"
        case .applyChanges, .listChanges: "/v1/changes"
        case .showChange: "/v1/changes/{id}"
        case .keepChange: "/v1/changes/{id}/keep"
        case .undoChange: "/v1/changes/{id}/undo"
        case .rollBack: "/v1/rollbacks"
        case .attendRun: "/v1/changes/{id}/attend"
        case .issueMarks: "/v1/changes/{id}/marks"
        case .markKeys: "/v1/targets/{id}/marks/keys"
        case .listFlags: "/v1/flags"
        case .explainFlag: "/v1/flags/{id}/explain"
        case .followFlags: "/v1/targets/{id}/flags/follow"
        }
    }

    /// A name that stands in a path must not be one of the API's own words there.
    /// - Throws: `invalid_argument`.
    static func checkFree(_ name: some Name) throws(GloveboxError) {
        guard name.rawValue == "invites" else { return }
        throw GloveboxError(.invalidArgument, "'invites' is a word of the API's and no name: choose another")
    }

    /// The path with `id` in its place, percent-encoded (a record's identifier has a `/` in it).
    package func path(id: String) -> String {
        guard let place = self.path.range(of: "{id}") else { return self.path }
        return self.path.replacingCharacters(in: place, with: percentEncoded(id))
    }

    /// Whether it makes something new: then it takes an `Idempotency-Key`.
    package var isCreation: Bool { self.successStatus == 201 }

    /// The status of a success; `openLease` also answers 202, when the lease waits for approval.
    package var successStatus: Int {
        switch self {
        case .enrol, .renewCertificate, .inviteIdentity, .inviteAgent, .createToken, .openLease, .applyChanges: 201
        case .revokeCurrentCertificate, .removeAgent, .revokeToken: 204
        default: 200
        }
    }
}

/// `text` with all but RFC 3986's unreserved characters percent-encoded.
package func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            result.append(byte)
        default:
            result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: result, as: UTF8.self)
}

extension String {
    /// Standard-library stand-ins for two Foundation calls, enough for the paths above.
    fileprivate func range(of sought: String) -> Range<String.Index>? {
        var start = self.startIndex
        while start < self.endIndex {
            if self[start...].hasPrefix(sought) {
                return start..<self.index(start, offsetBy: sought.count)
            }
            start = self.index(after: start)
        }
        return nil
    }

    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
