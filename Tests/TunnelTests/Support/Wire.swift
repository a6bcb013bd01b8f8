import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Tunnel

/// The network between an agent and its gateway: a TCP proxy that tests cut, freeze and turn to another gateway.
final class Wire: Sendable {
    private struct State {
        var upstream: Int
        var pairs: [(any Channel, any Channel)] = []
        var isOpen = true
        var isFrozen = false
    }

    let accepted = EventLog<Int>()
    private let state: Mutex<State>
    private let listener = Mutex<(any Channel)?>(nil)

    init(to port: Int) async throws {
        self.state = Mutex(State(upstream: port))
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                near.eventLoop.makeCompletedFuture { try near.pipeline.syncOperations.addHandler(Arrival(self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.listener.withLock { $0 = listener }
    }

    var port: Int { self.listener.withLock { $0?.localAddress?.port } ?? 0 }

    private func accept(_ near: any Channel) {
        let upstream = self.state.withLock { $0.isOpen ? $0.upstream : nil }
        guard let upstream else { return near.close(promise: nil) }
        ClientBootstrap(group: near.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: upstream)
            .flatMapThrowing { far in
                try near.pipeline.syncOperations.addHandler(Lossy(self))
                try far.pipeline.syncOperations.addHandler(Lossy(self))
                Relay.join(near, far)
                let count = self.state.withLock { state in
                    state.pairs.append((near, far))
                    return state.pairs.count
                }
                self.accepted.append(count)
            }
            .whenFailure { _ in near.close(promise: nil) }
    }

    var isFrozen: Bool { self.state.withLock { $0.isFrozen } }

    /// Bytes vanish, in both directions.
    func freeze() { self.state.withLock { $0.isFrozen = true } }

    /// New connections are closed at once, until `open`.
    func refuse() { self.state.withLock { $0.isOpen = false } }
    func open() { self.state.withLock { $0.isOpen = true } }

    func turn(to port: Int) { self.state.withLock { $0.upstream = port } }

    /// Cuts the `index`th connection that was made.
    func cut(_ index: Int) {
        let pair = self.state.withLock { $0.pairs[index] }
        pair.0.close(promise: nil)
        pair.1.close(promise: nil)
    }

    func close() async {
        let (listener, pairs) = (self.listener.withLock { $0 }, self.state.withLock { $0.pairs })
        try? await listener?.close()
        for pair in pairs {
            pair.0.close(promise: nil)
            pair.1.close(promise: nil)
        }
    }

    private final class Arrival: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let wire: Wire

        init(_ wire: Wire) { self.wire = wire }

        func channelActive(context: ChannelHandlerContext) {
            self.wire.accept(context.channel)
            context.fireChannelActive()
        }
    }

    private final class Lossy: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let wire: Wire

        init(_ wire: Wire) { self.wire = wire }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if !self.wire.isFrozen { context.fireChannelRead(data) }
        }
    }
}
