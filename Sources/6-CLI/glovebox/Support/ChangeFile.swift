import Changes
import ControlAPI
import FlagRules
import GloveboxCore
import YAMLDocument

/// A file of changes, YAML or JSON: a set as the API takes it,
///
///     title: the new checkout for everyone
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

    /// - Throws: `configuration_invalid` with line and column, `flags_invalid`, `invalid_argument`.
    init(_ bytes: [UInt8], file: String) throws {
        let root = try YAMLNode(bytes: bytes, file: file)
        let value = try JSONValue(root)
        guard value["flags"] != nil else {
            let fields = try root.mapping("title", "guards", "rollout", "changes")
            self.title = try fields["title"]?.string
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

extension JSONValue {
    /// By YAML's core schema (YAML 1.2.2, section 10.3.2), as far as JSON has it.
    init(_ node: YAMLNode) throws {
        switch node.content {
        case .empty: self = .null
        case .scalar(let text, isQuoted: true): self = .string(text)
        case .scalar(let text, isQuoted: false): self = Self.plain(text)
        case .list(let items): self = .array(try items.map { try JSONValue($0) })
        case .mapping(let entries):
            var fields: [String: JSONValue] = [:]
            for entry in entries { fields[entry.key] = try JSONValue(entry.value) }
            self = .object(fields)
        }
    }

    private static func plain(_ text: String) -> JSONValue {
        switch text {
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        let isNumber = text.utf8.contains { (0x30...0x39).contains($0) }
        guard isNumber, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }) else { return .string(text) }
        if let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else { return .string(text) }
        return .number(number)
    }

    subscript(name: String) -> JSONValue? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }
}
