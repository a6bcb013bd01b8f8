package import Contracts
package import GloveboxCore
package import Logging
import NIOSSL
import OutboundHTTP
import ServiceLifecycle
import Synchronization

/// One receiver.
package struct Webhook: Sendable {
    /// What it's called in logs and records.
    package var name: String
    /// A secret in itself for receivers that know senders by it, as Slack and Teams do.
    package var url: Secret<String>
    package var form: WebhookForm
    /// Unsigned without one.
    package var secret: WebhookSecret?
    /// Which events it's told; `nil` for all.
    package var events: Set<String>?

    package init(
        name: String, url: Secret<String>, form: WebhookForm, secret: WebhookSecret?, events: Set<String>?
    ) {
        self.name = name
        self.url = url
        self.form = form
        self.secret = secret
        self.events = events
    }
}

/// A message that didn't arrive and isn't tried again.
package struct WebhookLoss: Hashable, Sendable {
    package var webhook: String
    package var message: WebhookMessage
    package var attempts: Int
    package var reason: String
}

/// Tells receivers, each by a queue of its own: one that hangs or fails holds up no other, and nobody who tells waits.
///
/// An answer of 2xx is a delivery. Anything else is tried again after rising pauses with jitter, until the pauses are
/// used up; then, and when a queue is full, the message is lost and `lost` is told. Queues are in memory: what isn't
/// delivered when the gateway stops is lost as well. The log has it all; webhooks are a courtesy.
package final class WebhookSender: Service {
    package struct Settings: Sendable {
        /// For one attempt.
        package var timeout: Duration
        /// Before the second attempt, the third, and so on.
        package var pauses: [Duration]
        /// Most messages that wait for one receiver.
        package var mostQueued: Int

        /// Six attempts within about three quarters of an hour.
        package init(
            timeout: Duration = .seconds(10),
            pauses: [Duration] = [.seconds(2), .seconds(15), .seconds(60), .seconds(600), .seconds(1800)],
            mostQueued: Int = 256
        ) {
            self.timeout = timeout
            self.pauses = pauses
            self.mostQueued = mostQueued
        }
    }

    private struct Waiting: Sendable {
        var message: WebhookMessage
        var attempts = 0
        var due: BootInstant
    }

    /// What waits for one receiver.
    private final class Queue: Sendable {
        let webhook: Webhook
        let waiting = Mutex<[Waiting]>([])
        let alarm: Alarm

        init(_ webhook: Webhook, _ time: any TimeSource) {
            self.webhook = webhook
            self.alarm = Alarm(time)
        }
    }

    private let queues: [Queue]
    private let settings: Settings
    private let time: any TimeSource
    private let logger: Logger
    private let lost: @Sendable (WebhookLoss) -> Void

    /// - Parameter lost: called for each message that's given up.
    package init(
        _ webhooks: [Webhook], settings: Settings = Settings(), time: any TimeSource, logger: Logger,
        lost: @escaping @Sendable (WebhookLoss) -> Void
    ) {
        self.queues = webhooks.map { Queue($0, time) }
        self.settings = settings
        self.time = time
        self.logger = logger
        self.lost = lost
    }

    /// Puts a message into the queues of those who are to be told; never waits.
    package func tell(_ message: WebhookMessage) {
        let now = self.time.boot
        for queue in self.queues where queue.webhook.events?.contains(message.event) ?? true {
            let isFull = queue.waiting.withLock { waiting in
                guard waiting.count < self.settings.mostQueued else { return true }
                waiting.append(Waiting(message: message, due: now))
                return false
            }
            if isFull {
                self.logger.error(
                    "a webhook's queue is full: a message is lost",
                    metadata: ["webhook": "\(queue.webhook.name)", "event": "\(message.event)"])
                self.lost(
                    WebhookLoss(
                        webhook: queue.webhook.name, message: message, attempts: 0, reason: "its queue is full"))
            } else {
                queue.alarm.ring()
            }
        }
    }

    package func run() async throws {
        // Made here, since it has to be shut down.
        let client = OutboundClient(
            tls: .makeClientConfiguration(), timeout: self.settings.timeout, mostBytes: 65_536)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                for queue in self.queues {
                    tasks.addTask { await self.serve(queue, client) }
                }
            }
        }
        await client.shutdown()
        let left = self.queues.reduce(0) { $0 + $1.waiting.withLock(\.count) }
        if left > 0 {
            self.logger.warning("webhooks' messages are lost: the gateway stops", metadata: ["count": "\(left)"])
        }
    }

    private func serve(_ queue: Queue, _ client: OutboundClient) async {
        while !Task.isCancelled {
            let now = self.time.boot
            let next = queue.waiting.withLock { waiting -> Waiting? in
                waiting.filter { $0.due <= now }.min { $0.due < $1.due }
            }
            guard let next else {
                let due = queue.waiting.withLock { $0.map(\.due).min() }
                await queue.alarm.wait(until: due ?? now.advanced(by: .seconds(3600)))
                continue
            }
            let failure = await self.deliver(next.message, to: queue.webhook, client)
            guard !Task.isCancelled else { return }
            await self.settle(next, failure, queue)
        }
    }

    /// Takes a message that was tried out of its queue, or puts it back for later.
    private func settle(_ tried: Waiting, _ failure: String?, _ queue: Queue) async {
        let attempts = tried.attempts + 1
        let pause = failure != nil && attempts <= self.settings.pauses.count ? self.settings.pauses[attempts - 1] : nil
        // A fifth more or less, so that a receiver that comes back isn't met by all at once.
        let due = pause.map { self.time.boot.advanced(by: $0 * Double.random(in: 0.8...1.2)) }
        queue.waiting.withLock { waiting in
            guard let index = waiting.firstIndex(where: { $0.message.id == tried.message.id }) else { return }
            if let due {
                waiting[index].attempts = attempts
                waiting[index].due = due
            } else {
                waiting.remove(at: index)
            }
        }
        guard let failure else { return }
        self.logger.warning(
            "a webhook's message didn't arrive",
            metadata: [
                "webhook": "\(queue.webhook.name)", "event": "\(tried.message.event)", "id": "\(tried.message.id)",
                "attempt": "\(attempts)", "reason": "\(failure)", "again": "\(due != nil)",
            ])
        if due == nil {
            self.lost(
                WebhookLoss(
                    webhook: queue.webhook.name, message: tried.message, attempts: attempts, reason: failure))
        }
    }

    /// Returns why it didn't arrive.
    private func deliver(
        _ message: WebhookMessage, to webhook: Webhook, _ client: OutboundClient
    ) async -> String? {
        do {
            let body = try webhook.form.body(message)
            let seconds = self.time.wall.nanoseconds / 1_000_000_000
            var headers = [
                ("content-type", "application/json"), ("user-agent", "glovebox/\(GloveboxVersion.current)"),
                ("webhook-id", message.id), ("webhook-timestamp", String(seconds)),
            ]
            if let secret = webhook.secret {
                headers.append(("webhook-signature", secret.signature(id: message.id, seconds: seconds, body: body)))
            }
            let answer = try await client.send("POST", webhook.url.exposeSecret(), headers: headers, body: body)
            return (200..<300).contains(answer.status) ? nil : "it answered \(answer.status)"
        } catch let failure as OutboundFailure {
            return failure.reason
        } catch {
            return "it couldn't be sent"
        }
    }
}
