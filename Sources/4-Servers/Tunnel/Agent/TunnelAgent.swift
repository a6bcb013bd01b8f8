package import Contracts
package import ControlWire
package import GloveboxCore
package import Logging
package import NIOCore
package import NIOSSL

/// The agent's end of the tunnel: it dials its gateway and keeps dialling, holds one control connection and a warm pool
/// of idle ones, and opens sessions as the gateway asks.
///
/// Promise 5: a gateway of which nothing is heard is away after ``LivenessPace/deadAfter`` and lost after
/// ``LivenessPace/grace`` more; then the sessions' pipes are closed. Every method may be called from any thread.
package final class TunnelAgent: Sendable {
    package struct Configuration: Sendable {
        /// The gateway's.
        package var host: String
        package var port: Int
        /// Asked for each connection, so that a renewed certificate is used at once: what
        /// ``TunnelPort/agentConfiguration(certificateChain:privateKey:gatewayRoots:)`` gives. Called on event loops.
        package var tls: @Sendable () throws -> TLSConfiguration
        package var agent: AgentName
        /// Which run of the agent this is.
        package var instance: InstanceID
        /// This program's version, for people.
        package var software: String
        package var versions = ProtocolVersions.current
        package var features: Set<String> = []
        package var times = TunnelTimes()
        /// The gateway's log as it was seen last. Asked for each control connection, on its event loop.
        package var log: @Sendable () -> KnownLog? = { nil }

        package init(
            host: String, port: Int, agent: AgentName, instance: InstanceID, software: String,
            tls: @escaping @Sendable () throws -> TLSConfiguration
        ) {
            self.host = host
            self.port = port
            self.agent = agent
            self.instance = instance
            self.software = software
            self.tls = tls
        }
    }

    private let handle: AgentHandle
    private let ticker: Ticker

    private init(_ handle: AgentHandle, _ time: any TimeSource) {
        self.handle = handle
        self.ticker = Ticker(every: handle.configuration.times.tick, of: time) { now in
            handle.run { $0.tick(at: now) }
        }
    }

    /// Begins to dial.
    ///
    /// - Parameters:
    ///   - group: for the sessions' pipes.
    ///   - control: for the control connection; best one of its own, so that no session's work keeps it waiting.
    package static func start(
        _ configuration: Configuration, targets: [TargetAnnouncement], events: any TunnelAgentEvents,
        time: any TimeSource, on group: any EventLoopGroup, control: (any EventLoop)? = nil, logger: Logger
    ) async throws -> TunnelAgent {
        let eventLoop = control ?? group.next()
        let handle = try await eventLoop.submit {
            let core = AgentCore(configuration, targets: targets, events, time, group, eventLoop, logger)
            core.dial()
            return AgentHandle(core)
        }.get()
        return TunnelAgent(handle, time)
    }

    /// Sends records, in order; those given while the gateway is away are dropped, since ``Welcome/lastSequence`` says
    /// from where to send when it's back. Keep what is sent and not acknowledged below 32 MiB, and one record below
    /// ``ControlMessage/longestFrame``.
    package func send(records: [SequencedRecord]) {
        self.handle.run { $0.send(records: records) }
    }

    /// Tells the gateway what has become of a change; dropped while it's away, so tell it again when it has joined.
    package func send(_ report: ChangeReport) {
        self.handle.run { $0.send(.changeReport(report)) }
    }

    /// The agent's targets are now these.
    package func announce(_ targets: [TargetAnnouncement]) {
        self.handle.run { $0.announce(targets) }
    }

    /// Says goodbye, and closes every connection, sessions' pipes included; returns when all are closed.
    package func close() async {
        self.ticker.stop()
        let channels = (try? await self.handle.close().get()) ?? []
        for channel in channels { try? await channel.closeFuture.get() }
    }
}

extension AgentHandle {
    fileprivate func close() -> EventLoopFuture<[any Channel]> {
        let promise = self.eventLoop.makePromise(of: [any Channel].self)
        self.run { promise.succeed($0.close()) }
        return promise.futureResult
    }
}
