package import GloveboxCore

/// One entry of the audit log as the API shows it.
package struct RecordEntry: Sendable, Codable {
    /// `ORIGIN:SEQUENCE`
    package var id: String
    package var time: Timestamp
    /// The event's stable name, such as `lease_opened`.
    package var event: String
    package var identity: IdentityName?
    package var target: TargetName?
    package var lease: LeaseID?
    package var session: SessionID?
    /// What belongs to this event; fields that have no value are absent.
    package var details: [String: JSONValue]

    package init(_ stored: StoredRecord) {
        let record = stored.record
        self.id = stored.id.description
        self.time = Timestamp(record.time)
        self.event = record.event.name
        self.identity = record.identity
        self.target = record.target
        self.lease = record.lease
        self.session = record.session
        self.details = record.event.details
    }
}

/// `GET /v1/records?identity=&target=&lease=&event=&since=&until=&after=&limit=`, oldest first. `/v1/log/follow` takes the
/// same, and goes on with what comes in.
package struct RecordQuery: Sendable, Hashable {
    package var identity: IdentityName?
    package var target: TargetName?
    package var lease: LeaseID?
    package var event: String?
    /// From this moment on.
    package var since: Timestamp?
    /// Before this moment.
    package var until: Timestamp?
    package var page: PageRequest

    package init(
        identity: IdentityName? = nil, target: TargetName? = nil, lease: LeaseID? = nil, event: String? = nil,
        since: Timestamp? = nil, until: Timestamp? = nil, page: PageRequest = .init()
    ) {
        self.identity = identity
        self.target = target
        self.lease = lease
        self.event = event
        self.since = since
        self.until = until
        self.page = page
    }
}

extension RecordEvent {
    /// The event's own fields as JSON: stable names, durations in seconds.
    fileprivate var details: [String: JSONValue] {
        var fields: [String: JSONValue] = [:]
        switch self {
        case .identityInvited(let name, let role):
            fields["name"] = .string(name.rawValue)
            fields["role"] = .string(role.rawValue)
        case .agentInvited(let name):
            fields["name"] = .string(name.rawValue)
        case .enrolled(let subject, let means):
            fields["subject"] = .string(subject)
            fields["means"] = .string(means)
        case .signedOut(let subject):
            fields["subject"] = .string(subject)
        case .signInRefused(let code, let claimed, let others):
            fields["code"] = .string(code)
            fields["claimed"] = claimed.map(JSONValue.string)
            if others > 0 { fields["others"] = .integer(Int64(clamping: others)) }
        case .agentConnected(let agent, let version):
            fields["agent"] = .string(agent.rawValue)
            fields["version"] = .string(version)
        case .agentDisconnected(let agent, let reason):
            fields["agent"] = .string(agent.rawValue)
            fields["reason"] = .string(reason)
        case .policyLoaded(let digest):
            fields["digest"] = .string(digest)
        case .policyRefused(let message):
            fields["message"] = .string(message)
        case .leaseOpened(let capabilities, let limits, let lasts, let purpose, let rule):
            fields["capabilities"] = .array(capabilities.map { .string($0.rawValue) })
            fields["limits"] = limits.json
            fields["lasts"] = lasts.json
            fields["purpose"] = .string(purpose)
            fields["rule"] = .string(rule)
        case .leaseExtended(let lasts):
            fields["lasts"] = lasts.json
        case .leaseEnded(let reason, let by):
            fields["reason"] = .string(reason.rawValue)
            fields["by"] = by.map { .string($0.rawValue) }
        case .leaseRefused(let code, let rule, let message):
            fields["code"] = .string(code)
            fields["rule"] = rule.map(JSONValue.string)
            fields["message"] = .string(message)
        case .sessionStarted(let application, let client):
            fields["application"] = application.map(JSONValue.string)
            fields["client"] = client.map(JSONValue.string)
        case .sessionRefused(let code, let message):
            fields["code"] = .string(code)
            fields["message"] = .string(message)
        case .sessionEnded(let receipt, let reason):
            fields["receipt"] = receipt.json
            fields["reason"] = .string(reason)
        case .statement(let text, let values):
            fields["text"] = .string(text)
            fields["values"] = .array(values.map { $0.map(JSONValue.string) ?? .null })
        case .statementRefused(let code, let message, let text):
            fields["code"] = .string(code)
            fields["message"] = .string(message)
            fields["text"] = .string(text)
        case .cancelRequested:
            break
        case .recordsPruned(let position, let moment):
            fields["upTo"] = .integer(Int64(clamping: position))
            fields["before"] = .string(Timestamp(moment).description)
        case .logBegun(let origin, let checkpoint):
            fields["origin"] = .string(origin)
            fields["checkpoint"] = .string(checkpoint)
        case .approvalRequested(let approval, let digest, let summary),
            .breakGlassOpened(let approval, let digest, let summary):
            fields["approval"] = .string(approval.rawValue)
            fields["digest"] = .string(digest)
            fields["summary"] = .string(summary)
        case .approvalGranted(let approval, let by, let digest, let reason),
            .approvalDenied(let approval, let by, let digest, let reason):
            fields["approval"] = .string(approval.rawValue)
            fields["by"] = .string(by.rawValue)
            fields["digest"] = .string(digest)
            fields["reason"] = reason.map(JSONValue.string)
        case .approvalExpired(let approval), .approvalWithdrawn(let approval):
            fields["approval"] = .string(approval.rawValue)
        case .approvalUsed(let approval, let grantedBy):
            fields["approval"] = .string(approval.rawValue)
            fields["grantedBy"] = .array(grantedBy.map { .string($0.rawValue) })
        case .breakGlassReviewed(let approval, let by, let note):
            fields["approval"] = .string(approval.rawValue)
            fields["by"] = .string(by.rawValue)
            fields["note"] = .string(note)
        case .webhookFailed(let webhook, let event, let attempts, let reason):
            fields["webhook"] = .string(webhook)
            fields["event"] = .string(event)
            fields["attempts"] = .integer(Int64(clamping: attempts))
            fields["reason"] = .string(reason)
        case .sessionCut(let by):
            fields["by"] = .string(by.rawValue)
        case .identityDisabled(let name), .identityEnabled(let name):
            fields["name"] = .string(name.rawValue)
        case .agentQuarantined(let agent), .agentReleased(let agent), .agentRemoved(let agent):
            fields["agent"] = .string(agent.rawValue)
        case .tokenCreated(let name, let holder, let scope, let lasts):
            fields["name"] = .string(name.rawValue)
            fields["holder"] = .string(holder.rawValue)
            fields["scope"] = .string(scope)
            fields["lasts"] = lasts.json
        case .tokenRevoked(let name):
            fields["name"] = .string(name.rawValue)
        case .changeApplied(let set, let title, let changes):
            fields["change"] = .string(set.rawValue)
            fields["title"] = .string(title)
            fields["changes"] = .array(changes.map(JSONValue.string))
        case .changeAdvanced(let set, let percent):
            fields["change"] = .string(set.rawValue)
            fields["percent"] = .integer(Int64(clamping: percent))
        case .changeKept(let set, let by):
            fields["change"] = .string(set.rawValue)
            fields["by"] = .string(by.rawValue)
        case .changeUndone(let set, let cause, let by, let conflicts):
            fields["change"] = .string(set.rawValue)
            fields["cause"] = .string(cause)
            fields["by"] = by.map { .string($0.rawValue) }
            fields["conflicts"] = .array(conflicts.map(JSONValue.string))
        case .changeStuck(let set, let attempts, let code, let message):
            fields["change"] = .string(set.rawValue)
            fields["attempts"] = .integer(Int64(clamping: attempts))
            fields["code"] = .string(code)
            fields["message"] = .string(message)
        case .changeRefused(let code, let message):
            fields["code"] = .string(code)
            fields["message"] = .string(message)
        case .agentSealed(let agent, let code, let message):
            fields["agent"] = .string(agent.rawValue)
            fields["code"] = .string(code)
            fields["message"] = .string(message)
        case .agentUnsealed(let agent):
            fields["agent"] = .string(agent.rawValue)
        case .taintOverflow(let kept):
            fields["kept"] = .integer(Int64(clamping: kept))
        case .changeRan(let set, let what, let outcome, let output):
            fields["change"] = .string(set.rawValue)
            fields["what"] = .string(what)
            fields["outcome"] = .string(outcome)
            fields["output"] = .string(output)
        }
        return fields
    }
}

extension Limits {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [:]
        fields["rows"] = self.rows.map(JSONValue.integer)
        fields["bytes"] = self.bytes.map(JSONValue.integer)
        fields["seconds"] = self.seconds.map(JSONValue.integer)
        fields["sessions"] = self.sessions.map(JSONValue.integer)
        return .object(fields)
    }
}

extension SessionReceipt {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "statements": .integer(self.statements),
            "rows": .integer(self.rows),
            "bytes": .integer(self.bytes),
            "valuesSeen": .integer(self.valuesSeen),
            "valuesMasked": .object(self.valuesMasked.mapValues(JSONValue.integer)),
            "lasted": self.lasted.json,
        ]
        if !self.valuesShown.isEmpty {
            fields["valuesShown"] = .array(
                self.valuesShown.map {
                    .object(["kind": .string($0.kind), "reason": .string($0.reason), "count": .integer($0.count)])
                })
        }
        return .object(fields)
    }
}

extension Duration {
    fileprivate var json: JSONValue {
        let nanoseconds = self.nanosecondsClamped
        return nanoseconds % 1_000_000_000 == 0
            ? .integer(nanoseconds / 1_000_000_000) : .number(Double(nanoseconds) / 1_000_000_000)
    }
}
