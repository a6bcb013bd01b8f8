import NIOCore
import NIOHTTP1

/// Answers one request after the other.
final class TelemetryHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Answer: Sendable {
        var status: HTTPResponseStatus
        var type = "text/plain; charset=utf-8"
        var text: String
    }

    private let source: any TelemetrySource
    private var head: HTTPRequestHead?

    init(_ source: any TelemetrySource) {
        self.source = source
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head = self.head.take() else { return }
            self.answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let channel = context.channel
        let source = self.source
        context.eventLoop.makeFutureWithTask { await Self.answer(head, source) }.whenSuccess { answer in
            let body = ByteBuffer(string: answer.text)
            var headers = HTTPHeaders([
                ("Content-Type", answer.type), ("Content-Length", String(body.readableBytes)),
                ("Cache-Control", "no-store"),
            ])
            if answer.status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
            if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
            channel.write(
                HTTPServerResponsePart.head(
                    HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)), promise: nil)
            if head.method != .HEAD {
                channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
            }
            channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
                if !head.isKeepAlive { channel.close(promise: nil) }
            }
        }
    }

    private static func answer(_ head: HTTPRequestHead, _ source: any TelemetrySource) async -> Answer {
        guard head.method == .GET || head.method == .HEAD else {
            return Answer(status: .methodNotAllowed, text: "only GET and HEAD are known here\n")
        }
        switch head.uri.prefix(while: { $0 != "?" }) {
        case "/metrics":
            return Answer(
                status: .ok, type: PrometheusText.contentType, text: PrometheusText.text(await source.metrics()))
        case "/healthz":
            return Answer(status: .ok, text: "ok\n")
        case "/readyz":
            let checks = await source.checks()
            let isReady = checks.allSatisfy { $0.failure == nil }
            let lines = checks.map { check in "\(check.name): \(check.failure ?? "ok")\n" }
            return Answer(
                status: isReady ? .ok : .serviceUnavailable,
                text: (isReady ? "ready\n" : "not ready\n") + lines.joined())
        default:
            return Answer(status: .notFound, text: "there are /metrics, /healthz and /readyz here\n")
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
