import ControlAPI
import ControlServer
import GloveboxCore

/// Answers what it was asked.
struct FakeFlags: FlagEvaluations {
    func evaluate(_ key: String, of target: TargetName?, body: [UInt8]) throws -> FlagAnswer {
        FlagAnswer(status: 200, body: Array("\(key) of \(target?.rawValue ?? "-"): ".utf8) + body)
    }

    func evaluateAll(of target: TargetName?, body: [UInt8], ifNoneOf known: [String]) throws -> FlagAnswer {
        guard !known.contains("\"7\"") else { return FlagAnswer(status: 304, body: [], eTag: "\"7\"") }
        return FlagAnswer(status: 200, body: Array("all of \(target?.rawValue ?? "-"): ".utf8) + body, eTag: "\"7\"")
    }

    func events(of target: TargetName?, after lastEvent: String?) throws -> AsyncThrowingStream<ServerEvent, any Error>
    {
        AsyncThrowingStream { events in
            events.yield(ServerEvent(id: "8", name: "message", data: "after \(lastEvent ?? "-")"))
            events.finish()
        }
    }
}
