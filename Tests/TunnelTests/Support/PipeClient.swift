import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// The near end of a pipe: collects what comes, reading by itself or not.
final class PipeClient: Sendable {
    enum Event: Sendable, Equatable {
        case received(Int)
        case inputClosed
        case closed
    }

    let channel: any Channel
    let log: EventLog<Event>
    private let collector: Collector

    private init(_ channel: any Channel, _ collector: Collector) {
        self.channel = channel
        self.log = collector.log
        self.collector = collector
    }

    /// Attaches to a channel that a tunnel gave, and begins to read.
    static func attach(to channel: any Channel) async throws -> PipeClient {
        let collector = Collector()
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(CollectingHandler(collector))
            channel.read()
            try channel.syncOptions?.setOption(.autoRead, value: true)
        }.get()
        return PipeClient(channel, collector)
    }

    static func connect(port: Int, reading: Bool = true, halfClosure: Bool = false) async throws -> PipeClient {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.autoRead, value: reading)
            .channelOption(.allowRemoteHalfClosure, value: halfClosure)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CollectingHandler(collector))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return PipeClient(channel, collector)
    }

    func send(_ text: String) async throws { try await self.channel.writeAndFlush(ByteBuffer(string: text)) }

    var text: String { self.collector.bytes.withLock { String(buffer: $0) } }
    var count: Int { self.log.all.reduce(0) { if case .received(let count) = $1 { $0 + count } else { $0 } } }

    func wait(for text: String) async throws {
        try await self.log.first { [self] _ in self.text.hasSuffix(text) }
    }

    func untilClosed() async throws { try await self.log.first { $0 == .closed } }

    fileprivate final class Collector: Sendable {
        let log = EventLog<Event>()
        let bytes = Mutex(ByteBuffer())
    }

    fileprivate final class CollectingHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let collector: Collector

        init(_ collector: Collector) { self.collector = collector }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = self.unwrapInboundIn(data)
            let count = bytes.readableBytes
            self.collector.bytes.withLock { if $0.readableBytes < 1 << 20 { $0.writeBuffer(&bytes) } }
            self.collector.log.append(.received(count))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .inputClosed? = event as? ChannelEvent { self.collector.log.append(.inputClosed) }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.collector.log.append(.closed)
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
