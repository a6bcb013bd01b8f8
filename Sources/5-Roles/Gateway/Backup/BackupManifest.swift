import ControlAPI
package import GloveboxCore

/// `backup.json`: what a backup holds. It's written last, so that a backup without one isn't whole.
struct BackupManifest: Codable, Sendable {
    static let name = "backup.json"
    static let configuration = "gateway.yaml"
    static let policy = "policy.yaml"
    static let stateFolder = "gateway"
    /// Of the form of backups that this program makes.
    static let currentForm = 1

    struct File: Codable, Hashable, Sendable {
        /// Relative to the backup's folder.
        var path: String
        /// In bytes.
        var size: Int
        /// SHA-256, in lower-case hexadecimal.
        var digest: String
    }

    var form: Int
    /// Of the program that made it.
    var version: String
    var madeAt: Timestamp
    /// How many records its log holds.
    var logPosition: UInt64
    var files: [File]
}

extension GloveboxError.Code {
    /// What was named isn't a whole backup, or is one of a newer Glovebox's.
    package static let backupInvalid = Self("backup_invalid")
}
