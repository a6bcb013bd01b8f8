import HTTPWire
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One request and its response on a stream of a client's HTTP/2 connection (RFC 9113, 8.1).
final class HTTP2Stream: LoopMember, ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Phase {
        case head
        case body
        case whole
        case closed
    }

    private let connection: HTTP2Connection
    private let loop: ProxyLoop
    private var phase = Phase.head
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var isReadHeld = false
    private var hasEnded = false

    init(_ connection: HTTP2Connection) {
        self.connection = connection
        self.loop = connection.loop
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.exchange = Exchange(self, self.loop)
        self.connection.streamOpened()
        self.loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.gone()
        self.context = nil
        self.exchange = nil
        self.loop.remove(self)
        self.connection.streamClosed()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.gone()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, most likely: channelInactive follows.
        context.close(promise: nil)
    }

    private func gone() {
        self.phase = .closed
        self.exchange?.clientGone()
    }

    override func deadlinePassed() {
        switch self.phase {
        case .body: self.exchange?.requestFailed(.requestTimedOut)
        case .whole: self.context?.close(promise: nil)
        case .head, .closed: break
        }
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .headers(let frame): self.take(frame)
        case .data(let frame): self.take(frame)
        // nio-http2 sees to the others.
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.exchange?.flushRequest()
    }

    private func take(_ frame: HTTP2Frame.FramePayload.Headers) {
        switch self.phase {
        case .head:
            self.phase = frame.endStream ? .whole : .body
            if !frame.endStream { self.deadline = self.loop.now &+ self.loop.nanoseconds.body }
            do {
                try self.begin(frame)
            } catch let refusal as HTTPRefusal {
                self.loop.counters.sums.refusals[refusal.code.rawValue, default: 0] &+= 1
                self.refuse(ProxyRefusal(refusal), keeps: true)
                self.exchangeEnded(keeps: true)
            } catch {
                self.context?.close(promise: nil)
            }
        case .body where frame.endStream: self.end()
        case .body, .whole, .closed: break
        }
    }

    private func begin(_ frame: HTTP2Frame.FramePayload.Headers) throws {
        guard let exchange = self.exchange else { return }
        let bytes = try HTTP2Request.head(frame.headers, hasBody: !frame.endStream)
        var reader = RequestHeadReader(self.loop.settings.limits.head)
        try bytes.withUnsafeReadableBytes { bytes in
            guard try reader.read(bytes), reader.head.length == bytes.count else {
                throw HTTPRefusal(.requestLineInvalid)
            }
            // Without a body a length of one is a lie that nio-http2 has seen through.
            exchange.begin(reader.head, bytes, from: self.connection.origin, version: "HTTP/2")
        }
        // A request with an empty body, said to be one beforehand: what's sent on has none.
        if case .body = self.phase, reader.head.framing == .none { exchange.requestEnded() }
    }

    private func take(_ frame: HTTP2Frame.FramePayload.Data) {
        guard case .body = self.phase, let exchange = self.exchange else { return }
        self.deadline = self.loop.now &+ self.loop.nanoseconds.body
        if case .byteBuffer(let buffer) = frame.data, buffer.readableBytes > 0 {
            exchange.requestContent(buffer, at: buffer.readerIndex, length: buffer.readableBytes)
        }
        if frame.endStream { self.end() }
    }

    private func end() {
        guard case .body = self.phase else { return }
        self.phase = .whole
        self.deadline = .max
        self.exchange?.requestEnded()
    }

    // MARK: Back-pressure

    func read(context: ChannelHandlerContext) {
        if case .body = self.phase, !(self.exchange?.canTakeMore ?? true), self.exchange?.isRunning ?? false {
            self.isReadHeld = true
            self.deadline = .max
        } else {
            context.read()
        }
    }

    func requestMayGoOn() {
        guard self.isReadHeld, let context = self.context else { return }
        self.isReadHeld = false
        if case .body = self.phase { self.deadline = self.loop.now &+ self.loop.nanoseconds.body }
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if case .whole = self.phase { self.deadline = .max }
            self.exchange?.clientBecameWritable()
        } else if case .whole = self.phase {
            self.deadline = self.loop.now &+ self.loop.nanoseconds.send
        }
        context.fireChannelWritabilityChanged()
    }
}

// MARK: The response

extension HTTP2Stream: ExchangeClient {
    var canTakeMore: Bool { self.context?.channel.isWritable ?? false }

    func interim(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        self.write(.headers(.init(headers: self.headers(head, bytes, dropping: .hopByHop), endStream: false)))
    }

    func answer(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ plan: AnswerPlan) {
        var dropped = FieldSet.hopByHop
        if plan.isMarked { dropped.formUnion(FieldSet(.cacheControl)) }
        var headers = self.headers(head, bytes, dropping: dropped)
        if let length = head.contentLength, head.status != 204 {
            headers.add(name: "content-length", value: "\(length)")
        }
        if plan.isMarked {
            headers.add(name: "cache-control", value: "no-store")
            headers.add(name: "glovebox-test", value: "taken")
        }
        headers.add(name: "via", value: "1.1 \(self.loop.settings.pseudonym)")
        self.hasEnded = plan.framing == .none
        self.write(.headers(.init(headers: headers, endStream: self.hasEnded)))
    }

    private func headers(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, dropping dropped: FieldSet
    ) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(head.fields.count + 4)
        headers.add(name: ":status", value: "\(head.status)")
        for line in head.fields where !dropped.contains(line.known) && !line.isNominated {
            let name = bytes[Int(line.name)..<(Int(line.name) + Int(line.nameLength))]
            let value = bytes[Int(line.value)..<Int(line.value + line.valueLength)]
            headers.add(
                name: String(decoding: name.lazy.map(\.lowercased), as: UTF8.self),
                value: String(decoding: value, as: UTF8.self))
        }
        return headers
    }

    func content(_ buffer: ByteBuffer, at: Int, length: Int) {
        guard let context = self.context, let slice = buffer.getSlice(at: at, length: length) else { return }
        // A small part would keep the whole buffer that it was read into.
        let part = length < Output.copied ? context.channel.allocator.buffer(buffer: slice) : slice
        self.write(.data(.init(data: .byteBuffer(part))))
    }

    func answerEnded(trailers: BodyReader?) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        var headers = HPACKHeaders()
        if let trailers {
            trailers.trailerBytes.withUnsafeBytes { bytes in
                for line in trailers.trailers where line.known == .other {
                    let name = bytes[Int(line.name)..<(Int(line.name) + Int(line.nameLength))]
                    let value = bytes[Int(line.value)..<Int(line.value + line.valueLength)]
                    headers.add(
                        name: String(decoding: name.lazy.map(\.lowercased), as: UTF8.self),
                        value: String(decoding: value, as: UTF8.self))
                }
            }
        }
        if headers.isEmpty {
            self.write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
        } else {
            self.write(.headers(.init(headers: headers, endStream: true)))
        }
    }

    /// HTTP/2 has no way to switch; it's never asked for.
    func switchProtocols(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        self.cut()
    }

    func flushAnswer() {
        self.context?.flush()
    }

    func refuse(_ refusal: ProxyRefusal, keeps: Bool) {
        let body = ByteBuffer(string: "\(refusal.code): \(refusal.message)\n")
        var headers = HPACKHeaders([
            (":status", "\(refusal.status)"), ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "\(body.readableBytes)"), ("cache-control", "no-store"),
        ])
        if refusal.status == 503 { headers.add(name: "retry-after", value: "1") }
        self.hasEnded = true
        self.write(.headers(.init(headers: headers, endStream: false)))
        self.write(.data(.init(data: .byteBuffer(body), endStream: true)))
        self.flushAnswer()
    }

    func cut() {
        self.hasEnded = true
        self.write(.rstStream(.internalError))
        self.flushAnswer()
    }

    func exchangeEnded(keeps: Bool) {
        self.deadline = self.loop.now &+ self.loop.nanoseconds.send
        // The response is whole, the request isn't: nobody wants the rest of it (RFC 9113, 8.1).
        if case .body = self.phase {
            self.write(.rstStream(.noError))
            self.flushAnswer()
        }
        self.phase = .whole
    }

    private func write(_ payload: HTTP2Frame.FramePayload) {
        self.context?.write(self.wrapOutboundOut(payload), promise: nil)
    }
}
