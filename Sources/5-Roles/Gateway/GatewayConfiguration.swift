package import GloveboxCore
import Identity
import Redaction
package import Telemetry
package import YAMLDocument

/// A gateway's `gateway.yaml`. Paths in it are relative to the folder that holds it.
package struct GatewayConfiguration: Sendable {
    /// Where it listens: loopback unless told otherwise.
    package struct Listen: Sendable {
        package var api: SocketPlace
        package var postgres: SocketPlace
        package var tunnel: SocketPlace
        /// Metrics and health; nobody is told unless it's set.
        package var telemetry: TelemetryPlace?
    }

    package var listen: Listen
    /// The DNS names and IP addresses that clients and agents call the gateway by: its certificate is good for these,
    /// and clients are told the first one.
    package var names: [String]
    /// Path of the policy file.
    package var policy: String
    /// Who is told what happens to approvals.
    package var webhooks: [WebhookConfiguration] = []
    /// Paths of detectors of one's own, for what people write for the record.
    package var detectors: [String] = []
    /// Whose flags it serves, and which edges it tells what to do.
    var flags: [FlagTarget] = []
    /// What guards of changes may measure.
    var guards = GuardConfiguration()
    package var logging: LogSettings
    /// How long a gateway that's asked to stop lets sessions go on.
    package var drain: Duration
    /// How long records are kept; `nil` for ever.
    package var keepRecords: Duration?

    /// - Parameter file: what the text is called in complaints.
    /// - Throws: `configuration_invalid` with line and column.
    package init(yaml text: String, file: String, folder: String) throws(GloveboxError) {
        let root = try YAMLNode(yaml: text, file: file).mapping(
            "listen", "names", "policy", "webhooks", "flags", "edges", "guards", "log", "logging", "drain", "detectors")
        let listen = try root["listen"]?.mapping("api", "postgres", "tunnel", "telemetry")
        self.listen = Listen(
            api: try listen?["api"].map(SocketPlace.init(node:)) ?? SocketPlace(host: "127.0.0.1", port: 8443),
            postgres: try listen?["postgres"].map(SocketPlace.init(node:))
                ?? SocketPlace(host: "127.0.0.1", port: 5433),
            tunnel: try listen?["tunnel"].map(SocketPlace.init(node:)) ?? SocketPlace(host: "127.0.0.1", port: 8444),
            telemetry: try listen?["telemetry"].map(TelemetryPlace.init(node:)))
        let places = [("api", self.listen.api), ("postgres", self.listen.postgres), ("tunnel", self.listen.tunnel)]
        for (index, (name, place)) in places.enumerated() where place.port != 0 {
            guard let other = places[..<index].first(where: { $0.1 == place }) else { continue }
            throw (listen?[name] ?? root.node).error(
                "'listen.\(name)' and 'listen.\(other.0)' are both \(place): give each a port of its own")
        }
        self.logging = try root["logging"].map(LogSettings.init(node:)) ?? LogSettings()
        self.drain = try root["drain"]?.duration ?? .seconds(5)
        self.names = try root["names"]?.strings ?? ["localhost", "127.0.0.1"]
        guard !self.names.isEmpty else {
            throw root.node.error("'names' is empty: name at least one that clients call this gateway by")
        }
        self.policy = try root["policy"]?.string ?? "policy.yaml"
        self.keepRecords = try root["log"]?.mapping("keep")["keep"]?.duration
        if !self.policy.hasPrefix("/") { self.policy = "\(folder)/\(self.policy)" }
        self.detectors = try root["detectors"]?.strings.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" } ?? []
        for node in try root["flags"]?.list ?? [] {
            let target = try FlagTarget(node, folder: folder)
            guard !self.flags.contains(where: { $0.name == target.name }) else {
                throw node.error("two targets with flags are called '\(target.name)': give each a name of its own")
            }
            self.flags.append(target)
        }
        for node in try root["edges"]?.list ?? [] {
            let target = try FlagTarget(edge: node)
            guard !self.flags.contains(where: { $0.name == target.name }) else {
                throw node.error("two targets are called '\(target.name)': give each a name of its own")
            }
            self.flags.append(target)
        }
        if let guards = root["guards"] { self.guards = try GuardConfiguration(guards, folder: folder) }
        for node in try root["webhooks"]?.list ?? [] {
            let webhook = try WebhookConfiguration(node, folder: folder)
            guard !self.webhooks.contains(where: { $0.name == webhook.name }) else {
                throw node.error("two webhooks are called '\(webhook.name)': give each a name of its own")
            }
            self.webhooks.append(webhook)
        }
    }
}

extension GatewayConfiguration {
    /// The built-in detectors, and those of one's own.
    ///
    /// - Throws: `configuration_invalid` with file and line, `redaction_failed`.
    func readDetectors() throws(GloveboxError) -> Detectors {
        var own: [(file: String, yaml: [UInt8])] = []
        for file in self.detectors { own.append((file, try PrivateFile.read(file, sharing: true))) }
        return try own.isEmpty ? Detectors() : Detectors(own: own)
    }
}
