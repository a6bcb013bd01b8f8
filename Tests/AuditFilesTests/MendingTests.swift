import AuditFiles
import Contracts
import Glibc
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@Suite("Journals and logs that go on after a full disk", .timeLimit(.minutes(2)))
struct MendingTests {
    let files = WatchedFiles()

    private static func report(_ number: Int) -> Record {
        Record(
            time: WallTime(nanoseconds: Int64(number)), session: SessionID(unchecked: "0123456789abcdef"),
            event: .sessionEnded(SessionReceipt(), reason: "reason \(number)"))
    }

    private static func statement(_ number: Int) -> Record { Sample.record(number) }

    /// From step `number` on nothing can be written.
    private func fill(from number: Int) -> @Sendable () -> Bool {
        let flag = Flag()
        self.files.watch { step, _ in
            guard step >= number else { return nil }
            flag.raise()
            return ENOSPC
        }
        return { flag.isRaised }
    }

    private final class Flag: Sendable {
        private let raised = Atomic(false)
        func raise() { self.raised.store(true, ordering: .relaxed) }
        var isRaised: Bool { self.raised.load(ordering: .relaxed) }
    }

    @Test("whichever step a full disk stops: what was durable is there, and each report once, the refused ones too")
    func reports() async throws {
        var failing = 0
        while true {
            let folder = try TemporaryFolder()
            let journal = try Journal(
                folder: folder.path, origin: Sample.origin, segmentSize: 1024, files: self.files)
            let isFull = self.fill(from: failing)
            var durable: [Record] = []
            var refused: [Record] = []
            for number in 1...10 {
                let (statement, report) = (Self.statement(number), Self.report(number))
                // Together, so that they share a batch.
                async let first = code { try await journal.append([statement]) }
                async let second = code { try await journal.append([report]) }
                let answers = await (first, second)
                if answers.0 == nil { durable.append(statement) } else { refused.append(statement) }
            }
            self.files.watch(nil)
            guard isFull() else {
                journal.close()
                break
            }
            try journal.reopen()
            try await journal.append([Self.statement(11)])
            let stored = try await journal.unacknowledged(after: 0, limit: 1000)
            let records = try stored.map { try $0.record }
            #expect(stored.map(\.sequence) == Array(1...UInt64(stored.count)))
            let what: Comment = "step \(failing)"
            for number in 1...10 {
                #expect(records.count { $0 == Self.report(number) } == 1, what)
            }
            for record in durable + [Self.statement(11)] { #expect(records.count { $0 == record } == 1, what) }
            for record in refused { #expect(records.count { $0 == record } <= 1, what) }
            #expect(records.last == Self.statement(11), what)
            journal.close()
            #expect(try Verification.verify(folder: folder.path).last == UInt64(stored.count), what)
            failing += 1
        }
        #expect(failing > 40)
    }

    @Test("it's tried again, less and less often, until there's room; and again after the next failure")
    func retries() async throws {
        let folder = try TemporaryFolder()
        let log = try Log(folder: folder.path, segmentSize: 1024, files: self.files)
        let time = ManualTime()
        let told = Told()
        let mending = Task {
            await log.mend(
                time: time, failed: { _ in told.failed.add(1, ordering: .relaxed) },
                mended: { told.mended.add(1, ordering: .relaxed) }, givenUp: { _ in })
        }
        defer { mending.cancel() }
        for round in 1...2 {
            let isFull = self.fill(from: 0)
            #expect(await code { try await log.append([Self.report(round)]) } == "journal_unavailable")
            #expect(isFull())
            for pause in [1, 2, 4, 8] {
                await time.untilSleeping()
                time.advance(by: .seconds(pause))
            }
            await time.untilSleeping()
            #expect(told.mended.load(ordering: .relaxed) == round - 1, "there's no room yet")
            self.files.watch(nil)
            time.advance(by: .seconds(16))
            try await eventually("the mending") { told.mended.load(ordering: .relaxed) == round }
            #expect(told.failed.load(ordering: .relaxed) == round)
            try await log.append([Self.statement(round)])
        }
        let page = try await log.read(after: 0, limit: 100, where: RecordFilter())
        #expect(
            page.records.map(\.record) == [Self.report(1), Self.statement(1), Self.report(2), Self.statement(2)])
        log.close()
    }

    private final class Told: Sendable {
        let failed = Atomic(0)
        let mended = Atomic(0)
    }

    @Test("a folder that holds less than was durable isn't gone on with: it's told, and people have to look")
    func lessThanWas() async throws {
        let folder = try TemporaryFolder()
        let journal = try Journal(folder: folder.path, origin: Sample.origin, segmentSize: 1024, files: self.files)
        try await journal.append(Sample.records(1...3))
        let earlier = try copyFolder(folder.path)
        try await journal.append(Sample.records(4...6))
        let time = ManualTime()
        let given = Told()
        let mending = Task {
            await journal.mend(
                time: time, failed: { _ in }, mended: { given.mended.add(1, ordering: .relaxed) },
                givenUp: { error in
                    #expect(error.code == .journalCorrupt)
                    given.failed.add(1, ordering: .relaxed)
                })
        }
        _ = self.fill(from: 0)
        #expect(await code { try await journal.append(Sample.records(7...7)) } == "journal_unavailable")
        await time.untilSleeping()
        // Somebody brings back a backup while it runs.
        for path in filesUnder(folder.path) where !path.hasSuffix("lock") { unlink(path) }
        for path in filesUnder(earlier.path) where !path.hasSuffix("lock") {
            try writeFile(folder.file(name(path)), try readFile(path))
        }
        self.files.watch(nil)
        time.advance(by: .seconds(1))
        await mending.value
        #expect(given.failed.load(ordering: .relaxed) == 1 && given.mended.load(ordering: .relaxed) == 0)
        #expect(await code { try await journal.append(Sample.records(7...7)) } == "journal_corrupt")
        journal.close()
    }
}
