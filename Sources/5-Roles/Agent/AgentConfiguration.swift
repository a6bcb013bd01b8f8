package import GloveboxCore
import Policy
import PostgresAccess
import Redaction
package import Telemetry
import YAMLDocument

/// An agent's `agent.yaml`: what it's called, where its gateway is, which targets it serves and how it signs in to
/// them. Paths in it are relative to the folder that holds it.
package struct AgentConfiguration: Sendable {
    package var name: AgentName
    /// Where the gateway listens for agents.
    package var gatewayHost: String
    package var gatewayPort: Int
    /// Path of the ceiling's file.
    package var ceiling: String
    /// Paths of masking profiles, beside `default`.
    package var maskingProfiles: [String]
    /// Paths of detectors of the host's own.
    package var detectors: [String]
    /// How often canaries are sent through the masking.
    package var canaries: Duration
    /// Metrics and health; nobody is told unless it's set.
    package var telemetry: TelemetryPlace?
    package var logging: LogSettings
    /// How long an agent that's asked to stop lets sessions go on.
    package var drain: Duration
    var targets: [TargetName: TargetConfiguration]

    /// - Parameter file: what the text is called in complaints.
    /// - Throws: `configuration_invalid` with line and column.
    package init(yaml text: String, file: String, folder: String) throws(GloveboxError) {
        let root = try YAMLNode(yaml: text, file: file).mapping(
            "name", "gateway", "ceiling", "masking", "detectors", "canaries", "telemetry", "logging", "drain", "targets"
        )
        self.name = try root.required("name").name()
        let gateway = try root.required("gateway")
        let address = try gateway.string
        guard let colon = address.lastIndex(of: ":"), colon != address.startIndex,
            let port = UInt16(address[address.index(after: colon)...])
        else {
            throw gateway.error("'gateway' is no address: write HOST:PORT, such as gateway.example.com:8444")
        }
        self.gatewayHost = String(address[..<colon])
        self.gatewayPort = Int(port)
        self.ceiling = Self.path(try root["ceiling"]?.string ?? "ceiling.yaml", in: folder)
        self.maskingProfiles = try root["masking"]?.strings.map { Self.path($0, in: folder) } ?? []
        self.detectors = try root["detectors"]?.strings.map { Self.path($0, in: folder) } ?? []
        self.canaries = try root["canaries"]?.duration ?? .seconds(600)
        self.telemetry = try root["telemetry"].map(TelemetryPlace.init(node:))
        self.logging = try root["logging"].map(LogSettings.init(node:)) ?? LogSettings()
        self.drain = try root["drain"]?.duration ?? .seconds(5)
        self.targets = [:]
        for entry in try root.required("targets").entries {
            let name: TargetName
            do throws(GloveboxError) {
                name = try TargetName(entry.key)
            } catch {
                throw entry.keyError(error.message)
            }
            self.targets[name] = try TargetConfiguration(entry.value, name: name, folder: folder)
        }
    }

    static func path(_ text: String, in folder: String) -> String {
        text.hasPrefix("/") ? text : "\(folder)/\(text)"
    }
}

/// One target as `agent.yaml` describes it.
struct TargetConfiguration: Sendable {
    /// The masking profile of sessions for which policy names none.
    var masking: (name: String, node: YAMLNode)?

    enum Service: Sendable {
        case postgres(PostgresTarget)
        case host(HostTarget)
    }

    var labels: [String: String] = [:]
    var service: Service

    var kind: String {
        switch self.service {
        case .postgres: "postgres"
        case .host: "host"
        }
    }

    /// What it can be asked for at all.
    var capabilities: Set<Capability> {
        switch self.service {
        case .postgres(let target): Set(target.signIns.keys)
        case .host: [.change]
        }
    }

    var postgres: PostgresTarget? {
        guard case .postgres(let target) = self.service else { return nil }
        return target
    }

    var host: HostTarget? {
        guard case .host(let target) = self.service else { return nil }
        return target
    }

    private static let databaseFields = [
        "host", "port", "socket", "database", "tls", "roles", "columns", "pooling", "masking",
    ]
    private static let hostFields = ["runbooks", "calls"]

    init(_ node: YAMLNode, name: TargetName, folder: String) throws(GloveboxError) {
        let kind = try node.mapping(["kind", "labels"] + Self.databaseFields + Self.hostFields).required("kind")
        switch try kind.string {
        case "postgres":
            let fields = try node.mapping(["kind", "labels"] + Self.databaseFields)
            self.service = .postgres(try Self.postgres(fields, name: name, folder: folder))
            self.masking = try fields["masking"].map { (node) throws(GloveboxError) in (try node.string, node) }
        case "host":
            let fields = try node.mapping(["kind", "labels"] + Self.hostFields)
            self.service = .host(try HostTarget(fields, folder: folder))
        default:
            throw kind.error("'\(try kind.string)' is no kind of target: write postgres or host")
        }
        let labels = try node.mapping(["kind", "labels"] + Self.databaseFields + Self.hostFields)["labels"]
        for label in try labels?.entries ?? [] { self.labels[label.key] = try label.value.string }
    }

    private static func postgres(
        _ fields: YAMLMapping, name: TargetName, folder: String
    ) throws(GloveboxError) -> PostgresTarget {
        let address: PostgresTarget.Address
        let host = try fields["host"]?.string
        if let socket = fields["socket"] {
            guard host == nil, fields["port"] == nil else {
                throw socket.error("'socket' stands in place of 'host' and 'port': write one or the other")
            }
            address = .unix(path: AgentConfiguration.path(try socket.string, in: folder))
        } else {
            address = .tcp(
                host: host ?? "127.0.0.1", port: Int(try fields["port"]?.int(in: 1...65_535) ?? 5432))
        }
        var signIns: [Capability: PostgresTarget.SignIn] = [:]
        for entry in try fields.required("roles").entries {
            guard let capability = Capability(rawValue: entry.key), [.read, .write].contains(capability) else {
                throw entry.keyError("'\(entry.key)' is no capability of a database: write read or write")
            }
            signIns[capability] = try Self.signIn(entry.value, folder: folder)
        }
        let columns = try fields["columns"].map(ColumnTreatments.init)
        var target = PostgresTarget(
            name: name, address: address, database: try fields.required("database").string,
            tls: try fields["tls"].map { (node) throws(GloveboxError) in try Self.tls(node, folder: folder) } ?? .off,
            signIns: signIns,
            classifications: columns?.classified.map(Classification.init) ?? [])
        target.shown = columns?.shown.map(ShownColumn.init) ?? []
        if let pooling = fields["pooling"] { target.pooling = try Self.pooling(pooling) }
        return target
    }

    private static func pooling(_ node: YAMLNode) throws(GloveboxError) -> PostgresTarget.Pooling {
        switch try node.string {
        case "session": return .session
        case "transaction": return .transaction
        default:
            throw node.error("'pooling' is session or transaction: how a pooler before the database shares connections")
        }
    }

    private static func signIn(_ node: YAMLNode, folder: String) throws(GloveboxError) -> PostgresTarget.SignIn {
        let fields = try node.mapping("user", "password")
        guard let password = fields["password"] else {
            return PostgresTarget.SignIn(user: try fields.required("user").string, credential: nil)
        }
        let source = try password.mapping("file", "environment", "command")
        let credential: CredentialSource
        switch (source["file"], source["environment"], source["command"]) {
        case (let file?, nil, nil): credential = .file(AgentConfiguration.path(try file.string, in: folder))
        case (nil, let variable?, nil): credential = .environment(try variable.string)
        case (nil, nil, let command?): credential = .command(try command.strings)
        default:
            throw password.error(
                "write where the password is: one of {file: PATH}, {environment: NAME}, {command: [PROGRAM, …]}")
        }
        return PostgresTarget.SignIn(user: try fields.required("user").string, credential: credential)
    }

    private static func tls(_ node: YAMLNode, folder: String) throws(GloveboxError) -> PostgresTarget.TLSMode {
        if case .mapping = node.content {
            let fields = try node.mapping("authority", "name")
            return .verifyFull(
                certificateAuthority: try fields["authority"].map { (node) throws(GloveboxError) in
                    AgentConfiguration.path(try node.string, in: folder)
                },
                serverName: try fields["name"]?.string)
        }
        switch try node.string {
        case "off": return .off
        case "require": return .require
        case "verify-full": return .verifyFull(certificateAuthority: nil, serverName: nil)
        default:
            throw node.error("'tls' is off, require, verify-full, or {authority: CA_FILE, name: SERVER_NAME}")
        }
    }
}
