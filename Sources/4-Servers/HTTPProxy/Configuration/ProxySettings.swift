package import HTTPWire
package import NIOSSL

/// What a proxy is started with, but for its routes.
package struct ProxySettings: Sendable {
    package var listeners: [ProxyListener]
    package var limits = ProxyLimits()
    package var timeouts = ProxyTimeouts()
    package var retries = RetryRule()
    /// Peers whose word about the client counts: other proxies before this one.
    package var trusted: [AddressRange] = []
    /// How this proxy calls itself in `Via`.
    package var pseudonym = "glovebox"

    package init(listeners: [ProxyListener]) {
        self.listeners = listeners
    }
}

package struct ProxyListener: Sendable {
    package var host: String
    /// 0: any that's free.
    package var port: Int
    /// With TLS, HTTP/2 is offered beside HTTP/1.1. Asked for at each connection, so that a certificate can be renewed.
    package var tls: (@Sendable () -> NIOSSLContext)?
    /// Connections at once.
    package var mostConnections: Int

    package init(
        host: String, port: Int, tls: (@Sendable () -> NIOSSLContext)? = nil, mostConnections: Int = 10_000
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.mostConnections = mostConnections
    }
}

package struct ProxyLimits: Hashable, Sendable {
    package var head = HeadLimits()
    /// Bytes of a request's body.
    package var body: UInt64 = 64 * 1024 * 1024
    /// Connections at once, all listeners together.
    package var connections = 20_000
    /// Requests at once, shared out evenly among event loops.
    package var requests = 50_000
    /// Requests on one connection, after which it's closed.
    package var requestsPerConnection = 1_000_000
    /// To one endpoint, from one event loop.
    package var upstreamConnections = 1024
    /// Idle ones that are kept for it.
    package var idleUpstreamConnections = 256
    /// Marked requests at once, wherever they go.
    package var markedRequests = 32
    /// HTTP/2 streams at once on one connection.
    package var streams = 100

    package init() {}
}

package struct ProxyTimeouts: Hashable, Sendable {
    /// From a head's first byte, or from the connection's beginning, to the head's end.
    package var head = Duration.seconds(10)
    /// Between two requests on a connection.
    package var idle = Duration.seconds(75)
    /// Between two parts of a request's body.
    package var body = Duration.seconds(30)
    package var connect = Duration.seconds(5)
    /// From the request's end to the response's head.
    package var response = Duration.seconds(60)
    /// Between two parts of a response.
    package var stream = Duration.seconds(60)
    /// While a client takes nothing of what there is for it.
    package var send = Duration.seconds(60)
    /// Of a connection that has switched protocols, with nothing on it.
    package var upgraded = Duration.seconds(3600)
    /// For which an upstream connection is kept without a request.
    package var upstreamIdle = Duration.seconds(55)
    /// For which what a client still sends is read when its connection is being closed.
    package var linger = Duration.seconds(2)

    package init() {}
}

/// How often a safe request without a body is sent again, when nothing came back.
package struct RetryRule: Hashable, Sendable {
    /// Beside the first.
    package var attempts = 2
    /// Of all requests, in percent: so that retries don't double the load when everything fails.
    package var budgetPercent = 20

    package init() {}
}
