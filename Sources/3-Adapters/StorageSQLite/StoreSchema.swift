import GRDB
import GloveboxCore

/// The tables, and how a file of an earlier version comes to have them. A migration that was released is never edited.
enum StoreSchema {
    /// `GLVB`: marks the file as ours (SQLite's file format, section 1.3.16).
    static let applicationID: Int64 = 0x474C_5642

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-identities-invitations-certificates-leases") { db in
            try db.execute(
                sql: """
                    CREATE TABLE identity (
                        key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE agent (
                        key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE invite (
                        key TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL, used_at INTEGER,
                        body TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE certificate (
                        key TEXT NOT NULL PRIMARY KEY, not_after INTEGER NOT NULL, is_revoked INTEGER NOT NULL,
                        body TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE lease (
                        number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
                        version INTEGER NOT NULL, holder TEXT NOT NULL, target TEXT NOT NULL,
                        is_active INTEGER NOT NULL, opened_at INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX lease_by_holder ON lease (holder, opened_at);
                    CREATE INDEX lease_by_target ON lease (target, opened_at);
                    CREATE INDEX lease_active ON lease (opened_at) WHERE is_active = 1;
                    PRAGMA application_id = \(Self.applicationID);
                    """)
        }
        migrator.registerMigration("2-approvals") { db in
            try db.execute(
                sql: """
                    CREATE TABLE approval (
                        number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
                        version INTEGER NOT NULL, asker TEXT NOT NULL, is_open INTEGER NOT NULL,
                        is_unreviewed INTEGER NOT NULL, requested_at INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX approval_by_asker ON approval (asker, requested_at);
                    CREATE INDEX approval_open ON approval (requested_at) WHERE is_open = 1;
                    CREATE INDEX approval_unreviewed ON approval (requested_at) WHERE is_unreviewed = 1;
                    """)
        }
        migrator.registerMigration("3-tokens-creations") { db in
            try db.execute(
                sql: """
                    CREATE TABLE token (
                        key TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, holder TEXT NOT NULL,
                        revoked_at INTEGER, body TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE creation (
                        key TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    """)
        }
        migrator.registerMigration("4-changes-flags") { db in
            try db.execute(
                sql: """
                    CREATE TABLE change_set (
                        number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
                        version INTEGER NOT NULL, holder TEXT NOT NULL, lease TEXT NOT NULL,
                        is_open INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX change_set_by_lease ON change_set (lease);
                    CREATE INDEX change_set_open ON change_set (number) WHERE is_open = 1;
                    CREATE TABLE flags (
                        key TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, body TEXT NOT NULL
                    ) STRICT;
                    """)
        }
        return migrator
    }

    /// Refuses a file that's damaged, another program's, or a newer Glovebox's.
    static func check(_ db: Database, path: String) throws {
        let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
        guard verdict == "ok" else {
            // SQLite's verdict may have two lines.
            let words = verdict?.split(separator: "\n").joined(separator: " ") ?? "no verdict"
            throw StoreFailure.corrupt(path: path, words, cause: nil)
        }
        let application = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard application == Self.applicationID || (application == 0 && tables == 0) else {
            throw GloveboxError(
                .storeForeign, "\(path) is a database of another program: give the gateway a file of its own")
        }
        guard try !Self.migrator.hasBeenSuperseded(db) else {
            throw GloveboxError(
                .storeNewer,
                "the store \(path) was written by a newer Glovebox: install that version, or restore a backup of this one"
            )
        }
    }
}
