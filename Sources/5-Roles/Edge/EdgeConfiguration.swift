package import GloveboxCore
package import HTTPProxy
import HTTPWire
package import Telemetry
package import YAMLDocument

/// What `glovebox edge` is told; docs/edge.md has an example.
///
/// Routes, services and marks are read again while it runs; the rest counts from the next start on.
package struct EdgeConfiguration: Sendable {
    package struct Listener: Hashable, Sendable {
        package var place: SocketPlace
        /// Files in PEM, for TLS.
        package var certificate: String?
        package var key: String?
        package var mostConnections: Int
    }

    package var listeners: [Listener]
    package var routes: ProxyRoutes
    package var limits: ProxyLimits
    package var timeouts: ProxyTimeouts
    package var retries: RetryRule
    package var trusted: [AddressRange]
    package var marks: MarkConfiguration?
    /// Who tells it of weights, runs and keys.
    var gateway: GatewayLinkConfiguration?
    /// Where each request is written down, masked; `nil`: nowhere.
    package var accessLog: AccessLogPlace?
    package var telemetry: TelemetryPlace?
    package var logging: LogSettings
    /// How long requests under way may go on when it's asked to stop.
    package var drain: Duration

    package var routeCount: Int { self.routes.routes.count }

    package enum AccessLogPlace: Hashable, Sendable {
        case standardOutput
        case file(String)
    }

    /// - Parameter folder: where paths that aren't whole begin.
    /// - Throws: `configuration_invalid` with file, line and column.
    package init(_ document: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try document.mapping(
            "version", "listen", "services", "routes", "limits", "timeouts", "retries", "trusted", "gateway", "marks",
            "access", "telemetry", "log", "drain")
        try fields.checkVersion(1)
        self.listeners = try fields.required("listen").map { (node) throws(GloveboxError) in
            try Self.listener(node, folder)
        }
        guard !self.listeners.isEmpty else {
            throw try fields.required("listen").error("'listen' is empty: write at least one {at: HOST:PORT}")
        }
        self.routes = try Self.routes(fields)
        self.limits = try Self.limits(fields["limits"])
        self.timeouts = try Self.timeouts(fields["timeouts"])
        self.retries = RetryRule()
        if let retries = try fields["retries"]?.mapping("attempts", "budget") {
            if let attempts = try retries["attempts"]?.int(in: 0...5) { self.retries.attempts = Int(attempts) }
            if let budget = try retries["budget"]?.int(in: 0...100) { self.retries.budgetPercent = Int(budget) }
        }
        self.trusted =
            try fields["trusted"]?.map { (node) throws(GloveboxError) in
                guard let range = AddressRange(try node.string) else {
                    throw node.error("\(node.label) is no range of addresses: write 10.0.0.0/8, for example")
                }
                return range
            } ?? []
        let gateway = try fields["gateway"].map { (node) throws(GloveboxError) in
            try GatewayLinkConfiguration(node, folder: folder)
        }
        self.gateway = gateway
        self.marks = try fields["marks"].map { (node) throws(GloveboxError) in
            try MarkConfiguration(node, gateway: gateway, folder: folder)
        }
        self.accessLog = try fields["access"].map { (node) throws(GloveboxError) in
            let text = try node.string
            return text == "stdout" ? .standardOutput : .file(Self.path(text, folder))
        }
        self.telemetry = try fields["telemetry"].map { (node) throws(GloveboxError) in try TelemetryPlace(node: node) }
        self.logging =
            try fields["log"].map { (node) throws(GloveboxError) in try LogSettings(node: node) } ?? LogSettings()
        self.drain = try fields["drain"]?.duration ?? .seconds(30)
    }

    static func path(_ path: String, _ folder: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }

    private static func listener(_ node: YAMLNode, _ folder: String) throws(GloveboxError) -> Listener {
        let fields = try node.mapping("at", "certificate", "key", "connections")
        let certificate = try fields["certificate"]?.string
        let key = try fields["key"]?.string
        guard (certificate == nil) == (key == nil) else {
            throw node.error("TLS takes both: write 'certificate' and 'key', or neither")
        }
        return Listener(
            place: try SocketPlace(node: fields.required("at")), certificate: certificate.map { Self.path($0, folder) },
            key: key.map { Self.path($0, folder) },
            mostConnections: try fields["connections"].map { (node) throws(GloveboxError) in
                Int(try node.int(in: 1...1_000_000))
            } ?? 10_000)
    }

    private static func limits(_ node: YAMLNode?) throws(GloveboxError) -> ProxyLimits {
        var limits = ProxyLimits()
        guard
            let fields = try node?.mapping(
                "line", "head", "fields", "body", "connections", "requests", "marked", "streams", "upstream")
        else { return limits }
        func count(_ key: String, _ range: ClosedRange<Int64>) throws(GloveboxError) -> Int? {
            guard let node = fields[key] else { return nil }
            return Int(try node.int(in: range))
        }
        func bytes(_ key: String, _ range: ClosedRange<Int64>) throws(GloveboxError) -> Int? {
            guard let node = fields[key] else { return nil }
            let bytes = try node.byteCount
            guard range.contains(bytes) else {
                throw node.error("\(node.label) is from \(range.lowerBound) to \(range.upperBound) bytes")
            }
            return Int(bytes)
        }
        if let line = try bytes("line", 256...65_536) { limits.head.requestLine = line }
        if let head = try bytes("head", 1024...1_048_576) { limits.head.head = head }
        if let most = try count("fields", 8...1000) { limits.head.fields = most }
        if let body = try bytes("body", 0...(1 << 40)) { limits.body = UInt64(body) }
        if let most = try count("connections", 1...1_000_000) { limits.connections = most }
        if let most = try count("requests", 1...1_000_000) { limits.requests = most }
        if let most = try count("marked", 1...10_000) { limits.markedRequests = most }
        if let most = try count("streams", 1...1000) { limits.streams = most }
        if let most = try count("upstream", 1...10_000) {
            limits.upstreamConnections = most
            limits.idleUpstreamConnections = min(limits.idleUpstreamConnections, most)
        }
        return limits
    }

    private static func timeouts(_ node: YAMLNode?) throws(GloveboxError) -> ProxyTimeouts {
        var timeouts = ProxyTimeouts()
        guard
            let fields = try node?.mapping(
                "head", "idle", "body", "connect", "response", "stream", "send", "upgraded", "upstream-idle")
        else { return timeouts }
        func set(_ key: String, _ path: WritableKeyPath<ProxyTimeouts, Duration>) throws(GloveboxError) {
            guard let node = fields[key] else { return }
            let duration = try node.duration
            guard duration >= .milliseconds(1), duration <= .seconds(86_400) else {
                throw node.error("\(node.label) is from 1ms to 24h")
            }
            timeouts[keyPath: path] = duration
        }
        try set("head", \.head)
        try set("idle", \.idle)
        try set("body", \.body)
        try set("connect", \.connect)
        try set("response", \.response)
        try set("stream", \.stream)
        try set("send", \.send)
        try set("upgraded", \.upgraded)
        try set("upstream-idle", \.upstreamIdle)
        return timeouts
    }
}
