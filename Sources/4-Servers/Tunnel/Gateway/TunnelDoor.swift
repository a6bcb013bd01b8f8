import ControlWire
import GloveboxCore
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind TLS on each connection that comes in: once the handshake is done it looks at the application protocol
/// (nio-ssl lets a connection without a common one pass), has the certificate judged, and makes way for the handler of
/// the protocol. What came meanwhile goes on to that one.
final class TunnelDoor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// More than a hello needs.
    private static let mostHeld = 1 << 20

    private let server: TunnelServerCore
    private var held: [ByteBuffer] = []
    private var heldBytes = 0
    private var overdue: Scheduled<Void>?

    init(_ server: TunnelServerCore) {
        self.server = server
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        self.overdue = context.eventLoop.scheduleTask(in: self.server.configuration.times.join) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.overdue?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.heldBytes += bytes.readableBytes
        guard self.heldBytes <= Self.mostHeld else { return context.close(promise: nil) }
        self.held.append(bytes)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSUserEvent:
            if case .handshakeCompleted(let applicationProtocol) = event { self.judge(applicationProtocol, context) }
        case ChannelEvent.inputClosed:
            context.close(promise: nil)
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.server.logger.debug(
            "a connection to the tunnel's port failed",
            metadata: ["from": "\(context.channel.remoteAddress?.description ?? "-")", "error": "\(describe(error))"])
        context.close(promise: nil)
    }

    private func judge(_ applicationProtocol: String?, _ context: ChannelHandlerContext) {
        guard let applicationProtocol, TunnelPort.applicationProtocols.contains(applicationProtocol) else {
            self.server.logger.debug("a connection to the tunnel's port named no protocol of the tunnel's")
            return context.close(promise: nil)
        }
        let peer: PeerCertificate
        do {
            guard let certificate = try context.pipeline.syncOperations.nioSSL_peerCertificate() else {
                return context.close(promise: nil)
            }
            peer = try PeerCertificate(certificate)
        } catch {
            return self.errorCaught(context: context, error: error)
        }
        let events = self.server.events
        context.eventLoop.makeFutureWithTask { try await events.authorize(peer) }
            .assumeIsolated().whenComplete { result in
                guard context.channel.isActive else { return }
                switch result {
                case .success(let agent): self.makeWay(for: agent, applicationProtocol, context)
                case .failure(let error): self.refuse(GloveboxError(telling: error), applicationProtocol, context)
                }
            }
    }

    private func makeWay(for agent: AgentName, _ applicationProtocol: String, _ context: ChannelHandlerContext) {
        guard let link = self.server.link(of: agent) else { return context.close(promise: nil) }
        self.server.settle(context.channel)
        do {
            if applicationProtocol == TunnelPort.control {
                try context.pipeline.syncOperations.addHandler(ControlGatewayHandler(link, self.server))
            } else {
                try context.pipeline.syncOperations.addHandler(
                    PoolGatewayHandler(link, self.server.configuration.times))
            }
        } catch {
            return self.errorCaught(context: context, error: error)
        }
        for bytes in self.held { context.fireChannelRead(self.wrapInboundOut(bytes)) }
        if !self.held.isEmpty { context.fireChannelReadComplete() }
        self.held = []
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func refuse(_ error: GloveboxError, _ applicationProtocol: String, _ context: ChannelHandlerContext) {
        self.server.logger.warning(
            "a certificate was refused at the tunnel's port", metadata: ["error": "\(describe(error))"])
        guard applicationProtocol == TunnelPort.control else { return context.close(promise: nil) }
        var frame = ByteBuffer()
        do {
            try ControlMessage.refused(code: error.code.rawValue, message: error.message).encode(into: &frame)
        } catch {
            return context.close(promise: nil)
        }
        context.writeAndFlush(NIOAny(frame), promise: nil)
        context.close(promise: nil)
    }
}
