package import FlagRules
package import GloveboxCore
package import YAMLDocument

extension FlagValue {
    /// By YAML's core schema (YAML 1.2.2, section 10.3.2), as far as JSON has it.
    /// - Throws: `configuration_invalid` with line and column.
    package init(_ node: YAMLNode) throws(GloveboxError) {
        switch node.content {
        case .empty: self = .null
        case .scalar(let text, isQuoted: true): self = .string(text)
        case .scalar(let text, isQuoted: false): self = Self.plain(text)
        case .list(let items):
            var values: [FlagValue] = []
            for item in items { values.append(try FlagValue(item)) }
            self = .array(values)
        case .mapping(let entries):
            var fields: [String: FlagValue] = [:]
            for entry in entries { fields[entry.key] = try FlagValue(entry.value) }
            self = .object(fields)
        }
    }

    private static func plain(_ text: String) -> FlagValue {
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
}
