import Approvals
import Contracts
import ControlAPI
import GloveboxCore
import Webhooks
import YAMLDocument

extension WebhookMessage {
    /// What the outside is told of an approval: what was asked for, as approvers see it.
    init(_ notice: ApprovalNotice) {
        let approval = notice.approval
        let subject = try? LeaseSubject(of: approval)
        var facts = [Fact("approval", approval.id.rawValue), Fact("asker", approval.asker.rawValue)]
        if let subject {
            facts += [
                Fact("target", subject.target.rawValue),
                Fact("capabilities", subject.capabilities.sorted().map(\.rawValue).joined(separator: ", ")),
                Fact("duration", subject.duration.written), Fact("rule", subject.rule),
                Fact("purpose", subject.purpose),
            ]
        }
        if let requirement = approval.requirement { facts.append(Fact("takes", requirement.inWords)) }
        if let by = notice.by { facts.append(Fact("by", by.rawValue)) }
        if let lease = approval.lease { facts.append(Fact("lease", lease.rawValue)) }
        facts.append(Fact("digest", hexadecimal(approval.digest)))
        let what = subject.map { "\($0.capabilities.sorted().map(\.rawValue).joined(separator: ", ")) on \($0.target)" }
        self.init(
            id: "msg_\(Base32.random(length: 26))", event: notice.event, at: notice.at,
            title: notice.title(what ?? "something"), facts: facts)
    }
}

extension ApprovalNotice {
    /// One line for people.
    fileprivate func title(_ what: String) -> String {
        let asker = self.approval.asker
        let by = self.by.map(\.rawValue) ?? "nobody"
        return switch self.event {
        case "approval_requested": "\(asker) asks for \(what): glovebox approval show \(self.approval.id)"
        case "approval_granted": "\(by) granted \(asker) \(what)"
        case "approval_denied": "\(by) denied \(asker) \(what)"
        case "approval_expired": "time is up for \(asker)'s request for \(what)"
        case "approval_withdrawn": "\(asker)'s request for \(what) was withdrawn"
        case "approval_used": "\(asker) opened \(what), as approved"
        case "break_glass_opened":
            "BREAK-GLASS: \(asker) opened \(what) without approval: glovebox approval review \(self.approval.id)"
        case "break_glass_reviewed": "\(by) reviewed \(asker)'s break-glass on \(what)"
        default: "\(self.event): \(asker), \(what)"
        }
    }
}
