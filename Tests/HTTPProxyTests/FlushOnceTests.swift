import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPProxy

@Suite("What an HTTP/2 connection sends in one turn")
struct FlushOnceTests {
    /// Counts flushes, and what they took along.
    private final class Counter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var written = 0
        var flushed: [Int] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            self.written += 1
            context.write(data, promise: promise)
        }

        func flush(context: ChannelHandlerContext) {
            self.flushed.append(self.written)
            context.flush()
        }
    }

    private let counter = Counter()
    private let channel: EmbeddedChannel

    init() throws {
        self.channel = EmbeddedChannel()
        try self.channel.pipeline.syncOperations.addHandlers(self.counter, FlushOnce())
    }

    private func answer() {
        self.channel.writeAndFlush(ByteBuffer(string: "answer"), promise: nil)
    }

    @Test("the answers of several streams go out together, when the turn is over; the next turn's by themselves")
    func together() throws {
        for _ in 0..<5 { self.answer() }
        #expect(self.counter.flushed == [])
        self.channel.embeddedEventLoop.run()
        #expect(self.counter.flushed == [5])
        self.answer()
        self.channel.embeddedEventLoop.run()
        #expect(self.counter.flushed == [5, 6])
        #expect(try self.channel.finish().isClean == false)
    }

    @Test("what was flushed goes out before a close in the same turn")
    func close() throws {
        self.answer()
        self.channel.close(promise: nil)
        #expect(self.counter.flushed == [1])
        self.channel.embeddedEventLoop.run()
        #expect(self.counter.flushed == [1])
        #expect(try self.channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "answer"))
    }

    @Test("without a flush nothing goes out")
    func unflushed() throws {
        self.channel.write(ByteBuffer(string: "head"), promise: nil)
        self.channel.embeddedEventLoop.run()
        #expect(self.counter.flushed == [])
    }
}
