import NIOCore

/// Carries bytes from one channel to another on any event loop, with back pressure; closes it when this one closes.
final class TestRelay: ChannelDuplexHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let partner: any Channel
    private let state: NIOLoopBoundBox<(context: ChannelHandlerContext?, isReadWaiting: Bool)>

    init(to partner: any Channel, from own: any Channel) {
        self.partner = partner
        self.state = .makeBoxSendingValue((nil, false), eventLoop: own.eventLoop)
    }

    /// Joins both ways, on the client's event loop.
    @Sendable
    static func join(_ client: any Channel, _ tunnel: any Channel) {
        let toTunnel = TestRelay(to: tunnel, from: client)
        let toClient = TestRelay(to: client, from: tunnel)
        try? client.pipeline.syncOperations.addHandler(toTunnel)
        tunnel.pipeline.addHandler(toClient).whenSuccess {
            tunnel.setOption(.autoRead, value: true).whenFailure { _ in tunnel.close(promise: nil) }
            // A read that the handlers see.
            tunnel.read()
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { self.state.value.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.state.value.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.partner.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let partner = self.partner
        partner.writeAndFlush(ByteBuffer()).whenComplete { _ in partner.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        self.partner.pipeline.fireUserInboundEventTriggered(PartnerIsWritable())
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is PartnerIsWritable, self.state.value.isReadWaiting else {
            return context.fireUserInboundEventTriggered(event)
        }
        self.state.value.isReadWaiting = false
        context.read()
    }

    func read(context: ChannelHandlerContext) {
        if self.partner.isWritable {
            context.read()
        } else {
            self.state.value.isReadWaiting = true
        }
    }

    private struct PartnerIsWritable: Sendable {}
}
