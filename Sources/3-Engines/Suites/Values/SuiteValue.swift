package import LinearRegex

/// What a query, a filter, a capture or a variable comes to (hurl.dev/docs/templates.html, "Types").
package indirect enum SuiteValue: Sendable {
    case null
    case boolean(Bool)
    case number(SuiteNumber)
    case string(String)
    case bytes([UInt8])
    case date(SuiteDate)
    case list([SuiteValue])
    /// In the order in which the members were.
    case object([(name: String, value: SuiteValue)])
    /// How many nodes an XPath expression found.
    case nodeset(Int)
    case regex(LinearRegex)
    /// One step of a redirection.
    case response(status: Int, location: String?)
    /// There is something, and that's all that can be said: a cookie's `Secure`.
    case unit

    package static func integer(_ value: some BinaryInteger) -> Self { .number(.integer(Int64(clamping: value))) }

    /// In messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .number(.float): "float"
        case .number: "integer"
        case .string: "string"
        case .bytes: "bytes"
        case .date: "date"
        case .list: "list"
        case .object: "object"
        case .nodeset: "nodeset"
        case .regex: "regex"
        case .response: "response"
        case .unit: "unit"
        }
    }

    /// In a template that's text. Nil for what has no text of its own.
    package var rendered: String? {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let number): number.text
        case .string(let text): text
        case .date(let date): date.rfc3339
        case .bytes, .list, .object, .nodeset, .regex, .response, .unit: nil
        }
    }

    /// In messages, with its kind: at most 200 characters, then an ellipsis.
    package var shown: String {
        let text: String
        switch self {
        case .null: return "null"
        case .unit: return "something"
        case .bytes(let bytes): text = bytes.prefix(100).map { Self.hexadecimal($0) }.joined()
        case .list(let items):
            text = "[" + items.prefix(20).map { $0.rendered ?? $0.kind }.joined(separator: ", ") + "]"
        case .object(let members): text = "{" + members.prefix(20).map(\.name).joined(separator: ", ") + "}"
        case .nodeset(let count): return "nodeset of \(count)"
        case .regex(let regex): text = "/\(regex.pattern)/"
        case .response(let status, let location): text = "\(status) \(location ?? "")"
        case .boolean, .number, .string, .date: text = self.rendered ?? ""
        }
        return "\(self.kind) <\(text.count > 200 ? "\(text.prefix(200))…" : text)>"
    }

    static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count < 2 ? "0\(digits)" : digits
    }
}

/// As `==` of a predicate has it: any two kinds can be compared, numbers by their value, texts by their characters and
/// not by how they look, objects in any order of their members.
extension SuiteValue: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null), (.unit, .unit): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.number(let left), .number(let right)): left.compare(right) == .equal
        case (.string(let left), .string(let right)): left.isSame(as: right)
        case (.bytes(let left), .bytes(let right)): left == right
        case (.date(let left), .date(let right)): left == right
        case (.list(let left), .list(let right)): left == right
        case (.object(let left), .object(let right)): Self.areSame(left, right)
        case (.nodeset(let left), .nodeset(let right)): left == right
        case (.regex(let left), .regex(let right)): left == right
        case (.response(let status, let location), .response(let otherStatus, let otherLocation)):
            status == otherStatus && location == otherLocation
        case (.null, _), (.unit, _), (.boolean, _), (.number, _), (.string, _), (.bytes, _), (.date, _), (.list, _),
            (.object, _), (.nodeset, _), (.regex, _), (.response, _):
            false
        }
    }

    private static func areSame(
        _ left: [(name: String, value: SuiteValue)], _ right: [(name: String, value: SuiteValue)]
    ) -> Bool {
        func sorted(_ members: [(name: String, value: SuiteValue)]) -> [(name: String, value: SuiteValue)] {
            members.enumerated().sorted { left, right in
                left.element.name.isSame(as: right.element.name)
                    ? left.offset < right.offset
                    : left.element.name.utf8.lexicographicallyPrecedes(right.element.name.utf8)
            }.map(\.element)
        }
        return left.count == right.count
            && zip(sorted(left), sorted(right)).allSatisfy { $0.name.isSame(as: $1.name) && $0.value == $1.value }
    }
}

extension String {
    /// Character by character of Unicode. Swift's `==` takes a letter with an accent and the same letter followed by the
    /// accent for one, which a test mustn't.
    func isSame(as other: String) -> Bool { self.utf8.elementsEqual(other.utf8) }
}

/// How two values are ordered.
enum SuiteOrder: Sendable {
    case less
    case equal
    case greater
    /// One of them is no number.
    case none
}

/// A number as JSON and Hurl's files have it: integers are exact, whatever their size.
package enum SuiteNumber: Sendable {
    case integer(Int64)
    /// The digits of an integer beyond 64 bits, with its sign.
    case bigInteger(String)
    case float(Double)

    /// The digits of an integer; nil for what is none.
    package init?(integer text: String) {
        if let value = Int64(text) {
            self = .integer(value)
            return
        }
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let significant = String(decoding: digits.drop { $0 == 0x30 }, as: UTF8.self)
        self = .bigInteger(text.hasPrefix("-") ? "-\(significant)" : significant)
    }

    package var text: String {
        switch self {
        case .integer(let value): String(value)
        case .bigInteger(let digits): digits
        case .float(let value): "\(value)"
        }
    }

    package var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .bigInteger(let digits): Double(digits) ?? .nan
        case .float(let value): value
        }
    }

    func compare(_ other: Self) -> SuiteOrder {
        switch (self, other) {
        case (.integer(let left), .integer(let right)): return left < right ? .less : left > right ? .greater : .equal
        case (.float(let left), .float(let right)): return Self.order(left, right)
        case (.integer(let left), .float(let right)): return Self.order(left, right)
        case (.float(let left), .integer(let right)):
            switch Self.order(right, left) {
            case .less: return .greater
            case .greater: return .less
            case .equal: return .equal
            case .none: return .none
            }
        case (.bigInteger, .float), (.float, .bigInteger): return Self.order(self.double, other.double)
        case (.bigInteger(let left), .bigInteger(let right)): return Self.order(left, right)
        case (.bigInteger(let left), .integer(let right)): return Self.order(left, String(right))
        case (.integer(let left), .bigInteger(let right)): return Self.order(String(left), right)
        }
    }

    private static func order(_ left: Double, _ right: Double) -> SuiteOrder {
        left < right ? .less : left > right ? .greater : left == right ? .equal : .none
    }

    /// Without rounding the integer.
    private static func order(_ left: Int64, _ right: Double) -> SuiteOrder {
        guard !right.isNaN else { return .none }
        if right >= 0x1p63 { return .less }
        if right < -0x1p63 { return .greater }
        let whole = Int64(right.rounded(.down))
        if left != whole { return left < whole ? .less : .greater }
        return right > right.rounded(.down) ? .less : .equal
    }

    /// Of integers as digits without zeros in front.
    private static func order(_ left: String, _ right: String) -> SuiteOrder {
        let (isNegative, isOtherNegative) = (left.hasPrefix("-"), right.hasPrefix("-"))
        if isNegative != isOtherNegative { return isNegative ? .less : .greater }
        if left == right { return .equal }
        let isShorter =
            left.utf8.count == right.utf8.count
            ? left.utf8.lexicographicallyPrecedes(right.utf8) : left.utf8.count < right.utf8.count
        return isShorter != isNegative ? .less : .greater
    }
}
