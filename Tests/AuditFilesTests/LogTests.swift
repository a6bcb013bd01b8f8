import AuditFiles
import Contracts
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@Suite("The log")
struct LogTests {
    let folder: TemporaryFolder
    let files = WatchedFiles()

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func open() throws -> Log {
        try Log(folder: self.folder.path, segmentSize: 1024, files: self.files)
    }

    private func all(
        _ log: Log, where filter: RecordFilter = RecordFilter(), by limit: Int = 7
    ) async throws -> [StoredRecord] {
        var records: [StoredRecord] = []
        var cursor: UInt64? = 0
        while let from = cursor {
            let page = try await log.read(after: from, limit: limit, where: filter)
            #expect(page.records.count <= limit)
            records += page.records
            cursor = page.next
        }
        return records
    }

    @Test("an agent's records are stored once and without a gap, whatever it sends again, also after a restart")
    func merge() async throws {
        var log = try self.open()
        #expect(try await log.lastSequence(of: Sample.origin) == 0)
        #expect(try await log.merge(Sample.sequenced(1...5), from: Sample.origin) == 5)
        #expect(try await log.merge(Sample.sequenced(3...9), from: Sample.origin) == 9)
        #expect(try await log.merge(Sample.sequenced(1...2), from: Sample.origin) == 9)
        #expect(try await log.merge(Sample.sequenced(11...12), from: Sample.origin) == 9)
        #expect(try await log.merge([], from: Sample.origin) == 9)
        try await log.append(Sample.records(1...2))
        log.close()
        log = try self.open()
        #expect(try await log.lastSequence(of: Sample.origin) == 9)
        #expect(try await log.merge(Sample.sequenced(8...30) + Sample.sequenced(1...1), from: Sample.origin) == 30)
        #expect(try await log.merge(Sample.sequenced(1...3), from: "agent/b") == 3)
        #expect(
            try await self.all(log) == Sample.stored(1...9) + Sample.stored(1...2, origin: "gateway")
                + Sample.stored(10...30) + Sample.stored(1...3, origin: "agent/b"))
        log.close()
        let found = try Verification.verify(folder: self.folder.path)
        #expect(found.last == 35 && found.first == 1 && found.origin == "gateway")
    }

    @Test("merges at once from several tasks store each record once")
    func concurrentMerges() async throws {
        let log = try self.open()
        await withTaskGroup(of: Void.self) { group in
            for start in 0..<20 {
                group.addTask {
                    _ = try? await log.merge(Sample.sequenced(max(1, start - 3)...start + 3), from: Sample.origin)
                }
                group.addTask { try? await log.append(Sample.records(1...1)) }
            }
        }
        let last = try await log.merge(Sample.sequenced(1...25), from: Sample.origin)
        #expect(last == 25)
        let agents = try await self.all(log).filter { $0.id.origin == Sample.origin }
        #expect(agents == Sample.stored(1...25))
    }

    @Test("what isn't a record, or is one for a host alone, is refused; nothing that came with it is stored")
    func foreign() async throws {
        let log = try self.open()
        let hostOnly = SequencedRecord(sequence: 2, bytes: Sample.record(2, hostOnly: true).canonicalBytes)
        let loose = SequencedRecord(sequence: 2, bytes: Sample.record(2).canonicalBytes + [0])
        for (records, origin) in [
            (Sample.sequenced(1...1), "gateway"), (Sample.sequenced(1...1) + [hostOnly], Sample.origin),
            (Sample.sequenced(1...1) + [loose], Sample.origin),
        ] {
            #expect(await code { _ = try await log.merge(records, from: origin) } == "protocol_violation")
        }
        #expect(await code { try await log.append([Sample.record(1, hostOnly: true)]) } == "invalid_argument")
        #expect(try await self.all(log).isEmpty)
        try await log.append([Sample.record(1)])
    }

    @Test("a journal that begins anew is noticed, not swallowed")
    func replaced() async throws {
        let log = try self.open()
        _ = try await log.merge(Sample.sequenced(1...20), from: Sample.origin)
        let other = SequencedRecord(sequence: 1, bytes: Sample.record(99).canonicalBytes)
        #expect(await code { _ = try await log.merge([other], from: Sample.origin) } == "conflict")
        // The same within one batch.
        let mixed =
            Sample.sequenced(21...22) + [SequencedRecord(sequence: 22, bytes: Sample.record(99).canonicalBytes)]
        #expect(await code { _ = try await log.merge(mixed, from: Sample.origin) } == "conflict")
        #expect(try await log.merge(Sample.sequenced(21...23), from: Sample.origin) == 23)
    }

    @Test("reading pages through what a filter takes, and finds single records")
    func reading() async throws {
        let log = try self.open()
        for number in 1...100 {
            if number.isMultiple(of: 3) {
                _ = try await log.merge(
                    Sample.sequenced(number / 3...number / 3), from: Sample.origin)
            } else {
                try await log.append(Sample.records(number...number))
            }
        }
        let everything = try await self.all(log)
        #expect(everything.count == 100)
        let even = TargetName(unchecked: "even-db")
        for limit in [1, 10, 1000] {
            let found = try await self.all(log, where: RecordFilter(target: even), by: limit)
            #expect(found == everything.filter { $0.record.target == even })
        }
        #expect(try await self.all(log, where: RecordFilter(event: "signed_out")).isEmpty)
        #expect(try await log.read(after: 100, limit: 5, where: RecordFilter()).next == nil)
        #expect(try await log.read(after: .max, limit: 5, where: RecordFilter()).records.isEmpty)
        let exact = try await log.read(after: 95, limit: 5, where: RecordFilter())
        #expect(exact.records == Array(everything.suffix(5)))
        #expect(exact.next == nil)
        for stored in everything { #expect(try await log.record(stored.id) == stored) }
        for missing in ["gateway:0", "gateway:1000", "agent/demo:0", "agent/x:1"] {
            let id = try #require(RecordID(missing))
            #expect(try await log.record(id) == nil)
        }
    }

    @Test("a record that's no longer what was written isn't shown, and the refusal names the file")
    func rot() async throws {
        let log = try self.open()
        try await log.append(Sample.records(1...3))
        let path = self.folder.file("00000000000000000001.records")
        var bytes = try readFile(path)
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last - 60] ^= 1
        try writeFile(path, bytes)
        #expect(await code { _ = try await self.all(log) } == "journal_corrupt")
        #expect(
            await code { _ = try await log.record(RecordID(origin: "gateway", sequence: 3)) } == "journal_corrupt")
        #expect(try await log.record(RecordID(origin: "gateway", sequence: 1)) != nil)
    }

    @Test("a merge returns when its records are durable, and fails when they aren't")
    func mergeDurable() async throws {
        let log = try self.open()
        let steps = Mutex<[String]>([])
        self.files.watch { _, step in
            steps.withLock { $0.append(step) }
            return nil
        }
        _ = try await log.merge(Sample.sequenced(1...2), from: Sample.origin)
        #expect(steps.withLock { $0.contains { $0.hasPrefix("synchronise ") } })
        self.files.watch { _, step in step.hasPrefix("synchronise ") ? 5 : nil }
        let failed = await code { _ = try await log.merge(Sample.sequenced(3...4), from: Sample.origin) }
        #expect(failed == "journal_unavailable")
        #expect(try await log.lastSequence(of: Sample.origin) == 2)
        self.files.watch(nil)
        try log.reopen()
        #expect(try await log.merge(Sample.sequenced(1...4), from: Sample.origin) == 4)
        #expect(try await self.all(log) == Sample.stored(1...4))
    }

    @Test("records added to a log keep the head of what was before: the chain only grows")
    func chain() async throws {
        let log = try self.open()
        try await log.append(Sample.records(1...3))
        let before = log.head
        #expect(before.position == 3)
        try await log.append(Sample.records(4...4))
        #expect(log.head.position == 4 && log.head.hash != before.hash)
        let head = log.head.hash
        log.close()
        #expect(try Verification.verify(folder: self.folder.path).head == head)
        let reopened = try self.open()
        #expect(reopened.head.hash == head)
    }
}
