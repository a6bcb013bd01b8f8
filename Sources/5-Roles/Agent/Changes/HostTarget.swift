import GloveboxCore
import YAMLDocument

/// A host that an agent changes, as `agent.yaml` describes it; what of it may be used is the ceiling's word.
///
///     shop-host:
///       kind: host
///       runbooks:
///         deploy:
///           parameters: {version: {type: word}}
///           former: [/opt/shop/shop, version]              # its output, for {former}
///           check: [/opt/shop/shop, runs, "{version}"]     # ends with 0 where it's applied, with 1 where it isn't
///           apply: [/opt/shop/shop, deploy, "{version}"]
///           undo: [/opt/shop/shop, deploy, "{former}"]
///           user: shop
///           timeout: 60s
///           output: 64kB
///         forget-orders:                                   # without apply: what takes back what others write, a test's cases
///           parameters: {run: {type: word}}
///           undo: [/opt/shop/shop, forget, "{run}"]
struct HostTarget: Sendable {
    var runbooks: [String: Runbook] = [:]
    var calls: [String: DeclaredCall] = [:]

    init(_ fields: YAMLMapping, folder: String) throws(GloveboxError) {
        for entry in try fields["runbooks"]?.entries ?? [] { self.runbooks[entry.key] = try Runbook(entry.value) }
        for entry in try fields["calls"]?.entries ?? [] {
            self.calls[entry.key] = try DeclaredCall(entry.value, folder: folder)
        }
    }
}

/// A runbook as it's declared.
struct Runbook: Sendable {
    var parameters: [String: ParameterType]
    var former: ArgumentTemplate?
    var check: ArgumentTemplate?
    /// `nil` for one that only takes back what others do.
    var apply: ArgumentTemplate?
    var undo: ArgumentTemplate
    var user: String?
    /// Of each of its programs.
    var timeout: Duration
    /// Bytes of output that are kept.
    var output: Int

    init(_ node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping(
            "parameters", "former", "check", "apply", "undo", "user", "timeout", "output")
        self.parameters = try .init(fields["parameters"])
        let names = Set(self.parameters.keys)
        self.former = try fields["former"].map { (node) throws(GloveboxError) in
            try ArgumentTemplate(node, parameters: names)
        }
        self.check = try fields["check"].map { (node) throws(GloveboxError) in
            try ArgumentTemplate(node, parameters: names)
        }
        self.apply = try fields["apply"].map { (node) throws(GloveboxError) in
            try ArgumentTemplate(node, parameters: names)
        }
        if self.apply == nil, let more = fields["former"] ?? fields["check"] {
            throw more.error("what has no 'apply' only takes back what others do: 'former' and 'check' have no meaning")
        }
        self.undo = try ArgumentTemplate(
            try fields.required("undo"), parameters: names, hasFormer: self.former != nil)
        self.user = try fields["user"]?.string
        self.timeout = try fields["timeout"]?.duration ?? .seconds(60)
        self.output = Int(clamping: min(try fields["output"]?.byteCount ?? 65_536, 1 << 20))
    }

    /// - Throws: `invalid_argument`.
    func plan(name: String, _ values: [String: String]) throws(GloveboxError) -> RunbookPlan {
        try self.parameters.check(values)
        return RunbookPlan(
            name: name, former: self.former?.filled(values), check: self.check?.filled(values),
            apply: self.apply?.filled(values), undo: self.undo.filled(values), user: self.user,
            timeout: self.timeout, output: self.output)
    }
}
