import GloveboxCore
import HurlFile
import Suites
import YAMLDocument

/// What's said of a case, in `suite.yaml` or in comments at the head of its file; nil for what isn't said.
struct CaseSettings {
    var name: String?
    var tags: [String]?
    var writes: Bool?
    var methods: [String]?
    var undo: CaseUndoing?
    var retries: Int?
    var race: RaceSettings?
    var variables: [String: SuiteValue]?

    static let keys = ["name", "tags", "writes", "methods", "undo", "reason", "retries", "race", "variables"]

    init() {}

    // MARK: suite.yaml

    init(_ fields: YAMLMapping) throws(GloveboxError) {
        self.name = try fields["name"].map { (node) throws(GloveboxError) in try SuiteFile.line(node) }
        self.tags = try fields["tags"]?.map { (node) throws(GloveboxError) in
            let tag = try node.string
            guard Self.isTag(tag) else { throw node.error(Self.badTag(tag)) }
            return tag
        }
        self.writes = try fields["writes"]?.bool
        self.methods = try fields["methods"]?.map { (node) throws(GloveboxError) in
            let method = try node.string
            guard Self.isMethod(method) else { throw node.error(Self.badMethod(method)) }
            return method
        }
        self.undo = try Self.undo(fields)
        self.retries = try (fields["retries"]?.int(in: 0...10)).map { Int($0) }
        self.race = try fields["race"].map { (node) throws(GloveboxError) in try Self.race(node) }
        self.variables = try fields["variables"].map { (node) throws(GloveboxError) in try SuiteFile.variables(node) }
    }

    static func undo(_ fields: YAMLMapping) throws(GloveboxError) -> CaseUndoing? {
        guard let node = fields["undo"] else {
            if let reason = fields["reason"] { throw reason.error("'reason' belongs to 'undo: none'") }
            return nil
        }
        if case .scalar(let text, _) = node.content {
            guard text == "none" else { throw node.error("'undo' is a list of runbook and call, or none") }
            guard let reason = fields["reason"] else {
                throw node.error("say why nothing has to be undone: 'reason' beside 'undo: none'")
            }
            return CaseUndoing.none(reason: try SuiteFile.line(reason))
        }
        if let reason = fields["reason"] { throw reason.error("'reason' belongs to 'undo: none'") }
        let steps = try node.map(self.step)
        guard (1...20).contains(steps.count) else { throw node.error("'undo' has 1 to 20 steps, or is none") }
        return .steps(steps)
    }

    private static func step(_ node: YAMLNode) throws(GloveboxError) -> UndoStep {
        let fields = try node.mapping("runbook", "call")
        let (kind, use): (UndoStep.Kind, YAMLNode)
        switch (fields["runbook"], fields["call"]) {
        case (let runbook?, nil): (kind, use) = (.runbook, runbook)
        case (nil, let call?): (kind, use) = (.call, call)
        default: throw node.error("each step of 'undo' is one of runbook and call")
        }
        let parts = try use.mapping("target", "name", "parameters")
        var parameters: [String: String] = [:]
        for entry in try parts["parameters"]?.entries ?? [] {
            let text = try entry.value.string
            guard text.replacing("{{run}}", with: "").replacing("{{case}}", with: "").firstRange(of: "{{") == nil else {
                throw entry.value.error(
                    "of templates an undo knows {{run}} and {{case}}, without blanks, and no others")
            }
            parameters[entry.key] = text
        }
        return UndoStep(
            kind: kind, target: try parts.required("target").name(TargetName.self).rawValue,
            name: try parts.required("name").string, parameters: parameters)
    }

    private static func race(_ node: YAMLNode) throws(GloveboxError) -> RaceSettings {
        let most = Int64(RaceSettings.mostLanes)
        if case .scalar = node.content { return RaceSettings(lanes: Int(try node.int(in: 2...most))) }
        let fields = try node.mapping("lanes", "rounds", "orders", "lockstep")
        var race = RaceSettings(lanes: Int(try fields.required("lanes").int(in: 2...most)))
        if let node = fields["rounds"] { race.rounds = Int(try node.int(in: 1...1_000)) }
        if let node = fields["orders"] { race.orders = Int(try node.int(in: 1...1_000)) }
        if let node = fields["lockstep"] { race.isLockstep = try node.bool }
        return race
    }

    // MARK: comments

    /// - Parameter problem: told of each that's wrong.
    init(_ document: HurlDocument, problem: (SourcePosition, String) -> Void) {
        for entry in document.entries.dropFirst() {
            for directive in entry.directives {
                problem(
                    directive.nameSpan.start,
                    "'glovebox: \(directive.name)' is about the whole case: write it above the file's first request")
            }
        }
        var seen: Set<String> = []
        for directive in document.entries.first?.directives ?? [] {
            let place = directive.valueSpan.start
            guard seen.insert(directive.name).inserted else {
                problem(directive.nameSpan.start, "'\(directive.name)' is said twice: keep one")
                continue
            }
            if let complaint = self.take(directive) {
                problem(complaint.isAboutName ? directive.nameSpan.start : place, complaint.text)
            }
        }
    }

    private struct Complaint {
        var text: String
        var isAboutName = false
    }

    private mutating func take(_ directive: HurlDirective) -> Complaint? {
        let value = directive.value
        let words = value.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }).map(String.init)
        switch directive.name {
        case "name":
            guard !value.isEmpty, value.utf8.count <= 200 else {
                return Complaint(text: "write the case's name, in 200 bytes")
            }
            self.name = value
        case "tags":
            if let bad = words.first(where: { !Self.isTag($0) }) { return Complaint(text: Self.badTag(bad)) }
            guard !words.isEmpty else { return Complaint(text: "write tags: # glovebox: tags smoke, orders") }
            self.tags = words
        case "writes":
            guard value.isEmpty || value == "true" || value == "false" else {
                return Complaint(text: "write '# glovebox: writes' alone, or with true or false")
            }
            self.writes = value != "false"
        case "methods":
            if let bad = words.first(where: { !Self.isMethod($0) }) { return Complaint(text: Self.badMethod(bad)) }
            guard !words.isEmpty else { return Complaint(text: "write methods: # glovebox: methods POST, DELETE") }
            self.methods = words
        case "undo":
            guard words.first == "none", case let reason = value.dropFirst(4).drop(while: { $0 == " " || $0 == "\t" }),
                !reason.isEmpty
            else {
                return Complaint(
                    text: "a comment can say 'undo none REASON' alone: runbooks and calls are named in suite.yaml")
            }
            self.undo = CaseUndoing.none(reason: String(reason))
        case "retries":
            guard let count = Int(value), (0...10).contains(count) else {
                return Complaint(text: "write how often it's tried again: 0 to 10")
            }
            self.retries = count
        case "race":
            guard let count = Int(value), (2...RaceSettings.mostLanes).contains(count) else {
                return Complaint(text: "write how many run at once: 2 to \(RaceSettings.mostLanes)")
            }
            self.race = RaceSettings(lanes: count)
        default:
            let known = ["name", "tags", "writes", "methods", "undo", "retries", "race"]
            let hint = closest(to: directive.name, among: known).map { "did you mean '\($0)'? " } ?? ""
            return Complaint(
                text: "there is no setting '\(directive.name)': \(hint)Known here: \(known.joined(separator: ", "))",
                isAboutName: true)
        }
        return nil
    }

    // MARK: forms

    /// What's said here, and where nothing is, what `other` says.
    func over(_ other: CaseSettings) -> CaseSettings {
        var settings = self
        settings.name = self.name ?? other.name
        settings.tags = self.tags ?? other.tags
        settings.writes = self.writes ?? other.writes
        settings.methods = self.methods ?? other.methods
        settings.undo = self.undo ?? other.undo
        settings.retries = self.retries ?? other.retries
        settings.race = self.race ?? other.race
        settings.variables = self.variables ?? other.variables
        return settings
    }

    static func isTag(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            }
    }

    private static func badTag(_ tag: String) -> String {
        "'\(tag.prefix(60))' is no tag: use 1 to 63 of a-z, 0-9, '-' and '_'"
    }

    private static func isMethod(_ text: String) -> Bool {
        (1...20).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == UInt8(ascii: "-") }
    }

    private static func badMethod(_ method: String) -> String {
        "'\(method.prefix(20))' is no method: write it in capitals"
    }
}
