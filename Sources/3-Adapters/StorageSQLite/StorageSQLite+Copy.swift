import GRDB
package import GloveboxCore

extension StorageSQLite {
    /// Copies the store at `path`, which a gateway may be using, to a new file: as it is at one moment (SQLite's backup
    /// API). The copy is then opened and checked, and is one file without its write-ahead log.
    ///
    /// - Throws: `not_found` when there's no store; what opening a store throws; `unavailable`.
    package static func copy(_ path: String, to copy: String) async throws(GloveboxError) {
        do {
            let source = try Self.reader(of: path)
            try makePrivate(copy)
            let target = try DatabaseQueue(path: copy)
            try source.backup(to: target)
            try target.close()
            try source.close()
            try await StorageSQLite(path: copy).close()
        } catch {
            throw StoreFailure.translate(error, path: path, isOpening: true)
        }
        try StoreFiles.clear("\(copy).lock")
    }

    /// Looks whether the store at `path`, which a gateway may be using, is whole and one that this version knows. Nothing
    /// is changed.
    /// - Throws: as ``copy(_:to:)``.
    package static func check(_ path: String) throws(GloveboxError) {
        do {
            let source = try Self.reader(of: path)
            try source.read { try StoreSchema.check($0, path: path) }
            try source.close()
        } catch {
            throw StoreFailure.translate(error, path: path, isOpening: true)
        }
    }

    private static func reader(of path: String) throws -> DatabaseQueue {
        guard try !StoreFiles.isNew(path) else {
            throw GloveboxError(.notFound, "there is no store \(path)")
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}
