import GloveboxCore
import NIOCore
import NIOSSL

extension GloveboxError {
    /// What the peer may be told: a ``GloveboxError`` as it is, of others only that there was one.
    init(telling error: any Error) {
        self =
            error as? GloveboxError
            ?? GloveboxError(.internal, "the other end of the tunnel failed: see its log", cause: error)
    }
}

/// Why a TLS connection failed, for the log.
func describe(_ error: any Error) -> String {
    switch error {
    case let error as GloveboxError: String(reflecting: error)
    default: String(describing: error)
    }
}
