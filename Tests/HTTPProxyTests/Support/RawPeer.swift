import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// One end of a plain connection, driven by hand: what came is kept, and can be waited for.
final class RawPeer: Sendable {
    private struct Waiter {
        var id: Int
        var condition: @Sendable ([UInt8], Bool) -> Bool
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var bytes: [UInt8] = []
        var received = 0
        var isClosed = false
        var waiters: [Waiter] = []
        var nextWaiter = 0
    }

    /// Above this, bytes are counted and not kept.
    private static let mostKept = 4 << 20

    private let state = Mutex(State())
    let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    static func connect(
        _ port: Int, reading: Bool = true, configure: (@Sendable (any Channel) throws -> Void)? = nil
    ) async throws -> RawPeer {
        let made = Mutex<RawPeer?>(nil)
        _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: reading)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try configure?(channel)
                    let peer = RawPeer(channel)
                    made.withLock { $0 = peer }
                    try channel.pipeline.syncOperations.addHandler(RawPeerHandler(peer))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return try made.withLock { try $0.orThrow("no connection was made") }
    }

    /// What tells it of its channel; for one that was accepted.
    var handler: any ChannelHandler & Sendable { RawPeerHandler(self) }

    /// What came, as text.
    var text: String { self.state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    var bytes: [UInt8] { self.state.withLock { $0.bytes } }
    var received: Int { self.state.withLock { $0.received } }
    var isClosed: Bool { self.state.withLock { $0.isClosed } }

    func send(_ text: String) async throws { try await self.channel.writeAndFlush(ByteBuffer(string: text)) }

    /// Forgets what came so far.
    func forget() { self.state.withLock { $0.bytes = [] } }

    func close() async throws { try await self.channel.close() }

    /// Ends the connection without a farewell: the other side sees a reset.
    func reset() async throws {
        try await (self.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await self.channel.close()
    }

    @discardableResult
    func wait(for text: String) async throws -> String {
        try await self.wait { all, _ in all.contains(text) }
        return self.text
    }

    func waitUntilClosed() async throws { try await self.wait { $1 } }

    /// Waits until what came, and whether the connection is closed, are as `condition` wants.
    func wait(_ condition: @escaping @Sendable (_ text: String, _ isClosed: Bool) -> Bool) async throws {
        do {
            try await within(.seconds(20)) {
                try await self.waitOnce { condition(String(decoding: $0, as: UTF8.self), $1) }
            }
        } catch {
            throw TestSupportError(
                "\(error); what came: \(self.text.suffix(1000).debugDescription), closed: \(self.isClosed)")
        }
    }

    /// Waits until the bytes that came are as `condition` wants, or the connection is closed where that will do.
    func waitForBytes(orClosed mayClose: Bool = false, _ condition: @escaping @Sendable ([UInt8]) -> Bool) async throws
    {
        try await within(.seconds(20)) {
            try await self.waitOnce { condition($0) || mayClose && $1 }
        }
    }

    private func waitOnce(_ condition: @escaping @Sendable ([UInt8], Bool) -> Bool) async throws {
        let id = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let holds = self.state.withLock { state in
                    if Task.isCancelled || condition(state.bytes, state.isClosed) {
                        return true
                    }
                    state.waiters.append(Waiter(id: id, condition: condition, continuation: continuation))
                    return false
                }
                if holds { continuation.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    fileprivate func came(_ bytes: ByteBuffer) {
        self.change { state in
            state.received += bytes.readableBytes
            if state.bytes.count < Self.mostKept { state.bytes.append(contentsOf: bytes.readableBytesView) }
        }
    }

    fileprivate func closed() {
        self.change { $0.isClosed = true }
    }

    private func change(_ body: (inout State) -> Void) {
        let woken = self.state.withLock { state in
            body(&state)
            guard !state.waiters.isEmpty else { return [Waiter]() }
            let woken = state.waiters.filter { $0.condition(state.bytes, state.isClosed) }
            state.waiters.removeAll { waiter in woken.contains { $0.id == waiter.id } }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }
}

private final class RawPeerHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let peer: RawPeer

    init(_ peer: RawPeer) { self.peer = peer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.peer.came(self.unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { self.peer.closed() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Optional {
    func orThrow(_ message: String) throws -> Wrapped {
        guard let self else { throw TestSupportError(message) }
        return self
    }
}
