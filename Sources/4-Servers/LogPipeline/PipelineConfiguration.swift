package import GloveboxCore
package import Telemetry
package import YAMLDocument

/// What `glovebox redact serve` is told; `docs/redact.md` has an example.
package struct PipelineConfiguration: Sendable {
    package enum Input: Hashable, Sendable {
        case syslog(SyslogPlaces)
        /// `token`: what its senders have to bring, as `Authorization: Bearer`.
        case otlp(LoopbackPlace, token: SecretReference?)
        case journald(TextSource)
        case stream(TextSource)
    }

    /// Where syslog comes in; at least one.
    package struct SyslogPlaces: Hashable, Sendable {
        package var datagram: String?
        package var stream: String?
        package var udp: LoopbackPlace?
        package var tcp: LoopbackPlace?
    }

    package enum TextSource: Hashable, Sendable {
        case standardInput
        /// A file, read to its end, or a FIFO, read again when its writers have gone.
        case file(String)
        /// A Unix socket that is listened on.
        case socket(String)
    }

    package enum Output: Hashable, Sendable {
        case file(FileSettings)
        case standardOutput(Format)
        case syslog(SyslogTarget)
        case otlp(CollectorSettings)
    }

    package struct FileSettings: Hashable, Sendable {
        package var path: String
        package var format: Format
        /// In bytes, at which the file is rotated.
        package var size: Int
        /// How many rotated ones are kept.
        package var keep: Int
    }

    package enum SyslogTarget: Hashable, Sendable {
        case datagram(String)
        case stream(String)
        case udp(LoopbackPlace)
        case tcp(LoopbackPlace)
    }

    /// How records are written to a file or a terminal.
    package enum Format: String, CaseIterable, Hashable, Sendable {
        /// OTLP's JSON, one object a line.
        case otlp
        /// RFC 5424, a message a line.
        case syslog
        /// The body alone, a line each.
        case text
        /// The journal's export format.
        case journal
    }

    package var spoolFolder: String
    package var spoolSize: Int
    package var inputs: [(name: String, input: Input)]
    package var outputs: [(name: String, output: Output)]
    package var telemetry: TelemetryPlace?
    package var logging: LogSettings
    /// How long outputs may go on when it's asked to stop.
    package var drain: Duration
    /// A masking profile's file.
    package var profile: String?
    /// Files of one's own detectors.
    package var detectors: [String]
    /// How often canaries are sent through the masking.
    package var canaries: Duration

    /// - Throws: `configuration_invalid` with file, line and column.
    package init(_ document: YAMLNode) throws(GloveboxError) {
        let file = try document.mapping(
            "version", "spool", "inputs", "outputs", "telemetry", "log", "drain", "profile", "detectors",
            "canaries")
        try file.checkVersion(1)
        let spool = try file.required("spool").mapping("folder", "size")
        self.spoolFolder = try spool.required("folder").string
        self.spoolSize = 256 << 20
        if let node = spool["size"] {
            let size = try node.byteCount
            guard size >= 16 << 20, size <= 1 << 40 else { throw node.error("write a size from 16MiB to 1TiB") }
            self.spoolSize = Int(size)
        }
        self.inputs = try Self.named(try file.required("inputs")) { node throws(GloveboxError) in try Self.input(node) }
        self.outputs = try Self.named(try file.required("outputs")) { node throws(GloveboxError) in
            try Self.output(node)
        }
        self.telemetry = try file["telemetry"].map { node throws(GloveboxError) in try TelemetryPlace(node: node) }
        self.logging =
            try file["log"].map { node throws(GloveboxError) in try LogSettings(node: node) } ?? LogSettings()
        self.drain = try file["drain"]?.duration ?? .seconds(10)
        self.profile = try file["profile"]?.string
        self.detectors = try file["detectors"]?.strings ?? []
        self.canaries = try file["canaries"]?.duration ?? .seconds(600)
        let readers = self.inputs.filter {
            $0.input == .stream(.standardInput) || $0.input == .journald(.standardInput)
        }
        guard readers.count <= 1 else {
            throw try file.required("inputs").error(
                "standard input is read by one input: give the others a file or socket")
        }
    }

    private static func named<Value>(
        _ node: YAMLNode, _ read: (YAMLNode) throws(GloveboxError) -> Value
    ) throws(GloveboxError) -> [(String, Value)] {
        var values: [(String, Value)] = []
        for entry in try node.entries {
            // It becomes a label of metrics and, of outputs, a file's name.
            guard (1...32).contains(entry.key.utf8.count),
                entry.key.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            else { throw entry.keyError("a name here is 1 to 32 of a-z, 0-9 and '-'") }
            values.append((entry.key, try read(entry.value)))
        }
        guard !values.isEmpty else { throw node.error("\(node.label) is empty: write at least one") }
        return values
    }

    // MARK: Inputs

    private enum InputKind: String, CaseIterable {
        case syslog, otlp, journald, stream
    }

    private static func kind<Kind: RawRepresentable & CaseIterable>(
        _ node: YAMLNode
    ) throws(GloveboxError) -> Kind where Kind.RawValue == String {
        guard let entry = try node.entries.first(where: { $0.key == "kind" }) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw node.error("\(node.label) lacks 'kind': write one of \(known)")
        }
        return try entry.value.choice()
    }

    private static func input(_ node: YAMLNode) throws(GloveboxError) -> Input {
        let kind: InputKind = try Self.kind(node)
        switch kind {
        case .syslog:
            let fields = try node.mapping("kind", "datagram", "stream", "udp", "tcp")
            let places = SyslogPlaces(
                datagram: try Self.socket(fields["datagram"]), stream: try Self.socket(fields["stream"]),
                udp: try Self.place(fields["udp"]), tcp: try Self.place(fields["tcp"]))
            guard places != SyslogPlaces() else {
                throw node.error("\(node.label) listens nowhere: write 'datagram', 'stream', 'udp' or 'tcp'")
            }
            return .syslog(places)
        case .otlp:
            let fields = try node.mapping("kind", "listen", "token")
            return .otlp(
                try LoopbackPlace(node: try fields.required("listen")),
                token: try fields["token"].map { node throws(GloveboxError) in try SecretReference(node: node) })
        case .journald: return .journald(try Self.source(node))
        case .stream: return .stream(try Self.source(node))
        }
    }

    private static func source(_ node: YAMLNode) throws(GloveboxError) -> TextSource {
        let fields = try node.mapping("kind", "stdin", "file", "socket")
        var sources: [TextSource] = []
        if let stdin = fields["stdin"] {
            guard try stdin.bool else { throw stdin.error("write 'stdin: true', or leave it out") }
            sources.append(.standardInput)
        }
        if let file = fields["file"] { sources.append(.file(try file.string)) }
        if let socket = try Self.socket(fields["socket"]) { sources.append(.socket(socket)) }
        guard sources.count == 1 else {
            throw node.error("\(node.label) reads one source: write 'stdin: true', 'file: PATH' or 'socket: PATH'")
        }
        return sources[0]
    }

    private static func socket(_ node: YAMLNode?) throws(GloveboxError) -> String? {
        guard let node else { return nil }
        let path = try node.string
        // sockaddr_un has 108 bytes, one of them for the end.
        guard path.utf8.count <= 107 else { throw node.error("a socket's path is at most 107 bytes long") }
        return path
    }

    private static func place(_ node: YAMLNode?) throws(GloveboxError) -> LoopbackPlace? {
        guard let node else { return nil }
        return try LoopbackPlace(node: node)
    }

    // MARK: Outputs

    private enum OutputKind: String, CaseIterable {
        case file, stdout, syslog, otlp
    }

    private static func output(_ node: YAMLNode) throws(GloveboxError) -> Output {
        let kind: OutputKind = try Self.kind(node)
        switch kind {
        case .file:
            let fields = try node.mapping("kind", "path", "format", "size", "keep")
            let size = try fields["size"]?.byteCount ?? 100_000_000
            return .file(
                FileSettings(
                    path: try fields.required("path").string, format: try Self.format(fields["format"]),
                    size: Int(size), keep: Int(try fields["keep"]?.int(in: 0...1000) ?? 5)))
        case .stdout:
            let fields = try node.mapping("kind", "format")
            return .standardOutput(try Self.format(fields["format"]))
        case .syslog:
            let fields = try node.mapping("kind", "datagram", "stream", "udp", "tcp")
            var targets: [SyslogTarget] = []
            if let path = try Self.socket(fields["datagram"]) { targets.append(.datagram(path)) }
            if let path = try Self.socket(fields["stream"]) { targets.append(.stream(path)) }
            if let place = try Self.place(fields["udp"]) { targets.append(.udp(place)) }
            if let place = try Self.place(fields["tcp"]) { targets.append(.tcp(place)) }
            guard targets.count == 1 else {
                throw node.error("\(node.label) goes to one place: write 'datagram', 'stream', 'udp' or 'tcp'")
            }
            return .syslog(targets[0])
        case .otlp:
            return .otlp(try CollectorSettings(node: node))
        }
    }

    private static func format(_ node: YAMLNode?) throws(GloveboxError) -> Format {
        try node?.choice() ?? .otlp
    }
}

/// A port on this host. Nobody proves there who they are, so it's on loopback, always.
package struct LoopbackPlace: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    /// - Throws: `configuration_invalid` for what isn't HOST:PORT, or isn't loopback.
    package init(node: YAMLNode) throws(GloveboxError) {
        let text = try node.string
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw node.error("\(node.label) is no address of this host: write HOST:PORT, such as 127.0.0.1:4318")
        }
        var host = String(text[..<colon])
        if host == "[::1]" || host == "localhost" { host = host == "localhost" ? "127.0.0.1" : "::1" }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host == "::1" || parts.count == 4 && parts[0] == "127" && parts.allSatisfy({ UInt8($0) != nil }) else {
            throw node.error(
                "\(node.label) must be on loopback, since nobody proves there who they are: write 127.0.0.1:\(port)")
        }
        self.host = host
        self.port = Int(port)
    }

    package var description: String { self.host == "::1" ? "[::1]:\(self.port)" : "\(self.host):\(self.port)" }
}
