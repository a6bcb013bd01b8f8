import AuditFiles
import Contracts
import Glibc
import GloveboxCore
import Synchronization
import TestSupport
import Testing

/// A journal whose records go to a log, as between agent and gateway, and either dies at any step of its writing.
@Suite("Journal and log, one of them killed at every step", .timeLimit(.minutes(2)))
struct ExchangeTests {
    enum Side: CaseIterable, Sendable {
        case journal, log
    }

    /// A folder as a process left it that was killed, and what had been promised by then.
    private struct Death: Sendable {
        var step: String
        var journal: TemporaryFolder
        var log: TemporaryFolder
        /// Records up to here were durable in the journal: what they tell of may have happened.
        var durable: Int
        /// Records up to here were acknowledged: the journal may have forgotten them.
        var acknowledged: UInt64
        var ownOfLog: Int
    }

    private final class Promises: Sendable {
        let durable = Atomic(0)
        let acknowledged = Atomic<UInt64>(0)
        let ownOfLog = Atomic(0)
        let deaths = Mutex<[Death]>([])
    }

    /// Sends what the log doesn't have yet, as an agent does that has joined.
    private func exchange(_ journal: Journal, _ log: Log, _ promises: Promises? = nil) async throws {
        var after = try await log.lastSequence(of: Sample.origin)
        try await self.acknowledge(after, journal)
        while case let records = try await journal.unacknowledged(after: after, limit: 3), !records.isEmpty {
            after = try await log.merge(records, from: Sample.origin)
            await self.rest(log)
            promises?.acknowledged.store(after, ordering: .sequentiallyConsistent)
            try await self.acknowledge(after, journal)
        }
    }

    /// Returns when that's done.
    private func acknowledge(_ sequence: UInt64, _ journal: Journal) async throws {
        journal.acknowledge(upTo: sequence)
        try await journal.append([])
        await self.rest(journal)
    }

    /// Returns when the writer has nothing to do: one side rests while the other one writes. What's answered isn't all
    /// that's written, as the note of it follows.
    private func rest(_ journal: Journal) async {
        await self.rest { told in
            guard let told else { return journal.onAppend(nil) }
            journal.onAppend { _ in told() }
        }
    }

    private func rest(_ log: Log) async {
        await self.rest { log.onAppend($0) }
    }

    /// A listener is told in its turn on the writer's thread, or a bit earlier, by the commit under way; the second one
    /// can't be early.
    private func rest(_ listen: ((@Sendable () -> Void)?) -> Void) async {
        for _ in 0..<2 {
            let (calls, call) = AsyncStream.makeStream(of: Void.self)
            listen { call.finish() }
            for await _ in calls {}
        }
        listen(nil)
    }

    @Test(
        "recovered, the log holds each record once, in order, and none that was durable is missing",
        arguments: Side.allCases)
    func killed(_ side: Side) async throws {
        let (journalFolder, logFolder) = (try TemporaryFolder(), try TemporaryFolder())
        let promises = Promises()
        let files = WatchedFiles()
        let (journalPath, logPath) = (journalFolder.path, logFolder.path)
        files.watch { number, step in
            // The other side lives on: its folder is whole at any time, but for what it's just writing.
            guard let journal = try? copyFolder(journalPath), let log = try? copyFolder(logPath) else { return EIO }
            let death = Death(
                step: "\(number) \(step)", journal: journal, log: log,
                durable: promises.durable.load(ordering: .sequentiallyConsistent),
                acknowledged: promises.acknowledged.load(ordering: .sequentiallyConsistent),
                ownOfLog: promises.ownOfLog.load(ordering: .sequentiallyConsistent))
            promises.deaths.withLock { $0.append(death) }
            return nil
        }
        let journal = try Journal(
            folder: journalPath, origin: Sample.origin, segmentSize: 1024,
            files: side == .journal ? files : SystemFiles())
        let log = try Log(folder: logPath, segmentSize: 1024, files: side == .log ? files : SystemFiles())
        for round in 0..<5 {
            try await journal.append(Sample.records(round * 4 + 1...round * 4 + 4))
            await self.rest(journal)
            promises.durable.store(round * 4 + 4, ordering: .sequentiallyConsistent)
            try await log.append([Sample.record(1000 + round)])
            await self.rest(log)
            promises.ownOfLog.store(round + 1, ordering: .sequentiallyConsistent)
            try await self.exchange(journal, log, promises)
        }
        files.watch(nil)
        journal.close()
        log.close()
        let deaths = promises.deaths.withLock { $0 }
        #expect(deaths.count > 40)
        for death in deaths { try await self.recover(death) }
    }

    private func recover(_ death: Death) async throws {
        let what: Comment = "\(death.step)"
        let journal = try Journal(folder: death.journal.path, origin: Sample.origin, segmentSize: 1024)
        let log = try Log(folder: death.log.path, segmentSize: 1024)
        #expect(try await log.lastSequence(of: Sample.origin) >= death.acknowledged, what)
        #expect(try await log.lastSequence(of: Sample.origin) <= journal.lastSequence, what)
        try await self.exchange(journal, log)
        // Goes on where it was, and sends all again, as when the acknowledgement was lost.
        let next = Int(journal.lastSequence) + 1
        try await journal.append([Sample.record(next)])
        try await self.exchange(journal, log)
        try await self.exchange(journal, log)
        let page = try await log.read(after: 0, limit: 1000, where: RecordFilter())
        let sent = page.records.filter { $0.id.origin == Sample.origin }
        #expect(sent == Sample.stored(1...next), what)
        #expect(next > death.durable, what)
        let own = page.records.filter { $0.id.origin != Sample.origin }.map(\.record)
        #expect(own == (0..<own.count).map { Sample.record(1000 + $0) } && own.count >= death.ownOfLog, what)
        journal.close()
        log.close()
        #expect(try Verification.verify(folder: death.log.path).last == UInt64(page.records.count), what)
        _ = try Verification.verify(folder: death.journal.path)
    }

    @Test(
        "a log's last write, of several origins, torn at any byte: recovered to the last whole record, and the rest comes again"
    )
    func tornLog() async throws {
        let folder = try TemporaryFolder()
        let log = try Log(folder: folder.path, segmentSize: 4096)
        try await log.append([Sample.record(1000)])
        _ = try await log.merge(Sample.sequenced(1...3), from: Sample.origin)
        let before = try copyFolder(folder.path)
        let start = Self.used(try readFile(Self.segment(folder)))
        // One batch of two origins.
        async let own: Void = log.append([Sample.record(1001)])
        _ = try await log.merge(Sample.sequenced(4...6), from: Sample.origin)
        try await own
        log.close()
        let whole = try readFile(Self.segment(folder))
        let end = Self.used(whole)
        for cut in start...end {
            for garbage in [false, true] {
                let copy = try copyFolder(before.path)
                let rest = garbage ? whole[cut...].map { ~$0 } : [UInt8](repeating: 0, count: whole.count - cut)
                try writeFile(Self.segment(copy), Array(whole[..<cut]) + rest)
                let torn = try Log(folder: copy.path, segmentSize: 4096)
                let page = try await torn.read(after: 0, limit: 100, where: RecordFilter())
                #expect(page.records.count >= 4 && (cut < end || page.records.count == 8), "cut at \(cut)")
                // The agent sends again what wasn't acknowledged.
                #expect(try await torn.merge(Sample.sequenced(1...6), from: Sample.origin) == 6, "cut at \(cut)")
                let sent = try await torn.read(after: 0, limit: 100, where: RecordFilter()).records.filter {
                    $0.id.origin == Sample.origin
                }
                #expect(sent == Sample.stored(1...6), "cut at \(cut)")
                torn.close()
                _ = try Verification.verify(folder: copy.path)
            }
        }
    }

    private static func segment(_ folder: TemporaryFolder) -> String { folder.file("00000000000000000001.records") }

    private static func used(_ bytes: [UInt8]) -> Int { (bytes.lastIndex { $0 != 0 } ?? -1) + 1 }
}
