import HTTPWire

/// `ProxyRoutes` in the form that requests are looked up in. Immutable, and shared by all event loops.
final class RouteTable: Sendable {
    let epoch: UInt64
    /// Which of all tables this is, in the order of their making: of two the later one counts, whichever comes first.
    let number: Int
    /// By the host's name.
    private let hosts: HostIndex
    /// By what follows the `*.`.
    private let suffixes: HostIndex
    private let anyHost: [CompiledRoute]
    let services: [CompiledService]

    /// - Parameter endpoint: gives the one value of an endpoint that all epochs share.
    init(
        _ routes: ProxyRoutes, number: Int, endpoint: (UpstreamAddress) -> Endpoint
    ) throws(ProxyRoutesError) {
        self.epoch = routes.epoch
        self.number = number
        var services: [String: CompiledService] = [:]
        for service in routes.services {
            guard services[service.name] == nil else { throw ProxyRoutesError(.serviceRepeated, service.name) }
            guard service.versions.allSatisfy({ $0.weight >= 0 && $0.weight <= 1_000_000 }) else {
                throw ProxyRoutesError(.weightInvalid, service.name)
            }
            services[service.name] = CompiledService(service, endpoint: endpoint)
        }
        self.services = routes.services.compactMap { services[$0.name] }
        var (hosts, suffixes, anyHost) = ([[UInt8]: [CompiledRoute]](), [[UInt8]: [CompiledRoute]](), [CompiledRoute]())
        for (order, route) in routes.routes.enumerated() {
            guard let service = services[route.service] else { throw ProxyRoutesError(.serviceUnknown, route.service) }
            let compiled = CompiledRoute(route, service, order: order)
            guard compiled.path.first == UInt8(ascii: "/") else { throw ProxyRoutesError(.pathInvalid, route.name) }
            if route.hosts.isEmpty { anyHost.append(compiled) }
            for host in route.hosts {
                let name = host.utf8.map(\.lowercased)
                if name.starts(with: "*.".utf8) {
                    suffixes[Array(name.dropFirst(2)), default: []].append(compiled)
                } else {
                    hosts[name, default: []].append(compiled)
                }
            }
        }
        self.hosts = HostIndex(hosts)
        self.suffixes = HostIndex(suffixes)
        self.anyHost = anyHost.sorted(by: CompiledRoute.isMoreParticular)
    }

    /// The route that a request takes; `nil` if none does.
    func match(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> CompiledRoute? {
        guard head.isPathPlain else {
            let path = RequestPath.normal(bytes, head.path)
            return path.withUnsafeBytes { self.match(head, bytes, path: $0) }
        }
        let path = UnsafeRawBufferPointer(rebasing: bytes[head.path.at..<head.path.end])
        return self.match(head, bytes, path: path)
    }

    private func match(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer
    ) -> CompiledRoute? {
        if !self.hosts.isEmpty || !self.suffixes.isEmpty, head.host.length > 0 {
            if let routes = self.hosts.routes(bytes, head.host),
                let found = Self.first(of: routes, head, bytes, path)
            {
                return found
            }
            if !self.suffixes.isEmpty {
                // The longest name first.
                for index in head.host.at..<head.host.end where bytes[index] == UInt8(ascii: ".") {
                    let suffix = RequestHead.Place(index + 1, head.host.end - index - 1)
                    if let routes = self.suffixes.routes(bytes, suffix),
                        let found = Self.first(of: routes, head, bytes, path)
                    {
                        return found
                    }
                }
            }
        }
        return Self.first(of: self.anyHost, head, bytes, path)
    }

    private static func first(
        of routes: [CompiledRoute], _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer
    ) -> CompiledRoute? {
        for route in routes where route.takes(path: path) && route.takes(fields: head, bytes) { return route }
        return nil
    }
}

/// Routes by names, which are compared without case; looked up without making a value of the name.
private struct HostIndex: Sendable {
    private struct Entry: Sendable {
        var name: [UInt8]
        var routes: [CompiledRoute]
    }

    /// As many as there are names, rounded up to a power of two; each has the names whose hashes end alike.
    private let slots: [[Entry]]
    let isEmpty: Bool

    /// - Parameter routes: by names in lower case.
    init(_ routes: [[UInt8]: [CompiledRoute]]) {
        var count = 1
        while count < routes.count { count *= 2 }
        var slots = [[Entry]](repeating: [], count: count)
        for (name, routes) in routes {
            let hash = name.withUnsafeBytes { Self.hash($0, RequestHead.Place(0, $0.count)) }
            slots[hash & (count - 1)].append(
                Entry(name: name, routes: routes.sorted(by: CompiledRoute.isMoreParticular)))
        }
        self.slots = slots
        self.isEmpty = routes.isEmpty
    }

    func routes(_ bytes: UnsafeRawBufferPointer, _ name: RequestHead.Place) -> [CompiledRoute]? {
        for entry in self.slots[Self.hash(bytes, name) & (self.slots.count - 1)]
        where ByteScan.isSame(bytes, name.at, name.length, entry.name) {
            return entry.routes
        }
        return nil
    }

    /// FNV-1a. What's looked up is a stranger's, what's in the index isn't, so that nobody makes slots long.
    private static func hash(_ bytes: UnsafeRawBufferPointer, _ name: RequestHead.Place) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in name.at..<name.end { hash = (hash ^ UInt64(bytes[index].lowercased)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }
}

/// Why routes can't be taken on; those before them stay.
package struct ProxyRoutesError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case serviceRepeated = "service_repeated"
        case serviceUnknown = "service_unknown"
        case weightInvalid = "weight_invalid"
        case pathInvalid = "path_invalid"
    }

    package var code: Code
    package var name: String

    init(_ code: Code, _ name: String) {
        self.code = code
        self.name = name
    }

    package var description: String {
        switch self.code {
        case .serviceRepeated: "two services are called '\(self.name)': give each its own name"
        case .serviceUnknown: "a route goes to '\(self.name)', but there's no such service"
        case .weightInvalid: "a weight of '\(self.name)' isn't between 0 and 1,000,000"
        case .pathInvalid: "the path of route '\(self.name)' doesn't begin with '/'"
        }
    }
}

final class CompiledRoute: Sendable {
    let name: String
    let service: CompiledService
    let settings: ProxyRoute
    let path: [UInt8]
    private let isExact: Bool
    private let headers: [(name: [UInt8], value: [UInt8]?)]
    private let order: Int

    init(_ route: ProxyRoute, _ service: CompiledService, order: Int) {
        self.name = route.name
        self.service = service
        self.settings = route
        self.order = order
        switch route.path {
        case .exact(let path):
            self.path = Array(path.utf8)
            self.isExact = true
        case .prefix(let path):
            // The slash at its end is looked for by itself.
            let bytes = Array(path.utf8)
            self.path = bytes.count > 1 && bytes.last == UInt8(ascii: "/") ? bytes.dropLast() : bytes
            self.isExact = false
        }
        self.headers = route.headers.map { ($0.name.utf8.map(\.lowercased), $0.value.map { Array($0.utf8) }) }
    }

    static func isMoreParticular(_ one: CompiledRoute, _ other: CompiledRoute) -> Bool {
        if one.isExact != other.isExact { return one.isExact }
        if one.path.count != other.path.count { return one.path.count > other.path.count }
        if one.headers.count != other.headers.count { return one.headers.count > other.headers.count }
        return one.order < other.order
    }

    func takes(path: UnsafeRawBufferPointer) -> Bool {
        let count = self.path.count
        if count == 1, !self.isExact { return true }
        guard path.count >= count else { return false }
        for index in 0..<count where path[index] != self.path[index] { return false }
        return path.count == count || !self.isExact && path[count] == UInt8(ascii: "/")
    }

    func takes(fields head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        self.headers.allSatisfy { condition in
            head.fields.contains { line in
                guard ByteScan.isSame(bytes, Int(line.name), Int(line.nameLength), condition.name) else { return false }
                guard let value = condition.value else { return true }
                let place = Int(line.value)..<Int(line.value + line.valueLength)
                return value.elementsEqual(bytes[place])
            }
        }
    }
}

final class CompiledService: Sendable {
    let settings: ProxyService
    let versions: [CompiledVersion]
    private let totalWeight: UInt64

    init(_ service: ProxyService, endpoint: (UpstreamAddress) -> Endpoint) {
        self.settings = service
        self.versions = service.versions.map { CompiledVersion($0, of: service, endpoint: endpoint) }
        self.totalWeight = service.versions.reduce(0) { $0 + UInt64($1.weight) }
    }

    var name: String { self.settings.name }

    /// A version for an ordinary request: by weight, and never one without.
    /// - Parameter number: drawn evenly from all.
    func version(_ number: UInt64) -> CompiledVersion? {
        guard self.totalWeight > 0 else { return nil }
        var place = number.multipliedFullWidth(by: self.totalWeight).high
        for version in self.versions {
            let weight = UInt64(version.weight)
            if place < weight { return version }
            place -= weight
        }
        return nil
    }

    func version(named name: String) -> CompiledVersion? {
        self.versions.first { $0.name == name }
    }
}

final class CompiledVersion: Sendable {
    let name: String
    let service: String
    let weight: Int
    let endpoints: [Endpoint]
    let ejection: EjectionRule?

    init(_ version: ProxyVersion, of service: ProxyService, endpoint: (UpstreamAddress) -> Endpoint) {
        self.name = version.name
        self.service = service.name
        self.weight = version.weight
        self.endpoints = version.endpoints.map(endpoint)
        self.ejection = service.ejection
    }
}
