import GloveboxCore
import LogFormats
import LogSpool
import Logging
import NIOCore
import Redaction
import Telemetry

/// Masks what inputs have read and puts it into the spool. Nothing that's raw leaves it.
///
/// Fails closed: after an error of the masker nothing more of any input passes. When a canary comes out it's *sealed*: inputs
/// wait, and outputs get nothing, until another masker has proven itself (``use(_:)``). What came into the spool since the
/// last round that was good is masked once more by that one before it's delivered.
actor LogIntake {
    /// Most bytes that are appended to the spool at once.
    private static let batch = 1 << 20
    private static let longestRetry = Duration.seconds(5)

    /// One source of records: a connection, a socket for datagrams, a file.
    private final class Lane {
        /// What it comes by.
        let input: String
        var redactor = RecordRedactor.Lane()
        var text: Text?

        init(_ input: String) {
            self.input = input
        }
    }

    /// Text is masked before it's cut into lines, so that what goes over several is found.
    private final class Text {
        var stream: RedactionStream
        var framing: LineFraming
        let masker: Masker

        init(_ masker: Masker, most: Int) throws(GloveboxError) {
            self.masker = masker
            self.stream = try RedactionStream(masker)
            self.framing = LineFraming(most: most)
        }
    }

    private var masker: Masker
    private var redactor: RecordRedactor
    /// Those that were in use before, and that a text which is still read has begun with.
    private var formerMaskers: [Masker] = []
    /// What maskers had counted that are gone.
    private var formerCounts: [Kind: Int] = [:]
    private var formerShown: [ShownValue: Int] = [:]
    private let spool: LogSpool
    private let counters: PipelineCounters
    private let logger: Logger
    private var lanes: [Int: Lane] = [:]
    private var lastLane = 0
    private var failure: GloveboxError?
    /// A canary came out.
    private(set) var seal: GloveboxError?
    private let lifted = Wakeups()
    /// How many seals were lifted.
    private var lifts = 0
    /// From which number on the spool has what no round of canaries has followed.
    private var proven: UInt64 = 0
    private let examine: Examination
    /// Why the spool doesn't take anything.
    private(set) var spoolFailure: GloveboxError?

    /// Sends canaries by a masker; throws when one comes out.
    typealias Examination = @Sendable (Masker) throws -> Void

    init(
        masker: sending Masker, spool: LogSpool, counters: PipelineCounters, logger: Logger,
        examine: @escaping Examination = LogIntake.sendCanaries(by:)
    ) {
        self.examine = examine
        self.masker = masker
        self.redactor = RecordRedactor(masker)
        self.spool = spool
        self.counters = counters
        self.logger = logger
    }

    func openLane(_ input: String = "") -> Int {
        self.lastLane += 1
        self.lanes[self.lastLane] = Lane(input)
        return self.lastLane
    }

    func closeLane(_ lane: Int) {
        self.lanes[lane] = nil
        self.forgetMaskers()
    }

    /// How many values were masked, by kind.
    var masked: [Kind: Int] {
        (self.formerMaskers + [self.masker]).reduce(self.formerCounts) { sums, masker in
            sums.merging(masker.counts, uniquingKeysWith: +)
        }
    }

    /// Masks by another masker from now on; a text that has begun goes on with the one it has. After an error nothing passes
    /// all the same. Lifts a seal; what texts held back then is left out, as it went through what can't be trusted.
    ///
    /// - Throws: `canary_leaked`, `redaction_failed`; nothing has changed.
    func use(_ masker: sending Masker) async throws {
        try self.examine(masker)
        self.formerMaskers.append(self.masker)
        self.masker = masker
        self.redactor = RecordRedactor(masker)
        if self.seal != nil {
            for lane in self.lanes.values where lane.text != nil {
                lane.text = nil
                self.drop(1, .sealed, lane.input)
            }
            // What is suspect already stays it where that can't be written now.
            do { try await self.spool.trust() } catch { self.note(error) }
            self.seal = nil
            self.lifts += 1
            self.lifted.wake()
        }
        self.forgetMaskers()
    }

    /// How many values were found and shown, by kind and reason.
    var shown: [ShownValue: Int] {
        (self.formerMaskers + [self.masker]).reduce(self.formerShown) { sums, masker in
            sums.merging(masker.shown, uniquingKeysWith: +)
        }
    }

    private func forgetMaskers() {
        for former in self.formerMaskers where !self.lanes.values.contains(where: { $0.text?.masker === former }) {
            self.formerCounts.merge(former.counts, uniquingKeysWith: +)
            self.formerShown.merge(former.shown, uniquingKeysWith: +)
            self.formerMaskers.removeAll { $0 === former }
        }
    }

    // MARK: Canaries

    /// Sends canaries through the masker that is in use. One that comes out seals.
    ///
    /// - Throws: `canary_leaked`, or why masking failed.
    func sendCanaries() async throws {
        // What is spooled meanwhile is left to the next round.
        let end = await self.spool.next
        guard self.seal == nil else { return }
        do {
            try self.examine(self.masker)
            self.proven = end
        } catch {
            let error =
                error as? GloveboxError ?? GloveboxError(.redactionFailed, "canaries couldn't be masked", cause: error)
            self.seal = error
            do {
                try await self.spool.distrust(from: self.proven)
            } catch {
                self.note(error)
            }
            throw error
        }
    }

    /// Returns while nothing is sealed.
    /// - Throws: `CancellationError`.
    private func awaitTrust() async throws {
        while self.seal != nil {
            try Task.checkCancellation()
            await self.lifted.wait()
        }
    }

    /// What may go to outputs, once nothing is sealed; suspect entries are masked once more.
    ///
    /// - Returns: also what to ask ``mayPass(_:)`` by.
    func proven(_ entries: [(LogSpool.Entry, [LogRecord])]) async throws -> ([LogRecord], round: Int) {
        try await self.awaitTrust()
        var proven: [LogRecord] = []
        var lane = RecordRedactor.Lane()
        for (entry, records) in entries {
            guard entry.isSuspect else {
                proven += records
                continue
            }
            for record in records {
                proven.append(try self.masker.trial { try self.redactor.redacted(record, &lane) })
            }
        }
        return (proven, self.lifts)
    }

    private func masked(again payload: [UInt8]) throws -> [UInt8] {
        var lane = RecordRedactor.Lane()
        return try self.masker.trial {
            OTLPLogs.protobuf(try OTLPLogs.read(protobuf: payload).map { try self.redactor.redacted($0, &lane) })
        }
    }

    /// Whether nothing was sealed since ``proven(_:)`` answered.
    func mayPass(_ round: Int) -> Bool { self.seal == nil && self.lifts == round }

    // MARK: Records

    /// Returns once all of `records` are in the spool, durable; waits for room.
    /// - Throws: `redaction_failed`; `CancellationError` while it waits.
    func take(_ records: [LogRecord], lane: Int, input: String) async throws {
        do {
            try await self.awaitTrust()
            let batches = try self.payloads(records, lane: lane, input: input).batches
            let lifts = self.lifts
            for batch in batches { try await self.append(batch, since: lifts, input: input) }
        } catch is CancellationError {
            self.drop(records.count, .stopped, input)
            throw CancellationError()
        }
    }

    /// - Parameter lifts: how many seals were lifted when it was masked; what waited through one is masked once more.
    private func append(_ batch: [[UInt8]], since lifts: Int, input: String) async throws {
        var pause = Duration.milliseconds(100)
        var (batch, lifts) = (batch, lifts)
        while true {
            if self.lifts != lifts {
                (batch, lifts) = (try batch.map(self.masked(again:)), self.lifts)
            }
            do {
                if try await self.spool.append(batch) { break }
                self.counters.waits.add(1, input)
                try Task.checkCancellation()
                await self.spool.awaitRoom()
            } catch let error as GloveboxError where error.code == .spoolUnavailable {
                self.note(error)
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestRetry)
            }
            try Task.checkCancellation()
        }
        self.note(nil)
    }

    /// As ``take(_:lane:input:)``, but doesn't wait.
    /// - Returns: how many of `records` were refused for their size; nil where there's no room.
    /// - Throws: `redaction_failed`, `spool_unavailable`, `canary_leaked`.
    func offer(_ records: [LogRecord], lane: Int, input: String) async throws -> Int? {
        if let seal { throw seal }
        let (batches, refused) = try self.payloads(records, lane: lane, input: input)
        for batch in batches {
            if let seal { throw seal }
            do {
                guard try await self.spool.append(batch) else { return nil }
            } catch {
                self.note(error)
                throw error
            }
            self.note(nil)
        }
        return refused
    }

    private func note(_ failure: GloveboxError?) {
        if let failure, self.spoolFailure == nil {
            self.logger.error("\(failure.message); inputs wait until it can be")
        } else if failure == nil, self.spoolFailure != nil {
            self.logger.notice("the spool can be written again")
        }
        self.spoolFailure = failure
    }

    private func payloads(
        _ records: [LogRecord], lane: Int, input: String
    ) throws(GloveboxError) -> (batches: [[[UInt8]]], refused: Int) {
        if let failure { throw failure }
        let state = self.lanes[lane] ?? Lane(input)
        var batches: [[[UInt8]]] = [[]]
        var size = 0
        var refused = 0
        do {
            for record in records {
                let payload = OTLPLogs.protobuf([try self.redactor.redacted(record, &state.redactor)])
                guard payload.count <= LogSpool.mostPayload else {
                    refused += 1
                    continue
                }
                if size + payload.count > Self.batch {
                    batches.append([])
                    size = 0
                }
                batches[batches.count - 1].append(payload)
                size += payload.count
            }
        } catch {
            throw self.failed(error)
        }
        self.counters.taken.add(Int64(records.count - refused), input)
        if refused > 0 { self.drop(refused, .tooLarge, input) }
        return (batches, refused)
    }

    private func failed(_ error: GloveboxError) -> GloveboxError {
        let failure = GloveboxError(
            .redactionFailed, "a record could not be checked for secrets, so nothing more passes", cause: error)
        self.failure = failure
        return failure
    }

    /// Says and counts what doesn't go on.
    nonisolated func drop(_ count: Int, _ reason: DropReason, _ input: String) {
        self.counters.dropped.add(Int64(count), input, reason.rawValue)
        self.logger.warning(
            "\(count) of what came by '\(input)' doesn't go on: \(reason.words)", metadata: ["input": "\(input)"])
    }

    // MARK: Plain text

    /// Takes bytes of a text of lines.
    func take(text bytes: ByteBuffer, lane: Int, most: Int, input: String) async throws {
        try await self.awaitTrust()
        try await self.take(try self.lines(bytes, lane, most: most), lane: lane, input: input)
    }

    /// Takes what was held back of a text at its end.
    func endText(lane: Int, input: String) async throws {
        try await self.awaitTrust()
        try await self.take(try self.lastLines(lane), lane: lane, input: input)
    }

    private func lines(_ bytes: ByteBuffer, _ lane: Int, most: Int) throws(GloveboxError) -> [LogRecord] {
        if let failure { throw failure }
        guard let lane = self.lanes[lane] else { return [] }
        do {
            let text: Text
            if let open = lane.text { text = open } else { text = try Text(self.masker, most: most) }
            lane.text = text
            var out = ByteBuffer()
            try text.stream.write(bytes, into: &out)
            return text.framing.take(out.readableBytesView).map { LogRecord(text: Self.trimmed($0)) }
        } catch {
            throw self.failed(error)
        }
    }

    private func lastLines(_ lane: Int) throws(GloveboxError) -> [LogRecord] {
        if let failure { throw failure }
        guard let lane = self.lanes[lane], let text = lane.text else { return [] }
        lane.text = nil
        do {
            var out = ByteBuffer()
            try text.stream.finish(into: &out)
            var lines = text.framing.take(out.readableBytesView)
            if let last = text.framing.finish() { lines.append(last) }
            return lines.map { LogRecord(text: Self.trimmed($0)) }
        } catch {
            throw self.failed(error)
        }
    }

    /// Without a carriage return before the line feed.
    private static func trimmed(_ line: [UInt8]) -> ArraySlice<UInt8> {
        line.last == 0x0D ? line.dropLast() : line[...]
    }
}
