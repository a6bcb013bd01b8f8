import Contracts
import GRDB
import GloveboxCore
import TestSupport
import Testing

@testable import StorageSQLite

@Suite("Stores of earlier versions")
struct MigrationTests {
    /// Every form that a store has had.
    static let forms = StoreSchema.migrator.migrations

    @Test("a store of any earlier form is brought up to date when it's opened, with what was in it", arguments: forms)
    func forward(form: String) async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("store.sqlite")
        let old = try DatabasePool(path: path)
        try StoreSchema.migrator.migrate(old, upTo: form)
        let ada = IdentityEntry(name: try IdentityName("ada"), role: .admin, createdAt: WallTime(nanoseconds: 1))
        // As the first version has written it: a later one reads it, or has changed it in its migration.
        try await old.write { db in
            try db.execute(
                sql: "INSERT INTO identity (key, version, body) VALUES ('ada', 0, ?)",
                arguments: [
                    #"{"name":"ada","role":"admin","isDisabled":false,"createdAt":{"nanoseconds":1},"version":0}"#
                ]
            )
        }
        try old.close()

        let store = try StorageSQLite(path: path)
        #expect(try await store.identity(ada.name) == ada)
        try await store.close()
        let now = try DatabaseQueue(path: path)
        let (isDone, version) = try await now.read { db in
            (
                try StoreSchema.migrator.hasCompletedMigrations(db),
                try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
            )
        }
        #expect(isDone && version == "ok")
        try now.close()
    }
}
