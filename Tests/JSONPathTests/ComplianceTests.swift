import Glibc
import GloveboxCore
import JSONDocument
import JSONPath
import TestSupport
import Testing

/// The compliance test suite of jsonpath-standard, whole.
@Suite("RFC 9535's compliance suite")
struct ComplianceTests {
    private static let file = Repository.file("../shared/conformance/jsonpath/cts.json")
    private static let isThere = access(file, R_OK) == 0

    /// In Hurl's dialect '.' takes a carriage return, as in Rust's patterns.
    private static let unlikeInHurl: Set<String> = [
        "functions, match, dot matcher on \\u2028", "functions, match, dot matcher on \\u2029",
        "functions, search, dot matcher on \\u2028", "functions, search, dot matcher on \\u2029",
    ]

    @Test(
        "passes wholly, values and paths",
        .enabled(if: Self.isThere, "needs the shared conformance data"))
    func conforms() throws {
        let run = try Self.run(.rfc9535)
        print(
            "JSONPath compliance: \(run.passed.count) of \(run.passed.count + run.failed.count) cases pass"
        )
        #expect(run.passed.count >= 703 && run.failed.isEmpty, "\(run.failed.sorted())")
        #expect(run.valid >= 400 && run.invalid >= 200 && run.paths >= 400)
    }

    @Test(
        "passes as Hurl reads JSONPath, but for '.'",
        .enabled(if: Self.isThere, "needs the shared conformance data"))
    func conformsForHurl() throws {
        #expect(try Self.run(.hurl).failed == Self.unlikeInHurl)
    }

    private struct Run {
        var passed: [String] = []
        var failed: Set<String> = []
        var (valid, invalid, paths) = (0, 0, 0)
    }

    private static func run(_ dialect: JSONPathDialect) throws -> Run {
        var run = Run()
        let cases = try #require(try JSON(parsing: readFile(self.file))["tests"]?.array)
        for test in cases {
            let name = try #require(test["name"]?.string)
            let isRight: Bool
            do {
                let query = try JSONPathQuery(try #require(test["selector"]?.string), dialect: dialect)
                if test["invalid_selector"] == nil {
                    let nodes = try query.nodes(in: try #require(test["document"]))
                    let values = JSON.array(nodes.map(\.value))
                    let paths = JSON.array(nodes.map { .string($0.location.description) })
                    // Where objects' members have no order, several results are right.
                    let results = try #require(test["results"]?.array ?? test["result"].map { [$0] })
                    let allPaths = test["results_paths"]?.array ?? test["result_paths"].map { [$0] }
                    isRight = results.contains(values) && allPaths?.contains(paths) != false
                    run.valid += 1
                    run.paths += allPaths == nil ? 0 : 1
                } else {
                    isRight = false
                }
            } catch is JSONFault {
                isRight = test["invalid_selector"] == true
                run.invalid += 1
            }
            if isRight { run.passed.append(name) } else { run.failed.insert(name) }
        }
        return run
    }
}
