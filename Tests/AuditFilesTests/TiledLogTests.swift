import AuditFiles
import Contracts
import Glibc
import GloveboxCore
import Synchronization
import TestSupport
import Testing
import TransparencyLog

/// Records that are too long for the tree.
private let longText = String(repeating: "select everything ", count: 400)

func sampleRecord(_ number: Int) -> Record {
    Sample.record(number, text: number.isMultiple(of: 100) ? "\(longText)\(number)" : nil)
}

@Suite("A log in tiles", .timeLimit(.minutes(5)))
struct TiledLogTests {
    let folder: TemporaryFolder
    let files = WatchedFiles()
    let signer = NoteSigner(name: "gateway.example/log/1")

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func open(_ path: String? = nil) throws -> TiledLog {
        // No checkpoint by itself: tests ask for each.
        try TiledLog(
            folder: path ?? self.folder.path, signer: self.signer, pace: .seconds(3600), segmentSize: 8192,
            files: self.files)
    }

    private func fill(_ log: TiledLog, _ numbers: ClosedRange<Int>) async throws {
        for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 50) {
            try await log.append((start...min(start + 49, numbers.upperBound)).map(sampleRecord))
        }
    }

    private func all(
        _ log: TiledLog, where filter: RecordFilter = RecordFilter(), by limit: Int = 64
    ) async throws -> [StoredRecord] {
        var found: [StoredRecord] = []
        var cursor: UInt64? = 0
        while let after = cursor {
            let page = try await log.read(after: after, limit: limit, where: filter)
            found += page.records
            cursor = page.next
        }
        return found
    }

    private func stored(_ numbers: ClosedRange<Int>) -> [StoredRecord] {
        numbers.map { StoredRecord(id: RecordID(origin: "gateway", sequence: UInt64($0)), record: sampleRecord($0)) }
    }

    private func verify(_ path: String? = nil, older: [UInt8]? = nil) throws -> TreeVerification {
        try TreeVerification.verify(folder: path ?? self.folder.path, key: self.signer.verifier, older: older)
    }

    private func segments(_ path: String? = nil) -> Int {
        filesUnder(path ?? self.folder.path).count { $0.hasSuffix(".records") }
    }

    @Test("records are read back from tree and intake alike, by page, filter and name, also after opening again")
    func reading() async throws {
        var log = try self.open()
        try await self.fill(log, 1...700)
        try await log.integrate()
        try await self.fill(log, 701...730)
        for _ in 0..<2 {
            #expect(log.position == 730)
            #expect(try [700, 730].contains(log.checkpoint.checkpoint.size))
            let everything = try await self.all(log)
            #expect(everything == self.stored(1...730))
            let even = RecordFilter(target: TargetName(unchecked: "even-db"))
            #expect(try await self.all(log, where: even, by: 7) == everything.filter { even.takes($0.record) })
            let some = RecordFilter(since: WallTime(nanoseconds: 290), until: WallTime(nanoseconds: 310))
            #expect(try await self.all(log, where: some).map(\.id.sequence) == Array(290...309))
            for number in [1, 100, 256, 257, 700, 701, 730] {
                let id = RecordID(origin: "gateway", sequence: UInt64(number))
                #expect(try await log.record(id)?.record == sampleRecord(number))
            }
            #expect(try await log.record(RecordID(origin: "gateway", sequence: 731)) == nil)
            #expect(try await log.read(after: .max, limit: 5, where: RecordFilter()).records.isEmpty)
            log.close()
            log = try self.open()
        }
        log.close()
        let verified = try self.verify()
        #expect(verified.checkpoint.size == 730 && verified.pruned == 0 && verified.unsigned == 0)
    }

    @Test(
        "what's in the tree leaves the intake; an agent's records still come in once, and others in their place don't")
    func merging() async throws {
        let log = try self.open()
        for start in stride(from: 1, to: 600, by: 100) {
            #expect(
                try await log.merge(Sample.sequenced(start...start + 99), from: Sample.origin) == UInt64(start + 99))
        }
        let before = self.segments()
        #expect(before > 3)
        try await log.integrate()
        try await eventually { self.segments() < before }
        #expect(try await log.merge(Sample.sequenced(1...650), from: Sample.origin) == 650)
        #expect(try await log.lastSequence(of: Sample.origin) == 650)
        let other = [SequencedRecord(sequence: 3, bytes: Sample.record(99).canonicalBytes)]
        #expect(await code { _ = try await log.merge(other, from: Sample.origin) } == "conflict")
        #expect(try await self.all(log) == Sample.stored(1...650))
        log.close()
        let again = try self.open()
        #expect(await code { _ = try await again.merge(other, from: Sample.origin) } == "conflict")
        #expect(try await again.merge(Sample.sequenced(600...651), from: Sample.origin) == 651)
        again.close()
        #expect(try self.verify().checkpoint.size == 651)
    }

    @Test("a record that came in is under a checkpoint by itself soon after, and whoever follows is told")
    func pace() async throws {
        let log = try TiledLog(folder: self.folder.path, signer: self.signer, pace: .milliseconds(10))
        let sizes = Mutex<[UInt64]>([])
        let stop = log.follow { seen in sizes.withLock { $0.append(seen.checkpoint.size) } }
        try await log.append(Sample.records(1...3))
        try await eventually { sizes.withLock { $0.last } == 3 }
        stop()
        try await log.append(Sample.records(4...4))
        try await eventually { (try? log.checkpoint.checkpoint.size) == 4 }
        #expect(sizes.withLock { $0.last } == 3)
        log.close()
    }

    @Test("a folder of a Glovebox without a tree is taken over")
    func older() async throws {
        let intake = try Log(folder: self.folder.path, segmentSize: 4096)
        try await intake.append((1...300).map(sampleRecord))
        intake.close()
        let log = try self.open()
        try await log.integrate()
        #expect(try await self.all(log) == self.stored(1...300))
        log.close()
        #expect(try self.verify().checkpoint.size == 300)
    }

    @Test("of two that open one folder, the second is refused")
    func twice() throws {
        let log = try self.open()
        let error = #expect(throws: GloveboxError.self) { try self.open() }
        #expect(error?.code == .storeLocked)
        log.close()
        try self.open().close()
    }

    @Test("any record can be proven to be there, and any checkpoint to be what the log went on from")
    func proofs() async throws {
        let log = try self.open()
        var seen = try log.checkpoint
        for end in [1, 2, 255, 256, 257, 700] {
            try await self.fill(log, Int(log.position) + 1...end)
            try await log.integrate()
            let (checkpoint, proof) = try await log.consistency(from: seen.checkpoint.size)
            seen = try seen.advanced(to: checkpoint, proof: proof.map(\.bytes))
            #expect(seen.checkpoint.size == UInt64(end))
        }
        try await self.fill(log, 701...701)
        for number in [1, 100, 256, 512, 701] {
            let id = RecordID(origin: "gateway", sequence: UInt64(number))
            let proof = try #require(try await log.proof(of: id))
            #expect(proof.index == UInt64(number - 1))
            try TreeProof.checkInclusion(
                index: proof.index, size: proof.checkpoint.checkpoint.size, leaf: TreeHash.leaf(proof.entry).bytes,
                proof: proof.path.map(\.bytes), root: proof.checkpoint.checkpoint.root.bytes)
        }
        #expect(try await log.proof(of: RecordID(origin: "gateway", sequence: 702)) == nil)
        log.close()
    }

    @Test("after pruning, what's left is read, everything is proven, and verifying says what's gone")
    func pruning() async throws {
        var log = try self.open()
        try await self.fill(log, 1...900)
        try await log.integrate()
        let older = try log.checkpoint
        #expect(try await log.prune(before: WallTime(nanoseconds: 600), at: WallTime(nanoseconds: 1000)) == 512)
        #expect(try await log.prune(before: WallTime(nanoseconds: 600), at: WallTime(nanoseconds: 1000)) == 0)
        for _ in 0..<2 {
            let left = try await self.all(log)
            #expect(left.dropLast() == self.stored(513...900)[...])
            #expect(left.last?.record.event == .recordsPruned(upTo: 512, before: WallTime(nanoseconds: 600)))
            #expect(try await log.record(RecordID(origin: "gateway", sequence: 512)) == nil)
            #expect(try await log.record(RecordID(origin: "gateway", sequence: 513)) != nil)
            let (checkpoint, proof) = try await log.consistency(from: older.checkpoint.size)
            _ = try older.advanced(to: checkpoint, proof: proof.map(\.bytes))
            log.close()
            log = try self.open()
        }
        log.close()
        let paths = filesUnder(self.folder.path)
        #expect(!paths.contains { $0.contains("/entries/000") || $0.contains("/blob/001/") })
        let verified = try self.verify(older: older.note)
        #expect(verified.pruned == 512 && verified.checkpoint.size == 901)
    }

    @Test("a restored log goes on under another name and key, and says so; the old name's checkpoints still hold")
    func anotherName() async throws {
        let log = try self.open()
        try await self.fill(log, 1...600)
        #expect(try await log.prune(before: WallTime(nanoseconds: 300), at: WallTime(nanoseconds: 1000)) == 256)
        log.close()
        let old = try log.checkpoint
        let signer = NoteSigner(name: "gateway.example/log/2")
        #expect(await code { _ = try TiledLog(folder: self.folder.path, signer: signer) } == "journal_corrupt")
        for start in 0..<2 {
            let again = try TiledLog(
                folder: self.folder.path, signer: signer, previous: self.signer.verifier, pace: .seconds(3600))
            #expect(again.position == 602, "said once, not at start \(start) again")
            try await again.integrate()
            let said = try await again.record(RecordID(origin: "gateway", sequence: 602))?.record.event
            #expect(
                said
                    == .logBegun(
                        origin: "gateway.example/log/2", checkpoint: String(decoding: old.note, as: UTF8.self)))
            let (checkpoint, proof) = try await again.consistency(from: old.checkpoint.size)
            #expect(checkpoint.key == signer.verifier)
            try TreeProof.checkConsistency(
                size1: old.checkpoint.size, size2: checkpoint.checkpoint.size, proof: proof.map(\.bytes),
                root1: old.checkpoint.root.bytes, root2: checkpoint.checkpoint.root.bytes)
            again.close()
        }
        let verified = try TreeVerification.verify(folder: self.folder.path, key: signer.verifier)
        #expect(verified.checkpoint.size == 602 && verified.pruned == 256)
    }

    // MARK: Bad luck

    /// A folder with all kinds of files in it: two bundles and a partial one, long records, one bundle pruned.
    private func sample() async throws -> (paths: [String], older: KnownCheckpoint) {
        let log = try self.open()
        try await self.fill(log, 1...640)
        try await log.integrate()
        let older = try log.checkpoint
        #expect(try await log.prune(before: WallTime(nanoseconds: 300), at: WallTime(nanoseconds: 1000)) == 256)
        log.close()
        let paths = filesUnder(self.folder.path).filter { !$0.hasSuffix("/lock") }.sorted()
        for part in ["/checkpoint", "/pruned", "/head", ".records", "/entries/001", "/0/002.p/129"] {
            #expect(paths.contains { $0.hasSuffix(part) }, "\(part): \(paths)")
        }
        #expect(paths.contains { $0.contains("/blob/") })
        _ = try self.verify(older: older.note)
        return (paths, older)
    }

    @Test("whichever byte of whichever file is flipped, verifying tells, and names the file or the record")
    func flips() async throws {
        let (paths, _) = try await self.sample()
        var generator = SeededGenerator(seed: Fuzzing("flipped bytes of a log").seed)
        for path in paths {
            let whole = try readFile(path)
            // All of what's small or has structure, a part of what's long; with --all, all of it.
            let step = Repository.runsAllTests ? 1 : max(1, whole.count / 150)
            for start in stride(from: 0, to: whole.count, by: step) {
                let place = min(whole.count - 1, start + generator.place(in: step))
                var bytes = whole
                bytes[place] ^= UInt8(1) << UInt8(generator.place(in: 8))
                try writeFile(path, bytes)
                let error = #expect(throws: GloveboxError.self, "\(path) byte \(place)") { try self.verify() }
                #expect(error?.code == .journalCorrupt, "\(path) byte \(place): \(String(describing: error))")
                let inside = String(path.dropFirst(self.folder.path.count + 1))
                #expect(error?.message.contains(inside) == true, "\(path) byte \(place): \(String(describing: error))")
            }
            try writeFile(path, whole)
        }
        _ = try self.verify()
    }

    @Test("whichever file is dropped or cut, wherever, verifying tells")
    func cuts() async throws {
        let (paths, _) = try await self.sample()
        var generator = SeededGenerator(seed: Fuzzing("cut files of a log").seed)
        for path in paths {
            let whole = try readFile(path)
            #expect(unlink(path) == 0)
            let error = #expect(throws: GloveboxError.self, "\(path) dropped") { try self.verify() }
            #expect(error?.code == .journalCorrupt, "\(path) dropped: \(String(describing: error))")
            for cut in [0, 1, whole.count - 1] + (0..<20).map({ _ in generator.place(in: whole.count) }) {
                try writeFile(path, Array(whole[..<cut]))
                let error = #expect(throws: GloveboxError.self, "\(path) cut at \(cut)") { try self.verify() }
                #expect(error?.code == .journalCorrupt, "\(path) cut at \(cut): \(String(describing: error))")
            }
            try writeFile(path, whole)
        }
        _ = try self.verify()
    }

    @Test("a folder brought back to an earlier state, or written anew by its own key's holder, is told by a checkpoint")
    func rolledBack() async throws {
        let log = try self.open()
        try await self.fill(log, 1...300)
        log.close()
        let earlier = try copyFolder(self.folder.path)
        let again = try self.open()
        try await self.fill(again, 301...400)
        try await again.integrate()
        let kept = try again.checkpoint.note
        again.close()
        #expect(try self.verify(older: kept).checkpoint.size == 400)
        #expect(await code { _ = try self.verify(earlier.path, older: kept) } == "log_shortened")
        // Whoever has the key goes on another way.
        let forked = try self.open(earlier.path)
        try await forked.append((301...450).map { Sample.record($0, text: "something else") })
        forked.close()
        #expect(try self.verify(earlier.path).checkpoint.size == 450)
        #expect(await code { _ = try self.verify(earlier.path, older: kept) } == "log_forked")
        let other = try NoteSigner(name: "other").sign("x\n")
        #expect(await code { _ = try self.verify(older: other.bytes) } == "note_invalid")
    }

    @Test("killed before any step of intake, tree, checkpoint or pruning: what was durable is there, and all is whole")
    func killedAtEveryStep() async throws {
        let folder = self.folder.path
        let copies = Mutex<[(copy: TemporaryFolder, durable: Int, step: String)]>([])
        let durable = Mutex(0)
        let log = try self.open()
        try await self.fill(log, 1...250)
        durable.withLock { $0 = 250 }
        try await log.integrate()
        self.files.watch { number, step in
            guard let copy = try? copyFolder(folder) else { return 5 }
            copies.withLock { $0.append((copy, durable.withLock { $0 }, "\(number) \(step)")) }
            return nil
        }
        for end in [255, 260, 301, 513] {
            let first = durable.withLock { $0 } + 1
            try await log.append((first...end).map(sampleRecord))
            durable.withLock { $0 = end }
            try await log.integrate()
        }
        _ = try await log.prune(before: WallTime(nanoseconds: 300), at: WallTime(nanoseconds: 1000))
        self.files.watch(nil)
        log.close()
        let all = copies.withLock { $0 }
        #expect(all.count > 100)
        for (copy, durable, step) in all {
            let again = try self.open(copy.path)
            let records = try await self.all(again).filter { $0.record.event.name == "statement" }
            let first = try #require(records.first?.id.sequence, "\(step)")
            #expect([1, 257].contains(first), "\(step)")
            let last = try #require(records.last?.id.sequence)
            #expect(last >= UInt64(durable), "\(step)")
            #expect(records == self.stored(Int(first)...Int(last)), "\(step)")
            again.close()
            _ = try self.verify(copy.path)
        }
    }

    @Test("whichever step of the tree a full disk stops, records still come in, and it goes on when there's room")
    func fullDisk() async throws {
        // Every step at first, then some: towards the end there are the removals of old files, which may fail.
        for failing in Array(0..<24) + Array(stride(from: 25, to: 200, by: 5)) {
            let folder = try TemporaryFolder()
            let log = try self.open(folder.path)
            try await self.fill(log, 1...250)
            try await log.integrate()
            try await self.fill(log, 251...300)
            let told = Mutex<[String?]>([])
            log.onProblem { problem in told.withLock { $0.append(problem?.code.rawValue) } }
            let failed = Mutex(false)
            self.files.watch { number, step in
                guard number >= failing, !step.hasSuffix(".records"), !step.hasSuffix("head") else { return nil }
                failed.withLock { $0 = true }
                return 28
            }
            let integrated = await code { try await log.integrate() }
            let size = try log.checkpoint.checkpoint.size
            // What the tree has is removed from the intake, which may be stopped too.
            _ = await code { try await log.append([]) }
            self.files.watch(nil)
            try log.reopen()
            if integrated != nil {
                #expect(integrated == "journal_unavailable" && size == 250, "step \(failing)")
                #expect(log.problem?.code == .journalUnavailable)
            }
            try await self.fill(log, 301...310)
            try await log.integrate()
            #expect(log.problem == nil)
            #expect(told.withLock { $0 } == (integrated == nil ? [] : ["journal_unavailable", nil]))
            #expect(try await self.all(log) == self.stored(1...310), "step \(failing)")
            log.close()
            #expect(try self.verify(folder.path).checkpoint.size == 310, "step \(failing)")
            if !failed.withLock({ $0 }) {
                #expect(failing > 10)
                return
            }
        }
        Issue.record("the tree never got through")
    }
}
