import Dispatch
import GloveboxCore
import Synchronization

/// A chain of records in a folder: appends from any thread, one writer that commits whatever waits in one go, reads that
/// block no append.
///
/// What fails once poisons the chain: everything that waits and everything later is refused with
/// `journal_unavailable`, until ``reopen()`` has read the disk again. Reports (``RecordEvent/isReport``) that were refused
/// are kept in memory and written then.
final class RecordChain: Sendable {
    typealias Completion<Value> = @Sendable (Result<Value, GloveboxError>) -> Void

    /// What waits for the writer.
    enum Request: Sendable {
        case append([EncodedRecord], Completion<Void>)
        case merge([SequencedRecord], origin: String, Completion<UInt64>)
        case acknowledge(UInt64)
        case release(UInt64)
        /// Refused before it reached the writer; told on the writer's thread like everything else.
        case refused(GloveboxError, Completion<Void>)
    }

    struct EncodedRecord: Sendable {
        var isHostOnly: Bool
        var isReport = false
        var bytes: [UInt8]
    }

    private struct Inbox {
        var requests: [Request] = []
        var isDraining = false
        var failure: GloveboxError?
        var watchers: [@Sendable (GloveboxError) -> Void] = []
        var appended: (@Sendable (UInt64) -> Void)?
        /// Reports that were refused since the failure. Some may be on disk all the same.
        var kept: [EncodedRecord] = []
        /// The last position that was answered for when the chain failed.
        var failedAfter: UInt64 = 0
        /// How often was answered since the last note of how far the chain is durable.
        var unnoted = 0

        mutating func keepReports(of requests: [Request]) {
            for case .append(let records, _) in requests {
                for record in records where record.isReport && self.kept.count < RecordChain.mostKept {
                    self.kept.append(record)
                }
            }
        }
    }

    /// As many sessions as may end when nothing can be written.
    private static let mostKept = 16_384

    /// As often may be answered before the next note.
    private static let mostUnnoted = 64

    let folder: String
    let kind: ChainKind
    let origin: String
    private let files: any FileWriting
    private let segmentSize: Int
    private let keptSegments: Int
    private let queue: DispatchQueue
    private let inbox = Mutex(Inbox())
    /// Only the writer's queue uses it; `nil` when closed or poisoned beyond use.
    private let writer = Mutex<ChainWriter?>(nil)
    private let index = Mutex(ChainIndex())
    private let torn = Mutex<TornTail?>(nil)
    private let lock: Mutex<FolderLock?>

    /// - Parameter segmentSize: in bytes.
    /// - Throws: `store_locked`, `journal_corrupt`, `journal_unavailable`.
    init(
        folder: String, kind: ChainKind, origin: String, segmentSize: Int, keptSegments: Int = 0,
        files: any FileWriting
    ) throws(GloveboxError) {
        self.folder = folder
        self.keptSegments = keptSegments
        self.kind = kind
        self.origin = origin
        self.segmentSize = segmentSize
        self.files = files
        self.queue = DispatchQueue(label: "glovebox.records")
        self.lock = Mutex(try FolderLock(folder: folder))
        try self.load()
    }

    /// A torn write that was cleared when the chain was opened last.
    var tornTail: TornTail? { self.torn.withLock { $0 } }

    /// The durable part.
    var snapshot: ChainIndex { self.index.withLock { $0 } }

    // MARK: Requests

    func append(_ records: [Record], _ completion: @escaping Completion<Void>) {
        let encoded = records.map {
            EncodedRecord(isHostOnly: $0.isHostOnly, isReport: $0.event.isReport, bytes: $0.canonicalBytes)
        }
        let longest = Frame.longestBody - 300
        guard encoded.allSatisfy({ $0.bytes.count <= longest }) else {
            let error = GloveboxError(
                .limitReached, "a record is longer than \(longest >> 20) MiB: shorten the statement or its values")
            self.enqueue(.refused(error, completion))
            return
        }
        self.enqueue(.append(encoded, completion))
    }

    func enqueue(_ request: Request) {
        let start = self.inbox.withLock { inbox -> Bool in
            inbox.requests.append(request)
            defer { inbox.isDraining = true }
            return !inbox.isDraining
        }
        if start { self.queue.async { self.drain() } }
    }

    func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        let failure = self.inbox.withLock { inbox -> GloveboxError? in
            if inbox.failure == nil { inbox.watchers.append(failed) }
            return inbox.failure
        }
        if let failure { self.queue.async { failed(failure) } }
    }

    /// `appended` is told the last durable sequence of this origin, now and after each commit; `nil` ends that.
    func onAppend(_ appended: (@Sendable (UInt64) -> Void)?) {
        self.inbox.withLock { $0.appended = appended }
        guard let appended else { return }
        self.queue.async { appended(self.index.withLock { $0.state.sequences[self.origin] ?? 0 }) }
    }

    // MARK: Opening and closing

    /// Reads the folder again after a failure, and goes on if there's room for another file. Not to be called from a
    /// callback of the chain's.
    /// - Throws: as ``init(folder:kind:origin:segmentSize:keptSegments:files:)``; the chain stays poisoned then.
    func reopen() throws(GloveboxError) {
        let result = self.queue.sync { () -> Result<Void, GloveboxError> in
            Result { () throws(GloveboxError) in
                guard self.lock.withLock({ $0 != nil }) else { throw Self.closed(self.folder) }
                do throws(FileError) {
                    // Before anything is read, which may take long and would be for nothing.
                    try ChainWriter.probe(self.folder, size: self.segmentSize, files: self.files)
                } catch {
                    throw self.unavailable(error)
                }
                self.closeWriter()
                do throws(GloveboxError) {
                    try self.load()
                    try self.goOn()
                } catch {
                    for watcher in self.poison(error) { watcher(error) }
                    throw error
                }
            }
        }
        try result.get()
        self.queue.async {
            self.drain()
            self.tellAppended()
        }
    }

    /// After the folder was read again: lets appends in, the reports that were refused first. What was on its way when
    /// the chain failed may be on disk though nobody was told so; a report of those isn't written twice.
    private func goOn() throws(GloveboxError) {
        let (failedAfter, hasKept) = self.inbox.withLock { ($0.failedAfter, !$0.kept.isEmpty) }
        let position = self.snapshot.state.position
        guard position >= failedAfter else {
            throw GloveboxError(
                .journalCorrupt,
                "\(self.folder) ends at record \(position), but held \(failedAfter): bring back what was there")
        }
        var found: Set<[UInt8]> = []
        do {
            try self.reading { index in
                found = []
                guard hasKept, let first = index.segment(after: failedAfter) else { return }
                for segment in index.segments[first...] {
                    guard let offset = segment.offset(after: failedAfter) else { continue }
                    _ = try ChainReader.frames(of: segment, from: offset) { frame, buffer in
                        if frame.position > failedAfter { found.insert(Array(buffer[frame.record])) }
                        return true
                    }
                }
            }
        } catch {
            throw error as? GloveboxError
                ?? GloveboxError(.journalUnavailable, "records in \(self.folder) can't be read", cause: error)
        }
        self.inbox.withLock { inbox in
            let missing = inbox.kept.filter { !found.contains($0.bytes) }
            inbox.kept = []
            inbox.failure = nil
            if !missing.isEmpty { inbox.requests.insert(.append(missing) { _ in }, at: 0) }
        }
    }

    /// Writes what waits, then gives the folder back. Later appends fail. Not to be called from a callback of the chain's.
    func close() {
        self.queue.sync {
            self.drain()
            // Of a log at rest every byte counts: one that's cut off is missed.
            let isWhole = self.inbox.withLock { $0.failure == nil }
            if self.kind == .log, isWhole { try? self.withWriter { (writer) throws(FileError) in try writer.trim() } }
            self.closeWriter()
            self.lock.withLock { $0 = nil }
            self.inbox.withLock {
                $0.failure = $0.failure ?? Self.closed(self.folder)
                $0.watchers = []
                $0.appended = nil
            }
        }
    }

    private func load() throws(GloveboxError) {
        let scan = try ChainScan(folder: self.folder, kind: self.kind, origin: self.origin)
        var index = scan.index
        do throws(FileError) {
            let writer = try ChainWriter(
                scan, index: &index, origin: self.origin, files: self.files, segmentSize: self.segmentSize)
            self.writer.withLock { $0 = writer }
        } catch {
            throw self.unavailable(error)
        }
        self.index.withLock { [index] in $0 = index }
        self.torn.withLock { $0 = scan.torn }
    }

    private func closeWriter() {
        self.writer.withLock { writer in
            writer?.close()
            writer = nil
        }
    }

    deinit {
        self.closeWriter()
    }

    // MARK: The writer

    private func drain() {
        while true {
            let (requests, failure) = self.inbox.withLock { inbox -> ([Request], GloveboxError?) in
                if inbox.requests.isEmpty { inbox.isDraining = false }
                defer { inbox.requests = [] }
                return (inbox.requests, inbox.failure)
            }
            if requests.isEmpty { return }
            if let failure {
                self.inbox.withLock { $0.keepReports(of: requests) }
                for request in requests { request.fail(failure) }
            } else {
                self.serve(requests)
            }
        }
    }

    /// Commits what `requests` ask for, then tells who asked.
    private func serve(_ requests: [Request]) {
        let before = self.index.withLock { $0.state.position }
        do throws(FileError) {
            let answers = try self.withWriter { (writer) throws(FileError) in try self.write(requests, with: &writer) }
            for answer in answers { answer() }
        } catch {
            return self.fail(error, requests, after: before)
        }
        self.tellAppended()
        do throws(FileError) {
            try self.noteCommitted()
        } catch {
            self.fail(error, [], after: self.index.withLock { $0.state.position })
        }
    }

    /// Nobody waits for the note, so what does wait comes first, for a while.
    private func noteCommitted() throws(FileError) {
        let isBusy = self.inbox.withLock { inbox in
            inbox.unnoted += 1
            let isBusy = !inbox.requests.isEmpty && inbox.unnoted < Self.mostUnnoted
            if !isBusy { inbox.unnoted = 0 }
            return isBusy
        }
        if isBusy { return }
        try self.withWriter { (writer) throws(FileError) in try writer.noteCommitted() }
    }

    private func fail(_ error: FileError, _ requests: [Request], after position: UInt64) {
        let failure = self.unavailable(error)
        let watchers = self.poison(failure)
        self.inbox.withLock { inbox in
            inbox.failedAfter = position
            inbox.keepReports(of: requests)
        }
        for request in requests { request.fail(failure) }
        for watcher in watchers { watcher(failure) }
    }

    private func tellAppended() {
        let appended = self.inbox.withLock { $0.appended }
        if let appended { appended(self.index.withLock { $0.state.sequences[self.origin] ?? 0 }) }
    }

    private func withWriter<Value: Sendable>(
        _ body: (inout ChainWriter) throws(FileError) -> Value
    ) throws(FileError) -> Value {
        let result = self.writer.withLock { slot -> Result<Value, FileError> in
            guard var writer = slot else { return .failure(FileError("write", 0)) }
            // Moved out and back, so that its buffers aren't copied.
            slot = nil
            defer { slot = writer }
            return Result { () throws(FileError) in try body(&writer) }
        }
        return try result.get()
    }

    /// - Returns: what tells those who asked.
    private func write(
        _ requests: [Request], with writer: inout ChainWriter
    ) throws(FileError) -> [@Sendable () -> Void] {
        var answers: [@Sendable () -> Void] = []
        for request in requests {
            switch request {
            case .append(let records, let completion):
                for record in records {
                    let origin = record.isHostOnly ? Self.hostOnlyOrigin(self.origin) : self.origin
                    let entry = ChainEntry(
                        isHostOnly: record.isHostOnly, origin: origin, sequence: writer.nextSequence(of: origin),
                        record: record.bytes)
                    try writer.add(entry, committed: self.publish)
                }
                answers.append { completion(.success(())) }
            case .merge(let records, let origin, let completion):
                let outcome = try self.merge(records, from: origin, with: &writer)
                answers.append { completion(outcome) }
            case .acknowledge(let sequence):
                try writer.commit(self.publish)
                try self.acknowledge(upTo: sequence, with: &writer)
            case .release(let position):
                try writer.commit(self.publish)
                try writer.release(upTo: position)
                try self.deleteAcknowledged(with: &writer)
            case .refused(let error, let completion):
                answers.append { completion(.failure(error)) }
            }
        }
        try writer.commit(self.publish)
        return answers
    }

    private func merge(
        _ records: [SequencedRecord], from origin: String, with writer: inout ChainWriter
    ) throws(FileError) -> Result<UInt64, GloveboxError> {
        for record in records {
            let next = writer.nextSequence(of: origin)
            if record.sequence > next { break }
            let id = RecordID(origin: origin, sequence: record.sequence)
            if record.sequence == next {
                let entry = ChainEntry(isHostOnly: false, origin: origin, sequence: next, record: record.bytes)
                try writer.add(entry, committed: self.publish)
            } else if let stored = try self.storedBytes(id, with: &writer), stored != record.bytes {
                try writer.commit(self.publish)
                return .failure(
                    GloveboxError(
                        .conflict,
                        "\(origin) sends another record \(record.sequence) than the log has: its journal was lost or replaced; give that agent a new name, so that its records begin anew"
                    ))
            }
        }
        return .success(writer.nextSequence(of: origin) - 1)
    }

    /// The record that the log has under this name.
    private func storedBytes(_ id: RecordID, with writer: inout ChainWriter) throws(FileError) -> [UInt8]? {
        try writer.commit(self.publish)
        guard let segment = self.snapshot.segment(of: id.sequence, from: id.origin) else { return nil }
        do {
            return try ChainReader.find(id, in: segment)
        } catch {
            throw error as? FileError ?? FileError("read again", 5)
        }
    }

    private func acknowledge(upTo sequence: UInt64, with writer: inout ChainWriter) throws(FileError) {
        let sequence = min(sequence, writer.nextSequence(of: self.origin) - 1)
        try writer.acknowledge(upTo: sequence)
        self.index.withLock { $0.acknowledged = max($0.acknowledged, sequence) }
        try self.deleteAcknowledged(with: &writer)
    }

    /// Deletes the oldest segments as far as the gateway (or the tree, of a log) has all that they hold and nothing in
    /// them is still needed here; never the last one, nor those before it that are to be kept.
    private func deleteAcknowledged(with writer: inout ChainWriter) throws(FileError) {
        let note = writer.note
        let deletable = self.index.withLock { index in
            index.segments.dropLast(1 + self.keptSegments).prefix { segment in
                switch self.kind {
                case .journal:
                    (segment.sequences[self.origin]?.upperBound ?? 0) <= note.acknowledged
                        && segment.lastHostOnly <= note.released
                case .log: segment.last <= note.released
                }
            }
        }
        guard !deletable.isEmpty else { return }
        try writer.synchroniseNote()
        self.index.withLock { $0.segments.removeFirst(deletable.count) }
        for segment in deletable { try self.files.remove(segment.path) }
        try self.files.synchroniseFolder(self.folder)
    }

    /// Makes what was committed visible to readers.
    private func publish(_ committed: ChainWriter.Committed) {
        self.index.withLock { index in
            if let (before, start) = committed.newSegment {
                index.segments.append(SegmentSummary(path: committed.path, before: before, start: start))
            }
            var offset = committed.offset
            let last = index.segments.count - 1
            for frame in committed.frames {
                index.segments[last].add(frame, at: offset, own: self.origin)
                offset += frame.length
            }
            index.state = committed.state
        }
    }

    /// Refuses everything from now on; returns who has to be told.
    private func poison(_ failure: GloveboxError) -> [@Sendable (GloveboxError) -> Void] {
        self.inbox.withLock { inbox in
            inbox.failure = failure
            defer { inbox.watchers = [] }
            return inbox.watchers
        }
    }

    private func unavailable(_ error: FileError) -> GloveboxError {
        GloveboxError(
            .journalUnavailable,
            "records can't be kept in \(self.folder) (\(error)): make room or mend the disk", cause: error)
    }

    private static func closed(_ folder: String) -> GloveboxError {
        GloveboxError(.journalUnavailable, "the records in \(folder) are closed")
    }

    /// Records for the host alone have numbers of their own, so that the gateway sees no gap in the others.
    static func hostOnlyOrigin(_ origin: String) -> String { "\(origin)/host" }
}

extension RecordChain.Request {
    fileprivate func fail(_ failure: GloveboxError) {
        switch self {
        case .append(_, let completion): completion(.failure(failure))
        case .merge(_, _, let completion): completion(.failure(failure))
        case .acknowledge, .release: break
        case .refused(let error, let completion): completion(.failure(error))
        }
    }
}
