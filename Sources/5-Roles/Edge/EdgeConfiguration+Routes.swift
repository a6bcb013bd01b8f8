import GloveboxCore
import HTTPProxy
import YAMLDocument

/// Routes and the services behind them.
///
///     services:
///       web:
///         versions:
///           v1: {weight: 100, endpoints: ["127.0.0.1:9001"]}
///           v2: {endpoints: ["127.0.0.1:9002"]}             # without a weight it's a candidate
///         health: {path: /healthz, interval: 5s}
///         ejection: {failures: 5, for: 10s}                 # or `off`
///     routes:
///       - {name: shop, hosts: [shop.example, "*.shop.example"], path: /, service: web}
///       - {name: events, path: /events, headers: {accept: text/event-stream}, service: web, stream: 1h}
extension EdgeConfiguration {
    static func routes(_ fields: YAMLMapping) throws(GloveboxError) -> ProxyRoutes {
        var services: [ProxyService] = []
        for entry in try fields.required("services").entries {
            services.append(try self.service(self.name(entry), entry.value))
        }
        let names = Set(services.map(\.name))
        var routes: [ProxyRoute] = []
        for node in try fields.required("routes").list {
            let route = try self.route(node, names)
            guard !routes.contains(where: { $0.name == route.name }) else {
                throw node.error("two routes are called '\(route.name)': give each a name of its own")
            }
            routes.append(route)
        }
        return ProxyRoutes(routes: routes, services: services)
    }

    /// It becomes a label of metrics, and a word of marks.
    private static func name(_ entry: YAMLEntry) throws(GloveboxError) -> String {
        guard self.isName(entry.key) else {
            throw entry.keyError("a name here is 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.'")
        }
        return entry.key
    }

    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    private static func service(_ name: String, _ node: YAMLNode) throws(GloveboxError) -> ProxyService {
        let fields = try node.mapping("versions", "health", "ejection")
        var versions: [ProxyVersion] = []
        for entry in try fields.required("versions").entries {
            let version = try entry.value.mapping("weight", "endpoints")
            let endpoints = try version.required("endpoints").map { (node) throws(GloveboxError) in
                let place = try SocketPlace(node: node)
                guard place.port > 0 else { throw node.error("\(node.label) has no port") }
                return UpstreamAddress(place.host, place.port)
            }
            guard !endpoints.isEmpty else {
                throw entry.value.error("version '\(entry.key)' of '\(name)' has no endpoint: write HOST:PORT")
            }
            let weight = try version["weight"]?.int(in: 0...1_000_000) ?? 0
            versions.append(ProxyVersion(try self.name(entry), weight: Int(weight), endpoints: endpoints))
        }
        guard versions.contains(where: { $0.weight > 0 }) else {
            throw node.error("no version of '\(name)' has a weight: ordinary requests have nowhere to go")
        }
        var ejection: EjectionRule? = EjectionRule()
        if let node = fields["ejection"] {
            if case .scalar("off", _) = node.content {
                ejection = nil
            } else {
                let rule = try node.mapping("failures", "for")
                ejection = EjectionRule(
                    failures: Int(try rule["failures"]?.int(in: 1...1000) ?? 5),
                    duration: try rule["for"]?.duration ?? .seconds(10))
            }
        }
        return ProxyService(
            name, versions: versions,
            health: try fields["health"].map { (node) throws(GloveboxError) in try self.health(node) },
            ejection: ejection)
    }

    private static func health(_ node: YAMLNode) throws(GloveboxError) -> HealthCheck {
        let fields = try node.mapping("path", "interval", "timeout", "statuses", "up", "down")
        let path = try fields.required("path")
        guard try path.string.hasPrefix("/") else { throw path.error("\(path.label) begins with '/'") }
        var check = HealthCheck(path: try path.string)
        if let interval = try fields["interval"]?.duration { check.interval = interval }
        if let timeout = try fields["timeout"]?.duration { check.timeout = timeout }
        guard check.interval >= .milliseconds(100), check.timeout >= .milliseconds(10) else {
            throw node.error("\(node.label): 'interval' is at least 100ms, 'timeout' at least 10ms")
        }
        if let node = fields["statuses"] {
            let ends = try node.string.split(separator: "-").map { Int($0) ?? 0 }
            guard let first = ends.first, let last = ends.last, ends.count <= 2, (100...599).contains(first),
                (first...599).contains(last)
            else { throw node.error("\(node.label) is a status or two with a hyphen: 200, 200-299") }
            check.statuses = first...last
        }
        if let up = try fields["up"]?.int(in: 1...100) { check.untilUp = Int(up) }
        if let down = try fields["down"]?.int(in: 1...100) { check.untilDown = Int(down) }
        return check
    }

    private static func route(_ node: YAMLNode, _ services: Set<String>) throws(GloveboxError) -> ProxyRoute {
        let fields = try node.mapping(
            "name", "hosts", "path", "exact", "headers", "service", "response", "stream", "body", "upgrade")
        let name = try fields.required("name")
        guard self.isName(try name.string) else {
            throw name.error("\(name.label) is 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.'")
        }
        let service = try fields.required("service")
        guard services.contains(try service.string) else {
            throw service.error(
                "there's no service '\(try service.string)': 'services' has \(services.sorted().joined(separator: ", "))"
            )
        }
        var path = ProxyRoute.Path.prefix("/")
        switch (fields["path"], fields["exact"]) {
        case (let prefix?, nil): path = .prefix(try prefix.string)
        case (nil, let exact?): path = .exact(try exact.string)
        case (nil, nil): break
        case (_, let exact?): throw exact.error("a route has 'path' or 'exact', not both")
        }
        if let node = fields["path"] ?? fields["exact"], !(try node.string.hasPrefix("/")) {
            throw node.error("\(node.label) begins with '/'")
        }
        let headers = try fields["headers"]?.entries ?? []
        return ProxyRoute(
            try name.string, hosts: try fields["hosts"]?.strings ?? [], path: path,
            headers: try headers.map { (entry) throws(GloveboxError) in
                if case .empty = entry.value.content { return .init(entry.key) }
                return .init(entry.key, try entry.value.string)
            },
            service: try service.string, responseTimeout: try fields["response"]?.duration,
            streamTimeout: try fields["stream"]?.duration,
            mostBody: try fields["body"].map { (node) throws(GloveboxError) in UInt64(try node.byteCount) },
            allowsUpgrade: try fields["upgrade"]?.bool ?? true)
    }
}
