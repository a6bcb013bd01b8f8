package import AuditFiles
package import GloveboxCore

extension GloveboxError.Code {
    /// The disk doesn't take what has to be kept.
    package static let spoolUnavailable = Self("spool_unavailable")
    /// What was kept isn't what was written.
    package static let spoolCorrupt = Self("spool_corrupt")
}

/// Payloads on their way to several readers, on disk: an appended one is durable when the call returns, and stays until
/// each reader has acknowledged it. What it's given has to be redacted.
///
/// Bounded: who appends waits while there's no room. After a stop of any kind each reader goes on behind what it had
/// acknowledged, so that nothing is lost and some may come twice. A torn tail, which nobody was told is durable, is cut.
/// Files are their owner's alone.
package actor LogSpool {
    /// Most bytes of a payload.
    package static let mostPayload = 1 << 20
    /// Least that a spool has to be given.
    package static let leastSize = 16 << 20
    /// Most bytes that are read at once.
    private static let readChunk = 2 << 20

    package struct Entry: Hashable, Sendable {
        package var number: UInt64
        package var payload: [UInt8]
        /// What has masked it isn't trusted any more.
        package var isSuspect = false
    }

    private struct Reader {
        /// The first that isn't acknowledged.
        var next: UInt64
        var file: Int32
    }

    /// Where a reader goes on, so that it needn't look for it.
    private struct Place {
        var segment: UInt64
        var number: UInt64
        var offset: Int
    }

    private let folder: String
    private let size: Int
    private let files: any FileWriting
    private let lock: FolderLock
    private var segments: [Segment] = []
    private var readers: [String: Reader] = [:]
    private var places: [String: Place] = [:]
    /// The last segment, open; nil where another has to be begun.
    private var file: Int32?
    private var suspects: Suspects?
    private let data = Wakeups()
    private let room = Wakeups()
    /// How many bytes of a torn tail were cut at the start.
    package nonisolated let cut: Int

    /// - Parameters:
    ///   - size: most bytes on disk, from ``leastSize``.
    ///   - readers: their names, by which they're known after a restart; others' are forgotten.
    /// - Throws: `store_locked`, `spool_unavailable`, `spool_corrupt`.
    package init(
        folder: String, size: Int, readers names: [String], files: any FileWriting = SystemFiles()
    ) throws(GloveboxError) {
        self.folder = folder
        self.size = size
        self.files = files
        do {
            self.lock = try FolderLock(folder: folder)
        } catch {
            throw error.code == .storeLocked ? error : Self.unavailable(folder, error.message)
        }
        do {
            var (segments, cut) = try Self.found(in: folder, files)
            if segments.isEmpty {
                segments = [try Self.begin(folder, 1, files)]
            }
            let start = segments[0].first
            let end = segments[segments.count - 1].next
            var readers: [String: Reader] = [:]
            for name in names {
                let path = Self.cursorPath(folder, name)
                let kept = (try? FileReading.whole(path)).flatMap(Self.cursor) ?? start
                let isThere = kept != start || (try? FileReading.whole(path)) != nil
                let file = try isThere ? files.open(path) : files.create(path)
                readers[name] = Reader(next: min(max(kept, start), end), file: file)
            }
            for name in try FileReading.names(in: folder) where name.hasSuffix(Self.cursorSuffix) {
                if !names.contains(String(name.dropLast(Self.cursorSuffix.count))) {
                    try files.remove("\(folder)/\(name)")
                }
            }
            self.file = try files.open(segments[segments.count - 1].path)
            self.suspects = try Suspects.found(
                in: folder, next: end, needed: readers.values.map(\.next).min() ?? end, files)
            self.segments = segments
            self.readers = readers
            self.cut = cut
        } catch let error as FileError {
            throw Self.unavailable(folder, "\(error)")
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw Self.unavailable(folder, "it can't be read")
        }
    }

    deinit {
        for reader in self.readers.values { self.files.close(reader.file) }
        if let file = self.file { self.files.close(file) }
    }

    private static func unavailable(_ folder: String, _ why: String) -> GloveboxError {
        GloveboxError(.spoolUnavailable, "the spool in \(folder) can't be written: \(why)")
    }

    private static func corrupt(_ path: String) -> GloveboxError {
        GloveboxError(
            .spoolCorrupt, "\(path) isn't what was written to it: move it away, and what it held is lost")
    }

    private static func begin(_ folder: String, _ first: UInt64, _ files: any FileWriting) throws -> Segment {
        let segment = Segment(folder: folder, first: first)
        let file = try files.create(segment.path)
        defer { files.close(file) }
        try files.write(Segment.magic, to: file, at: 0)
        try files.synchronise(file)
        try files.synchroniseFolder(folder)
        return segment
    }

    private static func found(
        in folder: String, _ files: any FileWriting
    ) throws -> (segments: [Segment], cut: Int) {
        var segments: [Segment] = []
        var cut = 0
        let numbers = try FileReading.names(in: folder).compactMap { Segment.first(in: $0) }
        for number in numbers {
            var segment = Segment(folder: folder, first: number)
            let isLast = number == numbers.last
            let bytes = try FileReading.whole(segment.path)
            if isLast, bytes.count < Segment.magic.count {
                // It was being begun.
                try files.remove(segment.path)
                cut += bytes.count
                if segments.isEmpty { segments = [try Self.begin(folder, number, files)] }
                continue
            }
            guard bytes.starts(with: Segment.magic), segments.last?.next ?? number == number else {
                throw Self.corrupt(segment.path)
            }
            let (payloads, end) = Segment.frames(in: bytes, from: Segment.magic.count)
            segment.count = UInt64(payloads.count)
            segment.end = end
            if end < bytes.count {
                guard isLast else { throw Self.corrupt(segment.path) }
                let file = try files.open(segment.path)
                defer { files.close(file) }
                try files.resize(file, to: end)
                try files.synchronise(file)
                cut += bytes.count - end
            }
            segments.append(segment)
        }
        return (segments, cut)
    }

    // MARK: Cursors

    private static let cursorSuffix = ".cursor"

    private static func cursorPath(_ folder: String, _ name: String) -> String { "\(folder)/\(name)\(cursorSuffix)" }

    private static func cursor(_ bytes: [UInt8]) -> UInt64? {
        guard bytes.count == 12, CRC32C.of(Array(bytes.prefix(8))) == BigEndian32.value(bytes[8...]) else { return nil }
        return bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Everything up to `number` has got to where `reader` brings it. Not synchronised: an older cursor brings some twice.
    package func acknowledge(_ reader: String, through number: UInt64) throws(GloveboxError) {
        guard var state = self.readers[reader], number >= state.next, number < self.next else { return }
        state.next = number + 1
        self.readers[reader] = state
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: state.next >> UInt64(56 - 8 * $0)) }
        do {
            try self.files.write(bytes + BigEndian32.bytes(CRC32C.of(bytes)), to: state.file, at: 0)
            try self.dropAcknowledged()
        } catch {
            throw Self.unavailable(self.folder, "\(error)")
        }
        self.room.wake()
    }

    private func dropAcknowledged() throws(FileError) {
        let needed = self.readers.values.map(\.next).min() ?? self.next
        // The last one stays: its name says how far the numbers are.
        while self.segments.count > 1, self.segments[0].next <= needed {
            try self.files.remove(self.segments[0].path)
            self.segments.removeFirst()
        }
    }

    // MARK: What isn't trusted

    /// What was appended from `number` on, and all that will be, is suspect until ``trust()``, also after a restart.
    ///
    /// - Throws: `spool_unavailable`; it's so until a restart all the same.
    package func distrust(from number: UInt64) throws(GloveboxError) {
        try self.keep(Suspects(first: min(number, self.suspects?.first ?? number), end: Suspects.open))
    }

    /// What's appended from now on isn't suspect.
    ///
    /// - Throws: as ``distrust(from:)``.
    package func trust() throws(GloveboxError) {
        guard var suspects = self.suspects else { return }
        suspects.end = min(suspects.end, self.next)
        try self.keep(suspects)
    }

    private func keep(_ suspects: Suspects) throws(GloveboxError) {
        self.suspects = suspects
        do {
            try suspects.write(in: self.folder, self.files)
        } catch {
            throw Self.unavailable(self.folder, "\(error)")
        }
    }

    // MARK: Appending

    /// The number that the next payload gets.
    package var next: UInt64 { self.segments[self.segments.count - 1].next }

    /// Bytes on disk.
    package var used: Int { self.segments.reduce(0) { $0 + $1.end } }

    /// How many a reader hasn't acknowledged.
    package func waiting(for reader: String) -> Int {
        self.readers[reader].map { Int(self.next - $0.next) } ?? 0
    }

    /// Whether every reader has acknowledged everything.
    package var isDelivered: Bool { self.readers.values.allSatisfy { $0.next == self.next } }

    /// Appends all of `payloads` or none; they are durable when it returns true.
    ///
    /// - Returns: false where there's no room for them now.
    /// - Throws: `spool_unavailable`; nothing of it is kept.
    package func append(_ payloads: [[UInt8]]) throws(GloveboxError) -> Bool {
        let bytes = payloads.flatMap { Segment.frame($0) }
        if bytes.isEmpty { return true }
        do {
            if self.file == nil || self.segments[self.segments.count - 1].end + bytes.count > self.size / 8 {
                try self.beginSegment()
            }
            guard self.used + bytes.count <= self.size, let file = self.file else { return false }
            let last = self.segments.count - 1
            do {
                try self.files.write(bytes, to: file, at: self.segments[last].end)
            } catch {
                try? self.files.resize(file, to: self.segments[last].end)
                throw error
            }
            do {
                try self.files.synchronise(file)
            } catch {
                // What a failed synchronisation leaves nobody knows: nothing is written behind it any more.
                try? self.files.resize(file, to: self.segments[last].end)
                self.files.close(file)
                self.file = nil
                throw error
            }
            self.segments[last].end += bytes.count
            self.segments[last].count += UInt64(payloads.count)
        } catch {
            throw Self.unavailable(self.folder, "\(error)")
        }
        self.data.wake()
        return true
    }

    /// Returns when there may be room again, or the task was cancelled.
    package func awaitRoom() async {
        await self.room.wait()
    }

    private func beginSegment() throws {
        // One without a frame is as good as another.
        guard self.segments[self.segments.count - 1].count > 0 else {
            if self.file == nil { self.file = try self.files.open(self.segments[self.segments.count - 1].path) }
            return
        }
        let segment = try Self.begin(self.folder, self.next, self.files)
        if let file = self.file { self.files.close(file) }
        self.file = nil
        self.segments.append(segment)
        self.file = try self.files.open(segment.path)
        try self.dropAcknowledged()
    }

    // MARK: Reading

    /// What `reader` hasn't acknowledged from `number` on, or from its cursor: at least one, or none where the task was
    /// cancelled while it waited for some.
    ///
    /// - Throws: `spool_corrupt`, `spool_unavailable`.
    package func read(
        _ reader: String, from number: UInt64? = nil, most: Int, mostBytes: Int
    ) async throws(GloveboxError) -> [Entry] {
        guard let cursor = self.readers[reader]?.next else { return [] }
        let start = max(cursor, number ?? cursor)
        while start >= self.next {
            if Task.isCancelled { return [] }
            await self.data.wait()
        }
        guard let index = self.segments.lastIndex(where: { $0.first <= start }) else { return [] }
        let segment = self.segments[index]
        var place = Place(segment: segment.first, number: segment.first, offset: Segment.magic.count)
        if let known = self.places[reader], known.segment == segment.first, known.number <= start { place = known }
        var entries: [Entry] = []
        var bytes = 0
        while entries.count < most, bytes < mostBytes, place.offset < segment.end {
            let chunk: [UInt8]
            do {
                chunk = try FileReading.range(
                    place.offset..<min(segment.end, place.offset + Self.readChunk), of: segment.path)
            } catch {
                throw GloveboxError(.spoolUnavailable, "\(segment.path) can't be read: \(error)")
            }
            let payloads = Segment.frames(in: chunk).payloads
            guard !payloads.isEmpty else { throw Self.corrupt(segment.path) }
            for payload in payloads where entries.count < most && bytes < mostBytes {
                if place.number >= start {
                    entries.append(
                        Entry(
                            number: place.number, payload: payload,
                            isSuspect: self.suspects?.contains(place.number) ?? false))
                    bytes += payload.count
                }
                place.number += 1
                place.offset += Segment.frameHead + payload.count
            }
        }
        self.places[reader] = place
        return entries
    }
}
