import Contracts
import ControlWire
import GloveboxCore
import Synchronization

/// What an agent knows of its gateway and its journal, for those who ask how it is.
final class AgentCondition: Sendable {
    struct Gateway: Sendable {
        var isConnected = false
        /// How far the gateway's wall clock was ahead of ours when the agent last joined, within the time that took.
        var skew: Duration?
        /// Of the protocol that both speak.
        var version: UInt64?
    }

    private struct State {
        var gateway = Gateway()
        var journalFailure: GloveboxError?
        var maskingFailure: GloveboxError?
        var reloadFailure: GloveboxError?
    }

    private let time: any TimeSource
    private let state = Mutex(State())

    init(time: any TimeSource) {
        self.time = time
    }

    var gateway: Gateway { self.state.withLock { $0.gateway } }
    /// Why the agent's masking may not be trusted: a canary came out.
    var maskingFailure: GloveboxError? { self.state.withLock { $0.maskingFailure } }
    /// Why the last reload changed nothing.
    var reloadFailure: GloveboxError? { self.state.withLock { $0.reloadFailure } }
    var journalFailure: GloveboxError? { self.state.withLock { $0.journalFailure } }

    func joined(_ welcome: Welcome) {
        let skew = self.time.wall.duration(to: welcome.wall)
        self.state.withLock { $0.gateway = Gateway(isConnected: true, skew: skew, version: welcome.version) }
    }

    func left() {
        self.state.withLock { $0.gateway.isConnected = false }
    }

    func masking(failing error: GloveboxError?) {
        self.state.withLock { $0.maskingFailure = error }
    }

    func reload(failing error: GloveboxError?) {
        self.state.withLock { $0.reloadFailure = error }
    }

    func journal(failing error: GloveboxError?) {
        self.state.withLock { $0.journalFailure = error }
    }
}
