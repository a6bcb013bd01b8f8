package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The reverse proxy: listens, and serves requests by its routes until it's asked to stop.
///
/// `start` listens, `apply` swaps the routes, `stop` ends: `run` does the first and the last for a `ServiceGroup`.
package final class ProxyServer: Service {
    private struct State {
        var endpoints: [UpstreamAddress: Endpoint] = [:]
        var routes: ProxyRoutes
        /// How many tables were made, and which of them `routes` are.
        var tables = 0
        var table = 0
        var listeners: [any Channel] = []
        var isStopping = false
    }

    private let shared: ProxyLoop.Shared
    private let loops: [NIOLoopBoundBox<ProxyLoop?>]
    private let checks: NIOLoopBoundBox<HealthChecks?>
    private let group: any EventLoopGroup
    private let state: Mutex<State>
    private let logger: Logger
    private let drainLimit: Duration

    /// - Parameters:
    ///   - drainLimit: how long requests under way get when the proxy is asked to stop by `run`'s service group.
    ///   - accessLog: is called on event loops, and has to be quick.
    package init(
        _ settings: ProxySettings, routes: ProxyRoutes, judge: (any RequestJudge)? = nil,
        accessLog: (@Sendable (AccessEvent) -> Void)? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, drainLimit: Duration = .seconds(30),
        logger: Logger
    ) {
        self.shared = ProxyLoop.Shared(settings, judge: judge, accessLog: accessLog)
        self.group = group
        self.loops = group.makeIterator().map { NIOLoopBoundBox.makeEmptyBox(eventLoop: $0) }
        self.checks = NIOLoopBoundBox.makeEmptyBox(eventLoop: group.next())
        self.state = Mutex(State(routes: routes))
        self.logger = logger
        self.drainLimit = drainLimit
    }

    /// Listens.
    /// - Returns: the addresses, in the listeners' order.
    /// - Throws: `ProxyRoutesError`, or what listening throws; then nothing listens.
    @discardableResult
    package func start() async throws -> [SocketAddress] {
        let routes = self.state.withLock { $0.routes }
        let table = try self.table(routes)
        for box in self.loops {
            try await box.eventLoop.submit { [shared, count = self.loops.count] in
                let loop = ProxyLoop(box.eventLoop, of: count, shared, table)
                box.value = loop
                loop.run()
            }.get()
        }
        try await self.check(table)
        do {
            for listener in self.shared.settings.listeners {
                let channel = try await self.listen(listener)
                self.state.withLock { $0.listeners.append(channel) }
            }
        } catch {
            await self.stop(within: .zero)
            throw error
        }
        let addresses = self.state.withLock { $0.listeners.compactMap(\.localAddress) }
        self.logger.info("the proxy listens", metadata: ["at": "\(addresses)", "epoch": "\(routes.epoch)"])
        return addresses
    }

    /// Serves by these routes from now on: once it returns, every event loop does. Requests under way end by the ones that
    /// they began with. Of several at once the last to begin wins, on all event loops alike.
    /// - Throws: what's wrong with them; then those before go on.
    package func apply(_ routes: ProxyRoutes) async throws {
        let table = try self.table(routes)
        for box in self.loops {
            try await box.eventLoop.submit { box.value?.take(table) }.get()
        }
        try await self.check(table)
        self.state.withLock { state in
            guard table.number > state.table else { return }
            state.table = table.number
            state.routes = routes
        }
        self.logger.info("routes are taken on", metadata: ["epoch": "\(routes.epoch)"])
    }

    private func check(_ table: RouteTable) async throws {
        let (box, logger) = (self.checks, self.logger)
        try await box.eventLoop.submit {
            let checks =
                box.value
                ?? HealthChecks(box.eventLoop) { endpoint, isUp in
                    logger.notice(
                        isUp ? "an upstream is up again" : "an upstream is down: it gets no requests",
                        metadata: ["upstream": "\(endpoint.description)"])
                }
            box.value = checks
            checks.take(table)
        }.get()
    }

    package var routes: ProxyRoutes { self.state.withLock { $0.routes } }

    private func table(_ routes: ProxyRoutes) throws(ProxyRoutesError) -> RouteTable {
        let result = self.state.withLock { state -> Result<RouteTable, ProxyRoutesError> in
            do throws(ProxyRoutesError) {
                state.tables += 1
                return .success(
                    try RouteTable(routes, number: state.tables) { address in
                        if let known = state.endpoints[address] { return known }
                        let endpoint = Endpoint(address, number: state.endpoints.count)
                        state.endpoints[address] = endpoint
                        return endpoint
                    })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// What's known of the endpoints of the routes in force.
    package var endpoints: [EndpointStatus] {
        let now = NIODeadline.now().uptimeNanoseconds
        return self.state.withLock { state in
            state.routes.services.flatMap { service in
                service.versions.flatMap { version in
                    version.endpoints.map { address in
                        let endpoint = state.endpoints[address]
                        return EndpointStatus(
                            service: service.name, version: version.name, address: address,
                            isUp: endpoint?.isUpByCheck ?? true, isEjected: endpoint?.isEjected(at: now) ?? false)
                    }
                }
            }
        }
    }

    /// What has happened so far, of all event loops.
    package func counters() async -> ProxyCounters {
        var sum = ProxyCounters()
        for box in self.loops {
            let counters = try? await box.eventLoop.submit { box.value?.counters.all }.get()
            if let counters { sum.add(counters) }
        }
        sum.activeConnections = self.shared.connections.load(ordering: .relaxed)
        return sum
    }

    /// Takes no more connections, and returns when those that there are have ended: each behind the request it's serving,
    /// those without one after a while in which a client's next request would still be served.
    /// - Parameter limit: after which what's left is cut.
    package func stop(within limit: Duration) async {
        let listeners = self.state.withLock { state in
            state.isStopping = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { try? await listener.close() }
        let idle = min(limit / 4, Self.idleDrain)
        for box in self.loops { try? await box.eventLoop.submit { box.value?.drain(idle: idle) }.get() }
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: limit)
        while self.shared.connections.load(ordering: .relaxed) > 0, clock.now < end {
            do {
                try await clock.sleep(for: .milliseconds(20))
            } catch {
                break
            }
        }
        for box in self.loops { try? await box.eventLoop.submit { box.value?.stop() }.get() }
        let checks = self.checks
        try? await checks.eventLoop.submit { checks.value?.stop() }.get()
    }

    /// How long a connection without a request stays open for one, at most, when the proxy stops.
    private static let idleDrain = Duration.seconds(2)

    /// As a `Service`: returns when the process is asked to stop, and has stopped.
    /// - Throws: what `start` throws.
    package func run() async throws {
        try await self.start()
        try? await gracefulShutdown()
        await self.stop(within: self.drainLimit)
    }

    // MARK: Listening

    private func listen(_ listener: ProxyListener) async throws -> any Channel {
        let loops = self.loops
        let shared = self.shared
        let gate = ConnectionGate(listener: listener.mostConnections, shared)
        return try await ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let box = loops.first(where: { $0.eventLoop === channel.eventLoop }), let loop = box.value
                    else { return channel.close(promise: nil) }
                    guard gate.enter(channel) else {
                        loop.counters.sums.refusedConnections &+= 1
                        return channel.close(promise: nil)
                    }
                    loop.counters.sums.connections &+= 1
                    try ClientPipeline.add(to: channel, of: listener, loop)
                }
            }
            .bind(host: listener.host, port: listener.port).get()
    }
}

/// Counts connections, and lets no more in than there may be.
private final class ConnectionGate: Sendable {
    private let most: Int
    private let count = Atomic(0)
    private let shared: ProxyLoop.Shared

    init(listener most: Int, _ shared: ProxyLoop.Shared) {
        self.most = most
        self.shared = shared
    }

    /// - Returns: whether there's room; then it's left again when the channel closes.
    func enter(_ channel: any Channel) -> Bool {
        let here = self.count.add(1, ordering: .relaxed).newValue
        let all = self.shared.connections.add(1, ordering: .relaxed).newValue
        guard here <= self.most, all <= self.shared.settings.limits.connections else {
            self.leave()
            return false
        }
        channel.closeFuture.whenComplete { _ in self.leave() }
        return true
    }

    private func leave() {
        self.count.subtract(1, ordering: .relaxed)
        self.shared.connections.subtract(1, ordering: .relaxed)
    }
}
