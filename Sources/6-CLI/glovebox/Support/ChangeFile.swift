import Changes
import ControlAPI
import FlagRules
import GloveboxCore
import YAMLDocument

/// A file of changes, YAML or JSON: a set as the API takes it,
///
///     title: the new checkout for anna
///     scope: {identity: anna}     # for everyone without; or {lease: ID}, lease (its own), {testRun: NAME}
///     guards:
///       - {signal: error-rate, atMost: 0.01}
///     rollout:
///       - {percent: 10, holds: 5m}
///       - {percent: 100}
///     changes:
///       - flag: {key: new-checkout, defaultVariant: "on"}
///
/// or a file of flags in flagd's form, each of which is defined anew.
struct ChangeFile {
    var title: String?
    var changes: [ChangeItem]
    var guards: [GuardItem]?
    var rollout: [RolloutItem]?
    var scope: ScopeChoice?

    /// - Throws: `configuration_invalid` with line and column, `flags_invalid`, `invalid_argument`.
    init(_ bytes: [UInt8], file: String) throws {
        let root = try YAMLNode(bytes: bytes, file: file)
        let value = try JSONValue(root)
        guard value["flags"] != nil else {
            let fields = try root.mapping("title", "scope", "guards", "rollout", "changes")
            self.title = try fields["title"]?.string
            self.scope = try fields["scope"].map { try ScopeChoice($0) }
            self.guards = try fields["guards"]?.map(GuardItem.init(node:))
            self.rollout = try fields["rollout"]?.map(RolloutItem.init(node:))
            _ = try fields.required("changes").list
            do {
                self.changes = try JSONForm.decode(
                    [ChangeItem].self, from: try JSONForm.encode(value["changes"] ?? .array([])))
            } catch let error as GloveboxError {
                throw GloveboxError(error.code, "\(file): changes: \(error.message)", cause: error.cause)
            }
            return
        }
        do {
            let definitions = try FlagFile.definitions(try FlagValue(json: try JSONForm.encode(value)))
            self.changes = try definitions.sorted { $0.key < $1.key }.map { key, definition in
                ChangeItem(
                    flag: FlagEdit(
                        key: key,
                        definition: try JSONForm.decode(JSONValue.self, from: Array(definition.json.utf8))))
            }
        } catch let error as GloveboxError {
            throw GloveboxError(error.code, "\(file): \(error.message)", cause: error.cause)
        }
    }
}

extension GuardItem {
    fileprivate init(node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping("name", "signal", "query", "atMost", "atLeast", "patience")
        self.init(
            name: try fields["name"]?.string, signal: try fields["signal"]?.string,
            query: try fields["query"]?.string, atMost: try fields["atMost"]?.number,
            atLeast: try fields["atLeast"]?.number, patience: try (fields["patience"]?.duration).map(Seconds.init))
    }
}

extension RolloutItem {
    fileprivate init(node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping("percent", "holds")
        self.init(
            percent: Int(try fields.required("percent").int(in: 1...100)),
            holds: Seconds(try fields["holds"]?.duration ?? .zero))
    }
}

extension YAMLNode {
    fileprivate var number: Double {
        get throws(GloveboxError) {
            guard let number = Double(try self.string), number.isFinite else {
                throw self.error("\(self.label) is no number: write one such as 0.01")
            }
            return number
        }
    }
}

/// Who sees a change of flags.
enum ScopeChoice: Equatable {
    case scope(FlagScope)
    /// Whoever names the lease that it's under.
    case ownLease

    /// As an option has it: `identity=anna`, `testRun=nightly`, `lease=ID`, or `lease` for the one that it's under.
    /// - Throws: `invalid_argument`.
    init(_ text: String) throws(GloveboxError) {
        if text == "lease" {
            self = .ownLease
            return
        }
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw GloveboxError(
                .invalidArgument, "a scope is identity=NAME, testRun=NAME, lease=ID, or lease for its own")
        }
        self = .scope(try FlagScope(field: parts[0], value: parts[1]))
    }

    /// As a file has it.
    /// - Throws: `configuration_invalid` with line and column.
    init(_ node: YAMLNode) throws(GloveboxError) {
        if case .scalar(let text, _) = node.content {
            guard text == "lease" else {
                throw node.error("a scope is {identity: NAME}, {testRun: NAME}, {lease: ID}, or lease")
            }
            self = .ownLease
            return
        }
        let entries = try node.entries
        guard entries.count == 1, let entry = entries.first else {
            throw node.error("a scope is one of identity, lease and testRun; none for everyone")
        }
        do {
            self = .scope(try FlagScope(field: entry.key, value: try entry.value.string))
        } catch {
            throw node.error(error.message)
        }
    }

    func scope(under lease: LeaseID) -> FlagScope {
        switch self {
        case .scope(let scope): scope
        case .ownLease: .lease(lease)
        }
    }
}

extension JSONValue {
    init(_ node: YAMLNode) throws {
        self = try JSONForm.decode(JSONValue.self, from: Array(FlagValue(node).json.utf8))
    }

    subscript(name: String) -> JSONValue? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }
}
