import NIOCore

/// One end of a ``Relay``: hands what its channel receives to the other end, and writes what that one hands over.
///
/// Ends on one event loop call each other. Ends on two hop once for each run of reads, with at most two such batches
/// under way; the answer to a batch says whether the channel can take more.
final class RelayEnd: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let mostUnderWay = 2

    private let eventLoop: any EventLoop
    private let halfClose: Relay.HalfClose
    private let linger: TimeAmount
    private let count: (Int) -> Void
    private var context: ChannelHandlerContext?
    private var peer: NIOLoopBound<RelayEnd>?
    /// The peer, where it's on this event loop.
    private var neighbour: RelayEnd?

    /// Read, and not yet handed over: before the ends are connected, or for the next hop.
    private var batch: [ByteBuffer] = []
    private var batchesUnderWay = 0
    private var isPeerWritable = true
    private var isReadWaiting = false

    private var input = Input.open
    private var isOutputClosed = false
    private var lingering: Scheduled<Void>?

    private enum Input: Comparable {
        case open
        case ended
        case inactive
    }

    init(
        on eventLoop: any EventLoop, _ halfClose: Relay.HalfClose, _ linger: TimeAmount, count: @escaping (Int) -> Void
    ) {
        self.eventLoop = eventLoop
        self.halfClose = halfClose
        self.linger = linger
        self.count = count
    }

    // MARK: Joining

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if !context.channel.isActive { self.input = .inactive }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.lingering?.cancel()
        // The two ends hold each other.
        self.peer = nil
        self.neighbour = nil
    }

    func connect(to peer: NIOLoopBound<RelayEnd>) {
        self.peer = peer
        if peer.eventLoop.inEventLoop { self.neighbour = peer.value }
        self.handOver()
        if self.input > .open { self.tellPeerOfEnd() }
        guard let channel = self.context?.channel, channel.isActive else { return }
        if (try? channel.syncOptions?.setOption(.autoRead, value: true)) == nil {
            channel.close(promise: nil)
        }
        // A read that's seen by the handlers on the way, ``PipeHold`` among them.
        channel.read()
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.count(bytes.readableBytes)
        if let neighbour = self.neighbour {
            neighbour.write(bytes)
        } else {
            self.batch.append(bytes)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.handOver()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if self.mayRead {
            context.read()
        } else {
            self.isReadWaiting = true
        }
    }

    private var mayRead: Bool {
        self.peer != nil && self.isPeerWritable && self.batchesUnderWay < Self.mostUnderWay
    }

    private func resumeReading() {
        guard self.isReadWaiting, self.mayRead, let context = self.context else { return }
        self.isReadWaiting = false
        context.read()
    }

    private func handOver() {
        if let neighbour = self.neighbour {
            for bytes in self.batch { neighbour.write(bytes) }
            self.batch = []
            neighbour.flush()
            self.isPeerWritable = neighbour.isWritable
        } else if let peer = self.peer, !self.batch.isEmpty {
            let batch = self.batch
            self.batch = []
            self.batchesUnderWay += 1
            self.tell(peer) { peer, origin in
                for bytes in batch { peer.write(bytes) }
                peer.flush()
                let isWritable = peer.isWritable
                origin.eventLoop.execute {
                    let origin = origin.value
                    origin.batchesUnderWay -= 1
                    origin.peerBecame(writable: isWritable)
                }
            }
        }
    }

    private func tell(
        _ peer: NIOLoopBound<RelayEnd>, _ body: @escaping @Sendable (RelayEnd, NIOLoopBound<RelayEnd>) -> Void
    ) {
        let origin = NIOLoopBound(self, eventLoop: self.eventLoop)
        peer.eventLoop.execute { body(peer.value, origin) }
    }

    // MARK: Writing

    private var isWritable: Bool { self.context?.channel.isWritable ?? true }

    private func write(_ bytes: ByteBuffer) {
        self.context?.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    private func flush() {
        self.context?.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        if let neighbour = self.neighbour {
            neighbour.peerBecame(writable: isWritable)
        } else if let peer = self.peer {
            peer.eventLoop.execute { peer.value.peerBecame(writable: isWritable) }
        }
        context.fireChannelWritabilityChanged()
    }

    private func peerBecame(writable: Bool) {
        self.isPeerWritable = writable
        self.resumeReading()
    }

    // MARK: Ending

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { self.inputEnded(.ended, context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.lingering?.cancel()
        self.inputEnded(.inactive, context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func inputEnded(_ end: Input, _ context: ChannelHandlerContext) {
        guard end > self.input else { return }
        self.input = end
        self.handOver()
        if self.peer != nil { self.tellPeerOfEnd() }
        if end == .ended, self.halfClose == .passes, self.isOutputClosed { context.close(promise: nil) }
    }

    private func tellPeerOfEnd() {
        let isHalf = self.input == .ended && self.halfClose == .passes
        if let neighbour = self.neighbour {
            neighbour.finish(outputOnly: isHalf)
        } else if let peer = self.peer {
            peer.eventLoop.execute { peer.value.finish(outputOnly: isHalf) }
        }
    }

    /// Nothing more is to be written: closes once all of it is with the kernel, or after the linger.
    private func finish(outputOnly: Bool) {
        guard let context = self.context else { return }
        if outputOnly {
            guard !self.isOutputClosed else { return }
            self.isOutputClosed = true
            let channel = context.channel
            let isInputOpen = self.input == .open
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer())).whenComplete { _ in
                channel.close(mode: isInputOpen ? .output : .all).whenFailure { _ in channel.close(promise: nil) }
            }
            return
        }
        guard self.lingering == nil else { return }
        let channel = context.channel
        let lingering = context.eventLoop.scheduleTask(in: self.linger) { channel.close(promise: nil) }
        self.lingering = lingering
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            lingering.cancel()
            channel.close(promise: nil)
        }
    }
}
