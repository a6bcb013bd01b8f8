import GloveboxCore
import Logging
import Synchronization
import Testing
import Webhooks

@testable import Gateway

@Suite("Alarms of agents")
struct AgentAlarmTests {
    private let agent = AgentName(unchecked: "demo")
    private let told = Told()

    private final class Told: Sendable {
        let messages = Mutex<[WebhookMessage]>([])
    }

    private func raise(_ event: RecordEvent) -> [WebhookMessage] {
        let alarms = AgentAlarms(
            tell: { message in self.told.messages.withLock { $0.append(message) } }, logger: Logger(label: "test"))
        let record = Record(time: WallTime(nanoseconds: 5), event: event)
        alarms.raise(SequencedRecord(sequence: 1, bytes: record.canonicalBytes), of: self.agent)
        return self.told.messages.withLock { $0 }
    }

    @Test("a seal is told with its agent, its code and why, and no longer than a line is")
    func sealed() throws {
        let other = AgentName(unchecked: "somebody-else")
        let messages = self.raise(
            .agentSealed(agent: other, code: "canary_leaked", message: String(repeating: "m", count: 10_000)))
        let message = try #require(messages.first)
        #expect(messages.count == 1 && message.event == "agent_sealed" && message.at == WallTime(nanoseconds: 5))
        // The one whose record it is, whatever that says.
        #expect(message.facts.first == .init("agent", "demo"))
        #expect(message.facts.contains(.init("code", "canary_leaked")) && message.title.count < 600)
    }

    @Test("its end is told, and other records are nobody's alarm")
    func others() {
        #expect(self.raise(.cancelRequested).isEmpty)
        #expect(self.raise(.agentUnsealed(agent: self.agent)).map(\.event) == ["agent_unsealed"])
    }

    @Test("among an agent's records those of seals are found by their bytes")
    func found() {
        func mayTell(_ event: RecordEvent) -> Bool {
            Record.mayTellOfSeal(Record(time: WallTime(nanoseconds: 5), event: event).canonicalBytes)
        }
        #expect(mayTell(.agentSealed(agent: self.agent, code: "c", message: "m")))
        #expect(mayTell(.agentUnsealed(agent: self.agent)))
        #expect(!mayTell(.statement(text: "SELECT 1", values: [])) && !mayTell(.taintOverflow(kept: 1)))
        #expect(!Record.mayTellOfSeal([0xFF, 0x00]))
    }
}
