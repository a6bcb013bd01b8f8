import AuditFiles
import Contracts
import Glibc
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@Suite("Bad luck with journals and logs")
struct DamageTests {
    let folder: TemporaryFolder
    let files = WatchedFiles()

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func open(_ path: String? = nil) throws -> Journal {
        try Journal(folder: path ?? self.folder.path, origin: Sample.origin, segmentSize: 1024, files: self.files)
    }

    /// Checks that a folder opens and holds the records 1 to some number, at least `least`, and can be written.
    private func checkPrefix(_ path: String, least: Int, _ what: String) async throws {
        let journal: Journal
        do {
            journal = try Journal(folder: path, origin: Sample.origin, segmentSize: 1024)
        } catch {
            Issue.record("\(what): \(error)")
            return
        }
        let last = Int(journal.lastSequence)
        #expect(last >= least, "\(what)")
        let stored = try await journal.unacknowledged(after: 0, limit: 1000)
        #expect(stored == Array(Sample.sequenced(1...max(last, 1)).prefix(last)), "\(what)")
        try await journal.append(Sample.records(last + 1...last + 1))
        journal.close()
        #expect(try Verification.verify(folder: path).last == UInt64(last + 1), "\(what)")
    }

    /// A journal's folder just before its last record is synchronised, and where that record begins.
    private func beforeLastSynchronisation() async throws -> (TemporaryFolder, path: String, start: Int, end: Int) {
        let journal = try self.open()
        try await journal.append(Sample.records(1...3))
        let copy = Mutex<TemporaryFolder?>(nil)
        let folder = self.folder.path
        self.files.watch { _, step in
            if step.hasPrefix("synchronise") {
                let copied = try? copyFolder(folder)
                copy.withLock { $0 = copied }
            }
            return nil
        }
        let path = "00000000000000000001.records"
        let start = try self.used(self.folder.file(path))
        try await journal.append(Sample.records(4...4))
        self.files.watch(nil)
        journal.close()
        let copied = try #require(copy.withLock { $0 })
        return (copied, path, start, try self.used(self.folder.file(path)))
    }

    private func used(_ path: String) throws -> Int {
        (try readFile(path).lastIndex { $0 != 0 } ?? -1) + 1
    }

    @Test("a write of the last record that was torn at any byte is cleared; the journal goes on without it")
    func tornAtEveryByte() async throws {
        let (before, path, start, end) = try await self.beforeLastSynchronisation()
        let whole = try before.read(path)
        for cut in start...end {
            for garbage in [false, true] {
                let copy = try copyFolder(before.path)
                var bytes = Array(whole[..<cut])
                if garbage {
                    bytes += whole[cut...].map { ~$0 }
                } else {
                    bytes += [UInt8](repeating: 0, count: whole.count - cut)
                }
                try writeFile(copy.file(path), bytes)
                let expected = cut == end ? 4 : 3
                let journal = try self.open(copy.path)
                #expect(journal.lastSequence == UInt64(expected), "cut at \(cut)")
                #expect((journal.tornTail != nil) == (garbage || start < cut && cut < end), "cut at \(cut)")
                journal.close()
                try await self.checkPrefix(copy.path, least: expected, "cut at \(cut)")
            }
            let copy = try copyFolder(before.path)
            try writeFile(copy.file(path), Array(whole[..<cut]))
            try await self.checkPrefix(copy.path, least: 3, "cut off at \(cut)")
        }
    }

    @Test("the same damage to a record that was acknowledged is refused, naming file and byte")
    func acknowledgedDamage() async throws {
        let (_, path, start, end) = try await self.beforeLastSynchronisation()
        let whole = try self.folder.read(path)
        for place in start..<end {
            let copy = try copyFolder(self.folder.path)
            var bytes = whole
            bytes[place] ^= 0x10
            try writeFile(copy.file(path), bytes)
            let error = #expect(throws: GloveboxError.self) { try self.open(copy.path) }
            #expect(error?.code == .journalCorrupt)
            #expect(error?.message.contains("\(path) is damaged at byte \(start)") == true)
        }
    }

    @Test("a flipped byte anywhere is found by verifying; opening refuses it or loses nothing")
    func everyByte() async throws {
        let journal = try self.open()
        for number in 1...12 { try await journal.append(Sample.records(number...number)) }
        journal.close()
        #expect(try Verification.verify(folder: self.folder.path).last == 12)
        for path in filesUnder(self.folder.path) where !path.hasSuffix("lock") {
            let whole = try readFile(path)
            for place in whole.indices {
                var bytes = whole
                bytes[place] ^= UInt8(1) << UInt8(place % 8)
                try writeFile(path, bytes)
                let error = #expect(throws: GloveboxError.self, "\(name(path)) byte \(place)") {
                    try Verification.verify(folder: self.folder.path)
                }
                #expect(error?.code == .journalCorrupt)
                #expect(error?.message.contains(name(path)) == true)
                if place.isMultiple(of: 5) {
                    let copy = try copyFolder(self.folder.path)
                    if let opened = try? self.open(copy.path) {
                        #expect(opened.lastSequence == 12, "\(name(path)) byte \(place)")
                    }
                }
            }
            try writeFile(path, whole)
        }
    }

    @Test("a missing, swapped, cut or foreign file is found by verifying and refused at opening")
    func files() async throws {
        let journal = try self.open()
        for number in 1...30 { try await journal.append(Sample.records(number...number)) }
        journal.close()
        let segments = filesUnder(self.folder.path).filter { $0.hasSuffix(".records") }.sorted().map(name)
        #expect(segments.count > 3)
        let damages: [(String, (TemporaryFolder) throws -> Void)] =
            [
                ("no head", { unlink($0.file("head")) }),
                ("empty head", { try writeFile($0.file("head"), []) }),
                ("all segments gone", { for segment in segments { unlink($0.file(segment)) } }),
                (
                    "swapped",
                    {
                        let first = try $0.read(segments[1])
                        try writeFile($0.file(segments[1]), try $0.read(segments[2]))
                        try writeFile($0.file(segments[2]), first)
                    }
                ),
            ]
            + segments.dropFirst().map { segment in ("\(segment) gone", { unlink($0.file(segment)) }) }
            + segments.dropLast().map { segment in
                (
                    "\(segment) cut",
                    { try writeFile($0.file(segment), try $0.read(segment).dropLast(1)) }
                )
            }
        for (what, damage) in damages {
            let copy = try copyFolder(self.folder.path)
            try damage(copy)
            #expect(await code { _ = try self.open(copy.path) } == "journal_corrupt", "\(what)")
            let verified = await code { _ = try Verification.verify(folder: copy.path) }
            #expect(verified == (what == "all segments gone" ? "not_found" : "journal_corrupt"), "\(what)")
        }
    }

    @Test("killed before any step, or in the middle of a write: what was acknowledged is there, and nothing between")
    func killedAtEveryStep() async throws {
        let copies = Mutex<[(TemporaryFolder, acknowledged: Int, String)]>([])
        let acknowledged = Mutex(0)
        let folder = self.folder.path
        self.files.watch { number, step in
            guard let copy = try? copyFolder(folder) else { return EIO }
            copies.withLock { $0.append((copy, acknowledged.withLock { $0 }, "\(number) \(step)")) }
            return nil
        }
        let journal = try self.open()
        for number in 0..<8 {
            try await journal.append(Sample.records(number * 3 + 1...number * 3 + 3))
            acknowledged.withLock { $0 = number * 3 + 3 }
        }
        self.files.watch(nil)
        let all = copies.withLock { $0 }
        #expect(all.count > 40)
        for (copy, least, what) in all { try await self.checkPrefix(copy.path, least: least, what) }
    }

    @Test("power cut at any step, with any of the unsynchronised sectors lost: the same", arguments: 1...4)
    func powerCut(seed: Int) async throws {
        let copies = Mutex<[(TemporaryFolder, acknowledged: Int, String)]>([])
        let generator = Mutex(SeededGenerator(seed: UInt64(seed)))
        let acknowledged = Mutex(0)
        let folder = self.folder.path
        let files = self.files
        let journal = try self.open()
        self.files.watch { number, step in
            guard let copy = try? TemporaryFolder() else { return EIO }
            let copied = generator.withLock { generator in
                (try? files.copyAfterPowerCut(folder, to: copy, &generator)) != nil
            }
            guard copied else { return EIO }
            copies.withLock { $0.append((copy, acknowledged.withLock { $0 }, "seed \(seed), \(number) \(step)")) }
            return nil
        }
        for number in 0..<8 {
            // Long enough that one batch spans sectors.
            try await journal.append(Sample.records(number * 7 + 1...number * 7 + 7))
            acknowledged.withLock { $0 = number * 7 + 7 }
        }
        self.files.watch(nil)
        let all = copies.withLock { $0 }
        #expect(all.count > 40)
        for (copy, least, what) in all { try await self.checkPrefix(copy.path, least: least, what) }
    }

    @Test("a full or broken disk at any step: all that waits and comes later is refused, and it mends without loss")
    func failureAtEveryStep() async throws {
        var number = 0
        while true {
            let folder = try TemporaryFolder()
            let reached = Mutex(false)
            let failing = number
            self.files.watch { step, _ in
                guard step == failing else { return nil }
                reached.withLock { $0 = true }
                return step.isMultiple(of: 2) ? ENOSPC : EIO
            }
            try await self.live(folder.path, failingAt: number, reached)
            if !reached.withLock({ $0 }) { break }
            number += 1
        }
        #expect(number > 60)
    }

    private func live(_ folder: String, failingAt number: Int, _ reached: borrowing Mutex<Bool>) async throws {
        let what: Comment = "step \(number)"
        let journal: Journal
        do {
            journal = try self.open(folder)
        } catch {
            #expect(error as? GloveboxError != nil && reached.withLock { $0 }, what)
            #expect(error as? GloveboxError != nil)
            self.files.watch(nil)
            try await self.checkPrefix(folder, least: 0, "step \(number)")
            return
        }
        let failures = Mutex(0)
        let (told, tell) = AsyncStream<Void>.makeStream()
        journal.onFailure { error in
            #expect(error.code == .journalUnavailable, what)
            failures.withLock { $0 += 1 }
            tell.finish()
        }
        var durable = 0
        var failed = false
        for append in 1...14 {
            let result = await code { try await journal.append(Sample.records(append...append)) }
            if result == nil {
                #expect(!failed, what)
                durable = append
            } else {
                #expect(result == "journal_unavailable", what)
                failed = true
            }
            if append == 10 { journal.acknowledge(upTo: 6) }
        }
        guard failed else { return journal.close() }
        for await _ in told {}
        #expect(failures.withLock { $0 } == 1, what)
        // Whoever asks afterwards is told at once.
        await withCheckedContinuation { continuation in journal.onFailure { _ in continuation.resume() } }

        self.files.watch(nil)
        try journal.reopen()
        let last = Int(journal.lastSequence)
        #expect(last >= durable, what)
        try await journal.append(Sample.records(last + 1...last + 1))
        let stored = try await journal.unacknowledged(after: 0, limit: 100)
        let first = Int(stored.first?.sequence ?? 0)
        #expect([1, 7].contains(first), what)
        #expect(stored == Array(Sample.sequenced(1...last + 1).dropFirst(first - 1)), what)
        #expect(failures.withLock { $0 } == 1, what)
        journal.close()
        #expect(try Verification.verify(folder: folder).last == UInt64(last + 1), what)
    }

    @Test("a folder that can't be used is refused")
    func unusable() async throws {
        try self.folder.write("file", "")
        #expect(await code { _ = try self.open(self.folder.file("file")) } == "journal_unavailable")
        #expect(await code { _ = try self.open(self.folder.file("none/deeper")) } == "journal_unavailable")
        #expect(await code { _ = try Verification.verify(folder: self.folder.path) } == "not_found")
    }
}
