package import JSONDocument

/// What a value that differs from answer to answer still has to be. There is no kind that accepts whatever comes: of
/// each it can be said that a value isn't of it any more.
package indirect enum NoiseKind: Hashable, Sendable {
    /// By RFC 9562, in small letters unless `isUpperCase`.
    case uuid(isUpperCase: Bool)
    /// In one of these formats; where two answers were asked for at the same time, no further apart than `within`
    /// seconds.
    case time([TimeFormat], within: Int?)
    case counter(Counter)
    case token(TokenShape)
    case tolerance(Tolerance)
    case oneOf([JSON])
    /// A list whose elements are compared regardless of their order, or whose length may be another.
    case list(isUnordered: Bool, length: ClosedRange<Int>?)
    /// A text whose words are the same, but for those that are of one of these kinds in both.
    case words([NoiseKind])
    /// Both of the same one of these kinds: elements of one list may each have another.
    case either([NoiseKind])
    /// Of one of these kinds of JSON value: what somebody writes who knows no better, never what's learned.
    case any([ValueKind])

    /// A whole number that only rises, or only falls.
    package struct Counter: Hashable, Sendable {
        package var isFalling: Bool
        /// The lowest (of a falling one the highest) that was seen.
        package var from: Int64
        /// How far apart two may be that were asked for at the same time. These are held to nothing else: what counts may
        /// have been set back since.
        package var within: Int64?

        package init(isFalling: Bool = false, from: Int64, within: Int64? = nil) {
            self.isFalling = isFalling
            self.from = from
            self.within = within
        }
    }

    /// How far a number may be from the one that's expected. Either is enough. A text that's a number keeps the digits
    /// behind its point.
    package struct Tolerance: Hashable, Sendable {
        package var absolute: Double
        /// Of the expected number.
        package var relative: Double

        package init(absolute: Double = 0, relative: Double = 0) {
            self.absolute = absolute
            self.relative = relative
        }
    }

    package enum ValueKind: String, Hashable, Sendable, CaseIterable {
        case null, boolean, number, string, array, object
    }

    /// What files call it.
    package var name: String {
        switch self {
        case .uuid: "uuid"
        case .time: "time"
        case .counter: "counter"
        case .token: "token"
        case .tolerance: "tolerance"
        case .oneOf: "one-of"
        case .list: "list"
        case .words: "words"
        case .either: "either"
        case .any: "any"
        }
    }
}

// MARK: - Checking

extension NoiseKind {
    /// What of `actual` isn't of this kind any more, in words that go on a sentence; nil where it's well.
    /// - Parameters:
    ///   - expected: the value that it's compared with, which tolerances and words look at.
    ///   - isConcurrent: whether both were asked for at about the same time.
    package func fault(of actual: JSON, expected: JSON, isConcurrent: Bool) -> String? {
        switch self {
        case .uuid(let isUpperCase):
            return Self.isUUID(actual.string ?? "", isUpperCase)
                ? nil : "isn't a uuid\(isUpperCase ? " in capitals" : "")"
        case .time(let formats, let within):
            return Self.timeFault(actual, expected, formats, isConcurrent ? within : nil)
        case .counter(let counter): return counter.fault(of: actual, expected: expected, isConcurrent: isConcurrent)
        case .token(let shape): return actual.string.map(shape.fault(of:)) ?? "isn't a text"
        case .tolerance(let tolerance): return tolerance.fault(of: actual, expected: expected)
        case .oneOf(let values): return values.contains(actual) ? nil : "isn't one of the values that are known"
        case .list(_, let length):
            guard let list = actual.array else { return "isn't a list" }
            guard let length, !length.contains(list.count) else { return nil }
            return "has \(list.count) elements where \(length.written) are expected"
        case .words(let kinds): return Self.wordsFault(actual, expected, kinds, isConcurrent)
        case .either(let kinds):
            return Self.isNoise(actual, expected, kinds, isConcurrent)
                ? nil : "isn't of the kind that it was, of \(kinds.map(\.name).joined(separator: ", "))"
        case .any(let kinds):
            return kinds.contains { $0.rawValue == actual.kind }
                ? nil : "isn't a \(kinds.map(\.rawValue).joined(separator: " or "))"
        }
    }

    static func isUUID(_ text: String, _ isUpperCase: Bool) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        let alphabet: TokenShape.Alphabet = isUpperCase ? .upperHex : .hex
        return bytes.indices.allSatisfy { index in
            [8, 13, 18, 23].contains(index) ? bytes[index] == UInt8(ascii: "-") : alphabet.contains(bytes[index])
        }
    }

    /// A number, or a text of digits.
    static func whole(_ value: JSON) -> Int64? {
        if let number = value.number { return number.isWrittenAsInteger ? number.int64 : nil }
        guard let text = value.string, case let digits = text.hasPrefix("-") ? text.dropFirst() : text[...],
            !digits.isEmpty, digits.utf8.allSatisfy(\.isDigit)
        else { return nil }
        return Int64(text)
    }

    private static func timeFault(_ actual: JSON, _ expected: JSON, _ formats: [TimeFormat], _ within: Int?) -> String?
    {
        func seconds(_ value: JSON) -> Double? {
            formats.lazy.compactMap { format in
                if let text = value.string { return format.seconds(text) }
                return format.isNumber ? value.number.flatMap { format.seconds($0.text) } : nil
            }.first
        }
        let written = formats.map(\.text).joined(separator: " or ")
        guard let actual = seconds(actual) else { return "isn't a time of the form \(written)" }
        guard let within, let expected = seconds(expected) else { return nil }
        let apart = abs(actual - expected)
        return apart <= Double(within) ? nil : "is \(Int(apart)) s from the other, where \(within) s are allowed"
    }

    /// Whether there's a kind that both are of.
    private static func isNoise(
        _ actual: JSON, _ expected: JSON, _ kinds: [NoiseKind], _ isConcurrent: Bool
    ) -> Bool {
        kinds.contains { kind in
            kind.fault(of: expected, expected: expected, isConcurrent: isConcurrent) == nil
                && kind.fault(of: actual, expected: expected, isConcurrent: isConcurrent) == nil
        }
    }

    private static func wordsFault(
        _ actual: JSON, _ expected: JSON, _ kinds: [NoiseKind], _ isConcurrent: Bool
    ) -> String? {
        guard let actual = actual.string, let expected = expected.string else { return "isn't a text" }
        let (words, wanted) = (TextWords.words(actual), TextWords.words(expected))
        guard words.count == wanted.count else { return "has other words" }
        for (word, other) in zip(words, wanted) where word != other {
            guard Self.isNoise(.string(word), .string(other), kinds, isConcurrent) else {
                return "has '\(word.shortened)' where '\(other.shortened)' or the like is expected"
            }
        }
        return nil
    }
}

extension NoiseKind.Counter {
    fileprivate func fault(of actual: JSON, expected: JSON, isConcurrent: Bool) -> String? {
        let wanted = NoiseKind.whole(expected)
        guard let value = NoiseKind.whole(actual), actual.kind == expected.kind || wanted == nil else {
            return "isn't a whole number"
        }
        if isConcurrent, let within = self.within, let wanted {
            let apart = value.subtractingReportingOverflow(wanted)
            guard apart.overflow || apart.partialValue.magnitude > within.magnitude else { return nil }
            return "is further from \(wanted) than the \(within) that are allowed"
        }
        let isPassed = self.isFalling ? value <= self.from : value >= self.from
        return isPassed ? nil : "is \(self.isFalling ? "above" : "below") \(self.from), from where it counts"
    }
}

extension NoiseKind.Tolerance {
    fileprivate func fault(of actual: JSON, expected: JSON) -> String? {
        guard actual.kind == expected.kind, let value = Self.number(actual), let wanted = Self.number(expected) else {
            return "isn't a number as it was"
        }
        if value.isWhole != wanted.isWhole, wanted.isWhole { return "isn't a whole number" }
        // In texts the digits behind the point belong to the form.
        if actual.string != nil, value.digits != wanted.digits {
            return "has another number of digits behind the point"
        }
        let apart = abs(value.value - wanted.value)
        let allowed = max(self.absolute, self.relative * abs(wanted.value))
        // What binary fractions lose isn't a difference.
        return apart <= allowed + abs(wanted.value) * 1e-12 ? nil : "is further from \(expected) than is allowed"
    }

    static func number(_ value: JSON) -> (value: Double, isWhole: Bool, digits: Int)? {
        guard let number = value.number ?? value.string.flatMap({ JSONNumber($0) }), number.double.isFinite else {
            return nil
        }
        let digits = number.text.split(separator: ".").dropFirst().first?.utf8.prefix(while: \.isDigit).count ?? 0
        return (number.double, number.isWrittenAsInteger, digits)
    }
}

/// What's known of one path: optional, nullable, of a kind, each if it's so. It came out of answers, or somebody wrote
/// it.
package struct NoiseRule: Hashable, Sendable {
    package var kind: NoiseKind?
    /// Whether a member isn't always there.
    package var isOptional: Bool
    /// Whether null may stand in its place.
    package var isNullable: Bool
    /// Of a rule that somebody wrote.
    package var reason: String?

    package init(_ kind: NoiseKind? = nil, isOptional: Bool = false, isNullable: Bool = false, reason: String? = nil) {
        self.kind = kind
        self.isOptional = isOptional
        self.isNullable = isNullable
        self.reason = reason
    }

    package static let optional = NoiseRule(isOptional: true)
    var isUnordered: Bool { self.kind?.ofLists?.isUnordered ?? false }
    var hasFreeLength: Bool { self.kind?.ofLists?.length != nil }
}

extension NoiseKind {
    /// What it says of lists, if it says anything of these.
    var ofLists: (isUnordered: Bool, length: ClosedRange<Int>?)? {
        switch self {
        case .list(let isUnordered, let length): (isUnordered, length)
        case .either(let kinds): kinds.lazy.compactMap(\.ofLists).first
        case .uuid, .time, .counter, .token, .tolerance, .oneOf, .words, .any: nil
        }
    }
}

extension String {
    /// Not more than a line of a report has place for.
    package var shortened: String {
        self.unicodeScalars.count <= 80 ? self : String(String.UnicodeScalarView(self.unicodeScalars.prefix(79))) + "…"
    }
}
