import AuditFiles
package import Contracts
import ControlAPI
import GloveboxCore
import Identity
import StorageSQLite

/// A copy of all that a gateway is: configuration, policy, CA, store and log. It's made while the gateway runs, or while
/// it doesn't, by whoever may read its folder; and holds the CA's key, so it's for that user alone.
///
/// What it says of leases and certificates is recorded first, so the store is copied before the log: for all that the
/// copied store knows, the copied log has the records.
package enum GatewayBackup {
    package struct Report: Sendable {
        package var files: Int
        /// In bytes.
        package var size: Int
        package var logPosition: UInt64
    }

    /// Copies the gateway of `folder` to `target`, which mustn't be there yet. The copy has been opened and checked.
    ///
    /// - Throws: `not_found` when `folder` holds no gateway's state; `conflict` when `target` is there; `file_unusable`,
    ///   and what a store or a log that is damaged is refused with.
    package static func make(of folder: String, in target: String, time: any TimeSource) async throws -> Report {
        let configuration = try GatewayRole.configuration(folder)
        let state = GatewayRole.stateFolder(folder)
        guard FolderCopy.isThere("\(state)/store.sqlite") else {
            throw GloveboxError(.notFound, "\(folder) holds no gateway's state: name the folder that it runs on")
        }
        guard !FolderCopy.isThere(target) else {
            throw GloveboxError(.conflict, "\(target) is there already: name a folder that isn't")
        }
        let unfinished = "\(target).new"
        try FolderCopy.remove(unfinished)
        do {
            let report = try await Self.fill(unfinished, configuration, folder, state, time)
            try FolderCopy.name(unfinished, target)
            return report
        } catch {
            try? FolderCopy.remove(unfinished)
            throw error
        }
    }

    private static func fill(
        _ target: String, _ configuration: GatewayConfiguration, _ folder: String, _ state: String,
        _ time: any TimeSource
    ) async throws -> Report {
        let copy = "\(target)/\(BackupManifest.stateFolder)"
        try PrivateFile.makeFolder(copy)
        try FolderCopy.copy("\(folder)/gateway.yaml", to: "\(target)/\(BackupManifest.configuration)")
        try FolderCopy.copy(configuration.policy, to: "\(target)/\(BackupManifest.policy)")
        try await StorageSQLite.copy("\(state)/store.sqlite", to: "\(copy)/store.sqlite")
        for name in try FolderCopy.names(in: state) where Self.isKept(name) {
            try FolderCopy.copy("\(state)/\(name)", to: "\(copy)/\(name)")
        }
        let position = try Self.copyLog(
            from: GatewayLog.folder(state), to: GatewayLog.folder(copy), state: copy, host: configuration.names[0],
            time)
        var files: [BackupManifest.File] = []
        for path in try FolderCopy.files(under: target) {
            let (size, digest) = try FolderCopy.digest("\(target)/\(path)")
            files.append(BackupManifest.File(path: path, size: size, digest: digest))
        }
        let manifest = BackupManifest(
            form: BackupManifest.currentForm, version: GloveboxVersion.current, madeAt: Timestamp(time.wall),
            logPosition: position, files: files)
        try PrivateFile.create(
            try JSONForm.encode(manifest, pretty: true) + [0x0A], at: "\(target)/\(BackupManifest.name)")
        return Report(files: files.count, size: files.reduce(0) { $0 + $1.size }, logPosition: position)
    }

    /// Keys and certificates: all files of the state's folder but the store's, locks, and what a write left unfinished.
    private static func isKept(_ name: String) -> Bool {
        !name.hasSuffix("/") && !name.hasPrefix("store.sqlite") && !name.hasSuffix(".lock") && !name.hasSuffix(".new")
    }

    // MARK: The log

    private static let tries = 5

    /// Copies a log that may be written to meanwhile, and opens the copy, which checks all of it and clears what was half
    /// written. Files of a log are only appended to and deleted; if too much was, it's copied again.
    private static func copyLog(
        from log: String, to copy: String, state: String, host: String, _ time: any TimeSource
    ) throws -> UInt64 {
        var last: (any Error)?
        for _ in 0..<Self.tries {
            do {
                try FolderCopy.remove(copy)
                try PrivateFile.makeFolder(copy)
                guard try Self.copyFiles(from: log, to: copy) else { continue }
                let opened = try GatewayLog.open(state: state, host: host, time: time)
                let position = opened.position
                opened.close()
                try FolderCopy.remove("\(copy)/lock")
                return position
            } catch {
                last = error
            }
        }
        throw last
            ?? GloveboxError(.unavailable, "the log changes faster than it can be copied: try again when less happens")
    }

    /// First what says where the log stands, then the records that came in, then the rest: so that a copy never has less
    /// than it says.
    /// - Returns: whether nothing that the copy needs was deleted meanwhile.
    private static func copyFiles(from log: String, to copy: String) throws(GloveboxError) -> Bool {
        let before = try FolderCopy.names(in: log)
        for name in before where !name.hasSuffix("/") && !name.hasSuffix(Self.records) && Self.isOfLog(name) {
            try FolderCopy.copy("\(log)/\(name)", to: "\(copy)/\(name)")
        }
        let records = try FolderCopy.names(in: log).filter { $0.hasSuffix(Self.records) }
        if let first = before.first(where: { $0.hasSuffix(Self.records) }), !records.contains(first) { return false }
        for name in records { try FolderCopy.copy("\(log)/\(name)", to: "\(copy)/\(name)") }
        for name in try FolderCopy.names(in: log) where name.hasSuffix("/") {
            try Self.copyFolder("\(log)/\(name.dropLast())", to: "\(copy)/\(name.dropLast())")
        }
        return true
    }

    private static let records = ".records"

    private static func isOfLog(_ name: String) -> Bool { name != "lock" && !name.hasSuffix(".new") }

    /// Files that were there and are gone have been replaced by others.
    private static func copyFolder(_ folder: String, to copy: String) throws(GloveboxError) {
        try PrivateFile.makeFolder(copy)
        for name in try FolderCopy.names(in: folder) where Self.isOfLog(name) {
            do {
                if name.hasSuffix("/") {
                    try Self.copyFolder("\(folder)/\(name.dropLast())", to: "\(copy)/\(name.dropLast())")
                } else {
                    try FolderCopy.copy("\(folder)/\(name)", to: "\(copy)/\(name)")
                }
            } catch {
                guard error.code == .notFound else { throw error }
            }
        }
    }
}
