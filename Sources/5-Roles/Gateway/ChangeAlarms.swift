import Changes
import Contracts
import GloveboxCore
import Webhooks

/// Tells by webhooks when a set of changes doesn't go back as it should, and when one has gone back.
struct ChangeAlarms: Sendable {
    private let tell: @Sendable (WebhookMessage) -> Void

    init(tell: @escaping @Sendable (WebhookMessage) -> Void) {
        self.tell = tell
    }

    /// Told once, after the first attempt: what follows is in the log.
    func stuck(_ set: ChangeSet, _ failure: GloveboxError, at now: WallTime) {
        self.tell(
            "change_stuck", set, at: now,
            "\(set.holder)'s change '\(set.title)' on \(set.target) doesn't go back: glovebox change show \(set.id)",
            [.init("code", failure.code.rawValue), .init("message", failure.message)])
    }

    func undone(_ set: ChangeSet, cause: String, at now: WallTime) {
        self.tell(
            "change_undone", set, at: now,
            "\(set.holder)'s change '\(set.title)' on \(set.target) has gone back: \(cause)",
            [.init("cause", cause)])
    }

    private func tell(
        _ event: String, _ set: ChangeSet, at now: WallTime, _ title: String, _ more: [WebhookMessage.Fact]
    ) {
        let facts: [WebhookMessage.Fact] = [
            .init("change", set.id.rawValue), .init("owner", set.holder.rawValue), .init("target", set.target.rawValue),
            .init("lease", set.lease.rawValue), .init("changes", set.summaries.joined(separator: ", ")),
        ]
        self.tell(
            WebhookMessage(
                id: "msg_\(Base32.random(length: 26))", event: event, at: now, title: title, facts: facts + more))
    }
}
