import GloveboxCore
import HTTPProxy
import Telemetry
import TestContextToken

/// What an edge tells of itself, and of the services behind it.
struct EdgeTelemetry: TelemetrySource {
    let proxy: ProxyServer
    let marks: TestMarks?
    let accessLog: AccessLog?
    let reloads: ReloadState
    let common: RoleMetrics

    /// It's ready while each service has a version with an endpoint that's up.
    func checks() async -> [ReadinessCheck] {
        let endpoints = self.proxy.endpoints
        let weights = Dictionary(
            self.proxy.routes.services.flatMap { service in
                service.versions.map { ("\(service.name) \($0.name)", $0.weight) }
            }
        ) { $1 }
        return Set(endpoints.map(\.service)).sorted().map { service in
            let isServed = endpoints.contains {
                $0.service == service && $0.isUp && weights["\(service) \($0.version)"] ?? 0 > 0
            }
            return ReadinessCheck("service \(service)", failure: isServed ? nil : "no endpoint of '\(service)' is up")
        }
    }

    func metrics() async -> [MetricFamily] {
        let counters = await self.proxy.counters()
        return self.common.families(await self.checks()) + self.requests(counters) + self.connections(counters)
            + self.own(counters)
    }

    private func requests(_ counters: ProxyCounters) -> [MetricFamily] {
        var (statuses, times) = ([MetricFamily.Sample](), [MetricFamily.Sample]())
        let keys = counters.requests.keys.sorted {
            ($0.service, $0.version, $0.isMarked ? 1 : 0) < ($1.service, $1.version, $1.isMarked ? 1 : 0)
        }
        for key in keys {
            guard let requests = counters.requests[key] else { continue }
            let labels: [MetricFamily.Label] = [
                .init("service", key.service), .init("version", key.version), .init("marked", "\(key.isMarked)"),
            ]
            for (place, count) in requests.byClass.enumerated() where count > 0 {
                statuses.append(
                    .init(Double(count), labels + [.init("status", place == 0 ? "none" : "\(place)xx")]))
            }
            let buckets = zip(ProxyCounters.latencyBounds, requests.latencies).map { (Double($0) / 1e9, $1) }
            times += MetricFamily.histogram(
                buckets, sum: Double(requests.latencyNanoseconds) / 1e9, count: requests.latencyCount, labels)
        }
        return [
            MetricFamily(
                "edge_requests_total", "Requests served, by the version that answered and the status' class.",
                .counter, statuses),
            MetricFamily(
                "edge_request_seconds", "How long they took, from the head's end to the last byte's.", .histogram, times
            ),
            MetricFamily(
                "edge_refusals_total", "Requests that the edge answered or cut short by itself, by why.", .counter,
                counters.refusals.sorted { $0.key < $1.key }.map { .init(Double($0.value), [.init("code", $0.key)]) }),
        ]
    }

    private func connections(_ counters: ProxyCounters) -> [MetricFamily] {
        func total(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
            MetricFamily(name, help, .counter, [.init(Double(value))])
        }
        return [
            total("edge_connections_total", "Connections of clients.", counters.connections),
            total("edge_refused_connections_total", "Connections beyond a limit.", counters.refusedConnections),
            .gauge("edge_connections", "Connections of clients now.", Double(counters.activeConnections)),
            .gauge("edge_requests", "Requests under way.", Double(counters.activeRequests)),
            total("edge_retries_total", "Requests that were sent to another upstream.", counters.retries),
            total("edge_upstream_connects_total", "Connections to upstreams.", counters.upstreamConnects),
            total(
                "edge_upstream_connect_failures_total", "Connections to upstreams that failed.",
                counters.upstreamConnectFailures),
            total("edge_ejections_total", "Upstreams that got no requests for a while.", counters.ejections),
            total(
                "edge_upgrades_total", "Connections that became WebSocket's, or another protocol's.", counters.upgrades),
            total("edge_request_bytes_total", "Bytes of requests' bodies.", counters.requestBytes),
            total("edge_response_bytes_total", "Bytes of responses' bodies.", counters.responseBytes),
        ]
    }

    private func own(_ counters: ProxyCounters) -> [MetricFamily] {
        var families = [
            MetricFamily(
                "edge_upstream_up", "Whether an upstream gets requests.", .gauge,
                self.proxy.endpoints.map {
                    .init(
                        $0.isUp && !$0.isEjected ? 1 : 0,
                        [
                            .init("service", $0.service), .init("version", $0.version),
                            .init("upstream", "\($0.address)"),
                        ])
                }),
            .gauge(
                "edge_configuration_refused", "Whether the file is refused, and what was read before is in force.",
                self.reloads.refusal == nil ? 0 : 1),
        ]
        if let marks {
            let counts = marks.counts
            families += [
                MetricFamily(
                    "edge_marks_total", "Requests with a test's mark that was taken.", .counter,
                    [.init(Double(counts.admitted))]),
                MetricFamily(
                    "edge_false_marks_total", "Marks that were taken out, by why.", .counter,
                    counts.refusals.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                        .init(Double($0.value), [.init("reason", $0.key.rawValue)])
                    }),
            ]
        }
        if let accessLog {
            let counts = accessLog.counts
            families.append(
                MetricFamily(
                    "edge_access_lines_lost_total", "Requests that aren't in the access log, by why.", .counter,
                    [
                        .init(Double(counts.dropped), [.init("reason", "dropped")]),
                        .init(Double(counts.failed), [.init("reason", "unmasked")]),
                    ]))
        }
        return families
    }
}
