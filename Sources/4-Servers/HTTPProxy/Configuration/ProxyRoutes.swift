/// Where requests go: one immutable state, swapped as a whole. Plain values; `RouteTable` is what's looked up in.
package struct ProxyRoutes: Hashable, Sendable {
    /// Which state this is; told with what was decided by it.
    package var epoch: UInt64
    package var routes: [ProxyRoute]
    package var services: [ProxyService]

    package init(epoch: UInt64 = 0, routes: [ProxyRoute] = [], services: [ProxyService] = []) {
        self.epoch = epoch
        self.routes = routes
        self.services = services
    }
}

/// Which requests go to a service. Of the routes that fit, that with the most particular host is taken, then the most
/// particular path, then the one with the most headers, then the first.
package struct ProxyRoute: Hashable, Sendable {
    package enum Path: Hashable, Sendable {
        /// `/a` takes `/a` and `/a/…`, not `/ab`; `/` takes all.
        case prefix(String)
        case exact(String)
    }

    package struct HeaderCondition: Hashable, Sendable {
        /// Compared without case.
        package var name: String
        /// The whole value, compared byte by byte; `nil`: any.
        package var value: String?

        package init(_ name: String, _ value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    package var name: String
    /// `shop.example`, `*.example` (any name under it), or none at all for any host.
    package var hosts: [String]
    package var path: Path
    package var headers: [HeaderCondition]
    /// Of a service.
    package var service: String
    /// Until the response's head; the proxy's own where it's `nil`.
    package var responseTimeout: Duration?
    /// Between two parts of a response; the proxy's own where it's `nil`. For streams of events that may be silent.
    package var streamTimeout: Duration?
    /// Most bytes of a request's body; the proxy's own where it's `nil`.
    package var mostBody: UInt64?
    /// Whether WebSocket connections may be made.
    package var allowsUpgrade: Bool

    package init(
        _ name: String, hosts: [String] = [], path: Path = .prefix("/"), headers: [HeaderCondition] = [],
        service: String, responseTimeout: Duration? = nil, streamTimeout: Duration? = nil, mostBody: UInt64? = nil,
        allowsUpgrade: Bool = true
    ) {
        self.name = name
        self.hosts = hosts
        self.path = path
        self.headers = headers
        self.service = service
        self.responseTimeout = responseTimeout
        self.streamTimeout = streamTimeout
        self.mostBody = mostBody
        self.allowsUpgrade = allowsUpgrade
    }
}

/// A service with the versions that answer for it.
package struct ProxyService: Hashable, Sendable {
    package var name: String
    package var versions: [ProxyVersion]
    package var health: HealthCheck?
    package var ejection: EjectionRule?

    package init(
        _ name: String, versions: [ProxyVersion], health: HealthCheck? = nil, ejection: EjectionRule? = EjectionRule()
    ) {
        self.name = name
        self.versions = versions
        self.health = health
        self.ejection = ejection
    }
}

package struct ProxyVersion: Hashable, Sendable {
    package var name: String
    /// Its share of ordinary requests, beside the others'. Without one it's a candidate: only marked requests get there.
    package var weight: Int
    package var endpoints: [UpstreamAddress]

    package init(_ name: String, weight: Int, endpoints: [UpstreamAddress]) {
        self.name = name
        self.weight = weight
        self.endpoints = endpoints
    }
}

/// Where a version of a service listens.
package struct UpstreamAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(_ host: String, _ port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String {
        self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// Asking every endpoint whether it can serve.
package struct HealthCheck: Hashable, Sendable {
    package var path: String
    package var interval: Duration
    package var timeout: Duration
    package var statuses: ClosedRange<Int>
    /// Answers in a row after which an endpoint counts as up, or down.
    package var untilUp: Int
    package var untilDown: Int

    package init(
        path: String, interval: Duration = .seconds(5), timeout: Duration = .seconds(2),
        statuses: ClosedRange<Int> = 200...299, untilUp: Int = 2, untilDown: Int = 2
    ) {
        self.path = path
        self.interval = interval
        self.timeout = timeout
        self.statuses = statuses
        self.untilUp = untilUp
        self.untilDown = untilDown
    }
}

/// When an endpoint gets no requests for a while, by how it served those that it got.
package struct EjectionRule: Hashable, Sendable {
    /// Failures in a row: no connection, no response in time, none at all, or one that's none.
    package var failures: Int
    /// For how long, the first time; doubled with each further one, up to ten times that.
    package var duration: Duration

    package init(failures: Int = 5, duration: Duration = .seconds(10)) {
        self.failures = failures
        self.duration = duration
    }
}
