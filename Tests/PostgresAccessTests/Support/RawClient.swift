import GloveboxCore
import NIOCore
import NIOPosix
import PostgresWire
import TestSupport

/// A client that says exactly what a test tells it to.
final class RawClient: Sendable {
    let channel: any Channel
    private let frames: Frames

    /// Connects, and says nothing.
    init(port: Int) async throws {
        let frames = Frames()
        self.frames = frames
        self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameReader(frames))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Connects and signs in up to the first ReadyForQuery.
    static func signedIn(_ glovebox: LoopbackGlovebox, _ lease: TestLease) async throws -> RawClient {
        let client = try await RawClient(port: glovebox.portNumber)
        let frames = try await client.signIn(user: lease.user, token: lease.token)
        guard frames.last?.kind == BackendMessage.Kind.readyForQuery.rawValue else {
            throw TestSupportError("the sign-in failed: \(frames.compactMap { try? BackendMessage($0) })")
        }
        return client
    }

    /// Signs in, and gives all that the server said until it was ready or closed.
    func signIn(user: String, token: String) async throws -> [Frame] {
        var machine = ClientSignIn(
            parameters: StartupParameters([("user", user)].map { .init(name: $0.0, value: $0.1) }),
            password: Secret(token),
            allowsCleartext: false, nonce: Base32.random(length: 24))
        self.send(machine.startup)
        var frames: [Frame] = []
        while let frame = try await self.next() {
            frames.append(frame)
            switch try machine.received(frame) {
            case .send(let bytes): self.send(bytes)
            case .ready: return frames
            case .wait, .notice, .refused: break
            }
        }
        return frames
    }

    func send(_ bytes: ByteBuffer) {
        self.channel.writeAndFlush(bytes, promise: nil)
    }

    func send(_ messages: FrontendMessage...) {
        var bytes = ByteBuffer()
        for message in messages { message.write(into: &bytes) }
        self.send(bytes)
    }

    /// The next message; nil when the connection is closed.
    func next() async throws -> Frame? {
        try await within { await self.frames.next() }
    }

    /// All messages up to the next ReadyForQuery, or up to the connection's end.
    func untilReady() async throws -> [BackendMessage] {
        var messages: [BackendMessage] = []
        while let frame = try await self.next() {
            messages.append(try BackendMessage(frame))
            if frame.kind == BackendMessage.Kind.readyForQuery.rawValue { break }
        }
        return messages
    }

    /// Asks one statement and waits for its end.
    func query(_ text: String) async throws -> [BackendMessage] {
        self.send(.query(text))
        return try await self.untilReady()
    }

    func close() async {
        try? await self.channel.close()
    }

    private final class Frames: Sendable {
        private let stream: AsyncStream<Frame>
        let continuation: AsyncStream<Frame>.Continuation

        init() {
            (self.stream, self.continuation) = AsyncStream.makeStream()
        }

        func next() async -> Frame? {
            var iterator = self.stream.makeAsyncIterator()
            return await iterator.next()
        }
    }

    private final class FrameReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let frames: Frames
        private var decoder = MessageDecoder(.backend)

        init(_ frames: Frames) {
            self.frames = frames
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.decoder.append(self.unwrapInboundIn(data))
            while let frame = try? self.decoder.next() { self.frames.continuation.yield(frame) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.frames.continuation.finish()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension [BackendMessage] {
    /// The rows' cells as text.
    var rows: [[String?]] {
        self.compactMap { message in
            guard case .dataRow(var cells) = message else { return nil }
            var texts: [String?] = []
            while let cell = try? cells.next() {
                if case .value(let bytes) = cell { texts.append(String(buffer: bytes)) } else { texts.append(nil) }
            }
            return texts
        }
    }

    var errors: [ErrorFields] {
        self.compactMap { if case .errorResponse(let fields) = $0 { fields } else { nil } }
    }
}
