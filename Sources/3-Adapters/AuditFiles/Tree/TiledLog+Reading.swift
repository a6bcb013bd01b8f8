package import Contracts
package import GloveboxCore
import TransparencyLog

extension TiledLog {
    @concurrent
    package func read(
        after cursor: UInt64, limit: Int, where filter: RecordFilter
    ) async throws -> RecordPage {
        let state = self.snapshot
        var page = RecordPage(records: [], next: nil, reached: cursor)
        var next = cursor
        if limit > 0, cursor < state.size {
            try self.entries(from: cursor, state) { entry, index in
                next = index + 1
                if let stored = try self.stored(entry, at: index, where: filter) { page.records.append(stored) }
                return page.records.count < limit
            }
            if page.records.count == limit {
                page.reached = next
                page.next = next < self.position ? next : nil
                return page
            }
            next = max(next, state.size)
        }
        let rest = try await self.intake.read(after: next, limit: limit - page.records.count, where: filter)
        return RecordPage(records: page.records + rest.records, next: rest.next, reached: rest.reached)
    }

    @concurrent
    package func record(_ id: RecordID) async throws -> StoredRecord? {
        guard let (entry, index) = try self.find(id, self.snapshot) else { return try await self.intake.record(id) }
        return try self.stored(entry, at: index, where: RecordFilter())
    }

    /// The entry of a record, if the tree has it.
    func find(_ id: RecordID, _ state: TreeState) throws -> (entry: LogEntry, index: UInt64)? {
        guard let start = state.sequences.start(of: id.sequence, from: id.origin) else { return nil }
        var found: (LogEntry, UInt64)?
        try self.entries(from: start, state) { entry, index in
            if entry.id == id { found = (entry, index) }
            return found == nil
        }
        return found
    }

    /// - Throws: `conflict` when one of `records` is in the tree already and isn't the same.
    @concurrent
    func refuseOthers(_ records: [SequencedRecord], from origin: String) async throws {
        let state = self.snapshot
        let known = Dictionary(
            records.filter { $0.sequence <= state.sequences.last[origin] ?? 0 }.map { ($0.sequence, $0.bytes) },
            uniquingKeysWith: { first, _ in first })
        guard let first = known.keys.min(), let last = known.keys.max(),
            let start = state.sequences.start(
                of: max(first, (state.sequences.before[origin] ?? 0) + 1), from: origin)
        else { return }
        try self.entries(from: start, state) { entry, _ in
            guard entry.id.origin == origin else { return true }
            if let bytes = known[entry.id.sequence], !entry.isRecord(bytes) {
                throw GloveboxError(
                    .conflict,
                    "\(origin) sends another record \(entry.id.sequence) than the log has: its journal was lost or replaced; give that agent a new name, so that its records begin anew"
                )
            }
            return entry.id.sequence < last
        }
    }

    /// Calls `body` with each entry from `index` on that's still there, until it returns false.
    private func entries(
        from index: UInt64, _ state: TreeState, _ body: (LogEntry, UInt64) throws -> Bool
    ) throws {
        let width = UInt64(Tile.fullWidth)
        var index = max(index, state.minimum)
        while index < state.size {
            try Task.checkCancellation()
            let entries: [LogEntry]
            do {
                entries = try self.entries(ofBundle: index / width, state)
            } catch {
                // It may have been pruned meanwhile.
                let minimum = self.snapshot.minimum
                guard index < minimum else { throw error }
                index = minimum
                continue
            }
            for entry in entries.dropFirst(Int(index % width)) {
                guard try body(entry, index) else { return }
                index += 1
            }
        }
    }

    /// - Throws: `journal_corrupt` when they aren't what was written.
    func entries(ofBundle index: UInt64, _ state: TreeState) throws -> [LogEntry] {
        let tile = Tile(.entries, index: index)
        let isFull = (index + 1) * UInt64(Tile.fullWidth) <= state.size
        let bytes = isFull ? try TileFolder.read(self.folder.file(tile)) : state.bundle
        let damaged = GloveboxError.corrupt(self.folder.file(tile), offset: 0, "its records aren't what was written")
        guard let ranges = EntryBundle.entries(bytes), !isFull || ranges.count == Tile.fullWidth else { throw damaged }
        if isFull {
            // What's shown is what the tree has.
            let leaves = try self.folder.hashes(Tile(.hashes(level: 0), index: index))
            for (range, leaf) in zip(ranges, leaves) where TreeHash.leaf(bytes[range]) != leaf { throw damaged }
        }
        return try ranges.map { range in
            do {
                return try LogEntry(bytes[range])
            } catch {
                throw damaged
            }
        }
    }

    private func stored(_ entry: LogEntry, at index: UInt64, where filter: RecordFilter) throws -> StoredRecord? {
        let record: Record
        switch entry.content {
        case .record(let bytes): record = try Record(canonicalBytes: bytes)
        case .elsewhere(let summary):
            guard filter.takes(summary) else { return nil }
            let path = self.folder.blob(summary.hash, ofBundle: index / UInt64(Tile.fullWidth))
            let bytes = try TileFolder.read(path)
            guard LogEntry.hash(bytes) == summary.hash else {
                throw GloveboxError.corrupt(path, offset: 0, "it isn't the text of record \(index + 1)")
            }
            record = try Record(canonicalBytes: bytes)
        }
        return filter.takes(record) ? StoredRecord(id: entry.id, record: record) : nil
    }
}

extension LogEntry {
    fileprivate func isRecord(_ bytes: [UInt8]) -> Bool {
        switch self.content {
        case .record(let own): own == bytes
        case .elsewhere(let summary): summary.hash == Self.hash(bytes)
        }
    }

    var time: WallTime {
        get throws {
            switch self.content {
            case .record(let bytes): try Record(canonicalBytes: bytes).time
            case .elsewhere(let summary): summary.time
            }
        }
    }
}
