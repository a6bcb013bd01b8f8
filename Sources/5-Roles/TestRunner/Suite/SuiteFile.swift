import GloveboxCore
import Suites
import YAMLDocument

/// `suite.yaml` as it's written (docs/suites.md), before any case's file is read.
struct SuiteFile {
    /// A name of files, or one case.
    struct Entry {
        var node: YAMLNode
        /// From the suite's folder on; may have `*` in it where the entry is nothing else.
        var pattern: String
        var settings = CaseSettings()
    }

    var title: String
    var edge: String
    var routes: [SuiteRoute]
    var variables: [String: SuiteValue]
    var secrets: [String: (source: SecretSource, node: YAMLNode)]
    var files: [YAMLNode]
    var limits: SuiteLimits
    var guards: [SuiteGuard]
    var version: String?
    var flags: [SuiteFlag]
    /// For cases that write and name none.
    var undo: CaseUndoing?
    var entries: [Entry]

    /// - Throws: `configuration_invalid` with file, line and column.
    init(_ root: YAMLNode) throws(GloveboxError) {
        let fields = try root.mapping(
            "version", "title", "edge", "routes", "variables", "secrets", "files", "limits", "guards", "under", "undo",
            "reason", "cases")
        try fields.checkVersion(1)
        self.title = try Self.line(try fields.required("title"))
        self.edge = try fields.required("edge").name(TargetName.self).rawValue
        let routes = try fields.required("routes")
        self.routes = try routes.map(Self.route)
        guard (1...32).contains(self.routes.count) else { throw routes.error("write 1 to 32 routes") }
        self.variables = try fields["variables"].map { (node) throws(GloveboxError) in try Self.variables(node) } ?? [:]
        self.secrets = [:]
        for entry in try fields["secrets"]?.entries ?? [] {
            try Self.checkVariable(entry)
            guard self.variables[entry.key] == nil else {
                throw entry.keyError("'\(entry.key)' is a variable, too: give one of them another name")
            }
            self.secrets[entry.key] = (try Self.secret(entry.value), entry.value)
        }
        self.files = try fields["files"]?.list ?? []
        self.limits =
            try fields["limits"].map { (node) throws(GloveboxError) in try Self.limits(node) } ?? SuiteLimits()
        self.guards = try fields["guards"]?.map(Self.condition) ?? []
        let under = try fields["under"]?.mapping("version", "flags")
        self.version = try under?["version"].map { (node) throws(GloveboxError) in try Self.versionName(node) }
        self.flags = try under?["flags"]?.map(Self.flag) ?? []
        self.undo = try CaseSettings.undo(fields)
        let cases = try fields.required("cases")
        self.entries = try cases.map(Self.entry)
        guard !self.entries.isEmpty else { throw cases.error("'cases' is empty: write a file, such as cases/*.hurl") }
    }

    private static func entry(_ node: YAMLNode) throws(GloveboxError) -> Entry {
        if case .scalar = node.content { return Entry(node: node, pattern: try node.string) }
        let fields = try node.mapping(["file"] + CaseSettings.keys)
        let file = try fields.required("file")
        let name = try file.string
        guard !name.contains("*") else {
            throw file.error("one case has one file: write '\(name)' by itself, and settings in comments of the files")
        }
        return Entry(node: file, pattern: name, settings: try CaseSettings(fields))
    }

    static func line(_ node: YAMLNode) throws(GloveboxError) -> String {
        let text = try node.string
        guard text.utf8.count <= 200, text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw node.error("\(node.label) is one line of 200 bytes at most") }
        return text
    }

    /// `HOST/PATH`, or `/PATH` of any host.
    private static func route(_ node: YAMLNode) throws(GloveboxError) -> SuiteRoute {
        let text = try node.string
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        let host = String(text[..<slash])
        let path = slash == text.endIndex ? "/" : String(text[slash...])
        let isHost = host.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "-._[:]".utf8.contains(byte)
        }
        guard isHost, host.utf8.count <= 253, !host.contains(":") || host.hasPrefix("[") && host.hasSuffix("]") else {
            throw node.error("a route is HOST/PATH, the host in small letters and without scheme and port, or /PATH")
        }
        guard path.utf8.count <= 512, !path.contains(where: { "?#*\\ ".contains($0) }),
            !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
        else { throw node.error("a route's path has no query, no '..' and no '*': all that's under it is meant") }
        return SuiteRoute(host: host.isEmpty ? nil : host, path: path)
    }

    /// Text in quotes is text; what else reads as a number, a boolean or null is one, as on hurl's command line.
    static func variables(_ node: YAMLNode) throws(GloveboxError) -> [String: SuiteValue] {
        var variables: [String: SuiteValue] = [:]
        for entry in try node.entries {
            try self.checkVariable(entry)
            switch entry.value.content {
            case .empty: variables[entry.key] = .null
            case .scalar(let text, isQuoted: true): variables[entry.key] = .string(text)
            case .scalar(let text, isQuoted: false): variables[entry.key] = SuiteValue(variable: text)
            case .list, .mapping: throw entry.value.error("a variable is a text, a number, true, false or null")
            }
        }
        return variables
    }

    private static func checkVariable(_ entry: YAMLEntry) throws(GloveboxError) {
        let isName = entry.key.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
        guard isName, !entry.key.isEmpty else {
            throw entry.keyError("a variable's name has letters, digits, '_' and '-' alone")
        }
        guard !SuiteScope.ownVariables.contains(entry.key) else {
            throw entry.keyError("'\(entry.key)' is set by the run itself: take another name")
        }
    }

    private static func secret(_ node: YAMLNode) throws(GloveboxError) -> SecretSource {
        let fields = try node.mapping("file", "env")
        switch (fields["file"], fields["env"]) {
        case (let file?, nil): return .file(try file.string)
        case (nil, let name?): return .environment(try name.string)
        default: throw node.error("a secret is {file: PATH} or {env: NAME}; its text is never written here")
        }
    }

    private static func limits(_ node: YAMLNode) throws(GloveboxError) -> SuiteLimits {
        let fields = try node.mapping("rate", "concurrency", "duration", "writes")
        var limits = SuiteLimits()
        if let rate = fields["rate"] {
            let text = try rate.string
            guard text.hasSuffix("/s"), let count = Int(text.dropLast(2)), (1...10_000).contains(count) else {
                throw rate.error("'\(rate.path)' is requests a second: write 1/s to 10000/s")
            }
            limits.rate = count
        }
        if let node = fields["concurrency"] { limits.concurrency = Int(try node.int(in: 1...1_000)) }
        if let node = fields["duration"] {
            limits.duration = try node.duration
            guard limits.duration <= .seconds(24 * 3_600) else { throw node.error("a run lasts 24h at most") }
        }
        if let node = fields["writes"] { limits.writes = Int(try node.int(in: 0...1_000_000)) }
        return limits
    }

    private static func condition(_ node: YAMLNode) throws(GloveboxError) -> SuiteGuard {
        let fields = try node.mapping("name", "signal", "query", "atMost", "atLeast", "patience")
        let condition = SuiteGuard(
            name: try fields["name"]?.string, signal: try fields["signal"]?.string, query: try fields["query"]?.string,
            atMost: try fields["atMost"].map(self.number), atLeast: try fields["atLeast"].map(self.number),
            patience: try fields["patience"]?.duration)
        guard (condition.signal == nil) != (condition.query == nil) else {
            throw node.error("say one of 'signal' and 'query' of each guard")
        }
        guard (condition.atMost == nil) != (condition.atLeast == nil) else {
            throw node.error("say one of 'atMost' and 'atLeast' of each guard")
        }
        return condition
    }

    private static func number(_ node: YAMLNode) throws(GloveboxError) -> Double {
        guard let number = Double(try node.string), number.isFinite else {
            throw node.error("\(node.label) is no number: write one such as 0.01")
        }
        return number
    }

    private static func versionName(_ node: YAMLNode) throws(GloveboxError) -> String {
        let text = try node.string
        let isName = text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "-_.".utf8.contains(byte)
        }
        guard isName, text.utf8.count <= 63 else {
            throw node.error("a version's name has 1 to 63 letters, digits, '-', '_' and '.'")
        }
        return text
    }

    private static func flag(_ node: YAMLNode) throws(GloveboxError) -> SuiteFlag {
        let fields = try node.mapping("key", "defaultVariant", "isEnabled")
        let flag = SuiteFlag(
            key: try fields.required("key").string, defaultVariant: try fields["defaultVariant"]?.string,
            isEnabled: try fields["isEnabled"]?.bool)
        guard flag.defaultVariant != nil || flag.isEnabled != nil else {
            throw node.error("say what '\(flag.key)' is to be: 'defaultVariant', 'isEnabled', or both")
        }
        return flag
    }
}

extension SuiteScope {
    /// What a run sets for every case: its identifier and the case's name.
    static let ownVariables: Set<String> = ["run", "case"]
}
