import HTTPWire
import NIOCore

/// A client's HTTP/1 connection. Requests are served one at a time: what comes behind one waits unread until its response
/// is out.
final class HTTP1Handler: LoopMember, ChannelDuplexHandler, DrainableClient {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private enum Phase {
        /// A head is awaited.
        case head
        case body(BodyReader)
        /// The request is whole, its response isn't.
        case waiting
        case piped
        /// The last response is out: what still comes is thrown away until the client closes.
        case lingering
        case closed
    }

    /// Above this a buffer isn't kept: an idle connection should cost little.
    private static let keptInput = 4 * 1024
    /// Most bytes that are read from a client whose connection is being closed.
    private static let mostLingering = 1 << 20

    private let loop: ProxyLoop
    private let isSecure: Bool
    private var phase = Phase.head
    private var context: ChannelHandlerContext?
    private var reader: RequestHeadReader
    private var exchange: Exchange?
    private var origin: ClientOrigin?
    /// What hasn't been read yet of what has come.
    private var input = ByteBuffer()
    private var output = Output()
    private var isTaking = false
    private var isReadHeld = false
    private var isChunking = false
    /// The connection ends behind this response.
    private var isClosing = false
    private var requests = 0
    private var lingered = 0

    init(_ loop: ProxyLoop, isSecure: Bool) {
        self.loop = loop
        self.isSecure = isSecure
        self.reader = RequestHeadReader(loop.settings.limits.head)
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.exchange = Exchange(self, self.loop)
        self.origin = ClientOrigin(
            context.channel.remoteAddress, isSecure: self.isSecure, trusted: self.loop.settings.trusted)
        self.deadline = self.loop.now &+ self.loop.nanoseconds.head
        self.loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.gone()
        self.context = nil
        self.exchange = nil
        self.loop.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.gone()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func gone() {
        self.phase = .closed
        self.exchange?.clientGone()
    }

    override func deadlinePassed() {
        switch self.phase {
        case .head where self.reader.hasBegun || self.requests == 0 && self.input.readableBytes > 0:
            self.refuseAtOnce(.requestTimedOut)
        case .head, .lingering, .waiting, .piped, .closed: self.context?.close(promise: nil)
        case .body: self.exchange?.requestFailed(.requestTimedOut)
        }
    }

    func drain() {
        if case .head = self.phase, !self.reader.hasBegun {
            self.deadline = min(self.deadline, self.loop.drainDeadline)
        }
    }

    func stop() {
        self.context?.close(promise: nil)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        if self.input.readableBytes > 0 {
            self.input.writeBuffer(&buffer)
            self.takeInput()
            return
        }
        self.isTaking = true
        self.take(&buffer)
        self.isTaking = false
        if buffer.readableBytes > 0 {
            self.input.clear()
            self.input.writeBuffer(&buffer)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.exchange?.flushRequest()
    }

    /// Takes what has been kept.
    private func takeInput() {
        guard !self.isTaking else { return }
        self.isTaking = true
        var input = ByteBuffer()
        swap(&input, &self.input)
        self.take(&input)
        self.isTaking = false
        if input.readableBytes > 0 {
            swap(&input, &self.input)
        } else if input.capacity <= Self.keptInput {
            input.clear()
            swap(&input, &self.input)
        }
        self.exchange?.flushRequest()
    }

    private func take(_ buffer: inout ByteBuffer) {
        while buffer.readableBytes > 0 {
            switch self.phase {
            case .head:
                guard self.takeHead(&buffer) else { return }
            case .body(var body):
                guard self.takeBody(&buffer, &body) else { return }
            case .waiting: return
            case .piped:
                self.deadline = self.loop.now &+ self.loop.nanoseconds.upgraded
                self.exchange?.pipe(buffer)
                buffer.moveReaderIndex(to: buffer.writerIndex)
            case .lingering:
                self.lingered += buffer.readableBytes
                buffer.moveReaderIndex(to: buffer.writerIndex)
                if self.lingered > Self.mostLingering { self.context?.close(promise: nil) }
            case .closed: buffer.moveReaderIndex(to: buffer.writerIndex)
            }
        }
    }

    private func takeHead(_ buffer: inout ByteBuffer) -> Bool {
        guard let exchange = self.exchange, let origin = self.origin else { return false }
        do {
            let isNew = !self.reader.hasBegun
            let length = try buffer.withUnsafeReadableBytes { bytes -> Int in
                guard try self.reader.read(bytes) else { return 0 }
                let head = self.reader.head
                self.requests += 1
                self.deadline = .max
                self.phase =
                    head.framing == .none ? .waiting : .body(BodyReader(head.framing, self.loop.settings.limits.head))
                exchange.begin(head, bytes, from: origin, version: head.minorVersion == 1 ? "HTTP/1.1" : "HTTP/1.0")
                return head.length
            }
            if length == 0 {
                if isNew, self.requests > 0 { self.deadline = self.loop.now &+ self.loop.nanoseconds.head }
                return false
            }
            buffer.moveReaderIndex(forwardBy: length)
            self.reader.reset()
            if case .body = self.phase { self.deadline = self.loop.now &+ self.loop.nanoseconds.body }
            return true
        } catch let refusal as HTTPRefusal {
            self.refuseAtOnce(ProxyRefusal(refusal))
            buffer.moveReaderIndex(to: buffer.writerIndex)
            return false
        } catch {
            self.context?.close(promise: nil)
            return false
        }
    }

    private func takeBody(_ buffer: inout ByteBuffer, _ body: inout BodyReader) -> Bool {
        guard let exchange = self.exchange else { return false }
        do {
            let start = buffer.readerIndex
            let whole = buffer
            var at = 0
            let hasEnded = try buffer.withUnsafeReadableBytes { bytes in
                while true {
                    switch try body.next(bytes, at: &at) {
                    case .content(let range):
                        exchange.requestContent(whole, at: start + range.lowerBound, length: range.count)
                    case .more: return false
                    case .end: return true
                    }
                }
            }
            buffer.moveReaderIndex(to: start + at)
            // The body may have been one too large for its route, and be refused by now.
            guard case .body = self.phase else { return true }
            if hasEnded {
                self.phase = .waiting
                self.deadline = .max
                exchange.requestEnded()
                return true
            }
            self.phase = .body(body)
            self.deadline = self.loop.now &+ self.loop.nanoseconds.body
            return false
        } catch let refusal as HTTPRefusal {
            buffer.moveReaderIndex(to: buffer.writerIndex)
            exchange.requestFailed(ProxyRefusal(refusal))
            return false
        } catch {
            self.context?.close(promise: nil)
            return false
        }
    }

    /// Refuses what didn't become a request.
    private func refuseAtOnce(_ refusal: ProxyRefusal) {
        self.loop.counters.sums.refusals[refusal.code, default: 0] &+= 1
        if let log = self.loop.shared.accessLog {
            var event = AccessEvent.empty
            event.began = self.loop.now
            event.client = self.origin?.address ?? ""
            event.version = "HTTP/1.1"
            event.status = refusal.status
            event.refusal = refusal.code
            event.epoch = self.loop.table.epoch
            log(event)
        }
        self.refuse(refusal, keeps: false)
        self.linger()
    }

    // MARK: Back-pressure

    func read(context: ChannelHandlerContext) {
        let mayRead =
            switch self.phase {
            // A client that asks and asks, and takes no answers, isn't asked for more.
            case .head: context.channel.isWritable
            case .lingering: true
            case .body, .piped: self.exchange?.canTakeMore ?? true
            // One read ahead, so that a client that goes is noticed.
            case .waiting: self.input.readableBytes == 0
            case .closed: false
            }
        if mayRead {
            context.read()
        } else {
            self.isReadHeld = true
            if case .body = self.phase { self.deadline = .max }
        }
    }

    private func readAgain() {
        guard self.isReadHeld, let context = self.context else { return }
        self.isReadHeld = false
        context.pipeline.syncOperations.read()
    }

    func requestMayGoOn() {
        if case .body = self.phase { self.deadline = self.loop.now &+ self.loop.nanoseconds.body }
        self.readAgain()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            switch self.phase {
            case .waiting: self.deadline = .max
            case .piped: self.deadline = self.loop.now &+ self.loop.nanoseconds.upgraded
            case .head, .body, .lingering, .closed: break
            }
            self.exchange?.clientBecameWritable()
            self.readAgain()
        } else {
            switch self.phase {
            case .waiting, .piped: self.deadline = self.loop.now &+ self.loop.nanoseconds.send
            case .head, .body, .lingering, .closed: break
            }
        }
        context.fireChannelWritabilityChanged()
    }
}

// MARK: Responses

extension HTTP1Handler: ExchangeClient {
    var canTakeMore: Bool { self.context?.channel.isWritable ?? false }

    func interim(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        self.writeHead(head, bytes, dropping: .hopByHop) { _ in }
    }

    func answer(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, _ plan: AnswerPlan) {
        let isHTTP10 = self.reader.head.minorVersion == 0
        // HTTP/1.0 knows no chunks: such a body ends with the connection.
        self.isChunking = !isHTTP10 && (plan.framing == .chunked || plan.framing == .untilClose)
        let endsByClose = isHTTP10 && (plan.framing == .chunked || plan.framing == .untilClose)
        let isLast = self.requests >= self.loop.settings.limits.requestsPerConnection
        self.isClosing = !plan.keeps || endsByClose || isLast
        var dropped = FieldSet.hopByHop
        if plan.isMarked { dropped.formUnion(FieldSet(.cacheControl)) }
        self.writeHead(head, bytes, dropping: dropped) { writer in
            if self.isChunking {
                writer.write("Transfer-Encoding: chunked\r\n")
            } else if case .length(let length) = plan.framing {
                writer.write("Content-Length: ")
                writer.write(decimal: length)
                writer.write("\r\n")
            } else if let length = head.contentLength, head.status != 204, plan.framing == .none {
                // Of the body that's left out after HEAD and 304, or of none.
                writer.write("Content-Length: ")
                writer.write(decimal: length)
                writer.write("\r\n")
            }
            if self.isClosing {
                writer.write("Connection: close\r\n")
            } else if isHTTP10 {
                writer.write("Connection: keep-alive\r\n")
            }
            if plan.isMarked { writer.write("Cache-Control: no-store\r\nGlovebox-Test: taken\r\n") }
        }
    }

    func switchProtocols(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) {
        self.writeHead(head, bytes, dropping: .hopByHop) { writer in
            writer.write("Connection: Upgrade\r\nUpgrade: websocket\r\n")
        }
        self.phase = .piped
        self.isChunking = false
        self.deadline = self.loop.now &+ self.loop.nanoseconds.upgraded
        self.flushAnswer()
        self.takeInput()
        self.readAgain()
    }

    private func writeHead(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, dropping dropped: FieldSet,
        _ body: (inout HeadWriter) -> Void
    ) {
        let via = self.loop.shared.viaLine
        let isWritten = self.output.write { buffer in
            buffer.writeHead(atMost: head.length + via.count + 256) { writer in
                writer.write("HTTP/1.1 ")
                writer.write(decimal: UInt64(head.status))
                writer.write(" ")
                writer.write(bytes, head.reason)
                writer.write("\r\n")
                writer.write(lines: head.fields, of: bytes, dropping: dropped, hasNominated: head.hasNominated)
                body(&writer)
                writer.write(via)
                writer.write("\r\n")
            }
        }
        // A fault of this proxy's: the head came out longer than it can. Without one, nothing may follow.
        if !isWritten { self.context?.close(promise: nil) }
    }

    func content(_ buffer: ByteBuffer, at: Int, length: Int) {
        guard let context = self.context else { return }
        if self.isChunking { self.output.write { $0.writeChunkStart(length) } }
        self.output.write(buffer, at: at, length: length, to: context)
        if self.isChunking { self.output.write { _ = $0.writeStaticString("\r\n") } }
    }

    func answerEnded(trailers: BodyReader?) {
        guard self.isChunking else { return }
        self.isChunking = false
        self.output.write { buffer in
            buffer.writeStaticString("0\r\n")
            if let trailers { Self.write(trailers, to: &buffer) }
            buffer.writeStaticString("\r\n")
        }
    }

    /// Those that say nothing about the message's way or framing (RFC 9110, 6.5.1).
    private static func write(_ body: BodyReader, to buffer: inout ByteBuffer) {
        body.trailerBytes.withUnsafeBytes { bytes in
            for line in body.trailers where line.known == .other {
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[Int(line.name)..<Int(line.end)]))
            }
        }
    }

    func flushAnswer() {
        guard let context = self.context else { return }
        self.output.flush(to: context)
    }

    func refuse(_ refusal: ProxyRefusal, keeps: Bool) {
        let isHead = self.reader.head.method == .head && self.requests > 0
        self.isClosing = !keeps
        self.output.write { buffer in
            let body = "\(refusal.code): \(refusal.message)\n"
            buffer.writeString("HTTP/1.1 \(refusal.status) \(refusal.reason)\r\n")
            buffer.writeString("Content-Type: text/plain; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n")
            buffer.writeStaticString("Cache-Control: no-store\r\n")
            if refusal.status == 503 { buffer.writeStaticString("Retry-After: 1\r\n") }
            if !keeps { buffer.writeStaticString("Connection: close\r\n") }
            buffer.writeStaticString("\r\n")
            if !isHead { buffer.writeString(body) }
        }
        self.flushAnswer()
    }

    func cut() {
        self.flushAnswer()
        self.phase = .closed
        self.context?.close(promise: nil)
    }

    func exchangeEnded(keeps: Bool) {
        guard keeps, !self.isClosing else { return self.linger() }
        switch self.phase {
        case .waiting: self.phase = .head
        case .head, .closed, .lingering: return
        case .body, .piped: return self.linger()
        }
        // Its head may have promised another request before the proxy was asked to stop.
        self.deadline = min(self.loop.now &+ self.loop.nanoseconds.idle, self.loop.drainDeadline)
        self.takeInput()
        self.readAgain()
    }

    /// Ends the connection so that the client gets all that was sent to it: a close with bytes unread would be a reset, and
    /// take away what the client hasn't read yet.
    private func linger() {
        if case .closed = self.phase { return }
        self.phase = .lingering
        self.deadline = self.loop.now &+ self.loop.nanoseconds.linger
        self.input.clear()
        self.flushAnswer()
        self.context?.close(mode: .output, promise: nil)
        self.readAgain()
    }
}
