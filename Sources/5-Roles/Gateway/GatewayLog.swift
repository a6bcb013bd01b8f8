import AuditFiles
import Contracts
import GloveboxCore

/// A gateway's log, in the folder of its state.
enum GatewayLog {
    static func folder(_ state: String) -> String { "\(state)/log" }

    /// - Parameter host: what the name of a log begins with that there isn't yet.
    /// - Throws: as ``TiledLog`` and ``LogKey/load(folder:host:isNew:)``.
    static func open(state: String, host: String, time: any TimeSource) throws(GloveboxError) -> TiledLog {
        let folder = Self.folder(state)
        let key = try LogKey.load(folder: state, host: host, isNew: !TiledLog.isBegun(folder))
        return try TiledLog(folder: folder, signer: key.signer, previous: key.previous, time: time)
    }
}
