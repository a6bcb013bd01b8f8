extension RecordEvent {
    /// Writes the event as one nested message whose tag is its number.
    func write(to writer: inout CanonicalWriter) {
        switch self {
        case .identityInvited(let name, let role):
            writer.write(1) {
                $0.write(1, name.rawValue)
                $0.write(2, role.rawValue)
            }
        case .agentInvited(let name):
            writer.write(2) { $0.write(1, name.rawValue) }
        case .enrolled(let subject, let means):
            writer.write(3) {
                $0.write(1, subject)
                $0.write(2, means)
            }
        case .signedOut(let subject):
            writer.write(4) { $0.write(1, subject) }
        case .signInRefused(let code, let claimed, let others):
            writer.write(5) {
                $0.write(1, code)
                $0.write(2, claimed)
                if others > 0 { $0.write(3, others) }
            }
        case .agentConnected(let agent, let version):
            writer.write(6) {
                $0.write(1, agent.rawValue)
                $0.write(2, version)
            }
        case .agentDisconnected(let agent, let reason):
            writer.write(7) {
                $0.write(1, agent.rawValue)
                $0.write(2, reason)
            }
        case .policyLoaded(let digest):
            writer.write(8) { $0.write(1, digest) }
        case .policyRefused(let message):
            writer.write(9) { $0.write(1, message) }
        case .leaseOpened(let capabilities, let limits, let lasts, let purpose, let rule):
            writer.write(10) {
                $0.write(1, strings: capabilities.map(\.rawValue))
                limits.write(2, to: &$0)
                $0.write(3, signed: lasts.nanosecondsClamped)
                $0.write(4, purpose)
                $0.write(5, rule)
            }
        case .leaseExtended(let lasts):
            writer.write(11) { $0.write(1, signed: lasts.nanosecondsClamped) }
        case .leaseEnded(let end, let by):
            writer.write(12) {
                $0.write(1, end.rawValue)
                $0.write(2, by?.rawValue)
            }
        case .leaseRefused(let code, let rule, let message):
            writer.write(13) {
                $0.write(1, code)
                $0.write(2, rule)
                $0.write(3, message)
            }
        case .sessionStarted(let application, let client):
            writer.write(14) {
                $0.write(1, application)
                $0.write(2, client)
            }
        case .sessionRefused(let code, let message):
            writer.write(15) {
                $0.write(1, code)
                $0.write(2, message)
            }
        case .sessionEnded(let receipt, let reason):
            writer.write(16) {
                receipt.write(to: &$0)
                $0.write(7, reason)
                receipt.writeShown(to: &$0)
            }
        case .statement(let text, let values):
            writer.write(17) {
                $0.write(1, text)
                $0.write(2, list: values) { $0.write(1, $1) }
            }
        case .statementRefused(let code, let message, let text):
            writer.write(18) {
                $0.write(1, code)
                $0.write(2, message)
                $0.write(3, text)
            }
        case .cancelRequested:
            writer.write(19) { _ in }
        case .recordsPruned(let position, let moment):
            writer.write(20) {
                $0.write(1, position)
                $0.write(2, signed: moment.nanoseconds)
            }
        case .logBegun(let origin, let checkpoint):
            writer.write(21) {
                $0.write(1, origin)
                $0.write(2, checkpoint)
            }
        case .approvalRequested(let approval, let digest, let summary):
            writer.write(30) {
                $0.write(1, approval.rawValue)
                $0.write(2, digest)
                $0.write(3, summary)
            }
        case .approvalGranted(let approval, let by, let digest, let reason):
            writer.write(31) { Self.writeVote(approval, by, digest, reason, to: &$0) }
        case .approvalDenied(let approval, let by, let digest, let reason):
            writer.write(32) { Self.writeVote(approval, by, digest, reason, to: &$0) }
        case .approvalExpired(let approval):
            writer.write(33) { $0.write(1, approval.rawValue) }
        case .approvalWithdrawn(let approval):
            writer.write(34) { $0.write(1, approval.rawValue) }
        case .approvalUsed(let approval, let grantedBy):
            writer.write(35) {
                $0.write(1, approval.rawValue)
                $0.write(2, strings: grantedBy.map(\.rawValue))
            }
        case .breakGlassOpened(let approval, let digest, let summary):
            writer.write(36) {
                $0.write(1, approval.rawValue)
                $0.write(2, digest)
                $0.write(3, summary)
            }
        case .breakGlassReviewed(let approval, let by, let note):
            writer.write(37) {
                $0.write(1, approval.rawValue)
                $0.write(2, by.rawValue)
                $0.write(3, note)
            }
        case .webhookFailed(let webhook, let event, let attempts, let reason):
            writer.write(38) {
                $0.write(1, webhook)
                $0.write(2, event)
                $0.write(3, attempts)
                $0.write(4, reason)
            }
        case .sessionCut(let by):
            writer.write(39) { $0.write(1, by.rawValue) }
        case .identityDisabled(let name): writer.write(50) { $0.write(1, name.rawValue) }
        case .identityEnabled(let name): writer.write(51) { $0.write(1, name.rawValue) }
        case .agentQuarantined(let agent): writer.write(52) { $0.write(1, agent.rawValue) }
        case .agentReleased(let agent): writer.write(53) { $0.write(1, agent.rawValue) }
        case .agentRemoved(let agent): writer.write(54) { $0.write(1, agent.rawValue) }
        case .tokenCreated(let name, let holder, let scope, let lasts):
            writer.write(55) {
                $0.write(1, name.rawValue)
                $0.write(2, holder.rawValue)
                $0.write(3, scope)
                $0.write(4, signed: lasts.nanosecondsClamped)
            }
        case .tokenRevoked(let name): writer.write(56) { $0.write(1, name.rawValue) }
        case .changeApplied(let set, let title, let changes):
            writer.write(60) {
                $0.write(1, set.rawValue)
                $0.write(2, title)
                $0.write(3, strings: changes)
            }
        case .changeAdvanced(let set, let percent):
            writer.write(68) {
                $0.write(1, set.rawValue)
                $0.write(2, percent)
            }
        case .changeKept(let set, let by):
            writer.write(61) {
                $0.write(1, set.rawValue)
                $0.write(2, by.rawValue)
            }
        case .changeUndone(let set, let cause, let by, let conflicts):
            writer.write(62) {
                $0.write(1, set.rawValue)
                $0.write(2, cause)
                $0.write(3, by?.rawValue)
                $0.write(4, strings: conflicts)
            }
        case .changeStuck(let set, let attempts, let code, let message):
            writer.write(63) {
                $0.write(1, set.rawValue)
                $0.write(2, attempts)
                $0.write(3, code)
                $0.write(4, message)
            }
        case .changeRefused(let code, let message):
            writer.write(64) {
                $0.write(1, code)
                $0.write(2, message)
            }
        case .agentSealed(let agent, let code, let message):
            writer.write(70) {
                $0.write(1, agent.rawValue)
                $0.write(2, code)
                $0.write(3, message)
            }
        case .agentUnsealed(let agent): writer.write(71) { $0.write(1, agent.rawValue) }
        case .taintOverflow(let kept): writer.write(72) { $0.write(1, kept) }
        case .changeRan(let set, let what, let outcome, let output):
            writer.write(65) {
                $0.write(1, set.rawValue)
                $0.write(2, what)
                $0.write(3, outcome)
                $0.write(4, output)
            }
        }
    }

    /// The tags that ``write(to:)`` uses.
    static let tags = Array(1...21) + Array(30...39) + Array(50...56) + Array(60...65) + [68] + Array(70...72)

    private static func writeVote(
        _ approval: ApprovalID, _ by: IdentityName, _ digest: String, _ reason: String?,
        to writer: inout CanonicalWriter
    ) {
        writer.write(1, approval.rawValue)
        writer.write(2, by.rawValue)
        writer.write(3, digest)
        writer.write(4, reason)
    }

    init(tag: Int, _ body: CanonicalReader) throws(GloveboxError) {
        switch tag {
        case 1: self = .identityInvited(name: try .init(body.string(1)), role: try body.known(2))
        case 2: self = .agentInvited(name: try .init(body.string(1)))
        case 3: self = .enrolled(subject: try body.string(1), means: try body.string(2))
        case 4: self = .signedOut(subject: try body.string(1))
        case 5:
            self = .signInRefused(
                code: try body.string(1), claimed: try body.stringIfPresent(2),
                others: try body.unsignedIfPresent(3) ?? 0)
        case 6: self = .agentConnected(agent: try .init(body.string(1)), version: try body.string(2))
        case 7: self = .agentDisconnected(agent: try .init(body.string(1)), reason: try body.string(2))
        case 8: self = .policyLoaded(digest: try body.string(1))
        case 9: self = .policyRefused(message: try body.string(1))
        case 10:
            var capabilities: [Capability] = []
            for name in try body.strings(1) {
                guard let capability = Capability(rawValue: name) else { throw CanonicalReader.malformed }
                capabilities.append(capability)
            }
            self = .leaseOpened(
                capabilities: capabilities, limits: try Limits(body.nested(2)),
                lasts: .nanoseconds(try body.signed(3)), purpose: try body.string(4), rule: try body.string(5))
        case 11: self = .leaseExtended(lasts: .nanoseconds(try body.signed(1)))
        case 12:
            self = .leaseEnded(
                try body.known(1),
                by: try body.stringIfPresent(2).map { (name) throws(GloveboxError) in try IdentityName(name) })
        case 13:
            self = .leaseRefused(
                code: try body.string(1), rule: try body.stringIfPresent(2), message: try body.string(3))
        case 14: self = .sessionStarted(application: try body.stringIfPresent(1), client: try body.stringIfPresent(2))
        case 15: self = .sessionRefused(code: try body.string(1), message: try body.string(2))
        case 16: self = .sessionEnded(try SessionReceipt(body), reason: try body.string(7))
        case 17:
            self = .statement(
                text: try body.string(1),
                values: try body.list(2) { (value) throws(GloveboxError) in try value.stringIfPresent(1) })
        case 18:
            self = .statementRefused(code: try body.string(1), message: try body.string(2), text: try body.string(3))
        case 19: self = .cancelRequested
        case 20:
            self = .recordsPruned(
                upTo: try body.unsigned(1), before: WallTime(nanoseconds: try body.signed(2)))
        case 21: self = .logBegun(origin: try body.string(1), checkpoint: try body.string(2))
        case 30:
            self = .approvalRequested(
                try .init(body.string(1)), digest: try body.string(2), summary: try body.string(3))
        case 31:
            self = .approvalGranted(
                try .init(body.string(1)), by: try .init(body.string(2)), digest: try body.string(3),
                reason: try body.stringIfPresent(4))
        case 32:
            self = .approvalDenied(
                try .init(body.string(1)), by: try .init(body.string(2)), digest: try body.string(3),
                reason: try body.stringIfPresent(4))
        case 33: self = .approvalExpired(try .init(body.string(1)))
        case 34: self = .approvalWithdrawn(try .init(body.string(1)))
        case 35:
            var grantedBy: [IdentityName] = []
            for name in try body.strings(2) { grantedBy.append(try IdentityName(name)) }
            self = .approvalUsed(try .init(body.string(1)), grantedBy: grantedBy)
        case 36:
            self = .breakGlassOpened(
                try .init(body.string(1)), digest: try body.string(2), summary: try body.string(3))
        case 37:
            self = .breakGlassReviewed(
                try .init(body.string(1)), by: try .init(body.string(2)), note: try body.string(3))
        case 38:
            self = .webhookFailed(
                webhook: try body.string(1), event: try body.string(2), attempts: try body.unsigned(3),
                reason: try body.string(4))
        case 39: self = .sessionCut(by: try .init(body.string(1)))
        case 50: self = .identityDisabled(name: try .init(body.string(1)))
        case 51: self = .identityEnabled(name: try .init(body.string(1)))
        case 52: self = .agentQuarantined(agent: try .init(body.string(1)))
        case 53: self = .agentReleased(agent: try .init(body.string(1)))
        case 54: self = .agentRemoved(agent: try .init(body.string(1)))
        case 55:
            self = .tokenCreated(
                name: try .init(body.string(1)), holder: try .init(body.string(2)), scope: try body.string(3),
                lasts: .nanoseconds(try body.signed(4)))
        case 56: self = .tokenRevoked(name: try .init(body.string(1)))
        case 60:
            self = .changeApplied(
                try .init(body.string(1)), title: try body.string(2), changes: try body.strings(3))
        case 68: self = .changeAdvanced(try .init(body.string(1)), percent: try body.unsigned(2))
        case 61: self = .changeKept(try .init(body.string(1)), by: try .init(body.string(2)))
        case 62:
            self = .changeUndone(
                try .init(body.string(1)), cause: try body.string(2),
                by: try body.stringIfPresent(3).map { (name) throws(GloveboxError) in try IdentityName(name) },
                conflicts: try body.strings(4))
        case 63:
            self = .changeStuck(
                try .init(body.string(1)), attempts: try body.unsigned(2), code: try body.string(3),
                message: try body.string(4))
        case 64: self = .changeRefused(code: try body.string(1), message: try body.string(2))
        case 70:
            self = .agentSealed(
                agent: try .init(body.string(1)), code: try body.string(2), message: try body.string(3))
        case 71: self = .agentUnsealed(agent: try .init(body.string(1)))
        case 72: self = .taintOverflow(kept: try body.unsigned(1))
        case 65:
            self = .changeRan(
                try .init(body.string(1)), what: try body.string(2), outcome: try body.string(3),
                output: try body.string(4))
        default: throw CanonicalReader.malformed
        }
    }
}

extension Limits {
    package func write(_ tag: Int, to writer: inout CanonicalWriter) {
        writer.write(tag) {
            $0.write(1, signed: self.rows)
            $0.write(2, signed: self.bytes)
            $0.write(3, signed: self.seconds)
            $0.write(4, signed: self.sessions)
        }
    }

    package init(_ reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            rows: try reader.signedIfPresent(1), bytes: try reader.signedIfPresent(2),
            seconds: try reader.signedIfPresent(3), sessions: try reader.signedIfPresent(4))
    }
}

extension SessionReceipt {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, signed: self.statements)
        writer.write(2, signed: self.rows)
        writer.write(3, signed: self.bytes)
        writer.write(4, signed: self.valuesSeen)
        writer.write(5, list: self.valuesMasked.sorted { $0.key < $1.key }) {
            $0.write(1, $1.key)
            $0.write(2, signed: $1.value)
        }
        writer.write(6, signed: self.lasted.nanosecondsClamped)
    }

    fileprivate func writeShown(to writer: inout CanonicalWriter) {
        if self.valuesShown.isEmpty { return }
        writer.write(8, list: self.valuesShown) {
            $0.write(1, $1.kind)
            $0.write(2, $1.reason)
            $0.write(3, signed: $1.count)
        }
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            statements: try reader.signed(1), rows: try reader.signed(2), bytes: try reader.signed(3),
            valuesSeen: try reader.signed(4), lasted: .nanoseconds(try reader.signed(6)))
        let masked = try reader.list(5) { (entry) throws(GloveboxError) in (try entry.string(1), try entry.signed(2)) }
        for (kind, count) in masked {
            self.valuesMasked[kind] = count
        }
        self.valuesShown = try reader.list(8) { (entry) throws(GloveboxError) in
            Shown(kind: try entry.string(1), reason: try entry.string(2), count: try entry.signed(3))
        }
    }
}

extension CanonicalReader {
    /// One of an enumeration's raw values.
    package func known<Value: RawRepresentable<String>>(_ tag: Int) throws(GloveboxError) -> Value {
        guard let value = Value(rawValue: try self.string(tag)) else { throw Self.malformed }
        return value
    }
}
