import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A TCP proxy on loopback that keeps what the server behind it sent.
final class RecordingProxy: Sendable {
    let port: Int
    private let listener: any Channel
    private let recording: Recording

    final class Recording: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        func append(_ buffer: ByteBuffer) { self.bytes.withLock { $0 += buffer.readableBytesView } }
        var all: [UInt8] { self.bytes.withLock { $0 } }
    }

    static func start(to port: Int) async throws -> RecordingProxy {
        let recording = Recording()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in
                        client.eventLoop.makeCompletedFuture {
                            try client.pipeline.syncOperations.addHandler(Hop(to: server, recording: nil))
                            try server.pipeline.syncOperations.addHandler(Hop(to: client, recording: recording))
                        }.flatMap { server.setOption(.autoRead, value: true) }
                            .flatMap { client.setOption(.autoRead, value: true) }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RecordingProxy(listener, recording)
    }

    private init(_ listener: any Channel, _ recording: Recording) {
        self.listener = listener
        self.port = listener.localAddress?.port ?? 0
        self.recording = recording
    }

    /// What the server sent on all connections so far.
    var received: [UInt8] { self.recording.all }

    func stop() async throws {
        try await self.listener.close()
    }
}

/// Hands on what one side sends to the other.
private final class Hop: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let peer: any Channel
    private let recording: RecordingProxy.Recording?

    init(to peer: any Channel, recording: RecordingProxy.Recording?) {
        self.peer = peer
        self.recording = recording
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.recording?.append(bytes)
        self.peer.writeAndFlush(bytes, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.peer.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// A client that sends what it's told to, whatever that is.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let recording: RecordingProxy.Recording

    static func open(port: Int) async throws -> RawConnection {
        let recording = RecordingProxy.Recording()
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(recording))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel, recording)
    }

    private init(_ channel: any Channel, _ recording: RecordingProxy.Recording) {
        self.channel = channel
        self.recording = recording
    }

    var received: [UInt8] { self.recording.all }

    func send(_ bytes: [UInt8]) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Says that nothing more comes, and goes on reading.
    func finishSending() async throws {
        try await self.channel.close(mode: .output).get()
    }

    /// Waits until the other side has closed.
    func untilClosed(timeout: Duration = .seconds(30)) async throws {
        let channel = self.channel
        try await eventually(timeout: timeout, "the other side's close") { !channel.isActive }
    }

    func close() async {
        try? await self.channel.close().get()
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let recording: RecordingProxy.Recording

    init(_ recording: RecordingProxy.Recording) {
        self.recording = recording
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.recording.append(self.unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
