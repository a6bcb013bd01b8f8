import AuditFiles
package import Contracts
package import ControlAPI
import GloveboxCore
import Identity
import Leases
import StorageSQLite

/// Makes a gateway's folder of a backup.
///
/// What happened after the backup is unknown to it: leases that were active then are over, since they may have been ended;
/// certificates that were issued since aren't known, and those that were revoked since count again.
package enum GatewayRestore {
    package struct Report: Sendable {
        package var madeAt: Timestamp
        package var logPosition: UInt64
        /// What checks the log's checkpoints from now on: it goes on under another name.
        package var logKey: String
        /// Leases that the backup had as active.
        package var endedLeases: Int
    }

    /// - Throws: `backup_invalid` when a file of the backup isn't what was written; `conflict` when `folder` has a
    ///   gateway's state already; `file_unusable`.
    package static func make(
        _ folder: String, from backup: String, time: any TimeSource
    ) async throws -> Report {
        let manifest = try Self.manifest(of: backup)
        let state = GatewayRole.stateFolder(folder)
        guard !FolderCopy.isThere(state) else {
            throw GloveboxError(
                .conflict, "\(state) is there already: stop the gateway and move it away, or name another folder")
        }
        try PrivateFile.makeFolder(folder)
        let unfinished = "\(state).new"
        try FolderCopy.remove(unfinished)
        do {
            try Self.copyState(manifest, from: backup, to: unfinished)
            let configuration = try Self.copyConfiguration(from: backup, to: folder)
            // What the lost gateway signed after the backup is unknown, so nothing more is signed by its key.
            let key = "\(try LogKey.replace(folder: unfinished, host: configuration.names[0]))"
            let ended = try await Self.endLeases(unfinished, host: configuration.names[0], time)
            try FolderCopy.name(unfinished, state)
            return Report(
                madeAt: manifest.madeAt, logPosition: manifest.logPosition, logKey: key,
                endedLeases: ended)
        } catch {
            try? FolderCopy.remove(unfinished)
            throw error
        }
    }

    private static func manifest(of backup: String) throws -> BackupManifest {
        let path = "\(backup)/\(BackupManifest.name)"
        guard let bytes = try PrivateFile.readIfPresent(path, sharing: true, limit: 256 << 20) else {
            throw GloveboxError(
                .backupInvalid, "there is no \(path): name the folder of a backup, one that was made to its end")
        }
        let manifest: BackupManifest
        do {
            manifest = try JSONForm.decode(BackupManifest.self, from: bytes)
        } catch {
            throw GloveboxError(.backupInvalid, "\(path) can't be read: take another backup", cause: error)
        }
        guard manifest.form <= BackupManifest.currentForm else {
            throw GloveboxError(
                .backupInvalid, "\(backup) was made by a newer Glovebox (\(manifest.version)): restore it with that one"
            )
        }
        for file in manifest.files {
            let found = try? FolderCopy.digest("\(backup)/\(file.path)")
            guard let found, found.size == file.size, found.digest == file.digest else {
                throw GloveboxError(
                    .backupInvalid,
                    "\(backup)/\(file.path) \(found == nil ? "can't be read" : "isn't what was written"): take another backup"
                )
            }
        }
        return manifest
    }

    private static func copyState(
        _ manifest: BackupManifest, from backup: String, to state: String
    ) throws(GloveboxError) {
        let prefix = "\(BackupManifest.stateFolder)/"
        try PrivateFile.makeFolder(state)
        for file in manifest.files where file.path.hasPrefix(prefix) {
            let path = "\(state)/\(file.path.dropFirst(prefix.count))"
            guard !file.path.split(separator: "/").contains("..") else {
                throw GloveboxError(.backupInvalid, "\(backup) names a file outside of it: it wasn't made by Glovebox")
            }
            if let slash = path.lastIndex(of: "/") { try PrivateFile.makeFolder(String(path[..<slash])) }
            try FolderCopy.copy("\(backup)/\(file.path)", to: path)
        }
    }

    /// The configuration and the policy that are there already stay.
    private static func copyConfiguration(from backup: String, to folder: String) throws -> GatewayConfiguration {
        let file = "\(folder)/\(BackupManifest.configuration)"
        if !FolderCopy.isThere(file) { try FolderCopy.copy("\(backup)/\(BackupManifest.configuration)", to: file) }
        let configuration = try GatewayRole.configuration(folder)
        if !FolderCopy.isThere(configuration.policy) {
            try FolderCopy.copy("\(backup)/\(BackupManifest.policy)", to: configuration.policy)
        }
        return configuration
    }

    private static func endLeases(_ state: String, host: String, _ time: any TimeSource) async throws -> Int {
        let storage = try StorageSQLite(path: "\(state)/store.sqlite")
        let log = try GatewayLog.open(state: state, host: host, time: time)
        defer { log.close() }
        var ended = 0
        for lease in try await storage.leases(LeaseFilter(activeOnly: true)) {
            var machine = LeaseMachine(lease)
            guard case .ended(let reason) = machine.end(.restored, at: time.reading) else { continue }
            try await log.append([
                Record(
                    time: time.wall, identity: lease.holder, target: lease.target, lease: lease.id,
                    event: .leaseEnded(reason, by: nil))
            ])
            _ = try await storage.update(machine.lease)
            ended += 1
        }
        try await storage.close()
        try FolderCopy.remove("\(state)/store.sqlite.lock")
        return ended
    }
}
