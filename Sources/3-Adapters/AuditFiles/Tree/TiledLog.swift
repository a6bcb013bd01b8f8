package import Contracts
import Dispatch
package import GloveboxCore
import Synchronization
package import TransparencyLog

/// A gateway's log: records are durable in its intake (``Log``) before anybody is told so, and stand in a Merkle tree
/// under a signed checkpoint within a second.
///
/// The tree's files are C2SP tlog-tiles (``TileFolder``); record `n` is its leaf `n - 1`. What the tree has is read from
/// there and no longer kept in the intake. While the tree can't be written, records stay in the intake, and it's tried
/// again every second.
package final class TiledLog: RecordLog, MendableRecords {
    let folder: TileFolder
    let intake: Log
    private let signer: NoteSigner
    private let pace: Duration
    private let time: any TimeSource
    private let queue = DispatchQueue(label: "glovebox.tree")
    /// Held on the queue alone.
    private let writer: Mutex<TreeWriter>
    private let state: Mutex<TreeState>
    private let work: Mutex<Work>

    private struct Work {
        var isScheduled = false
        var isClosed = false
        var problem: GloveboxError?
        var watchers: [@Sendable (GloveboxError?) -> Void] = []
        var followers: [Int: @Sendable (KnownCheckpoint) -> Void] = [:]
        var nextFollower = 0
        var signedAt: BootInstant
    }

    /// Records that get a checkpoint of their own at the latest, and their bytes.
    private static let largestRound = (records: 16_384, bytes: 32 << 20)
    /// After a failure.
    private static let retry = Duration.seconds(1)

    /// Opens the log in `folder`, and begins one there if it's empty. All of it is read and checked. Records that an
    /// older Glovebox left in the intake go into the tree.
    ///
    /// - Parameters:
    ///   - previous: the log's key before this one, where a restored gateway's log goes on under another name. That it
    ///     does is a record then.
    ///   - pace: a checkpoint follows a record by so much, at most.
    ///   - segmentSize: of the intake's files, in bytes.
    /// - Throws: `store_locked` when somebody else has it open; `journal_corrupt`, naming file and record;
    ///   `journal_unavailable`.
    package init(
        folder: String, signer: NoteSigner, previous: NoteVerifier? = nil, pace: Duration = .milliseconds(250),
        segmentSize: Int = 4 << 20, files: any FileWriting = SystemFiles(), time: any TimeSource = SystemTime()
    ) throws(GloveboxError) {
        let intake = try Log(folder: folder, segmentSize: segmentSize, files: files)
        let place = TileFolder(path: folder)
        var writer = TreeWriter(folder: place, files: files, signer: signer)
        let began: RecordEvent?
        do {
            var state = try Self.open(place, [signer.verifier] + [previous].compactMap { $0 }, intake, &writer)
            began = try Self.renew(&state, place, signer.verifier, &writer)
            self.state = Mutex(state)
        } catch {
            intake.close()
            throw error
        }
        self.folder = place
        self.intake = intake
        self.signer = signer
        self.pace = pace
        self.time = time
        self.work = Mutex(Work(signedAt: time.boot))
        self.writer = Mutex(writer)
        if let began {
            self.intake.append([Record(time: time.wall, event: began)]) { _ in }
            self.intake.flush()
        }
        self.intake.onAppend { [weak self] in self?.schedule(after: pace) }
    }

    /// Signs what the key before this one had signed, if it had.
    /// - Returns: the record of that.
    private static func renew(
        _ state: inout TreeState, _ folder: TileFolder, _ verifier: NoteVerifier, _ writer: inout TreeWriter
    ) throws(GloveboxError) -> RecordEvent? {
        guard (try? Checkpoint(state.note, signedBy: verifier)) == nil else { return nil }
        let before = String(decoding: state.note, as: UTF8.self)
        state = try Self.writing(folder) {
            if state.minimum > 0 {
                try writer.write(
                    PruningNote(log: verifier.name, minimum: state.minimum, sequences: state.sequences.before))
            }
            return try writer.add([], to: state)
        }
        return .logBegun(origin: verifier.name, checkpoint: before)
    }

    /// Whether `folder` holds a log that was signed before.
    package static func isBegun(_ folder: String) -> Bool {
        FileReading.isThere(TileFolder(path: folder).checkpoint)
    }

    private static func open(
        _ folder: TileFolder, _ verifiers: [NoteVerifier], _ intake: Log, _ writer: inout TreeWriter
    ) throws(GloveboxError) -> TreeState {
        guard FileReading.isThere(folder.checkpoint) else {
            guard !FileReading.isThere("\(folder.path)/tile"), intake.firstPosition == 0 else {
                throw GloveboxError.corrupt(folder.checkpoint, offset: 0, "it is missing, and there are records")
            }
            return try Self.writing(folder) { try writer.add([], to: TreeState()) }
        }
        let state = try TreeScan(folder: folder.path, verifiers: verifiers).state
        guard intake.position >= state.size else {
            throw GloveboxError(
                .journalCorrupt,
                "\(folder.path) holds \(state.size) records in its tree, but only \(intake.position) came in: bring the folder back from a backup"
            )
        }
        try TreeVerification.compare(intake, with: state, in: folder)
        // What a stop in the middle may have left.
        let width = UInt64(Tile.fullWidth)
        let last = state.size / width
        var places = Set(state.partialTiles.map(\.fullPath))
        for index in last - min(last, UInt64(Self.largestRound.records) / width)...last {
            places.insert(Tile(.entries, index: index).fullPath)
            places.insert(Tile(.hashes(level: 0), index: index).fullPath)
        }
        places.insert(Tile(.hashes(level: 1), index: last / width).fullPath)
        writer.removePartialTiles(in: places, but: state)
        try Self.writing(folder) { try writer.removeEntries(0..<state.minimum / width) }
        return state
    }

    private static func writing<Value>(
        _ folder: TileFolder, _ body: () throws -> Value
    ) throws(GloveboxError) -> Value {
        do {
            return try body()
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(
                .journalUnavailable,
                "the log's tree can't be written in \(folder.path) (\(error)): make room or mend the disk", cause: error
            )
        }
    }

    /// A torn write that was cleared at opening, for the operator to know of.
    package var tornTail: TornTail? { self.intake.tornTail }

    /// What checks this log's checkpoints.
    package var verifier: NoteVerifier { self.signer.verifier }

    var snapshot: TreeState { self.state.withLock { $0 } }

    // MARK: Records

    package var position: UInt64 { self.intake.position }

    package func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void
    ) {
        self.intake.append(records, durable: durable)
    }

    package func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.intake.onFailure(failed)
    }

    package func reopen() throws(GloveboxError) {
        try self.intake.reopen()
        self.schedule(after: .zero)
    }

    /// - Throws: as ``Log/merge(_:from:)``.
    package func merge(_ records: [SequencedRecord], from origin: String) async throws -> UInt64 {
        try await self.refuseOthers(records, from: origin)
        return try await self.intake.merge(records, from: origin)
    }

    package func lastSequence(of origin: String) async throws -> UInt64 {
        try await self.intake.lastSequence(of: origin)
    }

    // MARK: Checkpoints

    /// The last checkpoint.
    package var checkpoint: KnownCheckpoint {
        get throws(GloveboxError) { try KnownCheckpoint(key: self.signer.verifier, note: self.snapshot.note) }
    }

    /// The last record that's under a checkpoint.
    package var signedPosition: UInt64 { self.snapshot.size }

    /// When the last checkpoint was signed; when the log was opened, if none was since.
    package var signedAt: BootInstant { self.work.withLock { $0.signedAt } }

    /// Why the tree can't be written at present.
    package var problem: GloveboxError? { self.work.withLock { $0.problem } }

    /// `changed` is told when the tree can't be written, and with `nil` when it can again. Called on the tree's thread.
    package func onProblem(_ changed: @escaping @Sendable (GloveboxError?) -> Void) {
        self.work.withLock { $0.watchers.append(changed) }
    }

    /// Calls `seen` with each new checkpoint, on the tree's thread, until what this returns is called.
    package func follow(_ seen: @escaping @Sendable (KnownCheckpoint) -> Void) -> @Sendable () -> Void {
        let id = self.work.withLock { work in
            defer { work.nextFollower += 1 }
            work.followers[work.nextFollower] = seen
            return work.nextFollower
        }
        return { [weak self] in self?.work.withLock { _ = $0.followers.removeValue(forKey: id) } }
    }

    /// Returns when the tree holds all that is durable now.
    package func integrate() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            self.queue.async { continuation.resume(with: Result { try self.catchUp() }) }
        }
    }

    private func schedule(after pause: Duration) {
        let isDue = self.work.withLock { work in
            guard !work.isScheduled, !work.isClosed else { return false }
            work.isScheduled = true
            return true
        }
        guard isDue else { return }
        let nanoseconds = Int(clamping: pause.nanosecondsClamped)
        self.queue.asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { [weak self] in
            guard let self else { return }
            let isClosed = self.work.withLock { work in
                work.isScheduled = false
                return work.isClosed
            }
            guard !isClosed else { return }
            do {
                try self.catchUp()
            } catch {
                self.schedule(after: Self.retry)
            }
        }
    }

    /// Takes what the intake has into the tree. On the queue.
    private func catchUp() throws(GloveboxError) {
        do throws(GloveboxError) {
            try Self.writing(self.folder) {
                let end = self.intake.position
                while true {
                    let state = self.snapshot
                    guard state.size < end else { break }
                    let records = try self.intake.entries(
                        after: state.size, limit: Self.largestRound.records, bytes: Self.largestRound.bytes)
                    guard !records.isEmpty else { break }
                    self.publish(try self.writer.withLock { try $0.add(records, to: state) })
                }
            }
            self.tell(nil)
        } catch {
            self.tell(error)
            throw error
        }
    }

    private func publish(_ next: TreeState) {
        self.state.withLock { $0 = next }
        self.intake.release(upTo: next.size)
        let followers = self.work.withLock { work in
            work.signedAt = self.time.boot
            return work.followers.values
        }
        guard !followers.isEmpty, let checkpoint = try? self.checkpoint else { return }
        for follower in followers { follower(checkpoint) }
    }

    private func tell(_ problem: GloveboxError?) {
        let watchers = self.work.withLock { work -> [@Sendable (GloveboxError?) -> Void] in
            defer { work.problem = problem }
            return (work.problem == nil) == (problem == nil) ? [] : work.watchers
        }
        for watcher in watchers { watcher(problem) }
    }

    // MARK: Retention

    /// Removes the entries from before `moment`, in whole bundles from the oldest on; their hashes stay, so that
    /// everything can still be proven. That it's done is a record itself, which is durable first.
    /// - Returns: how many records are gone.
    @concurrent
    package func prune(before moment: WallTime, at now: WallTime) async throws -> UInt64 {
        try await self.integrate()
        let state = self.snapshot
        let width = UInt64(Tile.fullWidth)
        var minimum = state.minimum
        var sequences = PruningNote(log: self.verifier.name, minimum: 0, sequences: [:])
        sequences.sequences = state.sequences.before
        while minimum + width <= state.size {
            let entries = try self.entries(ofBundle: minimum / width, state)
            var isOld = true
            for entry in entries where try entry.time >= moment { isOld = false }
            guard isOld else { break }
            for entry in entries { sequences.sequences[entry.id.origin] = entry.id.sequence }
            minimum += width
        }
        guard minimum > state.minimum else { return 0 }
        sequences.minimum = minimum
        let record = Record(time: now, event: .recordsPruned(upTo: minimum, before: moment))
        try await self.append([record])
        let note = sequences
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            self.queue.async { continuation.resume(with: Result { try self.remove(note, from: state.minimum) }) }
        }
        return minimum - state.minimum
    }

    private func remove(_ note: PruningNote, from first: UInt64) throws {
        let width = UInt64(Tile.fullWidth)
        try Self.writing(self.folder) {
            try self.writer.withLock { try $0.write(note) }
            self.state.withLock { state in
                state.minimum = note.minimum
                state.sequences.prune(before: note.minimum, note.sequences)
            }
            try self.writer.withLock { try $0.removeEntries(first / width..<note.minimum / width) }
        }
    }

    // MARK: The end

    /// Writes what waits, brings it under a checkpoint if that's possible, and gives the folder back. Blocks; not to be
    /// called from a callback of this type's.
    package func close() {
        let wasClosed = self.work.withLock { work in
            defer { work.isClosed = true }
            return work.isClosed
        }
        guard !wasClosed else { return }
        self.intake.flush()
        self.queue.sync { try? self.catchUp() }
        self.intake.close()
    }
}
