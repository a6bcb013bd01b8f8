import AuditFiles
import Dispatch
import GloveboxCore
import Synchronization
import TestSupport

/// The real files, with a look at each step before it's done, and the power to make it fail.
///
/// A write is two steps: before it, and when half of its bytes are written. What was written and not synchronised is
/// kept in mind by sector, so that a power cut can be simulated.
final class WatchedFiles: FileWriting {
    /// `errno` to fail with, or nil to go on. Called on the writer's thread with the step's number and name.
    typealias Watcher = @Sendable (Int, String) -> Int32?

    private struct State {
        var watcher: Watcher?
        var count = 0
        var names: [Int32: String] = [:]
        /// Path, then sector: what was on disk when the file was synchronised last.
        var unsynchronised: [String: [Int: [UInt8]]] = [:]
    }

    static let sector = 512
    private let files = SystemFiles()
    private let state = Mutex(State())

    /// Counts steps from 0 from now on.
    func watch(_ watcher: Watcher?) {
        self.state.withLock {
            $0.watcher = watcher
            $0.count = 0
        }
    }

    /// The folder as a power cut may leave it: of what wasn't synchronised, some sectors are new and some old.
    func copyAfterPowerCut(_ folder: String, to copy: TemporaryFolder, _ generator: inout SeededGenerator) throws {
        let pending = self.state.withLock { $0.unsynchronised }
        for path in filesUnder(folder) {
            var bytes = try readFile(path)
            for (sector, old) in (pending[path] ?? [:]).sorted(by: { $0.key < $1.key })
            where Bool.random(using: &generator) {
                let start = sector * Self.sector
                guard start < bytes.count else { continue }
                let end = min(bytes.count, start + Self.sector)
                let kept = old + [UInt8](repeating: 0, count: Self.sector)
                bytes.replaceSubrange(start..<end, with: kept.prefix(end - start))
            }
            try writeFile(copy.file(name(path)), bytes)
        }
    }

    private func step(_ what: String) throws(FileError) {
        let (watcher, number) = self.state.withLock { state in
            defer { state.count += 1 }
            return (state.watcher, state.count)
        }
        if let failure = watcher?(number, what) { throw FileError(what, failure) }
    }

    private func path(of file: Int32) -> String { self.state.withLock { $0.names[file] ?? "?" } }

    func create(_ path: String) throws(FileError) -> Int32 {
        try self.step("create \(name(path))")
        let file = try self.files.create(path)
        self.state.withLock { $0.names[file] = path }
        return file
    }

    func open(_ path: String) throws(FileError) -> Int32 {
        try self.step("open \(name(path))")
        let file = try self.files.open(path)
        self.state.withLock { $0.names[file] = path }
        return file
    }

    func write(_ bytes: [UInt8], to file: Int32, at offset: Int) throws(FileError) {
        let path = self.path(of: file)
        try self.step("write \(name(path))")
        let old = (try? readFile(path)) ?? []
        self.state.withLock { state in
            for sector in offset / Self.sector...(offset + max(bytes.count, 1) - 1) / Self.sector
            where state.unsynchronised[path]?[sector] == nil {
                let start = min(old.count, sector * Self.sector)
                state.unsynchronised[path, default: [:]][sector] = Array(
                    old[start..<min(old.count, start + Self.sector)])
            }
        }
        let half = bytes.count / 2
        try self.files.write(Array(bytes[..<half]), to: file, at: offset)
        try self.step("write-half \(name(path))")
        try self.files.write(Array(bytes[half...]), to: file, at: offset + half)
    }

    func synchronise(_ file: Int32) throws(FileError) {
        let path = self.path(of: file)
        try self.step("synchronise \(name(path))")
        try self.files.synchronise(file)
        self.state.withLock { $0.unsynchronised[path] = nil }
    }

    func resize(_ file: Int32, to size: Int) throws(FileError) {
        try self.step("resize \(name(self.path(of: file)))")
        try self.files.resize(file, to: size)
    }

    func rename(_ path: String, to new: String) throws(FileError) {
        try self.step("rename \(name(new))")
        try self.files.rename(path, to: new)
        self.state.withLock { state in
            for (file, known) in state.names where known == path { state.names[file] = new }
            state.unsynchronised[new] = state.unsynchronised.removeValue(forKey: path)
        }
    }

    func remove(_ path: String) throws(FileError) {
        try self.step("remove \(name(path))")
        try self.files.remove(path)
    }

    func synchroniseFolder(_ path: String) throws(FileError) {
        try self.step("synchronise-folder")
        try self.files.synchroniseFolder(path)
    }

    func makeFolder(_ path: String) throws(FileError) -> Bool {
        try self.step("make-folder \(name(path))")
        return try self.files.makeFolder(path)
    }

    func removeFolder(_ path: String) throws(FileError) {
        try self.step("remove-folder \(name(path))")
        try self.files.removeFolder(path)
    }

    func close(_ file: Int32) {
        self.files.close(file)
    }
}

/// A path's last part.
func name(_ path: String) -> String {
    String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
}

/// Copies a folder's files, those in folders of its own too.
func copyFolder(_ folder: String) throws -> TemporaryFolder {
    let copy = try TemporaryFolder()
    for path in filesUnder(folder) {
        let inside = String(path.dropFirst(folder.count + 1))
        if inside.contains("/") { try copy.write(inside, "") }
        try writeFile(copy.file(inside), try readFile(path))
    }
    return copy
}

enum Sample {
    static let origin = "agent/demo"

    static func record(_ number: Int, text: String? = nil, hostOnly: Bool = false) -> Record {
        Record(
            time: WallTime(nanoseconds: Int64(number)), identity: IdentityName(unchecked: "ada"),
            target: TargetName(unchecked: number.isMultiple(of: 2) ? "even-db" : "odd-db"),
            event: .statement(text: text ?? "select \(number)", values: []), isHostOnly: hostOnly)
    }

    static func records(_ numbers: ClosedRange<Int>) -> [Record] { numbers.map { Self.record($0) } }

    /// As an agent sends them.
    static func sequenced(_ numbers: ClosedRange<Int>) -> [SequencedRecord] {
        numbers.map { SequencedRecord(sequence: UInt64($0), bytes: Self.record($0).canonicalBytes) }
    }

    static func stored(_ numbers: ClosedRange<Int>, origin: String = Self.origin) -> [StoredRecord] {
        numbers.map {
            StoredRecord(id: RecordID(origin: origin, sequence: UInt64($0)), record: Self.record($0))
        }
    }
}

extension SequencedRecord {
    var record: Record {
        get throws { try Record(canonicalBytes: self.bytes) }
    }
}

/// The code of the error that `body` throws; `nil` if it throws none.
func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch let error as GloveboxError {
        return error.code.rawValue
    } catch {
        return "\(error)"
    }
}
