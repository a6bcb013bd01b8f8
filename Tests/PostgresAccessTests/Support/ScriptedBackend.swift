import NIOCore
import NIOPosix
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
    }

    /// - Parameter afterSignIn: messages that come after AuthenticationOk.
    static func start(
        before server: PostgresServer, afterSignIn: ByteBuffer = ByteBuffer()
    ) async throws -> ScriptedBackend {
        let shared = Shared()
        shared.state.withLock { $0.afterSignIn = afterSignIn }
        let (host, port) = (server.host, server.port)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { agent in
                ClientBootstrap(group: agent.eventLoop)
                    .channelInitializer { server in
                        server.eventLoop.makeCompletedFuture {
                            try server.pipeline.syncOperations.addHandler(FromServer(agent, shared))
                        }
                    }
                    .connect(host: host, port: port)
                    .flatMap { server in
                        agent.pipeline.addHandler(FromAgent(server, shared)).flatMap {
                            agent.setOption(.autoRead, value: true)
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
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

    private final class FromAgent: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let server: any Channel
        private let shared: Shared
        private let decoder = Mutex(MessageDecoder(.frontend))

        init(_ server: any Channel, _ shared: Shared) {
            self.server = server
            self.shared = shared
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = self.unwrapInboundIn(data)
            guard self.shared.state.withLock({ $0.script != nil }) else {
                return self.server.writeAndFlush(bytes, promise: nil)
            }
            self.decoder.withLock { decoder in
                decoder.append(bytes)
                while let frame = try? decoder.next() { self.answer(frame, context.channel) }
            }
        }

        private func answer(_ frame: Frame, _ agent: any Channel) {
            let answer = self.shared.state.withLock { state -> ByteBuffer? in
                var ready = ByteBuffer()
                BackendMessage.readyForQuery(.idle).write(into: &ready)
                switch FrontendMessage.Kind(rawValue: frame.kind) {
                case .query: return state.script?.toQueries.popFirst() ?? ready
                case .sync: return state.script?.toSyncs.popFirst() ?? ready
                default: return nil
                }
            }
            if let answer { agent.writeAndFlush(answer, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.server.close(promise: nil)
        }
    }

    private final class FromServer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let agent: any Channel
        private let shared: Shared
        private var decoder = MessageDecoder(.backend)

        init(_ agent: any Channel, _ shared: Shared) {
            self.agent = agent
            self.shared = shared
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.decoder.append(self.unwrapInboundIn(data))
            while let frame = try? self.decoder.next() {
                self.agent.writeAndFlush(frame.bytes, promise: nil)
                guard case .authentication(.ok)? = try? BackendMessage(frame) else { continue }
                self.agent.writeAndFlush(self.shared.state.withLock { $0.afterSignIn }, promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.agent.close(promise: nil)
        }
    }
}

extension Array {
    fileprivate mutating func popFirst() -> Element? {
        self.isEmpty ? nil : self.removeFirst()
    }
}
