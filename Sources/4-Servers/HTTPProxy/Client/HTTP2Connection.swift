import NIOCore
import NIOHTTP2

/// A client's HTTP/2 connection, beside its streams: ends it when it's idle, and when the proxy stops.
final class HTTP2Connection: LoopMember, ChannelInboundHandler, DrainableClient {
    typealias InboundIn = HTTP2Frame

    let loop: ProxyLoop
    let origin: ClientOrigin
    private var context: ChannelHandlerContext?
    private var streams = 0
    private var requests = 0
    private var isLeaving = false

    init(_ loop: ProxyLoop, origin: ClientOrigin) {
        self.loop = loop
        self.origin = origin
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.deadline = self.loop.now &+ self.loop.nanoseconds.head
        self.loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.loop.remove(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if Self.isOfOneStream(error) { return }
        // A client that's gone without a farewell was refused nothing.
        if error is any NIOHTTP2Error { self.loop.counters.sums.refusals["http2_error", default: 0] &+= 1 }
        context.close(promise: nil)
    }

    /// Whether nio-http2 has reset a stream for it, and the connection goes on. It says the same of both, and has told the
    /// peer by then. What isn't known here ends the connection.
    private static func isOfOneStream(_ error: any Error) -> Bool {
        switch error {
        case is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.MissingPseudoHeader,
            is NIOHTTP2Errors.DuplicatePseudoHeader, is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader,
            is NIOHTTP2Errors.UnknownPseudoHeader, is NIOHTTP2Errors.UnsupportedPseudoHeader,
            is NIOHTTP2Errors.InvalidPseudoHeaders, is NIOHTTP2Errors.EmptyPathHeader,
            is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue,
            is NIOHTTP2Errors.ForbiddenHeaderField, is NIOHTTP2Errors.InvalidPseudoHeaderValue,
            is NIOHTTP2Errors.ContentLengthViolated, is NIOHTTP2Errors.ContentLengthHeadersMismatch,
            is NIOHTTP2Errors.ContentLengthHeaderNegative, is NIOHTTP2Errors.ContentLengthHeaderMalformedValue,
            is NIOHTTP2Errors.TrailersWithoutEndStream:
            true
        default: false
        }
    }

    func streamOpened() {
        self.streams += 1
        self.requests += 1
        self.deadline = .max
        if self.requests == self.loop.settings.limits.requestsPerConnection { self.leave() }
    }

    func streamClosed() {
        self.streams -= 1
        guard self.streams == 0 else { return }
        self.deadline = self.loop.now &+ (self.isLeaving ? self.loop.nanoseconds.linger : self.loop.nanoseconds.idle)
    }

    /// Tells the client that no more streams are taken; nio-http2 closes behind the last one.
    private func leave() {
        guard !self.isLeaving, let context = self.context else { return }
        self.isLeaving = true
        if self.streams == 0 { self.deadline = self.loop.now &+ self.loop.nanoseconds.linger }
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    override func deadlinePassed() {
        guard self.streams == 0 else { return }
        if self.isLeaving {
            self.context?.close(promise: nil)
        } else {
            self.leave()
        }
    }

    func drain() {
        self.leave()
    }

    func stop() {
        self.context?.close(promise: nil)
    }
}
