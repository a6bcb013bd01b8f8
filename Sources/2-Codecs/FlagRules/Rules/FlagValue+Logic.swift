/// How JSONLogic takes values: as JavaScript does, but that arrays and objects are equal to nothing of another type.
extension FlagValue {
    var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0 && !value.isNaN
        case .string(let value): !value.isEmpty
        case .array(let items): !items.isEmpty
        case .object: true
        }
    }

    /// `===`
    func isSame(as other: FlagValue) -> Bool {
        switch (self, other) {
        case (.integer(let one), .integer(let other)): one == other
        case (.integer, .number), (.number, .integer): self.double == other.double
        default: self == other
        }
    }

    /// `==`
    func isLike(_ other: FlagValue) -> Bool {
        switch (self, other) {
        case (.bool, .integer), (.bool, .number), (.bool, .string), (.integer, .bool), (.number, .bool),
            (.string, .bool),
            (.integer, .string), (.number, .string), (.string, .integer), (.string, .number):
            self.asNumber == other.asNumber
        default: self.isSame(as: other)
        }
    }

    /// NaN where it's none.
    var asNumber: Double {
        switch self {
        case .null: 0
        case .bool(let value): value ? 1 : 0
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let text):
            text.allSatisfy(\.isWhitespace) ? 0 : Double(text.drop { $0.isWhitespace }.trimmedEnd) ?? .nan
        case .array, .object: .nan
        }
    }

    /// A whole number where it is one.
    init(result value: Double) {
        if !value.isFinite {
            self = .null
        } else if let whole = Int64(exactly: value), value.magnitude < 9_007_199_254_740_992 {
            self = .integer(whole)
        } else {
            self = .number(value)
        }
    }

    /// As `cat` joins it.
    func appendText(to text: inout String) {
        switch self {
        case .null: break
        case .string(let value): text += value
        case .number(let value):
            if let whole = Int64(exactly: value) { text += String(whole) } else { text += "\(value)" }
        default: self.write(to: &text)
        }
    }

    /// An object's field, or an array's item by its number.
    package func field(_ name: String) -> FlagValue? {
        switch self {
        case .object(let fields): fields[name]
        case .array(let items): Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil }
        default: nil
        }
    }

    /// A number is taken as `sem_ver` takes it: 1.2 is version 1.2.
    var version: SemanticVersion? {
        switch self {
        case .string(let text): SemanticVersion(text)
        case .integer, .number:
            {
                var text = ""
                self.appendText(to: &text)
                return SemanticVersion(text)
            }()
        default: nil
        }
    }
}

extension Rule.Order {
    /// Two texts by their characters, everything else as numbers; what's no number is in no order.
    func holds(_ one: FlagValue, _ other: FlagValue) -> Bool {
        if case .string(let one) = one, case .string(let other) = other {
            switch self {
            case .less: return one < other
            case .lessOrEqual: return one <= other
            case .greater: return one > other
            case .greaterOrEqual: return one >= other
            }
        }
        let (one, other) = (one.asNumber, other.asNumber)
        switch self {
        case .less: return one < other
        case .lessOrEqual: return one <= other
        case .greater: return one > other
        case .greaterOrEqual: return one >= other
        }
    }
}

extension Rule.Arithmetic {
    /// Null where there's no number for it.
    func result(_ values: [FlagValue]) -> FlagValue {
        let numbers = values.map(\.asNumber)
        guard let first = numbers.first else { return self == .sum ? .integer(0) : .null }
        let rest = numbers.dropFirst()
        switch self {
        case .sum: return FlagValue(result: numbers.reduce(0, +))
        case .product: return FlagValue(result: numbers.reduce(1, *))
        case .difference: return FlagValue(result: rest.first.map { first - $0 } ?? -first)
        case .quotient: return FlagValue(result: rest.first.map { first / $0 } ?? .nan)
        case .remainder:
            return FlagValue(result: rest.first.map { first.truncatingRemainder(dividingBy: $0) } ?? .nan)
        case .least: return FlagValue(result: rest.reduce(first, Swift.min))
        case .most: return FlagValue(result: rest.reduce(first, Swift.max))
        }
    }
}

extension String {
    /// Whether another text is in it, byte for byte.
    func containsBytes(of other: String) -> Bool {
        var (text, other) = (self, other)
        return text.withUTF8 { text in
            other.withUTF8 { other in
                guard let first = other.first else { return true }
                guard other.count <= text.count else { return false }
                return (0...text.count - other.count).contains { start in
                    text[start] == first && text[start..<start + other.count].elementsEqual(other)
                }
            }
        }
    }

    /// As JavaScript's `substr`: from the end where `start` is negative; a negative length leaves out so much at the end.
    func part(from start: Int64, length: Int64?) -> String {
        let scalars = Array(self.unicodeScalars)
        let count = Int64(scalars.count)
        let first = start < 0 ? max(0, count + max(start, -count)) : min(start, count)
        var end = count
        if let length { end = length < 0 ? count + max(length, -count) : first + min(length, count - first) }
        guard first < end else { return "" }
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars[Int(first)..<Int(end)])
        return text
    }
}

extension Substring {
    fileprivate var trimmedEnd: Substring {
        var text = self
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
