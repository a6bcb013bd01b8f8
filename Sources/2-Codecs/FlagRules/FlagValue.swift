/// A JSON value: a variant, a part of a context, or what a rule comes to.
package enum FlagValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([FlagValue])
    case object([String: FlagValue])

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [FlagValue]? { if case .array(let value) = self { value } else { nil } }
    package var object: [String: FlagValue]? { if case .object(let value) = self { value } else { nil } }

    /// Of an integer as well.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Of a number that is whole as well.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The type as people call it.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Whether two values have one type, as a flag's variants have to; whole numbers and others are of one.
    package func hasType(of other: FlagValue) -> Bool {
        switch (self, other) {
        case (.null, .null), (.bool, .bool), (.string, .string), (.array, .array), (.object, .object),
            (.integer, .integer), (.integer, .number), (.number, .integer), (.number, .number):
            true
        default: false
        }
    }
}
