import GRDB
package import GloveboxCore

extension GloveboxError.Code {
    /// The store's schema is one that this version doesn't know.
    package static let storeNewer = Self("store_newer")
    /// The file is a database of another program.
    package static let storeForeign = Self("store_foreign")
}

/// What the failures of SQLite mean to a person.
enum StoreFailure {
    static func translate(_ error: any Error, path: String, isOpening: Bool = false) -> GloveboxError {
        switch error {
        case let error as GloveboxError: error
        // Our statements are right, so that what SQLite can't make sense of while opening is the file.
        case let error as DatabaseError where isOpening && error.resultCode == .SQLITE_ERROR:
            Self.corrupt(path: path, error.message ?? "not readable", cause: error)
        case let error as DatabaseError: Self.translate(error, path: path)
        case is DecodingError: Self.corrupt(path: path, "a row can't be read", cause: error)
        case is CancellationError: GloveboxError(.unavailable, "the store's work was cancelled", cause: error)
        default: GloveboxError(.internal, "the store \(path) failed: look in the gateway's log", cause: error)
        }
    }

    static func corrupt(path: String, _ detail: String, cause: (any Error)?) -> GloveboxError {
        GloveboxError(
            .storeCorrupt,
            "the store \(path) is damaged (\(detail)): restore it from a backup, or move it and its -wal file away to begin anew",
            cause: cause)
    }

    private static func translate(_ error: DatabaseError, path: String) -> GloveboxError {
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            Self.corrupt(path: path, error.message ?? "not a database", cause: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            GloveboxError(.storeLocked, "another program holds the store \(path): close it and try again", cause: error)
        case .SQLITE_FULL:
            GloveboxError(.unavailable, "the disk of the store \(path) is full: make room", cause: error)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
            GloveboxError(
                .unavailable, "the store \(path) can't be read or written: look at its disk and permissions",
                cause: error)
        case .SQLITE_MISUSE:
            GloveboxError(.unavailable, "the store \(path) is closed", cause: error)
        default:
            GloveboxError(.internal, "the store \(path) failed: look in the gateway's log", cause: error)
        }
    }
}
