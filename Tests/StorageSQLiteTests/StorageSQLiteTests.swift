import Contracts
import Glibc
import GloveboxCore
import StorageConformance
import TestSupport
import Testing

@testable import StorageSQLite

@Suite("The store in SQLite")
struct StorageSQLiteTests {
    private let folder: TemporaryFolder
    private var path: String { self.folder.file("store.sqlite") }

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func store() throws -> StorageSQLite { try StorageSQLite(path: self.path) }

    /// What opening the store throws.
    private func refusal() async throws -> GloveboxError? {
        do throws(GloveboxError) {
            let store = try StorageSQLite(path: self.path)
            do { try await store.close() } catch { return error as? GloveboxError }
            return nil
        } catch {
            return error
        }
    }

    @Test("it keeps the contract of a store", arguments: StorageBehaviour.all)
    func contract(_ behaviour: StorageBehaviour) async throws {
        let store = try self.store()
        try await behaviour.check(store)
        try await store.close()
    }

    @Test("what was written is there after closing and opening, and after going away without closing")
    func durability() async throws {
        let lease = try exampleLease()
        let ada = IdentityEntry(name: try IdentityName("ada"), role: .admin, createdAt: WallTime(nanoseconds: 1))
        var store = try self.store()
        try await store.insert(lease)
        try await store.insert(ada)
        try await store.close()
        store = try self.store()
        #expect(try await store.lease(lease.id) == lease)
        let next = try await store.update(lease)
        // A copy of the files, as a process that's killed leaves them.
        let copy = try TemporaryFolder()
        for name in ["store.sqlite", "store.sqlite-wal"] {
            try writeFile(copy.file(name), try self.folder.read(name))
        }
        let survivor = try StorageSQLite(path: copy.file("store.sqlite"))
        #expect(try await survivor.lease(lease.id) == next)
        #expect(try await survivor.identity(ada.name) == ada)
        try await survivor.close()
        try await store.close()
    }

    @Test("each commit is on disk before it's answered: a write-ahead log, written through")
    func settings() async throws {
        let store = try self.store()
        let settings = try await store.durability()
        #expect(settings.journal == "wal" && settings.synchronous == 2)
        try await store.close()
    }

    @Test("all files are their owner's alone, even one that was open to others before")
    func permissions() async throws {
        try await self.store().close()
        chmod(self.path, 0o644)
        let store = try self.store()
        try await store.insert(try exampleLease())
        let files = filesUnder(self.folder.path)
        #expect(
            Set(files.map { $0.split(separator: "/").last ?? "" }).isSuperset(of: [
                "store.sqlite", "store.sqlite-wal", "store.sqlite.lock",
            ]))
        for file in files {
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600, "\(file)")
        }
        try await store.close()
    }

    @Test("a second gateway on the same folder is refused, and let in when the first has gone")
    func exclusive() async throws {
        let store = try self.store()
        let error = try #require(try await self.refusal())
        #expect(error.code == .storeLocked)
        #expect(error.message.hasPrefix("another gateway is running on this folder (process \(getpid())): stop it"))
        try await store.insert(try exampleLease())
        try await store.close()
        #expect(try await self.refusal() == nil)
    }

    @Test("a file that isn't a database is refused with what to do")
    func nonsense() async throws {
        try self.folder.write("store.sqlite", String(repeating: "not a database ", count: 500))
        let error = try #require(try await self.refusal())
        #expect(error.code == .storeCorrupt)
        #expect(error.message.contains("restore it from a backup"))
        #expect(try self.folder.read("store.sqlite").count == 7500)
    }

    @Test("damage anywhere in the file ends in a clear refusal or in right answers, never in a crash")
    func damage() async throws {
        let store = try self.store()
        for second in 0..<200 { try await store.insert(try exampleLease(openedAfter: second)) }
        try await store.close()
        let good = try self.folder.read("store.sqlite")
        var generator = SeededGenerator(seed: 9)
        var refused = 0
        for round in 0..<60 {
            var bytes = good
            if round % 3 == 0 {
                bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
            } else {
                let start =
                    round % 3 == 1
                    ? Int.random(in: 0..<100, using: &generator)
                    : Int.random(in: 0..<bytes.count - 64, using: &generator)
                for index in start..<start + 64 { bytes[index] = UInt8.random(in: .min ... .max, using: &generator) }
            }
            try writeFile(self.path, bytes)
            do {
                let damaged = try StorageSQLite(path: self.path)
                do { _ = try await damaged.leases(LeaseFilter()) } catch let error as GloveboxError {
                    #expect(error.code == .storeCorrupt, "\(error)")
                    refused += 1
                }
                try await damaged.close()
            } catch let error as GloveboxError {
                #expect(
                    [.storeCorrupt, .storeForeign, .storeNewer, .unavailable].contains(error.code),
                    "\(String(reflecting: error))")
                refused += 1
            }
            for suffix in ["-wal", "-shm"] { unlink(self.path + suffix) }
        }
        #expect(refused > 30)
    }

    @Test("a store that was cut to any length is refused or whole, and never opens as a new one")
    func cut() async throws {
        let store = try self.store()
        for second in 0..<50 { try await store.insert(try exampleLease(openedAfter: second)) }
        try await store.close()
        let whole = try self.folder.read("store.sqlite")
        let lengths = [0, 1, 16, 99, 100, 511, 512] + stride(from: 1024, to: whole.count, by: 1024)
        for length in lengths {
            try writeFile(self.path, Array(whole.prefix(length)))
            let error = try #require(try await self.refusal(), "\(length) of \(whole.count) bytes")
            #expect(error.code == .storeCorrupt, "\(length): \(String(reflecting: error))")
            #expect(error.message.contains("restore it from a backup, or move it"))
            for suffix in ["-wal", "-shm"] { unlink(self.path + suffix) }
        }
        try writeFile(self.path, whole)
        let again = try self.store()
        #expect(try await again.leases(LeaseFilter()).count == 50)
        try await again.close()
    }

    @Test("a store whose file is gone while its write-ahead log is there is refused, not begun anew")
    func onlyWriteAheadLog() async throws {
        let store = try self.store()
        try await store.insert(try exampleLease())
        let log = try self.folder.read("store.sqlite-wal")
        try await store.close()
        unlink(self.path)
        try writeFile(self.path + "-wal", log)
        let error = try #require(try await self.refusal())
        #expect(error.code == .storeCorrupt && error.message.contains("it is missing"), "\(error)")
    }

    @Test("what an interrupted first start left behind doesn't keep the next one from making a store")
    func interruptedMaking() async throws {
        try writeFile(self.path + ".new", [1, 2, 3])
        try writeFile(self.path + ".new-wal", [1, 2, 3])
        let store = try self.store()
        try await store.insert(try exampleLease())
        try await store.close()
        #expect(!filesUnder(self.folder.path).contains { $0.contains(".new") })
    }

    @Test("a copy of a store that's in use is one whole file, as the store is at one moment, and the store goes on")
    func copy() async throws {
        let folder = try TemporaryFolder()
        let store = try StorageSQLite(path: folder.file("store.sqlite"))
        func identity(_ number: Int) -> IdentityEntry {
            IdentityEntry(
                name: IdentityName(unchecked: "p\(number)"), role: .member, createdAt: WallTime(nanoseconds: 0))
        }
        for number in 0..<50 { try await store.insert(identity(number)) }
        let writing = Task {
            for number in 50..<400 { try await store.insert(identity(number)) }
        }
        try await StorageSQLite.copy(folder.file("store.sqlite"), to: folder.file("copy.sqlite"))
        try await writing.value
        #expect(filesUnder(folder.path).filter { $0.contains("copy") }.count == 1)
        let copied = try StorageSQLite(path: folder.file("copy.sqlite"))
        let names = Set(try await copied.identities().map(\.name.rawValue))
        // They were written in this order: what's there is the beginning of it.
        #expect(names.count >= 50 && names == Set((0..<names.count).map { "p\($0)" }))
        try await copied.close()
        #expect(try await store.identities().count == 400)
        try await store.close()
        try StorageSQLite.check(folder.file("store.sqlite"))
        let missing = #expect(throws: GloveboxError.self) { try StorageSQLite.check(folder.file("none.sqlite")) }
        #expect(missing?.code == .notFound)
    }

    @Test("a store that a newer Glovebox wrote is refused, untouched")
    func newer() async throws {
        let store = try self.store()
        try await store.execute("INSERT INTO grdb_migrations (identifier) VALUES ('99-of-tomorrow')")
        try await store.close()
        let error = try #require(try await self.refusal())
        #expect(error.code == .storeNewer)
        #expect(error.message.contains("written by a newer Glovebox: install that version"))
    }

    @Test("another program's database is refused, and gets no tables")
    func foreign() async throws {
        let store = try self.store()
        try await store.execute("PRAGMA application_id = 7")
        try await store.close()
        #expect(try await self.refusal()?.code == .storeForeign)
    }

    @Test("a row that can't be read is damage, and says nothing of what's in it")
    func brokenRow() async throws {
        let store = try self.store()
        let lease = try exampleLease()
        try await store.insert(lease)
        try await store.execute(#"UPDATE lease SET body = '{"id":"s3cret'"#)
        do {
            _ = try await store.lease(lease.id)
            Issue.record("read")
        } catch let error as GloveboxError {
            #expect(error.code == .storeCorrupt && !error.description.contains("s3cret"))
        }
        try await store.close()
    }

    @Test("a folder that isn't there is named")
    func noFolder() throws {
        do throws(GloveboxError) {
            _ = try StorageSQLite(path: self.folder.file("gone/store.sqlite"))
            Issue.record("opened")
        } catch {
            #expect(error.code == .unavailable && error.message.contains("make its folder"))
        }
    }

    @Test("a store that was closed refuses work")
    func closed() async throws {
        let store = try self.store()
        try await store.close()
        for work in [
            { @Sendable in _ = try await store.leases(LeaseFilter()) },
            { @Sendable in try await store.insert(try exampleLease()) },
        ] as [@Sendable () async throws -> Void] {
            do {
                try await work()
                Issue.record("worked")
            } catch let error as GloveboxError {
                #expect(error.code == .unavailable, "\(error)")
            }
        }
    }
}
