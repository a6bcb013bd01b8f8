import GloveboxCore
import Logging
import Webhooks

/// Raises an alarm when an agent seals, and tells when that's over: in the gateway's log, and by webhooks.
struct AgentAlarms: Sendable {
    let tell: @Sendable (WebhookMessage) -> Void
    let logger: Logger

    /// - Parameter sequenced: a record of the agent's own, which the log has.
    func raise(_ sequenced: SequencedRecord, of agent: AgentName) {
        guard let record = try? Record(canonicalBytes: sequenced.bytes) else { return }
        switch record.event {
        case .agentSealed(_, let code, let text):
            // Whoever has an agent's certificate can write anything here.
            let (code, message) = (String(code.prefix(40)), String(text.prefix(500)))
            self.logger.critical(
                "an agent has sealed: its sessions have ended, and none may open",
                metadata: ["agent": "\(agent)", "error": "\(message) [\(code)]"])
            self.tell(
                WebhookMessage(
                    record, "agent \(agent) has sealed: \(message)", agent,
                    [.init("code", code), .init("message", message)]))
        case .agentUnsealed:
            self.logger.notice("an agent's masking may be trusted again", metadata: ["agent": "\(agent)"])
            self.tell(WebhookMessage(record, "agent \(agent) masks as it must again: sessions may open", agent, []))
        default:
            break
        }
    }
}

extension WebhookMessage {
    fileprivate init(_ record: Record, _ title: String, _ agent: AgentName, _ facts: [Fact]) {
        self.init(
            id: "msg_\(Base32.random(length: 26))", event: record.event.name, at: record.time, title: title,
            facts: [Fact("agent", agent.rawValue)] + facts)
    }
}
