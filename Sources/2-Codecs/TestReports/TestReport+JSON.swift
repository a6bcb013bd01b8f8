#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension TestReport {
    private struct Written: Encodable {
        var report: TestReport

        private enum Keys: String, CodingKey {
            case verdict
            case counts
        }

        func encode(to encoder: any Encoder) throws {
            try self.report.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(self.report.verdict, forKey: .verdict)
            let counts = TestCaseReport.Outcome.allCases.map { ($0.rawValue, self.report.count($0)) }
            try container.encode(Dictionary(uniqueKeysWithValues: counts), forKey: .counts)
        }
    }

    /// The report's own fields, `verdict` and `counts` by outcome; fields in alphabetical order.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return String(decoding: try encoder.encode(Written(report: self)), as: UTF8.self) + "\n"
    }

    /// Of what ``json()`` wrote.
    package init(json text: String) throws {
        self = try JSONDecoder().decode(TestReport.self, from: Data(text.utf8))
    }
}
