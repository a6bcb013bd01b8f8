import NIOCore
import PostgresWire
import Synchronization
import TestSupport

/// Stands between an agent and a real PostgreSQL: passes everything on, adds messages to the sign-in, and once it's
/// armed says to what the agent sends whatever a test wants, however wrong.
final class ScriptedBackend: Sendable {
    /// What is said, in order, at each simple query and at each Sync; afterwards only that it's ready.
    struct Script: Sendable {
        var toQueries: [ByteBuffer] = []
        var toSyncs: [ByteBuffer] = []
    }

    private struct State {
        var script: Script?
        var afterSignIn = ByteBuffer()
    }

    let port: Int
    private let listener: any Channel
    private let state: Shared

    private final class Shared: Sendable {
        let state = Mutex(State())

        /// What the script says to one of the agent's messages.
        func answer(_ frame: Frame) -> ByteBuffer? {
            self.state.withLock { state -> ByteBuffer? in
                var ready = ByteBuffer()
                BackendMessage.readyForQuery(.idle).write(into: &ready)
                switch FrontendMessage.Kind(rawValue: frame.kind) {
                case .query: return state.script?.toQueries.popFirst() ?? ready
                case .sync: return state.script?.toSyncs.popFirst() ?? ready
                default: return nil
                }
            }
        }
    }

    /// - Parameter afterSignIn: messages that come after AuthenticationOk.
    static func start(
        before server: PostgresServer, afterSignIn: ByteBuffer = ByteBuffer()
    ) async throws -> ScriptedBackend {
        let shared = Shared()
        shared.state.withLock { $0.afterSignIn = afterSignIn }
        let listener = try await serverProxy(before: server) { agent, server in
            try agent.pipeline.syncOperations.addHandler(Self.fromAgent(to: server, shared))
            try server.pipeline.syncOperations.addHandler(
                ProxySide(to: agent, from: .backend) { frame, _ in
                    agent.write(frame.bytes, promise: nil)
                    if case .authentication(.ok)? = try? BackendMessage(frame) {
                        agent.write(shared.state.withLock { $0.afterSignIn }, promise: nil)
                    }
                    return true
                })
        }
        guard let port = listener.localAddress?.port else { throw TestSupportError("no port") }
        return ScriptedBackend(port, listener, shared)
    }

    private init(_ port: Int, _ listener: any Channel, _ state: Shared) {
        self.port = port
        self.listener = listener
        self.state = state
    }

    /// From now on nothing reaches the server. The agent must have no question open.
    func arm(_ script: Script) {
        self.state.state.withLock { $0.script = script }
    }

    /// Connections that come are the server's again.
    func disarm() {
        self.state.state.withLock { $0.script = nil }
    }

    func close() async {
        try? await self.listener.close()
    }

    private static func fromAgent(to server: any Channel, _ shared: Shared) -> ProxySide {
        var decoder = MessageDecoder(.frontend)
        return ProxySide(to: server) { bytes, context in
            guard shared.state.withLock({ $0.script != nil }) else {
                return server.writeAndFlush(bytes, promise: nil)
            }
            decoder.append(bytes)
            while let frame = try? decoder.next() {
                if let answer = shared.answer(frame) { context.channel.writeAndFlush(answer, promise: nil) }
            }
        }
    }
}

extension Array {
    fileprivate mutating func popFirst() -> Element? {
        self.isEmpty ? nil : self.removeFirst()
    }
}
