import ControlAPI
import Foundation

/// A schema of the API's document, and what's wrong with a value by it: as much of JSON Schema 2020-12 as the document
/// uses. A keyword that isn't known here is a fault, so that none is passed over.
struct JSONSchema {
    private static let annotations: Set<String> = ["description", "default", "format", "title"]

    let document: JSONValue
    let schema: JSONValue

    init(named name: String, in document: JSONValue) {
        self.init(.object(["$ref": .string("#/components/schemas/\(name)")]), in: document)
    }

    init(_ schema: JSONValue, in document: JSONValue) {
        self.document = document
        self.schema = schema
    }

    /// Empty if it fits.
    func faults(of value: JSONValue, at place: String = "$") -> [String] {
        guard let keywords = self.schema.object else { return ["\(place): the schema is no object"] }
        return keywords.flatMap { keyword, rule in self.faults(keyword, rule, keywords, value, place) }
    }

    private func faults(
        _ keyword: String, _ rule: JSONValue, _ keywords: [String: JSONValue], _ value: JSONValue, _ place: String
    ) -> [String] {
        func unless(_ fits: Bool) -> [String] { fits ? [] : ["\(place): \(value) isn't \(keyword) \(rule)"] }
        switch keyword {
        case "$ref":
            guard let target = self.document.resolve(rule.string ?? "") else { return ["\(place): no \(rule)"] }
            return JSONSchema(target, in: self.document).faults(of: value, at: place)
        case "allOf":
            return (rule.array ?? []).flatMap { JSONSchema($0, in: self.document).faults(of: value, at: place) }
        case "type": return unless(Self.types(of: value).contains(rule.string ?? ""))
        case "enum": return unless(rule.array?.contains(value) == true)
        case "pattern":
            guard let text = value.string, let pattern = rule.string else { return [] }
            return unless(text.range(of: pattern, options: .regularExpression) != nil)
        case "minLength": return unless(value.string.map { $0.unicodeScalars.count >= rule.integer } ?? true)
        case "maxLength": return unless(value.string.map { $0.unicodeScalars.count <= rule.integer } ?? true)
        case "minItems": return unless(value.array.map { $0.count >= rule.integer } ?? true)
        case "maxProperties": return unless(value.object.map { $0.count <= rule.integer } ?? true)
        case "maxItems": return unless(value.array.map { $0.count <= rule.integer } ?? true)
        case "minimum": return unless(value.double.map { $0 >= rule.double ?? .nan } ?? true)
        case "exclusiveMinimum": return unless(value.double.map { $0 > rule.double ?? .nan } ?? true)
        case "maximum": return unless(value.double.map { $0 <= rule.double ?? .nan } ?? true)
        case "required":
            guard let fields = value.object else { return [] }
            return (rule.array ?? []).compactMap(\.string).filter { fields[$0] == nil }.map { "\(place): no \($0)" }
        case "properties":
            return (value.object ?? [:]).flatMap { name, value in
                rule[name].map { JSONSchema($0, in: self.document).faults(of: value, at: "\(place).\(name)") } ?? []
            }
        case "additionalProperties":
            let known = keywords["properties"]?.object ?? [:]
            return (value.object ?? [:]).filter { known[$0.key] == nil }.flatMap { name, value -> [String] in
                switch rule {
                case .bool(true): return []
                case .bool(false): return ["\(place): \(name) isn't in the document"]
                default: return JSONSchema(rule, in: self.document).faults(of: value, at: "\(place).\(name)")
                }
            }
        case "items":
            return (value.array ?? []).enumerated().flatMap { index, value in
                JSONSchema(rule, in: self.document).faults(of: value, at: "\(place)[\(index)]")
            }
        default: return Self.annotations.contains(keyword) ? [] : ["\(place): this test doesn't know \(keyword)"]
        }
    }

    private static func types(of value: JSONValue) -> [String] {
        switch value {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .integer: ["integer", "number"]
        case .number: ["number"]
        case .string: ["string"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }
}

extension JSONValue {
    var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
    var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var integer: Int { if case .integer(let value) = self { Int(value) } else { -1 } }
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    subscript(_ name: String) -> JSONValue? { self.object?[name] }

    /// What a reference such as `#/components/schemas/Name` leads to.
    func resolve(_ reference: String) -> JSONValue? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(self as JSONValue?) { $0?[String($1)] }
    }

    /// This, or what it refers to.
    func resolved(in document: JSONValue) -> JSONValue {
        self["$ref"]?.string.flatMap(document.resolve) ?? self
    }
}
