package import GloveboxCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A request's body. Fields that it doesn't know are refused: a gateway that passes over what it doesn't understand
/// might grant more than was asked for.
package protocol RequestContent: Sendable, Codable {
    static var fields: Set<String> { get }
    /// - Throws: `invalid_argument` for values that can't be right, whoever asks.
    func validate() throws(GloveboxError)
}

extension RequestContent {
    package func validate() throws(GloveboxError) {}
}

/// The one place that turns API values into JSON and back.
package enum JSONForm {
    /// Fields in alphabetical order, so that output is stable.
    package static func encode(_ value: some Encodable, pretty: Bool = false) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return Array(try encoder.encode(value))
    }

    /// - Throws: `invalid_argument` that says where the JSON is wrong.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(GloveboxError) -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as GloveboxError {
            throw error
        } catch let error as DecodingError {
            throw GloveboxError(.invalidArgument, Self.explain(error, in: bytes), cause: error)
        } catch {
            throw GloveboxError(.invalidArgument, "the JSON can't be read", cause: error)
        }
    }

    /// - Throws: `invalid_argument` for malformed JSON, missing, wrong and unknown fields, and impossible values.
    package static func decodeBody<Body: RequestContent>(
        _ type: Body.Type, from bytes: [UInt8]
    ) throws(GloveboxError) -> Body {
        let names = try Self.decode(FieldNames.self, from: bytes).names
        if let unknown = names.subtracting(type.fields).min() {
            throw GloveboxError(
                .invalidArgument,
                "unknown field '\(unknown.prefix(80))': this takes \(type.fields.sorted().joined(separator: ", "))")
        }
        let body = try Self.decode(type, from: bytes)
        try body.validate()
        return body
    }

    /// The top level's field names, and nothing else.
    private struct FieldNames: Decodable {
        struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        var names: Set<String>

        init(from decoder: any Decoder) throws {
            self.names = Set(try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue))
        }
    }

    private static func explain(_ error: DecodingError, in bytes: [UInt8]) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            return "\(Self.place(context.codingPath + [key])): this field is missing"
        case .valueNotFound(_, let context):
            return "\(Self.place(context.codingPath)): a value is missing"
        case .typeMismatch(let type, let context):
            return "\(Self.place(context.codingPath)): \(Self.noun(type)) is wanted"
        case .dataCorrupted(let context):
            guard context.codingPath.isEmpty else {
                return "\(Self.place(context.codingPath)): \(context.debugDescription)"
            }
            guard let place = JSONSyntax.firstError(in: bytes) else { return "the JSON can't be read" }
            return "the JSON is malformed at line \(place.line), column \(place.column)"
        @unknown default:
            return "the JSON can't be read"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return text.isEmpty ? "the body" : text
    }

    private static func noun(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Double.Type, is Int.Type, is Int64.Type: "a number"
        case is [Any].Type: "an array"
        default: "another type of value"
        }
    }
}

/// Any JSON value: for the parts of answers whose form depends on another field.
package enum JSONValue: Hashable, Sendable, Codable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
