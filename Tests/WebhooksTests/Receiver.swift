import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Somebody on this machine who is told things over HTTP, and answers as a test has it.
final class Receiver: Sendable {
    struct Request: Sendable {
        var path: String
        var headers: [String: String]
        var body: [UInt8]
    }

    private let requests = Mutex<[Request]>([])
    private let answers: Mutex<[Int?]>
    private let channel = Mutex<(any Channel)?>(nil)

    /// - Parameter answers: the status of each answer in turn, the last for all that follow; `nil` never answers.
    static func start(answering answers: Int?...) async throws -> Receiver {
        let receiver = Receiver(answers)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(receiver))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        receiver.channel.withLock { $0 = channel }
        return receiver
    }

    private init(_ answers: [Int?]) {
        self.answers = Mutex(answers)
    }

    var port: Int { self.channel.withLock { $0?.localAddress?.port } ?? 0 }
    var url: String { "http://127.0.0.1:\(self.port)/hook" }
    var received: [Request] { self.requests.withLock { $0 } }

    func stop() async {
        try? await self.channel.withLock { $0 }?.close()
    }

    private func answer(_ request: Request) -> Int? {
        self.requests.withLock { $0.append(request) }
        return self.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? 200 }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let receiver: Receiver
        private var request = Request(path: "", headers: [:], body: [])

        init(_ receiver: Receiver) {
            self.receiver = receiver
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head):
                self.request = Request(path: head.uri, headers: [:], body: [])
                for (name, value) in head.headers { self.request.headers[name.lowercased()] = value }
            case .body(let bytes): self.request.body += Array(bytes.readableBytesView)
            case .end:
                guard let status = self.receiver.answer(self.request) else { return }
                var headers = HTTPHeaders([("content-length", "0")])
                if (300..<400).contains(status) { headers.add(name: "location", value: "/elsewhere") }
                context.write(
                    self.wrapOutboundOut(
                        .head(.init(version: .http1_1, status: .init(statusCode: status), headers: headers))),
                    promise: nil)
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
