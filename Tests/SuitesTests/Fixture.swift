import HurlFile
import Suites
import Testing

/// A scope whose time stands still, and the words of a test as Hurl writes them.
enum Fixture {
    /// 2023-06-01T12:00:00Z
    static let now = SuiteDate(seconds: 1_685_620_800)
    static let uuid = "0531f78f-7f87-44be-a7f2-969a1c4e6d97"

    static func scope(_ variables: [String: SuiteValue] = [:]) -> SuiteScope {
        SuiteScope(
            variables: variables, now: { Self.now }, uuid: { Self.uuid },
            xpath: { _, _, expression throws(SuiteError) in expression == "//p" ? .nodeset(2) : nil },
            file: { name throws(SuiteError) in
                guard name == "a.bin" else { throw SuiteError(.noFile, "there is no file '\(name)'") }
                return [0xCA, 0xFE]
            })
    }

    /// The one assert of an entry that has just this.
    static func assertion(_ text: String) throws -> HurlAssert {
        let document = try HurlDocument("GET http://a\nHTTP 200\n[Asserts]\nbody \(text)\n")
        return try #require(document.entries.first?.response?.asserts.first)
    }

    /// What a value is after filters.
    static func filtered(
        _ value: SuiteValue?, _ filters: String, _ variables: [String: SuiteValue] = [:]
    ) throws -> SuiteValue? {
        let assertion = try self.assertion("\(filters) exists")
        return try self.scope(variables).filtered(value, by: assertion.filters)
    }

    static func outcome(
        _ value: SuiteValue?, _ predicate: String, _ variables: [String: SuiteValue] = [:]
    ) throws -> PredicateOutcome {
        try self.scope(variables).outcome(of: value, against: try self.assertion(predicate).predicate)
    }

    static func entry(_ text: String) throws -> HurlEntry { try #require(try HurlDocument(text).entries.first) }

    static func strings(_ texts: String...) -> SuiteValue { .list(texts.map { .string($0) }) }
}

extension SuiteDate {
    init(_ text: String) throws { self = try #require(SuiteDate(rfc3339: text)) }
}
