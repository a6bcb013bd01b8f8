package import Contracts
package import ControlWire
package import GloveboxCore
package import Logging
package import NIOCore
import NIOPosix
package import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The gateway's end of the tunnel: agents dial it, over TLS 1.3 with a certificate each, and it opens sessions on
/// them. See ``ControlMessage`` and ``PoolMessage`` for what is said.
///
/// Promise 5: an agent of which nothing is heard is away after ``LivenessPace/deadAfter`` and lost after
/// ``LivenessPace/grace`` more; then its sessions' pipes are closed. An agent that comes back in time finds them open.
/// Every method may be called from any thread.
package final class TunnelServer: Sendable {
    package struct Configuration: Sendable {
        package var host: String
        /// 0 for any that is free.
        package var port: Int
        /// Asked for each connection, so that a renewed certificate is used at once. Must be made from what
        /// ``TunnelPort/gatewayConfiguration(certificateChain:privateKey:clientRoots:)`` gives.
        package var tls: @Sendable () throws -> NIOSSLContext
        /// Which run of the gateway this is.
        package var instance: InstanceID
        package var versions = ProtocolVersions.current
        package var features: Set<String> = []
        package var pool = PoolBounds.standard
        package var times = TunnelTimes()
        /// Most connections at once of which it isn't known yet whose they are.
        package var unsettledLimit = 512

        package init(
            host: String, port: Int, instance: InstanceID, tls: @escaping @Sendable () throws -> NIOSSLContext
        ) {
            self.host = host
            self.port = port
            self.instance = instance
            self.tls = tls
        }
    }

    /// Where it listens.
    package let address: SocketAddress
    private let listener: any Channel
    private let core: TunnelServerCore
    private let ticker: Ticker

    private init(_ listener: any Channel, _ address: SocketAddress, _ core: TunnelServerCore) {
        self.listener = listener
        self.address = address
        self.core = core
        self.ticker = Ticker(every: core.configuration.times.tick, of: core.time) { core.tick(at: $0) }
    }

    /// Starts to listen.
    ///
    /// - Throws: `port_taken`, or `configuration_invalid` for an address that can't be listened on.
    package static func start(
        _ configuration: Configuration, events: any TunnelGatewayEvents, time: any TimeSource,
        on group: any EventLoopGroup, logger: Logger
    ) async throws -> TunnelServer {
        let core = TunnelServerCore(configuration, events, time, logger)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // A pipe's last bytes outlive the agent's closing of it: see ``PipeHold``.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                guard core.admit(channel) else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    try TunnelSockets.prepare(channel)
                    let tls = NIOSSLServerHandler(context: try configuration.tls())
                    try channel.pipeline.syncOperations.addHandlers(tls, TunnelDoor(core))
                }
            }
        let place = "\(configuration.host):\(configuration.port)"
        do {
            let listener = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            guard let address = listener.localAddress else {
                throw GloveboxError(.configurationInvalid, "can't listen for agents on \(place)")
            }
            return TunnelServer(listener, address, core)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw GloveboxError(
                .portTaken, "another program listens on \(place): stop it, or set another port for agents", cause: error
            )
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(
                .configurationInvalid,
                "can't listen for agents on \(place): is it an address of this machine, and allowed?",
                cause: error)
        }
    }

    // MARK: Sessions

    /// How many connections are tried before a client is told that none is taken.
    private static let mostTries = 3

    /// Has an agent open a session, and gives the plain byte pipe to it: its handlers are those of TLS, and one that
    /// holds what the agent has sent already. The channel reads nothing by itself (autoRead is off): add handlers, then
    /// call `channel.read()`; `autoRead` may be turned on after that. ``Relay/join(_:_:halfClose:linger:)`` does all of it.
    /// The pipe reports the agent's end of it as `ChannelEvent.inputClosed` first, so that it can be read to its end.
    ///
    /// - Parameter eventLoop: a connection on this one is preferred; the future is of this one, the channel need not be.
    /// - Returns: fails with a ``GloveboxError``: `agent_offline`, `unavailable`, or the agent's own refusal.
    package func openSession(
        _ request: SessionRequest, on agent: AgentName, eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        guard let link = self.core.knownLink(of: agent) else {
            return eventLoop.makeFailedFuture(AgentLink(agent).offline)
        }
        return self.open(request, on: link, eventLoop, triesLeft: Self.mostTries)
    }

    private func open(
        _ request: SessionRequest, on link: AgentLink, _ eventLoop: any EventLoop, triesLeft: Int
    ) -> EventLoopFuture<any Channel> {
        guard triesLeft > 0 else {
            return eventLoop.makeFailedFuture(
                GloveboxError(.unavailable, "agent \(link.agent) doesn't answer on its connections: try again"))
        }
        return link.take(on: eventLoop, limit: self.core.configuration.times.poolWait)
            .flatMap { $0.open(request).hop(to: eventLoop) }
            .flatMap { opened in
                switch opened {
                case .retry:
                    return self.open(request, on: link, eventLoop, triesLeft: triesLeft - 1)
                case .pipe(let channel):
                    guard link.opened(request.session, on: channel) else {
                        channel.close(promise: nil)
                        return eventLoop.makeFailedFuture(link.offline)
                    }
                    return eventLoop.makeSucceededFuture(channel)
                }
            }
    }

    /// Asks the agent to cancel what runs in a session; the session goes on.
    package func cancel(_ session: SessionID, on agent: AgentName) {
        self.core.knownLink(of: agent)?.send(.cancel(session))
    }

    // MARK: Leases

    /// Tells the agent that a lease has ended: at once, and again when it comes back within its grace.
    package func endLease(_ lease: LeaseID, reason: LeaseEnd, on agent: AgentName) {
        self.core.knownLink(of: agent)?
            .endLease(lease, reason, at: self.core.time.boot, keeping: self.core.noticesKept)
    }

    /// Tells the agent what a lease now has left.
    package func extendLease(_ lease: LeaseID, remaining: Duration, on agent: AgentName) {
        let now = self.core.time.boot
        self.core.knownLink(of: agent)?
            .extendLease(lease, until: now.advanced(by: remaining), at: now, keeping: self.core.noticesKept)
    }

    /// The same for whichever agents have heard of the lease, where the caller doesn't know.
    package func endLease(_ lease: LeaseID, reason: LeaseEnd) {
        for agent in self.core.agents { self.endLease(lease, reason: reason, on: agent) }
    }

    package func extendLease(_ lease: LeaseID, remaining: Duration) {
        for agent in self.core.agents { self.extendLease(lease, remaining: remaining, on: agent) }
    }

    /// Tells the agent that the gateway's log has grown.
    package func tell(_ checkpoint: LogCheckpoint, to agent: AgentName) {
        self.core.knownLink(of: agent)?.send(.checkpoint(checkpoint))
    }

    /// Asks an agent for a change on its host; dropped while it's away.
    package func send(_ order: ChangeOrder, to agent: AgentName) {
        self.core.knownLink(of: agent)?.send(.changeOrder(order))
    }

    // MARK: Agents

    /// Closes every connection of an agent, sessions' pipes included. It may dial again: whether it's let in is for
    /// ``TunnelGatewayEvents/authorize(_:)`` to say.
    package func disconnect(_ agent: AgentName) {
        _ = self.core.knownLink(of: agent)?.closeAll()
    }

    // MARK: State

    /// Sessions whose pipes are open.
    package func sessionCount(on agent: AgentName) -> Int { self.core.knownLink(of: agent)?.sessionCount ?? 0 }

    /// Connections that wait for a session.
    package func idleCount(on agent: AgentName) -> Int { self.core.knownLink(of: agent)?.idleCount ?? 0 }

    /// Stops listening, says goodbye to the agents and closes every connection, sessions' pipes included; returns when
    /// all are closed.
    package func close() async {
        self.ticker.stop()
        try? await self.listener.close()
        let (links, unsettled) = self.core.close()
        var closing = unsettled
        for link in links {
            link.send(.goodbye(reason: "the gateway stops"))
            closing += link.closeAll()
        }
        for channel in closing { channel.close(promise: nil) }
        for channel in closing { try? await channel.closeFuture.get() }
    }
}
