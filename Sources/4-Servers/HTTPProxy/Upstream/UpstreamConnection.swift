import HTTPWire
import NIOCore

/// A connection to an endpoint: takes one exchange's request at a time, and tells it what comes back.
final class UpstreamConnection: LoopMember, ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private enum State {
        case connecting
        case idle
        /// A response's head is awaited.
        case head
        case body(BodyReader)
        /// The response is whole; the exchange says what's next.
        case over
        case piped
        case closed
    }

    private let pool: UpstreamPool
    private let loop: ProxyLoop
    private var state = State.connecting
    private var exchange: Exchange?
    private var context: ChannelHandlerContext?
    private var reader: ResponseHeadReader
    /// What has come of a head that isn't whole.
    private var input = ByteBuffer()
    private var output = Output()
    private var isReadHeld = false
    private var streamTimeout: UInt64 = 0
    private var isAnsweringHead = false

    init(_ pool: UpstreamPool, _ loop: ProxyLoop) {
        self.pool = pool
        self.loop = loop
        self.reader = ResponseHeadReader(loop.settings.limits.head)
    }

    var endpoint: Endpoint { self.pool.endpoint }
    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    // MARK: Opening and closing

    func awaited(by exchange: Exchange) {
        self.exchange = exchange
    }

    func opened() {
        guard case .connecting = self.state else { return }
        guard let exchange = self.exchange else {
            // Whoever wanted it has gone; the next one is glad of it.
            self.becomeIdle()
            return
        }
        exchange.connected(self, isReused: false)
    }

    func failedToOpen() {
        guard case .connecting = self.state else { return }
        self.loop.counters.sums.upstreamConnectFailures &+= 1
        self.end { $0.upstreamFailed(.unreachable) }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.loop.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch self.state {
        case .closed: break
        case .idle:
            self.state = .closed
            self.pool.lost(self)
        case .connecting: self.failedToOpen()
        case .head: self.end { $0.upstreamFailed(self.input.readableBytes == 0 ? .closed : .invalid) }
        case .body(var body):
            if body.close() {
                self.state = .over
                let exchange = self.exchange
                exchange?.answerEnded(isPersistent: false, trailers: nil)
            } else {
                self.end { $0.upstreamFailed(.closed) }
            }
        case .over: self.end { _ in }
        case .piped: self.end { $0.pipeEnded() }
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, most likely: what was awaited until the connection's end isn't whole then.
        switch self.state {
        case .head: self.end { $0.upstreamFailed(self.input.readableBytes == 0 ? .closed : .invalid) }
        case .body: self.end { $0.upstreamFailed(.closed) }
        default: break
        }
        context.close(promise: nil)
    }

    /// The exchange's client has gone.
    func abandon() {
        self.exchange = nil
        switch self.state {
        case .connecting: break
        case .piped:
            // The client's last words still get out.
            self.end { _ in }
            self.deadline = self.loop.now &+ self.loop.nanoseconds.linger
            self.context?.close(mode: .output, promise: nil)
        case .idle, .head, .body, .over, .closed: self.close()
        }
    }

    /// It's no use any more.
    func close() {
        self.end { _ in }
        self.context?.close(promise: nil)
    }

    /// Its exchange, if it has one, is told by `body` and lets go of it.
    private func end(_ body: (Exchange) -> Void) {
        switch self.state {
        case .closed: return
        case .idle: self.pool.lost(self)
        case .connecting, .head, .body, .over, .piped: self.pool.gone()
        }
        self.state = .closed
        let exchange = self.exchange
        self.exchange = nil
        if let exchange, exchange.upstream === self {
            exchange.upstream = nil
            body(exchange)
        }
    }

    /// Ends before the server's own does, so that the two don't meet: a request that's on its way then would be lost.
    private var idleLimit: UInt64 {
        let usual = self.loop.nanoseconds.upstreamIdle
        guard let seconds = self.reader.head.keepAliveTimeout else { return usual }
        return min(usual, UInt64(max(seconds, 1)) * 1_000_000_000 * 3 / 4)
    }

    private func becomeIdle() {
        self.exchange = nil
        self.state = .idle
        self.deadline = self.loop.now &+ self.idleLimit
        self.pool.giveBack(self)
        if self.isReadHeld { self.readAgain() }
    }

    /// The exchange is done with it.
    func release(keeping: Bool) {
        // What isn't out yet of the request would go out before the next one.
        guard case .over = self.state, keeping, self.input.readableBytes == 0, self.isWritable else {
            self.exchange = nil
            self.close()
            return
        }
        self.reader.reset()
        self.becomeIdle()
    }

    override func deadlinePassed() {
        switch self.state {
        case .idle: self.close()
        case .head, .body:
            self.end { $0.upstreamFailed(.timedOut) }
            self.context?.close(promise: nil)
        case .piped:
            self.end { $0.pipeEnded() }
            self.context?.close(promise: nil)
        case .closed: self.context?.close(promise: nil)
        case .connecting, .over: break
        }
    }

    // MARK: The request

    /// Sends a request's head.
    func begin(_ exchange: Exchange, head: ByteBuffer, streamTimeout: UInt64) {
        self.exchange = exchange
        self.state = .head
        self.streamTimeout = streamTimeout
        self.deadline = .max
        self.output.write { _ = $0.writeImmutableBuffer(head) }
    }

    func write(_ body: (inout ByteBuffer) -> Void) {
        self.output.write(body)
    }

    func write(_ buffer: ByteBuffer, at: Int, length: Int) {
        guard let context = self.context else { return }
        self.output.write(buffer, at: at, length: length, to: context)
    }

    func flush() {
        guard let context = self.context else { return }
        self.output.flush(to: context)
    }

    /// The request is whole: from now on a response is waited for.
    func awaitAnswer(until deadline: UInt64) {
        if case .head = self.state { self.deadline = deadline }
    }

    /// From now on bytes are passed on as they come.
    func becomePipe() {
        self.state = .piped
        self.deadline = self.loop.now &+ self.loop.nanoseconds.upgraded
    }

    // MARK: The response

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        switch self.state {
        case .idle:
            // A response that nobody asked for. If it were kept, it would answer the next request.
            self.close()
        case .head where self.input.readableBytes > 0:
            self.input.writeBuffer(&buffer)
            var input = ByteBuffer()
            swap(&input, &self.input)
            self.take(&input)
        case .head, .body, .piped: self.take(&buffer)
        case .over:
            // More than the response: the connection isn't to be trusted.
            self.input.writeBuffer(&buffer)
        case .connecting, .closed: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.exchange?.client.flushAnswer()
    }

    private func take(_ buffer: inout ByteBuffer) {
        while buffer.readableBytes > 0, let exchange = self.exchange {
            switch self.state {
            case .head:
                do {
                    let length = try buffer.withUnsafeReadableBytes { bytes in
                        try self.reader.read(bytes) ? self.answered(exchange, bytes) : 0
                    }
                    if length == 0 {
                        self.input.clear()
                        self.input.writeBuffer(&buffer)
                        return
                    }
                    buffer.moveReaderIndex(forwardBy: length)
                } catch {
                    self.end { $0.upstreamFailed(.invalid) }
                    self.context?.close(promise: nil)
                    return
                }
                if case .head = self.state { self.reader.reset() }
                if case .body(let body) = self.state, body.hasEnded {
                    self.ended(exchange, nil, isClean: buffer.readableBytes == 0)
                }
            case .body(var body):
                self.state = .over
                guard self.takeBody(&buffer, &body, exchange) else { return }
            case .over:
                self.input.writeBuffer(&buffer)
                return
            case .piped:
                self.deadline = self.loop.now &+ self.loop.nanoseconds.upgraded
                exchange.client.content(buffer, at: buffer.readerIndex, length: buffer.readableBytes)
                return
            case .connecting, .idle, .closed: return
            }
        }
    }

    /// - Returns: whether there's more to do with the buffer.
    private func takeBody(_ buffer: inout ByteBuffer, _ body: inout BodyReader, _ exchange: Exchange) -> Bool {
        do {
            let start = buffer.readerIndex
            var at = 0
            let whole = buffer
            let hasEnded = try buffer.withUnsafeReadableBytes { bytes in
                while true {
                    switch try body.next(bytes, at: &at) {
                    case .content(let range):
                        exchange.answerContent(whole, at: start + range.lowerBound, length: range.count)
                    case .more: return false
                    case .end: return true
                    }
                }
            }
            buffer.moveReaderIndex(to: start + at)
            if case .closed = self.state { return false }
            if hasEnded {
                self.ended(exchange, body, isClean: buffer.readableBytes == 0)
                return true
            }
            self.state = .body(body)
            self.deadline = self.loop.now &+ self.streamTimeout
            return false
        } catch {
            self.state = .body(body)
            self.end { $0.upstreamFailed(.invalid) }
            self.context?.close(promise: nil)
            return false
        }
    }

    /// - Returns: the head's length.
    private func answered(_ exchange: Exchange, _ bytes: UnsafeRawBufferPointer) throws -> Int {
        let head = self.reader.head
        switch exchange.answered(head, bytes) {
        case .interim: break
        case .body(let framing):
            self.state = .body(BodyReader(framing, self.loop.settings.limits.head))
            self.deadline = framing == .none ? .max : self.loop.now &+ self.streamTimeout
        case .pipe: self.becomePipe()
        case .refused: throw HTTPRefusal(.upgradeUnexpected)
        }
        return head.length
    }

    /// - Parameter isClean: nothing has come behind the response. What has would be taken for the next one.
    private func ended(_ exchange: Exchange, _ body: BodyReader?, isClean: Bool) {
        self.state = .over
        self.deadline = .max
        exchange.answerEnded(isPersistent: isClean && self.reader.head.isPersistent, trailers: body)
    }

    // MARK: Back-pressure

    func read(context: ChannelHandlerContext) {
        if self.exchange?.client.canTakeMore ?? true {
            context.read()
        } else {
            self.isReadHeld = true
            // Whoever doesn't take what there is has a deadline of its own.
            self.deadline = .max
        }
    }

    /// The client can take more.
    func readAgain() {
        guard self.isReadHeld, let context = self.context else { return }
        self.isReadHeld = false
        if case .body = self.state { self.deadline = self.loop.now &+ self.streamTimeout }
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.exchange?.client.requestMayGoOn() }
        context.fireChannelWritabilityChanged()
    }
}
