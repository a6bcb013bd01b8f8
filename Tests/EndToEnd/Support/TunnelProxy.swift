import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A TCP proxy on loopback between an agent and its gateway, with the bad luck of networks at a test's command.
final class TunnelProxy: Sendable {
    enum Mode: Sendable {
        case passing
        /// New connections are closed at once.
        case cut
        /// Connections are taken and stay open, and nothing goes through: neither side hears of it.
        case stalled
        /// So many bytes in a second, each way and connection.
        case slow(Int)
    }

    /// Where the agent dials.
    let port: Int
    /// Where the gateway listens.
    let behind: Int
    private let shared: Shared

    final class Shared: Sendable {
        fileprivate struct State {
            var mode = Mode.passing
            var hops: [ObjectIdentifier: NIOLoopBound<Hop>] = [:]
        }
        fileprivate let state = Mutex(State())
        var mode: Mode { self.state.withLock { $0.mode } }
    }

    static func start() async throws -> TunnelProxy {
        let behind = try freePort()
        let shared = Shared()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                if case .cut = shared.mode { return near.close() }
                return ClientBootstrap(group: near.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: behind)
                    .flatMap { far in
                        near.eventLoop.makeCompletedFuture {
                            for (one, other) in [(near, far), (far, near)] {
                                let hop = Hop(shared, to: other)
                                try one.pipeline.syncOperations.addHandler(hop)
                                let bound = NIOLoopBound(hop, eventLoop: one.eventLoop)
                                shared.state.withLock { $0.hops[ObjectIdentifier(hop)] = bound }
                            }
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TunnelProxy(listener.localAddress?.port ?? 0, behind, shared)
    }

    private init(_ port: Int, _ behind: Int, _ shared: Shared) {
        self.port = port
        self.behind = behind
        self.shared = shared
    }

    /// From now on; connections that are there too.
    func set(_ mode: Mode) {
        let hops = self.shared.state.withLock { state in
            state.mode = mode
            return Array(state.hops.values)
        }
        for hop in hops { hop.eventLoop.execute { hop.value.modeChanged() } }
    }

    /// Reads from one side, as fast as the mode allows, and writes to the other.
    fileprivate final class Hop: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let shared: Shared
        private let peer: any Channel
        private var context: ChannelHandlerContext?
        private var waiting = ByteBuffer()
        private var isTicking = false
        private static let tick = TimeAmount.milliseconds(20)

        init(_ shared: Shared, to peer: any Channel) {
            self.shared = shared
            self.peer = peer
        }

        func handlerAdded(context: ChannelHandlerContext) {
            self.context = context
            context.channel.read()
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            self.context = nil
            self.shared.state.withLock { $0.hops[ObjectIdentifier(self)] = nil }
        }

        func channelActive(context: ChannelHandlerContext) {
            context.fireChannelActive()
            context.read()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.waiting.writeImmutableBuffer(self.unwrapInboundIn(data))
            self.forward()
        }

        func modeChanged() {
            if case .cut = self.shared.mode {
                self.context?.close(promise: nil)
                self.peer.close(promise: nil)
            } else {
                self.forward()
            }
        }

        private func forward() {
            switch self.shared.mode {
            case .passing: self.write(self.waiting.readableBytes)
            case .cut, .stalled: return
            case .slow(let rate):
                guard !self.isTicking, let context = self.context else { return }
                self.write(max(1, rate / 50))
                guard self.waiting.readableBytes > 0 else { return }
                self.isTicking = true
                let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: Self.tick) {
                    bound.value.isTicking = false
                    bound.value.forward()
                }
            }
        }

        private func write(_ count: Int) {
            if let bytes = self.waiting.readSlice(length: min(count, self.waiting.readableBytes)),
                bytes.readableBytes > 0
            {
                let bound = self.context.map { NIOLoopBound($0, eventLoop: $0.eventLoop) }
                let isEmpty = self.waiting.readableBytes == 0
                if isEmpty { self.waiting = ByteBuffer() }
                self.peer.writeAndFlush(bytes).whenComplete { _ in
                    // Read on only once it's with the other side's kernel.
                    guard isEmpty, let bound, bound.eventLoop.inEventLoop else { return }
                    bound.value.read()
                }
            } else if self.waiting.readableBytes == 0 {
                self.context?.read()
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            // Who is stalled hears of no end either.
            if case .stalled = self.shared.mode { return }
            self.peer.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
