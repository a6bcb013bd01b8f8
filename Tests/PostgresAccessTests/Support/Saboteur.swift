import Glibc
import GloveboxCore
import NIOCore
import NIOPosix
import PostgresWire
import Synchronization
import TestSupport
import Testing

/// Stands before a real PostgreSQL and spoils what it says, at a message of the test's choice.
final class Saboteur: Sendable {
    /// What's done at the chosen message.
    enum Act: Sendable, CustomTestStringConvertible {
        /// These bytes come instead of it, and all goes on.
        case replace(String, [UInt8])
        /// These bytes come before it.
        case insert(String, [UInt8])
        /// It comes twice.
        case twice
        /// Half of it comes, and the connection's end.
        case half
        case close
        case reset

        var testDescription: String {
            switch self {
            case .replace(let what, _): "\(what) instead"
            case .insert(let what, _): "\(what) before"
            case .twice: "twice"
            case .half: "half"
            case .close: "close"
            case .reset: "reset"
            }
        }
    }

    private struct State {
        var act: Act?
        var place = 0
        /// Messages of the server on the newest connection.
        var seen: [UInt8] = []
    }

    let port: Int
    private let listener: any Channel
    private let state: Plan

    fileprivate final class Plan: Sendable {
        private let state = Mutex(State())
        func set(_ act: Act?, at place: Int) {
            self.state.withLock {
                $0.act = act
                $0.place = place
            }
        }
        func begin() { self.state.withLock { $0.seen = [] } }
        var seen: [UInt8] { self.state.withLock { $0.seen } }
        /// What to do with the next message.
        func next(_ kind: UInt8) -> Act? {
            self.state.withLock { state in
                defer { state.seen.append(kind) }
                return state.seen.count == state.place ? state.act : nil
            }
        }
    }

    static func start(before server: PostgresServer) async throws -> Saboteur {
        let plan = Plan()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop).channelOption(.autoRead, value: false)
                    .connect(host: server.host, port: server.port)
                    .flatMap { far in
                        near.eventLoop.makeCompletedFuture {
                            plan.begin()
                            try near.pipeline.syncOperations.addHandler(Forth(far))
                            try far.pipeline.syncOperations.addHandler(Back(near, plan))
                        }.flatMap { near.setOption(.autoRead, value: true) }
                            .flatMap { far.setOption(.autoRead, value: true) }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Saboteur(listener, plan)
    }

    private init(_ listener: any Channel, _ plan: Plan) {
        self.listener = listener
        self.port = listener.localAddress?.port ?? 0
        self.state = plan
    }

    /// At message `place` (from 0) of the next connection; nil: never.
    func set(_ act: Act?, at place: Int = 0) { self.state.set(act, at: place) }

    /// The kinds of the server's messages on the newest connection.
    var seen: [UInt8] { self.state.seen }

    func stop() async throws { try await self.listener.close() }

    private final class Forth: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let far: any Channel
        init(_ far: any Channel) { self.far = far }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.far.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { self.far.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private final class Back: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let near: any Channel
        private let plan: Plan
        private var decoder = MessageDecoder(.backend)

        init(_ near: any Channel, _ plan: Plan) {
            self.near = near
            self.plan = plan
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.decoder.append(self.unwrapInboundIn(data))
            while let frame = try? self.decoder.next() {
                switch self.plan.next(frame.kind) {
                case nil: self.near.write(frame.bytes, promise: nil)
                case .replace(_, let bytes): self.near.write(ByteBuffer(bytes: bytes), promise: nil)
                case .insert(_, let bytes):
                    self.near.write(ByteBuffer(bytes: bytes), promise: nil)
                    self.near.write(frame.bytes, promise: nil)
                case .twice:
                    self.near.write(frame.bytes, promise: nil)
                    self.near.write(frame.bytes, promise: nil)
                case .half:
                    var bytes = frame.bytes
                    let half = bytes.readSlice(length: bytes.readableBytes / 2) ?? ByteBuffer()
                    self.near.writeAndFlush(half).assumeIsolated().whenComplete { _ in self.near.close(promise: nil) }
                    return context.close(promise: nil)
                case .close:
                    self.near.close(promise: nil)
                    return context.close(promise: nil)
                case .reset:
                    let near = self.near
                    _ = (near as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                        .always { _ in near.close(promise: nil) }
                    return context.close(promise: nil)
                }
            }
            self.near.flush()
        }
        func channelInactive(context: ChannelHandlerContext) { self.near.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
