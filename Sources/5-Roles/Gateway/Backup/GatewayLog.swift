import AuditFiles
import GloveboxCore

/// A gateway's log, in the folder of its state.
enum GatewayLog {
    static func folder(_ state: String) -> String { "\(state)/log" }

    static func open(state: String, host: String) throws -> Log {
        try Log(folder: Self.folder(state))
    }
}
