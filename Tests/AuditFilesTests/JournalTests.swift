import AuditFiles
import Contracts
import Dispatch
import Glibc
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@Suite("The journal")
struct JournalTests {
    let folder: TemporaryFolder
    let files = WatchedFiles()

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func open(_ path: String? = nil, segmentSize: Int = 1024) throws -> Journal {
        try Journal(
            folder: path ?? self.folder.path, origin: Sample.origin, segmentSize: segmentSize, files: self.files)
    }

    @Test("records come back in order, numbered without a gap, also after closing and opening")
    func roundTrip() async throws {
        var journal = try self.open()
        try await journal.append(Sample.records(1...3))
        try await journal.append(Sample.records(4...4))
        try await journal.append([])
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(1...4))
        journal.close()
        journal = try self.open()
        #expect(journal.lastSequence == 4)
        #expect(journal.tornTail == nil)
        try await journal.append(Sample.records(5...60))
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(1...60))
        for after in 0...60 {
            let found = try await journal.unacknowledged(after: UInt64(after), limit: 7)
            #expect(found == Array(Sample.sequenced(1...60).dropFirst(after).prefix(7)))
        }
        #expect(try await journal.unacknowledged(after: 0, limit: 100, bytes: 1).count == 1)
        journal.close()
        let found = try Verification.verify(folder: self.folder.path)
        #expect(found.last == 60 && found.origin == Sample.origin && found.files > 5)
    }

    @Test("files are their owner's alone")
    func permissions() async throws {
        let path = self.folder.file("journal")
        mkdir(path, 0o755)
        let journal = try self.open(path)
        try await journal.append(Sample.records(1...20))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(filesUnder(path).count > 3)
        for file in filesUnder(path) { #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600, "\(file)") }
    }

    @Test("a callback comes after the write and its synchronisation, never before; the note comes last")
    func order() async throws {
        let journal = try self.open(segmentSize: 1 << 16)
        let events = Mutex<[String]>([])
        self.files.watch { _, step in
            events.withLock { $0.append(step) }
            return nil
        }
        await withCheckedContinuation { continuation in
            journal.append(Sample.records(1...2)) { result in
                events.withLock { $0.append("durable \((try? result.get()) != nil)") }
                continuation.resume()
            }
        }
        try await journal.append([])
        try await eventually { events.withLock { $0.last } == "write-half head" }
        let file = "00000000000000000001.records"
        #expect(
            events.withLock { $0 } == [
                "write \(file)", "write-half \(file)", "synchronise \(file)", "durable true", "write head",
                "write-half head",
            ])
    }

    @Test("what waits while the disk is busy is committed in one go, in order, and each callback comes once")
    func groupCommit() throws {
        let journal = try self.open(segmentSize: 1 << 16)
        let synchronised = Mutex(0)
        let entered = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        self.files.watch { _, step in
            guard step.hasPrefix("synchronise") else { return nil }
            if synchronised.withLock({ count in
                count += 1
                return count
            }) == 1 {
                entered.signal()
                release.wait()
            }
            return nil
        }
        let calls = Mutex<[Int]>([])
        let done = DispatchSemaphore(value: 0)
        let append = { @Sendable (number: Int) in
            journal.append([Sample.record(number)]) { result in
                if case .success = result { calls.withLock { $0.append(number) } }
                done.signal()
            }
        }
        append(1)
        entered.wait()
        for number in 2...51 { append(number) }
        #expect(calls.withLock { $0 } == [])
        release.signal()
        for _ in 1...51 { done.wait() }
        #expect(calls.withLock { $0 } == Array(1...51))
        #expect(synchronised.withLock { $0 } == 2)
    }

    @Test("appends from many threads keep each thread's order, and each callback comes once")
    func threads() async throws {
        let journal = try self.open(segmentSize: 4096)
        let calls = Mutex<[Int: Int]>([:])
        let done = DispatchSemaphore(value: 0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for place in 0..<100 {
                journal.append([Sample.record(thread * 1000 + place)]) { _ in
                    calls.withLock { $0[thread * 1000 + place, default: 0] += 1 }
                    done.signal()
                }
            }
            for _ in 0..<100 { done.wait() }
        }
        #expect(calls.withLock { $0.count == 800 && $0.values.allSatisfy { $0 == 1 } })
        let stored = try await journal.unacknowledged(after: 0, limit: 1000)
        #expect(stored.map(\.sequence) == Array(1...800))
        for thread in 0..<8 {
            let numbers = try stored.map { Int(try $0.record.time.nanoseconds) }.filter { $0 / 1000 == thread }
            #expect(numbers == (0..<100).map { thread * 1000 + $0 })
        }
    }

    @Test("reading goes on while an append waits for the disk")
    func readsDontWait() async throws {
        let journal = try self.open(segmentSize: 1 << 16)
        try await journal.append(Sample.records(1...5))
        let release = DispatchSemaphore(value: 0)
        let (entered, entry) = AsyncStream<Void>.makeStream()
        self.files.watch { _, step in
            guard step.hasPrefix("synchronise") else { return nil }
            entry.finish()
            release.wait()
            return nil
        }
        async let appended: Void = journal.append(Sample.records(6...6))
        for await _ in entered {}
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(1...5))
        #expect(journal.lastSequence == 5)
        release.signal()
        try await appended
        self.files.watch(nil)
        #expect(try await journal.unacknowledged(after: 5, limit: 100) == Sample.sequenced(6...6))
    }

    @Test("a folder has one writer at a time")
    func locked() async throws {
        let journal = try self.open()
        #expect(await code { _ = try self.open() } == "store_locked")
        journal.close()
        let second = try self.open()
        #expect(await code { _ = try self.open() } == "store_locked")
        #expect(await code { try await journal.append(Sample.records(1...1)) } == "journal_unavailable")
        try await second.append(Sample.records(1...1))
    }

    @Test("a folder is free as soon as it's closed, even while another process still has its files open")
    func lockedByChild() async throws {
        let journal = try self.open()
        // As a child process has between its fork and its exec.
        var lock = stat()
        #expect(stat(self.folder.file("lock"), &lock) == 0)
        let files = (0..<4096 as Range<Int32>).filter { file in
            var status = stat()
            return fstat(file, &status) == 0 && status.st_ino == lock.st_ino && status.st_dev == lock.st_dev
        }
        let copies = files.map { dup($0) }
        #expect(copies.count == 1)
        defer { for copy in copies { close(copy) } }
        journal.close()
        try await self.open().append(Sample.records(1...1))
    }

    @Test("another agent's journal is not taken for one's own")
    func otherOrigin() async throws {
        try self.open().close()
        #expect(
            await code { _ = try Journal(folder: self.folder.path, origin: "agent/other") } == "journal_corrupt")
        #expect(await code { _ = try Log(folder: self.folder.path) } == "journal_corrupt")
    }

    @Test("acknowledged files are deleted, the rest is sent again after a restart")
    func acknowledgement() async throws {
        var journal = try self.open()
        try await journal.append(Sample.records(1...60))
        let before = filesUnder(self.folder.path).count
        journal.acknowledge(upTo: 40)
        try await journal.append(Sample.records(61...61))
        #expect(journal.acknowledged == 40)
        #expect(filesUnder(self.folder.path).count < before)
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Array(Sample.sequenced(1...61).dropFirst(40)))
        journal.close()
        #expect(try Verification.verify(folder: self.folder.path).first > 1)
        journal = try self.open()
        #expect(journal.acknowledged == 40)
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Array(Sample.sequenced(1...61).dropFirst(40)))
        // A number that's too high acknowledges nothing that is written later.
        journal.acknowledge(upTo: .max)
        try await journal.append(Sample.records(62...62))
        #expect(journal.acknowledged == 61)
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(62...62))
        #expect(filesUnder(self.folder.path).filter { $0.hasSuffix(".records") }.count <= 2)
        journal.close()
        #expect(try self.open().lastSequence == 62)
    }

    @Test("files that are to be kept stay though all in them is acknowledged, and are read again")
    func kept() async throws {
        let folder = try TemporaryFolder()
        let journal = try Journal(folder: folder.path, origin: "agent/demo", segmentSize: 2048, keptSegments: 2)
        for number in 0..<200 { try await journal.append([Sample.record(number)]) }
        let all = try await journal.unacknowledged(after: 0, limit: 1000)
        journal.acknowledge(upTo: 200)
        try await eventually { filesUnder(folder.path).filter { $0.hasSuffix(".records") }.count == 3 }
        #expect(try await journal.unacknowledged(after: 0, limit: 1000).isEmpty)
        let first = journal.firstHeld
        let again = try await journal.unacknowledged(after: first - 1, limit: 1000, again: true)
        #expect(again == all.filter { $0.sequence >= first } && again.last?.sequence == 200)
    }

    @Test("a long life with acknowledgements takes bounded room")
    func bounded() async throws {
        let journal = try self.open()
        for round in 0..<50 {
            try await journal.append(Sample.records(round * 10 + 1...round * 10 + 10))
            journal.acknowledge(upTo: UInt64(round * 10 + 10))
        }
        try await journal.append(Sample.records(501...501))
        #expect(filesUnder(self.folder.path).filter { $0.hasSuffix(".records") }.count <= 2)
    }

    @Test("records for the host alone aren't sent, leave no gap, and stay until they're released")
    func hostOnly() async throws {
        var journal = try self.open()
        for number in 1...40 {
            try await journal.append([
                Sample.record(number), Sample.record(number, hostOnly: true),
            ])
        }
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(1...40))
        journal.acknowledge(upTo: 40)
        try await journal.append(Sample.records(41...41))
        journal.close()
        journal = try self.open()
        let kept = try await journal.hostOnly(limit: 100)
        #expect(kept.map(\.stored.record) == (1...40).map { Sample.record($0, hostOnly: true) })
        #expect(kept.map(\.stored.id.sequence) == Array(1...40))
        #expect(try await journal.hostOnly(after: kept[30].position, limit: 3) == Array(kept[31...33]))
        journal.release(hostOnlyUpTo: kept[29].position)
        try await journal.append(Sample.records(42...42))
        let left = try await journal.hostOnly(limit: 100)
        #expect(left.count < 40)
        #expect(Array(left.suffix(10)) == Array(kept.suffix(10)))
        #expect(try await journal.unacknowledged(after: 0, limit: 100) == Sample.sequenced(41...42))
    }

    @Test("a listener is told the last durable record, at once and after each commit")
    func listener() async throws {
        let journal = try self.open()
        try await journal.append(Sample.records(1...2))
        let (told, tell) = AsyncStream<UInt64>.makeStream()
        journal.onAppend { tell.yield($0) }
        var iterator = told.makeAsyncIterator()
        #expect(await iterator.next() == 2)
        try await journal.append(Sample.records(3...3))
        // A listener that comes while a commit ends may be told of it twice.
        var next = await iterator.next()
        while next == 2 { next = await iterator.next() }
        #expect(next == 3)
        journal.onAppend(nil)
        try await journal.append(Sample.records(4...4))
        tell.finish()
        #expect(await iterator.next() == nil)
    }

    @Test("a record of many megabytes gets a file of its own; one that's too long is refused, and the rest goes on")
    func long() async throws {
        let journal = try self.open(segmentSize: 4096)
        let long = Sample.record(2, text: String(repeating: "x", count: 5 << 20))
        try await journal.append([Sample.record(1), long, Sample.record(3)])
        let tooLong = Sample.record(9, text: String(repeating: "x", count: 17 << 20))
        #expect(await code { try await journal.append([Sample.record(4), tooLong]) } == "limit_reached")
        try await journal.append([Sample.record(4)])
        let found = try await journal.unacknowledged(after: 0, limit: 10, bytes: 100 << 20)
        #expect(try found.map { try $0.record } == [Sample.record(1), long, Sample.record(3), Sample.record(4)])
        journal.close()
        #expect(try self.open().lastSequence == 4)
    }
}
