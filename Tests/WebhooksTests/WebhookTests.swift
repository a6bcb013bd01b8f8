import Contracts
import ControlAPI
import GloveboxCore
import Logging
import Synchronization
import TestSupport
import Testing
import Webhooks

@Suite("Webhooks")
struct WebhookTests {
    private static let secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private static let message = WebhookMessage(
        id: "msg_1", event: "approval_requested", at: WallTime(nanoseconds: 1_735_689_600_000_000_000),
        title: "mia asks for <!channel> & [read](https://evil.example)",
        facts: [.init("target", "shop-db"), .init("purpose", "*INC-1*")])

    private final class Losses: Sendable {
        private let all = Mutex<[WebhookLoss]>([])
        var list: [WebhookLoss] { self.all.withLock { $0 } }
        func add(_ loss: WebhookLoss) { self.all.withLock { $0.append(loss) } }
    }

    private struct Bench: Sendable {
        let time = ManualTime()
        let losses = Losses()
        let sender: WebhookSender

        init(_ webhooks: [Webhook], settings: WebhookSender.Settings = .init(timeout: .milliseconds(300))) {
            let losses = self.losses
            self.sender = WebhookSender(
                webhooks, settings: settings, time: self.time,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, lost: { losses.add($0) })
        }

        /// Sends while `body` runs.
        func running(_ body: () async throws -> Void) async throws {
            let sending = Task { try await self.sender.run() }
            do {
                try await body()
            } catch {
                sending.cancel()
                throw error
            }
            sending.cancel()
            try await sending.value
        }

        /// Lets time go on, however long it takes to try again, until `holds`.
        func until(_ what: String, _ holds: @Sendable () -> Bool) async throws {
            try await eventually(timeout: .seconds(30), what) {
                self.time.advance(by: .seconds(1))
                return holds()
            }
        }
    }

    private static func webhook(
        _ receiver: Receiver, name: String = "siem", form: WebhookForm = .generic, events: Set<String>? = nil
    ) throws -> Webhook {
        Webhook(
            name: name, url: Secret(receiver.url), form: form, secret: try WebhookSecret(Secret(Self.secretText)),
            events: events)
    }

    // MARK: Signature

    @Test("the signature is that of Standard Webhooks, by what openssl makes of the same")
    func signature() throws {
        let secret = try WebhookSecret(Secret(Self.secretText))
        #expect(
            secret.signature(
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
                == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(
        "a secret that's too short, too long or of another form is refused without being shown",
        arguments: [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!!",
            "whsec_" + String(repeating: "AAAA", count: 22),
        ])
    func secrets(text: String) {
        let error = #expect(throws: GloveboxError.self) { try WebhookSecret(Secret(text)) }
        #expect(error?.code == .configurationInvalid)
        #expect(text.count < 10 || error?.message.contains(text) == false)
    }

    // MARK: Delivery

    @Test("what fails is tried again under the same id, signed anew, until it's taken")
    func retries() async throws {
        let receiver = try await Receiver.start(answering: 500, 302, 404, 204)
        let bench = Bench([try Self.webhook(receiver)])
        try await bench.running {
            bench.sender.tell(Self.message)
            try await bench.until("four attempts") { receiver.received.count == 4 }
        }
        let secret = try WebhookSecret(Secret(Self.secretText))
        var times: [Int64] = []
        for request in receiver.received {
            #expect(request.path == "/hook", "a redirect isn't followed")
            #expect(request.headers["webhook-id"] == "msg_1")
            #expect(request.headers["content-type"] == "application/json")
            let seconds = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
            times.append(seconds)
            #expect(
                request.headers["webhook-signature"]
                    == secret.signature(id: "msg_1", seconds: seconds, body: request.body))
        }
        #expect(times == times.sorted() && times.first != times.last, "the time is each attempt's own")
        #expect(bench.losses.list.isEmpty)
        await receiver.stop()
    }

    @Test("a receiver that hangs holds up no other, and is given up after its last attempt")
    func hanging() async throws {
        let (hangs, answers) = (
            try await Receiver.start(answering: nil), try await Receiver.start(answering: 200)
        )
        let bench = Bench(
            [try Self.webhook(hangs, name: "hangs"), try Self.webhook(answers, name: "answers")],
            settings: .init(timeout: .milliseconds(200), pauses: [.seconds(5), .seconds(60)]))
        try await bench.running {
            bench.sender.tell(Self.message)
            try await eventually(timeout: .seconds(30), "the other's delivery") { answers.received.count == 1 }
            try await bench.until("the loss") { !bench.losses.list.isEmpty }
        }
        let loss = try #require(bench.losses.list.first)
        #expect(loss.webhook == "hangs" && loss.attempts == 3 && loss.reason == "it doesn't answer in time")
        #expect(hangs.received.count == 3 && answers.received.count == 1)
        await hangs.stop()
        await answers.stop()
    }

    @Test("a receiver that isn't there is told of in words, and never by its address")
    func gone() async throws {
        let receiver = try await Receiver.start(answering: 200)
        let webhook = try Self.webhook(receiver)
        await receiver.stop()
        let bench = Bench([webhook], settings: .init(timeout: .seconds(5), pauses: []))
        try await bench.running {
            bench.sender.tell(Self.message)
            try await eventually(timeout: .seconds(30), "the loss") { !bench.losses.list.isEmpty }
        }
        #expect(bench.losses.list.first?.reason == "connection refused")
    }

    @Test("a queue that's full loses what comes, and tells")
    func full() async throws {
        let receiver = try await Receiver.start(answering: 200)
        let bench = Bench([try Self.webhook(receiver)], settings: .init(mostQueued: 2))
        for number in 1...3 {
            var message = Self.message
            message.id = "msg_\(number)"
            bench.sender.tell(message)
        }
        #expect(bench.losses.list.map(\.message.id) == ["msg_3"])
        try await bench.running {
            try await eventually(timeout: .seconds(30), "the others") { receiver.received.count == 2 }
        }
        await receiver.stop()
    }

    @Test("each is told what it asked for alone, and stopping doesn't wait for one that hangs")
    func events() async throws {
        let (all, some) = (try await Receiver.start(answering: 200), try await Receiver.start(answering: nil))
        let bench = Bench(
            [
                try Self.webhook(all, name: "all"),
                try Self.webhook(some, name: "some", events: ["break_glass_opened"]),
            ], settings: .init(timeout: .seconds(600)))
        try await bench.running {
            bench.sender.tell(Self.message)
            var broken = Self.message
            broken.id = "msg_2"
            broken.event = "break_glass_opened"
            bench.sender.tell(broken)
            try await eventually(timeout: .seconds(30), "all") {
                all.received.count == 2 && some.received.count == 1
            }
        }
        #expect(some.received.map { $0.headers["webhook-id"] } == ["msg_2"])
        await all.stop()
        await some.stop()
    }

    // MARK: Forms

    private func json(_ form: WebhookForm) throws -> JSONValue {
        try JSONForm.decode(JSONValue.self, from: try form.body(Self.message))
    }

    @Test("the generic form has type, time and data")
    func generic() throws {
        #expect(
            try self.json(.generic)
                == .object([
                    "type": .string("approval_requested"), "timestamp": .string("2025-01-01T00:00:00Z"),
                    "data": .object([
                        "title": .string(Self.message.title), "target": .string("shop-db"),
                        "purpose": .string("*INC-1*"),
                    ]),
                ]))
    }

    @Test("in Slack's form nothing that people wrote can mention, link or format")
    func slack() throws {
        guard case .object(let fields) = try self.json(.slack), case .array(let blocks)? = fields["blocks"],
            case .object(let section)? = blocks.first
        else {
            Issue.record("no blocks")
            return
        }
        #expect(
            fields["text"] == .string("mia asks for &lt;!channel&gt; &amp; [read](https://evil.example)"))
        #expect(section["type"] == .string("section"))
        let texts = [section["text"]].compactMap { $0 } + (section["fields"].map(Self.elements) ?? [])
        #expect(texts.count == 3)
        for text in texts {
            guard case .object(let text) = text else { continue }
            #expect(text["type"] == .string("plain_text"))
        }
    }

    @Test("in Teams' form all text stands in runs, which aren't Markdown")
    func teams() throws {
        guard case .object(let fields) = try self.json(.teams), fields["type"] == .string("message"),
            case .object(let attachment)? = fields["attachments"].map(Self.elements)?.first,
            case .object(let card)? = attachment["content"]
        else {
            Issue.record("no card")
            return
        }
        #expect(attachment["contentType"] == .string("application/vnd.microsoft.card.adaptive"))
        #expect(card["type"] == .string("AdaptiveCard") && card["version"] == .string("1.4"))
        let body = card["body"].map(Self.elements) ?? []
        #expect(body.count == 3)
        for block in body {
            guard case .object(let block) = block else { continue }
            #expect(block["type"] == .string("RichTextBlock"))
        }
    }

    private static func elements(_ value: JSONValue) -> [JSONValue] {
        if case .array(let elements) = value { elements } else { [] }
    }
}
