import Contracts
import CurlHTTP
import GloveboxCore
import Suites
import TestReports
import TestRunner
import TestSupport

/// A suite's folder, and what's needed to run it against a real server.
struct SuiteFixture {
    let folder: TemporaryFolder
    let runs = FakeRuns()

    /// - Parameter yaml: behind `version`, `title`, `edge` and `routes`.
    init(_ yaml: String, _ files: [String: String] = [:], routes: String = "127.0.0.1/shop") throws {
        self.folder = try TemporaryFolder()
        try self.folder.write(
            "suite.yaml", "version: 1\ntitle: Shop\nedge: shop-edge\nroutes: [\(routes)]\n\(yaml)\n", mode: 0o644)
        for (name, text) in files { try self.folder.write(name, text, mode: 0o644) }
    }

    func loaded() throws -> SuiteLoading { try SuiteLoading(self.folder.path, secret: Self.secret) }

    /// Stands for the one that reads private files.
    static func secret(_ path: String) throws(GloveboxError) -> [UInt8] {
        guard let bytes = try? readFile(path) else { throw GloveboxError(.notFound, "there is no file \(path)") }
        return bytes
    }

    func suite() throws -> TestSuite {
        let loading = try self.loaded()
        guard let suite = loading.suite else {
            throw TestSupportError(loading.problems.map(\.description).joined(separator: "\n"))
        }
        return suite
    }

    func runner(
        _ options: SuiteRunOptions = SuiteRunOptions(), environment: [String: String] = [:],
        time: any TimeSource = SystemTime(),
        told: @escaping @Sendable (RunEvent) -> Void = { _ in },
        preflight: Bool = false, redact: @escaping @Sendable (String) throws -> String = { $0 },
        change: (inout TestSuite) -> Void = { _ in }
    ) throws -> SuiteRunner {
        var suite = try self.suite()
        var options = options
        options.skipsPreflight = !preflight
        change(&suite)
        let runs = self.runs
        return SuiteRunner(
            suite, options, runs, RunTools(time: time, carrier: { runs.carrier() }, redact: redact),
            try CaseSecrets(suite.secrets, file: Self.secret, environment: environment), told: told)
    }

    /// Variables that lead to the server, at a rate that keeps no test waiting.
    static func fast(_ server: ExchangeServer, _ more: String = "") -> String {
        "variables: {host: \"\(server.url)\"}\nlimits: {rate: 1000/s, concurrency: 8}\n\(more)"
    }
}
