import GloveboxCore
import LogFormats
import LogSpool
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import LogPipeline
@testable import Redaction

@Suite("Canaries in the pipeline")
struct PipelineCanaryTests {
    private let folder: TemporaryFolder
    private let leaks = Leaks()

    /// Whether a canary comes out.
    private final class Leaks: Sendable {
        let value = Atomic(false)
    }

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func spool() throws -> LogSpool {
        try LogSpool(folder: self.folder.file("spool"), size: LogSpool.leastSize, readers: ["out"])
    }

    private func masker() throws -> sending Masker {
        try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false))
    }

    /// Masks addresses and web tokens, and nothing else.
    private func blindMasker() throws -> sending Masker {
        let table = try DetectorFile.builtIn().filter { ["email", "jwt"].contains($0.name) }
        return try Masker(detectors: Detectors(table: table), pseudonyms: Pseudonyms(linkable: false))
    }

    /// Trusts any masker, until it's told that one leaks.
    private func intake(_ spool: LogSpool, _ masker: sending Masker) -> LogIntake {
        let leaks = self.leaks
        return LogIntake(
            masker: masker, spool: spool, counters: PipelineCounters(), logger: Logger(label: "test")
        ) { _ in
            if leaks.value.load(ordering: .relaxed) { throw GloveboxError(.canaryLeaked, "a canary came out") }
        }
    }

    private func seal(_ intake: LogIntake) async {
        self.leaks.value.store(true, ordering: .relaxed)
        await #expect(throws: GloveboxError.self) { try await intake.sendCanaries() }
        self.leaks.value.store(false, ordering: .relaxed)
    }

    private func text(_ text: String) -> LogRecord { LogRecord(text: Array(text.utf8)) }

    /// What outputs would get of all that isn't acknowledged.
    private func delivered(_ spool: LogSpool, _ intake: LogIntake) async throws -> [String] {
        let entries = try await spool.read("out", most: 1000, mostBytes: 1 << 20)
        let read = try entries.map { ($0, try OTLPLogs.read(protobuf: $0.payload)) }
        return try await intake.proven(read).0.map { String(decoding: $0.body.text, as: UTF8.self) }
    }

    @Test("none comes out of the masking that the pipeline has, and nothing of them is counted")
    func sound() async throws {
        let masker = try self.masker()
        try LogIntake.sendCanaries(by: masker)
        #expect(masker.counts.isEmpty && !masker.pseudonyms.taint.isActive)
    }

    @Test("masking that looks for nothing is found out, and another isn't taken in its place")
    func blind() async throws {
        let error = #expect(throws: GloveboxError.self) { try LogIntake.sendCanaries(by: self.blindMasker()) }
        #expect(error?.code == .canaryLeaked)
        let spool = try self.spool()
        let intake = LogIntake(
            masker: try self.masker(), spool: spool, counters: PipelineCounters(), logger: Logger(label: "test"))
        await #expect(throws: GloveboxError.self) { try await intake.use(try self.blindMasker()) }
        #expect(await intake.seal == nil)
        let lane = await intake.openLane()
        try await intake.take([self.text("token ghp_0123456789abcdefABCDEF0123456789abcd")], lane: lane, input: "a")
        #expect(try await self.delivered(spool, intake).allSatisfy { !$0.contains("ghp_") })
    }

    @Test("sealed, it takes nothing and gives outputs nothing, until another masker is in use")
    func sealed() async throws {
        let spool = try self.spool()
        let intake = self.intake(spool, try self.masker())
        let lane = await intake.openLane()
        try await intake.sendCanaries()
        try await intake.take([self.text("before")], lane: lane, input: "a")
        let round = try await intake.proven([]).round
        await self.seal(intake)
        #expect(await intake.seal?.code == .canaryLeaked)
        #expect(await !intake.mayPass(round))
        await #expect {
            _ = try await intake.offer([self.text("offered")], lane: lane, input: "a")
        } throws: {
            ($0 as? GloveboxError)?.code == .canaryLeaked
        }
        let stopped = Task { try await intake.take([self.text("stopped")], lane: lane, input: "a") }
        stopped.cancel()
        await #expect(throws: CancellationError.self) { try await stopped.value }
        #expect(await spool.waiting(for: "out") == 1)
        async let taken: Void = intake.take([self.text("after")], lane: lane, input: "a")
        async let all = self.delivered(spool, intake)
        // A round that's good doesn't lift it.
        try await intake.sendCanaries()
        #expect(await intake.seal != nil)
        try await intake.use(try self.masker())
        try await taken
        #expect(await intake.seal == nil)
        #expect(try await all.first == "before")
        #expect(try await self.delivered(spool, intake) == ["before", "after"])
        // What was read for an output before is read again.
        #expect(await !intake.mayPass(round))
    }

    @Test("what was spooled since the last good round is masked once more before it goes on, also after a restart")
    func suspect() async throws {
        let secret = "ghp_0123456789abcdefABCDEF0123456789abcd"
        do {
            let spool = try self.spool()
            let intake = self.intake(spool, try self.blindMasker())
            let lane = await intake.openLane()
            try await intake.take([self.text("first \(secret)")], lane: lane, input: "a")
            try await intake.sendCanaries()
            try await intake.take([self.text("second \(secret)")], lane: lane, input: "a")
            await self.seal(intake)
        }
        do {
            let spool = try self.spool()
            let intake = self.intake(spool, try self.masker())
            let lane = await intake.openLane()
            try await intake.take([self.text("third ‹email:0123456789abcdef›")], lane: lane, input: "a")
            let texts = try await self.delivered(spool, intake)
            // The first was proven by a round that was good.
            #expect(texts.count == 3 && texts[0].contains(secret))
            #expect(texts[1].hasPrefix("second ‹") && !texts[1].contains("ghp_0123"))
            #expect(texts[2] == "third ‹email:0123456789abcdef›")
            try await spool.acknowledge("out", through: 3)
        }
        // Once everybody has it, nothing is suspect any more.
        #expect(throws: Never.self) { try self.folder.read("spool/suspect") }
        _ = try self.spool()
        #expect(throws: (any Error).self) { try self.folder.read("spool/suspect") }
    }

    @Test("what a text held back when it was sealed is left out, and so is what it had of a line")
    func heldBack() async throws {
        let spool = try self.spool()
        let intake = self.intake(spool, try self.blindMasker())
        let lane = await intake.openLane("a")
        try await intake.take(text: ByteBuffer(string: "one\nghp_0123456789abcdef"), lane: lane, most: 1000, input: "a")
        await self.seal(intake)
        try await intake.use(try self.masker())
        try await intake.take(
            text: ByteBuffer(string: "ABCDEF0123456789abcd\nlast line\n"), lane: lane, most: 1000, input: "a")
        try await intake.endText(lane: lane, input: "a")
        let texts = try await self.delivered(spool, intake)
        #expect(texts.first == "one" && texts.last == "last line")
        #expect(!texts.contains { $0.contains("ghp_") })
    }
}
