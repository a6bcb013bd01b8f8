import Changes
import Contracts
import ControlAPI
import ControlServer
import Crypto
import FlagRules
import GloveboxCore

/// Answers OFREP by the epoch that's in force.
struct GatewayFlags: FlagEvaluations {
    let house: FlagHouse
    let time: any TimeSource

    private var timestamp: Int64 { self.time.wall.nanoseconds / 1_000_000_000 }

    func evaluate(_ key: String, of target: TargetName?, body: [UInt8]) throws -> FlagAnswer {
        let epoch: FlagEpoch
        do {
            epoch = try self.house.epoch(of: target)
        } catch {
            return FlagAnswer(Self.refusal(error).answer(key: key))
        }
        do {
            return FlagAnswer(try epoch.flags.ofrep(key, OFREP.context(body), timestamp: self.timestamp))
        } catch {
            return FlagAnswer(error.answer(key: key))
        }
    }

    func evaluateAll(of target: TargetName?, body: [UInt8], ifNoneOf known: [String]) throws -> FlagAnswer {
        let epoch: FlagEpoch
        do {
            epoch = try self.house.epoch(of: target)
        } catch {
            return FlagAnswer(Self.refusal(error).answer(key: nil))
        }
        let context: FlagContext
        do {
            context = try OFREP.context(body)
        } catch {
            return FlagAnswer(error.answer(key: nil))
        }
        let flags = FlagValue.array(epoch.flags.ofrep(context, timestamp: self.timestamp))
        let tag = Self.tag(epoch, context, flags)
        guard !known.contains(tag), !known.contains("*") else { return FlagAnswer(status: 304, body: [], eTag: tag) }
        // From this answer on: whatever comes before the caller listens would be missed otherwise.
        let place = "/flags/\(epoch.state.target)/ofrep/v1/events?after=\(epoch.tag)"
        let events = FlagValue.object([
            "type": .string("sse"), "endpoint": .object(["requestUri": .string(place)]),
        ])
        let answer = FlagValue.object([
            "flags": flags, "eventStreams": .array([events]),
            "metadata": .object([
                "flagSetId": .string(epoch.state.target.rawValue), "epoch": .integer(epoch.number),
            ]),
        ])
        return FlagAnswer(status: 200, body: Array(answer.json.utf8), eTag: tag)
    }

    /// Of a target that isn't named, or isn't there: in the form that providers read.
    private static func refusal(_ error: GloveboxError) -> OFREP.Refusal {
        OFREP.Refusal(fault: .general, detail: error.message)
    }

    /// Over the configuration, the context, and what came of both, since a rule may look at the clock.
    private static func tag(_ epoch: FlagEpoch, _ context: FlagContext, _ flags: FlagValue) -> String {
        var hash = SHA256()
        var fields = context.attributes
        fields["targetingKey"] = context.targetingKey.map { .string($0) }
        for part in [epoch.tag, FlagValue.object(fields).json, flags.json] {
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        return "\"\(hexadecimal(Array(hash.finalize().prefix(16))))\""
    }

    func events(of target: TargetName?, after lastEvent: String?) throws -> AsyncThrowingStream<ServerEvent, any Error>
    {
        let target = try self.house.epoch(of: target).state.target
        let news = FlagNews(self.house.epochs(of: target), after: lastEvent, time: self.time)
        return AsyncThrowingStream { await news.next() }
    }
}

/// Turns epochs into events, one after the other. It ends by itself, so that whoever listens is asked again who they are.
private actor FlagNews {
    private var epochs: AsyncStream<ServedEpoch>.AsyncIterator
    /// The last one that was told, or that the reader had.
    private var last: String?
    private var isFirst = true
    private let time: any TimeSource
    private let end: BootInstant
    private static let longest = Duration.seconds(300)

    init(_ epochs: AsyncStream<ServedEpoch>, after last: String?, time: any TimeSource) {
        self.time = time
        self.end = time.boot.advanced(by: Self.longest)
        self.epochs = epochs.makeAsyncIterator()
        self.last = last
    }

    func next() async -> ServerEvent? {
        var epochs = self.epochs
        let epoch = await epochs.next(isolation: self)?.epoch
        self.epochs = epochs
        guard let epoch, self.time.boot < self.end else { return nil }
        defer { self.isFirst = false }
        // Whoever comes without a last event has just read the flags, or is about to. They're told where they are, or they
        // would come without one again after this stream's end, whatever came in between.
        guard !self.isFirst || self.last != nil else {
            self.last = epoch.tag
            return .place(epoch.tag)
        }
        let isKnown = self.last == epoch.tag
        self.last = epoch.tag
        // The same one again is a sign of life.
        guard !isKnown else { return .alive }
        let data = FlagValue.object(["type": .string("refetchEvaluation"), "etag": .string(epoch.tag)])
        return ServerEvent(id: epoch.tag, name: "message", data: data.json)
    }
}

extension FlagAnswer {
    init(_ answer: OFREP.Answer) {
        self.init(status: answer.status, body: Array(answer.body.json.utf8))
    }
}
