import ControlAPI
package import GloveboxCore

/// Something that people outside of Glovebox are told. Nothing in it comes from a target: names, numbers, and what
/// people wrote for the record, masked.
package struct WebhookMessage: Hashable, Sendable {
    /// The same for every attempt: receivers drop what they have seen.
    package var id: String
    /// The stable name of the record's event.
    package var event: String
    package var at: WallTime
    /// One line for people.
    package var title: String
    /// Names and values for people, and under these names in the generic form.
    package var facts: [Fact]

    package struct Fact: Hashable, Sendable {
        /// lowerCamelCase, as in the API.
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(id: String, event: String, at: WallTime, title: String, facts: [Fact]) {
        self.id = id
        self.event = event
        self.at = at
        self.title = title
        self.facts = facts
    }
}

/// In which shape a receiver wants it.
package enum WebhookForm: String, Hashable, Sendable, CaseIterable {
    /// `{type, timestamp, data}`, as Standard Webhooks has it.
    case generic
    /// An incoming webhook of Slack's: blocks of plain text, so that no name or reason can format, link or mention.
    case slack
    /// The "post to a channel when a webhook request is received" workflow of Teams': an Adaptive Card whose texts are
    /// runs, which aren't read as Markdown.
    case teams

    /// The body, as JSON.
    package func body(_ message: WebhookMessage) throws -> [UInt8] {
        let value: JSONValue =
            switch self {
            case .generic: Self.generic(message)
            case .slack: Self.slack(message)
            case .teams: Self.teams(message)
            }
        return try JSONForm.encode(value)
    }

    private static func generic(_ message: WebhookMessage) -> JSONValue {
        var data: [String: JSONValue] = ["title": .string(message.title)]
        for fact in message.facts { data[fact.name] = .string(fact.value) }
        return .object([
            "type": .string(message.event), "timestamp": .string(Timestamp(message.at).description),
            "data": .object(data),
        ])
    }

    private static func slack(_ message: WebhookMessage) -> JSONValue {
        func plain(_ text: String, most: Int) -> JSONValue {
            .object(["type": .string("plain_text"), "text": .string(String(text.prefix(most))), "emoji": .bool(false)])
        }
        // A section takes ten fields of 2,000 characters.
        let fields = message.facts.prefix(10).map { plain("\($0.name): \($0.value)", most: 2000) }
        var section: [String: JSONValue] = ["type": .string("section"), "text": plain(message.title, most: 3000)]
        if !fields.isEmpty { section["fields"] = .array(Array(fields)) }
        return .object(["text": .string(message.title.escapedForSlack), "blocks": .array([.object(section)])])
    }

    private static func teams(_ message: WebhookMessage) -> JSONValue {
        func line(_ runs: [(text: String, isBold: Bool)]) -> JSONValue {
            .object([
                "type": .string("RichTextBlock"),
                "inlines": .array(
                    runs.map { run in
                        .object([
                            "type": .string("TextRun"), "text": .string(run.text),
                            "weight": .string(run.isBold ? "bolder" : "default"),
                        ])
                    }),
            ])
        }
        let facts = message.facts.map { line([("\($0.name): ", true), ($0.value, false)]) }
        let card: JSONValue = .object([
            "$schema": .string("http://adaptivecards.io/schemas/adaptive-card.json"),
            "type": .string("AdaptiveCard"), "version": .string("1.4"),
            "body": .array([line([(message.title, true)])] + facts),
        ])
        return .object([
            "type": .string("message"),
            "attachments": .array([
                .object([
                    "contentType": .string("application/vnd.microsoft.card.adaptive"), "contentUrl": .null,
                    "content": card,
                ])
            ]),
        ])
    }
}

extension String {
    /// Slack reads three characters of a message's text as markup.
    fileprivate var escapedForSlack: String {
        self.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }
}
