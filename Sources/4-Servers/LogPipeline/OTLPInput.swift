import GloveboxCore
import LogFormats
import LogSpool
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Takes OTLP's logs over HTTP (opentelemetry-proto, `docs/specification.md`): `POST /v1/logs`, in Protocol Buffers or
/// JSON, plain or with gzip. 200 says that the records are durable in the spool; 503 with `Retry-After`, that there's no room for them now.
struct OTLPInput: Sendable {
    private static let mostConnections = 256
    private static let mostBytes = 4 << 20
    private static let retryAfter = "1"

    typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// A request's answer; `code` is gRPC's for those that refuse.
    private struct Answer {
        var status: HTTPResponseStatus
        var isJSON: Bool
        var body: [UInt8]
        var isLast = false

        static func refusal(
            _ status: HTTPResponseStatus, _ code: Int, _ message: String, _ isJSON: Bool, isLast: Bool = false
        ) -> Answer {
            Answer(
                status: status, isJSON: isJSON, body: OTLPAnswer.status(code, message, json: isJSON), isLast: isLast)
        }
    }

    private let listener: NIOAsyncChannel<Connection, Never>
    private let authorization: Secret<[UInt8]>?
    private let logger: Logger

    /// - Parameter token: what senders have to bring, as `Authorization: Bearer`.
    /// - Throws: `port_taken`, `configuration_invalid`.
    init(_ place: LoopbackPlace, token: Secret<String>?, logger: Logger) async throws {
        self.authorization = token.map { Secret(Array("Bearer \($0.exposeSecret())".utf8)) }
        self.logger = logger
        self.listener = try await listening("\(place)") {
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: place.host, port: place.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        return try Connection(wrappingChannelSynchronously: channel)
                    }
                }
        }
    }

    /// Returns when the task is cancelled.
    func run(_ name: String, _ intake: LogIntake) async throws {
        try await serve(self.listener, most: Self.mostConnections) { connection in
            try await self.answer(connection, name, intake)
        }
    }

    private func answer(_ connection: Connection, _ name: String, _ intake: LogIntake) async throws {
        let lane = await intake.openLane(name)
        do {
            try await connection.executeThenClose { inbound, outbound in
                var parts = inbound.makeAsyncIterator()
                while case .head(let head)? = try await parts.next() {
                    var body = ByteBuffer()
                    var isTooLarge = false
                    while case .body(let part)? = try await parts.next() {
                        isTooLarge = isTooLarge || body.readableBytes + part.readableBytes > Self.mostBytes
                        if isTooLarge { break }
                        var part = part
                        body.writeBuffer(&part)
                    }
                    let answer =
                        isTooLarge
                        ? Self.tooLarge(Self.isJSON(head) ?? false, isLast: true)
                        : try await self.take(head, body, lane, name, intake)
                    try await Self.send(answer, head, outbound)
                    if answer.isLast || !head.isKeepAlive { return }
                }
            }
        } catch let error as GloveboxError where error.code == .redactionFailed {
            throw error
        } catch {
            self.logger.debug("a connection ended", metadata: ["input": "\(name)"])
        }
        await intake.closeLane(lane)
    }

    private static func tooLarge(_ isJSON: Bool, isLast: Bool = false) -> Answer {
        .refusal(
            .payloadTooLarge, 3, "a request is at most \(Self.mostBytes >> 20) MiB, unpacked: send fewer records",
            isJSON, isLast: isLast)
    }

    /// Whether it brings the token; as long in coming to that for one guess as for another of its length.
    private func isAllowed(_ head: HTTPRequestHead) -> Bool {
        guard let wanted = self.authorization?.exposeSecret() else { return true }
        let values = head.headers["authorization"]
        guard values.count == 1, values[0].utf8.count == wanted.count else { return false }
        return zip(values[0].utf8, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Nil where it's neither.
    private static func isJSON(_ head: HTTPRequestHead) -> Bool? {
        switch head.headers.first(name: "content-type")?.split(separator: ";").first?.lowercased() {
        case "application/x-protobuf": false
        case "application/json": true
        default: nil
        }
    }

    private func take(
        _ head: HTTPRequestHead, _ body: ByteBuffer, _ lane: Int, _ name: String, _ intake: LogIntake
    ) async throws -> Answer {
        guard head.uri.prefix(while: { $0 != "?" }) == "/v1/logs" else {
            return .refusal(.notFound, 5, "there is /v1/logs here", false)
        }
        guard head.method == .POST else { return .refusal(.methodNotAllowed, 12, "/v1/logs takes POST", false) }
        guard self.isAllowed(head) else {
            return .refusal(
                .unauthorized, 16, "this receiver wants a token: set the exporter's header 'authorization'",
                Self.isJSON(head) ?? false)
        }
        guard let isJSON = Self.isJSON(head) else {
            return .refusal(
                .unsupportedMediaType, 3, "the content type is application/x-protobuf or application/json", false)
        }
        var bytes = Array(body.readableBytesView)
        let records: [LogRecord]
        do {
            switch head.headers[canonicalForm: "content-encoding"].map({ $0.lowercased() }) {
            case [], ["identity"]: break
            case ["gzip"]:
                guard let unpacked = try Gzip.unpacked(bytes, most: Self.mostBytes) else {
                    return Self.tooLarge(isJSON)
                }
                bytes = unpacked
            default:
                return .refusal(
                    .unsupportedMediaType, 3, "requests are taken plain or with gzip: set the exporter's compression",
                    isJSON)
            }
            records = try isJSON ? OTLPLogs.read(json: bytes) : OTLPLogs.read(protobuf: bytes)
        } catch {
            intake.drop(1, .malformed, name)
            return .refusal(.badRequest, 3, error.reason, isJSON)
        }
        do {
            if let refused = try await intake.offer(records, lane: lane, input: name) {
                return Answer(
                    status: .ok, isJSON: isJSON,
                    body: OTLPAnswer.response(
                        rejected: refused, message: "a record is larger than may be", json: isJSON))
            }
        } catch let error as GloveboxError where error.code == .spoolUnavailable {
            return .refusal(.serviceUnavailable, 14, "the spool can't be written: try again", isJSON)
        } catch let error as GloveboxError where error.code == .canaryLeaked {
            return .refusal(
                .serviceUnavailable, 14, "nothing is taken until the masking is mended: see this receiver's log", isJSON
            )
        }
        return .refusal(.serviceUnavailable, 14, "there's no room in the spool now: try again", isJSON)
    }

    private static func send(
        _ answer: Answer, _ head: HTTPRequestHead, _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers = HTTPHeaders([
            ("Content-Type", answer.isJSON ? "application/json" : "application/x-protobuf"),
            ("Content-Length", String(answer.body.count)),
        ])
        switch answer.status {
        case .serviceUnavailable: headers.add(name: "Retry-After", value: Self.retryAfter)
        case .unauthorized: headers.add(name: "WWW-Authenticate", value: "Bearer")
        case .methodNotAllowed: headers.add(name: "Allow", value: "POST")
        default: break
        }
        if answer.isLast || !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        try await outbound.write(
            .head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)))
        try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: answer.body))))
        try await outbound.write(.end(nil))
    }
}
