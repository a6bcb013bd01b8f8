import NIOCore
import NIOPosix

/// The pools of one endpoint on one loop: marked requests have connections of their own.
final class UpstreamPools {
    let endpoint: Endpoint
    let ordinary: UpstreamPool
    let marked: UpstreamPool

    init(_ endpoint: Endpoint, _ loop: ProxyLoop) {
        self.endpoint = endpoint
        self.ordinary = UpstreamPool(endpoint, loop)
        self.marked = UpstreamPool(endpoint, loop)
    }

    func closeIdle() {
        self.ordinary.closeIdle()
        self.marked.closeIdle()
    }
}

/// Connections to one endpoint, from one loop.
final class UpstreamPool {
    let endpoint: Endpoint
    let loop: ProxyLoop
    /// The one that was used last is at the end, and is used first: so what isn't needed gets old and is closed.
    private var idle: [UpstreamConnection] = []
    /// Those that serve a request, or are being made for one.
    private(set) var busy = 0

    init(_ endpoint: Endpoint, _ loop: ProxyLoop) {
        self.endpoint = endpoint
        self.loop = loop
    }

    /// Finds a connection for the exchange, which is told when there's one.
    /// - Returns: whether there may be one.
    func serve(_ exchange: Exchange) -> Bool {
        if let connection = self.idle.popLast() {
            self.busy += 1
            exchange.connected(connection, isReused: true)
            return true
        }
        guard self.busy < self.loop.settings.limits.upstreamConnections else { return false }
        self.busy += 1
        self.connect(for: exchange)
        return true
    }

    private func connect(for exchange: Exchange) {
        let loop = self.loop
        loop.counters.sums.upstreamConnects &+= 1
        let connection = UpstreamConnection(self, loop)
        connection.awaited(by: exchange)
        exchange.upstream = connection
        let bound = NIOLoopBound(connection, eventLoop: loop.eventLoop)
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            // What one read takes has to wait here when the client takes nothing.
            .channelOption(.maxMessagesPerRead, value: 1)
            .connectTimeout(loop.settings.timeouts.connect.timeAmount)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        let address = self.endpoint.address
        let opening: EventLoopFuture<any Channel>
        if let known = try? SocketAddress(ipAddress: address.host, port: address.port) {
            opening = bootstrap.connect(to: known)
        } else {
            opening = bootstrap.connect(host: address.host, port: address.port)
        }
        opening.assumeIsolated().whenComplete { result in
            switch result {
            case .success: bound.value.opened()
            case .failure: bound.value.failedToOpen()
            }
        }
    }

    /// It has served its request, and may serve another.
    func giveBack(_ connection: UpstreamConnection) {
        self.busy -= 1
        guard self.idle.count < self.loop.settings.limits.idleUpstreamConnections, !self.loop.isDraining else {
            connection.close()
            return
        }
        self.idle.append(connection)
    }

    /// One that served a request won't serve another.
    func gone() {
        self.busy -= 1
    }

    /// One that served none is closed.
    func lost(_ connection: UpstreamConnection) {
        if let index = self.idle.lastIndex(where: { $0 === connection }) { self.idle.remove(at: index) }
    }

    func closeIdle() {
        let idle = self.idle
        self.idle = []
        for connection in idle { connection.close() }
    }
}
