import GloveboxCore
import HurlFile
import TestSupport
import Testing
import YAMLDocument

@testable import TestRunner

@Suite("Spoiled suites", .timeLimit(.minutes(10)))
struct FuzzTests {
    private static let document = """
        version: 1
        title: Shop
        edge: shop-edge
        routes: [shop.example/api, /healthz, "[::1]/x"]
        variables: {host: "https://shop.example", count: 3, off: false}
        secrets: {token: {file: token.secret}, key: {env: KEY}}
        files: [data/*.json]
        limits: {rate: 20/s, concurrency: 4, duration: 10m, writes: 100}
        guards: [{signal: error-rate, atMost: 0.01, patience: 10s}]
        under: {version: v2, flags: [{key: a, defaultVariant: "on"}]}
        undo: [{runbook: {target: shop-host, name: forget, parameters: {run: "{{run}}"}}}]
        cases:
          - cases/*.hurl
          - {file: b.hurl, name: B, tags: [x], writes: true, methods: [POST], retries: 1, race: {lanes: 2, rounds: 3}}

        """
    private static let head =
        "# glovebox: name B\n# glovebox: tags x, y\n# glovebox: writes\n# glovebox: race 2\nGET http://a/{{b}}\nHTTP 200\n"

    @Test("10,000 of suite.yaml are read, or refused in one line with a place")
    func suites() throws {
        let fuzzing = Fuzzing("suite.yaml")
        var (read, refused) = (0, 0)
        try fuzzing.run(10_000) { generator in
            let bytes = generator.spoiled(Array(Self.document.utf8))
            do throws(GloveboxError) {
                _ = try SuiteFile(try YAMLNode(bytes: bytes, file: "suite.yaml"))
                read += 1
            } catch {
                refused += 1
                guard error.message.hasPrefix("suite.yaml:"), !error.message.contains("\n") else {
                    throw TestSupportError("it's told as \(error.message.debugDescription)")
                }
            }
        }
        guard !fuzzing.isSingle else { return }
        #expect(read > 300 && refused > 300, "\(read) read, \(refused) refused")
    }

    @Test("10,000 heads of cases are read, or refused with a place")
    func cases() throws {
        let fuzzing = Fuzzing("a case's settings")
        var (read, refused) = (0, 0)
        try fuzzing.run(10_000) { generator in
            guard let document = try? HurlDocument(bytes: generator.spoiled(Array(Self.head.utf8))) else { return }
            var problems = 0
            _ = CaseSettings(document) { position, _ in
                problems += position.line > 0 ? 1 : 0
            }
            _ = HurlUses(document)
            if problems == 0 { read += 1 } else { refused += 1 }
        }
        guard !fuzzing.isSingle else { return }
        #expect(read > 300 && refused > 300, "\(read) read, \(refused) refused")
    }
}
