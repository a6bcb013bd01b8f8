import HTTPProxy
import HTTPWire
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A server for the proxy to stand before. It answers requests by a closure, or hands its connections to the test.
final class TestUpstream: Sendable {
    struct Request: Sendable {
        /// The head as it came.
        var head: String
        var body: String
        /// Its place among those of its connection, and the connection's among all.
        var number: Int
        var connection: Int

        /// The value of the first field of this name.
        func field(_ name: String) -> String? { self.fields(name).first }

        func fields(_ name: String) -> [String] {
            self.head.split(separator: "\r\n").dropFirst().compactMap { line in
                guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                    return nil
                }
                return String(line[line.index(after: colon)...].drop { $0 == " " })
            }
        }

        var target: String { String(self.head.split(separator: " ").dropFirst().first ?? "") }
    }

    enum Reply: Sendable {
        case send(String)
        case sendAndClose(String)
        case close
        case nothing

        static func ok(_ body: String, _ fields: String = "") -> Reply {
            .send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
    }

    private struct State {
        var connections: [RawPeer] = []
        var requests: [Request] = []
    }

    private let state = Mutex(State())
    private let listener: any Channel

    private init(_ listener: any Channel) {
        self.listener = listener
    }

    var port: Int { self.listener.localAddress?.port ?? 0 }
    var address: UpstreamAddress { UpstreamAddress("127.0.0.1", self.port) }
    var requests: [Request] { self.state.withLock { $0.requests } }
    var connections: [RawPeer] { self.state.withLock { $0.connections } }

    /// - Parameter answer: is called for each request; `nil`: the test answers by itself, over `connection(_:)`.
    static func start(port: Int = 0, _ answer: (@Sendable (Request) -> Reply)? = nil) async throws -> TestUpstream {
        let made = Mutex<TestUpstream?>(nil)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let upstream = made.withLock({ $0 }) else { return channel.close(promise: nil) }
                    let peer = RawPeer(channel)
                    let number = upstream.state.withLock { state in
                        state.connections.append(peer)
                        return state.connections.count
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if let answer {
                        try pipeline.addHandler(AnsweringHandler(upstream, connection: number, answer))
                    } else {
                        try pipeline.addHandler(peer.handler)
                    }
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        let upstream = TestUpstream(listener)
        made.withLock { $0 = upstream }
        return upstream
    }

    func stop() async throws {
        try await self.listener.close()
        for connection in self.connections where connection.channel.isActive { try? await connection.close() }
    }

    /// The connection of this number, from 1, once it has been made.
    func connection(_ number: Int) async throws -> RawPeer {
        try await eventually { self.connections.count >= number }
        return self.connections[number - 1]
    }

    fileprivate func took(_ request: Request) {
        self.state.withLock { $0.requests.append(request) }
    }
}

/// Reads requests and answers them.
private final class AnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let upstream: TestUpstream
    private let connection: Int
    private let answer: @Sendable (TestUpstream.Request) -> TestUpstream.Reply
    private var bytes: [UInt8] = []
    private var reader = RequestHeadReader(HeadLimits())
    private var head = ""
    private var body: BodyReader?
    private var content: [UInt8] = []
    private var number = 0

    init(
        _ upstream: TestUpstream, connection: Int,
        _ answer: @escaping @Sendable (TestUpstream.Request) -> TestUpstream.Reply
    ) {
        self.upstream = upstream
        self.connection = connection
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.bytes.append(contentsOf: self.unwrapInboundIn(data).readableBytesView)
        do {
            while try self.step(context) {}
        } catch {
            self.upstream.took(
                TestUpstream.Request(head: "REFUSED \(error)", body: "", number: 0, connection: self.connection))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func step(_ context: ChannelHandlerContext) throws -> Bool {
        guard var body = self.body else {
            guard !self.bytes.isEmpty, try self.bytes.withUnsafeBytes({ try self.reader.read($0) }) else {
                return false
            }
            let head = self.reader.head
            self.head = String(decoding: self.bytes[..<head.length], as: UTF8.self)
            self.bytes.removeFirst(head.length)
            self.reader.reset()
            self.body = BodyReader(head.framing, HeadLimits())
            self.content = []
            return true
        }
        var at = 0
        let step = try self.bytes.withUnsafeBytes { try body.next($0, at: &at) }
        if case .content(let range) = step { self.content += self.bytes[range] }
        self.bytes.removeFirst(at)
        self.body = body
        guard step == .end else { return step != .more }
        self.body = nil
        self.number += 1
        let request = TestUpstream.Request(
            head: self.head, body: String(decoding: self.content, as: UTF8.self), number: self.number,
            connection: self.connection)
        self.upstream.took(request)
        switch self.answer(request) {
        case .send(let text): context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        case .sendAndClose(let text):
            context.writeAndFlush(NIOAny(ByteBuffer(string: text))).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
        case .close: context.close(promise: nil)
        case .nothing: break
        }
        return true
    }
}
