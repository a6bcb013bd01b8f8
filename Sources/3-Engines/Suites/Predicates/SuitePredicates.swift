package import HurlFile
import LinearRegex

/// How a value was held against a predicate.
package struct PredicateOutcome: Hashable, Sendable {
    package var isMet: Bool
    /// What there was, with its kind; `none` where there was nothing.
    package var actual: String
    /// What was wanted, with `not` where it stands there.
    package var expected: String
    /// The two are of kinds that the predicate can't compare: then it isn't met, negated or not.
    package var isKindMismatch: Bool
}

extension SuiteScope {
    /// Holds a value against a predicate.
    /// - Parameter value: nil where a query or a filter found nothing.
    /// - Throws: ``SuiteError`` where the expected value can't be worked out.
    package func outcome(
        of value: SuiteValue?, against predicate: HurlPredicate
    ) throws(SuiteError) -> PredicateOutcome {
        let expected: SuiteValue?
        do throws(SuiteError) {
            expected = try predicate.value.map { (value) throws(SuiteError) in try self.value(value.value) }
        } catch {
            throw error.at(predicate.span)
        }
        var words = predicate.name.words
        if let expected { words += (words.isEmpty ? "" : " ") + self.shown(expected) }
        if predicate.isNegated { words = "not \(words)" }
        guard let value else {
            // Nothing meets no predicate, and so every negated one.
            return PredicateOutcome(
                isMet: predicate.isNegated, actual: "none", expected: words, isKindMismatch: false)
        }
        let isMet: Bool?
        do throws(SuiteError) {
            isMet = try self.isMet(value, predicate.name, expected ?? .unit)
        } catch {
            throw error.at(predicate.span)
        }
        return PredicateOutcome(
            isMet: isMet.map { $0 != predicate.isNegated } ?? false, actual: self.shown(value), expected: words,
            isKindMismatch: isMet == nil)
    }

    /// Nil where the kinds don't fit.
    private func isMet(
        _ value: SuiteValue, _ name: HurlPredicateName, _ expected: SuiteValue
    ) throws(SuiteError) -> Bool? {
        switch name {
        case .equal: return value == expected
        case .notEqual: return value != expected
        case .greater: return value.order(expected).map { $0 == .greater }
        case .greaterOrEqual: return value.order(expected).map { $0 == .greater || $0 == .equal }
        case .less: return value.order(expected).map { $0 == .less }
        case .lessOrEqual: return value.order(expected).map { $0 == .less || $0 == .equal }
        case .startsWith: return value.pair(expected).map { $0.starts(with: $1) }
        case .endsWith: return value.pair(expected).map { $0.reversed().starts(with: $1.reversed()) }
        case .contains:
            if case .list(let items) = value { return items.contains(expected) }
            return value.pair(expected).map { TextBytes.range(of: $1, in: $0) != nil }
        case .includes:
            guard case .list(let items) = value else { return nil }
            return items.contains(expected)
        case .matches: return try self.matches(value, expected)
        case .exists:
            if case .nodeset(0) = value { return false }
            return true
        case .isEmpty:
            switch value {
            case .list(let items): return items.isEmpty
            case .object(let members): return members.isEmpty
            case .string(let text): return text.isEmpty
            case .bytes(let bytes): return bytes.isEmpty
            case .nodeset(let count): return count == 0
            default: return nil
            }
        case .isIsoDate:
            guard case .string(let text) = value else { return nil }
            return SuiteDate(rfc3339: text) != nil
        case .isIpv4:
            guard case .string(let text) = value else { return nil }
            return AddressText.isIPv4(text)
        case .isIpv6:
            guard case .string(let text) = value else { return nil }
            return AddressText.isIPv6(text)
        case .isUuid:
            guard case .string(let text) = value else { return nil }
            return AddressText.isUUID(text)
        case .isBoolean, .isCollection, .isDate, .isFloat, .isInteger, .isList, .isNumber, .isObject, .isString:
            return Self.isOfKind(value, name)
        }
    }

    private static func isOfKind(_ value: SuiteValue, _ name: HurlPredicateName) -> Bool {
        switch (name, value) {
        case (.isBoolean, .boolean), (.isDate, .date), (.isFloat, .number(.float)), (.isString, .string),
            (.isInteger, .number(.integer)), (.isInteger, .number(.bigInteger)), (.isNumber, .number),
            (.isList, .list), (.isObject, .object), (.isObject, .nodeset), (.isCollection, .list),
            (.isCollection, .object), (.isCollection, .nodeset), (.isCollection, .bytes):
            true
        default: false
        }
    }

    private func matches(_ value: SuiteValue, _ expected: SuiteValue) throws(SuiteError) -> Bool? {
        let regex: LinearRegex
        switch expected {
        case .regex(let pattern): regex = pattern
        case .string(let pattern): regex = try self.regex(pattern)
        default: return nil
        }
        guard case .string(let text) = value else { return nil }
        return try self.matching { () throws(LinearRegexError) in try regex.matches(text) }
    }

    /// What a predicate's value is.
    package func value(_ value: HurlPredicateValue) throws(SuiteError) -> SuiteValue {
        switch value {
        case .null: return .null
        case .boolean(let value): return .boolean(value)
        case .number(let number): return SuiteValue(number)
        case .text(let template): return .string(try self.text(template))
        case .bytes(let bytes): return .bytes(bytes.bytes)
        case .file(let file): return .bytes(try self.bytes(file))
        case .regex(let regex): return .regex(try self.regex(regex.pattern))
        case .placeholder(let placeholder): return try self.value(placeholder)
        case .multiline(let multiline):
            let bytes = try self.bytes(multiline)
            switch multiline.language {
            case .base64, .hexadecimal: return .bytes(bytes)
            case .text, .json, .xml, .graphQL, .raw: return .string(String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}

extension SuiteValue {
    /// Of two texts, numbers or dates; nil for others.
    fileprivate func order(_ other: Self) -> SuiteOrder? {
        switch (self, other) {
        case (.string(let left), .string(let right)):
            left.isSame(as: right) ? .equal : left.utf8.lexicographicallyPrecedes(right.utf8) ? .less : .greater
        case (.number(let left), .number(let right)): left.compare(right)
        case (.date(let left), .date(let right)): left < right ? .less : left == right ? .equal : .greater
        default: nil
        }
    }

    /// The bytes of two texts, or of two that are bytes; nil for others.
    fileprivate func pair(_ other: Self) -> ([UInt8], [UInt8])? {
        switch (self, other) {
        case (.string(let left), .string(let right)): (Array(left.utf8), Array(right.utf8))
        case (.bytes(let left), .bytes(let right)): (left, right)
        default: nil
        }
    }
}

extension HurlPredicateName {
    /// What's expected, in words before the value.
    fileprivate var words: String {
        switch self {
        case .equal: ""
        case .notEqual: "something else than"
        case .greater: "greater than"
        case .greaterOrEqual: "greater than or equal to"
        case .less: "less than"
        case .lessOrEqual: "less than or equal to"
        case .startsWith: "starts with"
        case .endsWith: "ends with"
        case .contains, .includes: "contains"
        case .matches: "matches"
        case .exists: "something"
        case .isBoolean: "a boolean"
        case .isCollection: "a collection"
        case .isDate: "a date"
        case .isEmpty: "empty"
        case .isFloat: "a float"
        case .isInteger: "an integer"
        case .isIpv4: "an IPv4 address"
        case .isIpv6: "an IPv6 address"
        case .isIsoDate: "a date by RFC 3339"
        case .isList: "a list"
        case .isNumber: "a number"
        case .isObject: "an object"
        case .isString: "a string"
        case .isUuid: "a UUID of version 4"
        }
    }
}
