import TestSupport
import Testing

/// What scripts/up writes before it starts anything; that it runs is shown by scripts/demo-faults.
@Suite("The demo's files, as scripts/up writes them", .timeLimit(.minutes(2)))
struct DemoTests {
    private struct CheckedSuite: Decodable {
        struct Case: Decodable {
            var name: String
            var tags: [String]
            var writes: Bool
        }

        var isRight: Bool
        var notes: [String]
        var cases: [Case]
    }

    private struct Finding: Decodable {
        var check: String
        var verdict: String
        var found: String
    }

    private let folder: TemporaryFolder
    private let demo: String
    private let ada: Person

    init() async throws {
        self.folder = try TemporaryFolder()
        self.demo = self.folder.file("demo")
        self.ada = Person(name: "ada", folder: self.folder)
        // What scripts/demo-database leaves there.
        try self.folder.write("demo/port", "5499\n")
        try await Subprocess.check(
            ["/usr/bin/env", "GLOVEBOX_DEMO=\(self.demo)", Repository.file("scripts/demo-configuration")])
    }

    @Test("the storefront's suite is right, and so is the copy that goes through the demo's edge")
    func suite() async throws {
        for place in [Repository.file("Examples/demo/suite"), "\(self.demo)/suite"] {
            let checked = try await self.ada.ask(CheckedSuite.self, "test", "check", place)
            #expect(checked.isRight && checked.notes == [])
            #expect(
                checked.cases.map(\.name).sorted() == [
                    "basket", "catalogue", "context", "last-one", "order", "page", "product", "stock",
                ])
            #expect(checked.cases.filter(\.writes).map(\.name).sorted() == ["basket", "last-one", "order"])
        }
        let ports = String(decoding: try self.folder.read("demo/state/storefront.ports"), as: UTF8.self)
        let edge = try #require(ports.split(separator: "\n").first { $0.hasPrefix("edge ") }?.dropFirst(5))
        let copy = String(decoding: try self.folder.read("demo/suite/suite.yaml"), as: UTF8.self)
        #expect(copy.contains("shop: http://127.0.0.1:\(edge)\n"))
        #expect(Set(ports.split(separator: "\n").compactMap { $0.split(separator: " ").last }).count == 9)
    }

    @Test("the gateway's, the agent's and the edge's files are sound, and have no place left to fill in")
    func files() async throws {
        let state = "\(self.demo)/state"
        for name in ["gateway", "agent", "ceiling", "policy", "edge"] {
            let text = String(decoding: try self.folder.read("demo/state/\(name).yaml"), as: UTF8.self)
            #expect(text.firstMatch(of: /@[A-Z_0-9]+@/) == nil, "\(name)")
        }
        let doctor = try await self.ada.glovebox(["doctor", "--state", state, "--json"])
        let findings = try decode([Finding].self, from: doctor.standardOutput)
        for check in ["gateway configuration", "gateway policy", "agent configuration", "agent ceiling"] {
            let finding = try #require(findings.first { $0.check == check }, "\(findings)")
            #expect(finding.verdict == "ok", "\(check): \(finding.found)")
        }
        // scripts/demo-storefront makes it by openssl.
        try await Subprocess.check(
            [
                "sh", "-c", "umask 077; openssl genpkey -algorithm ed25519 -outform DER | tail -c 32 | base64 >\"$1\"",
                "sh", "\(state)/internal.key",
            ])
        let edge = try await self.ada.glovebox(["edge", "--config", "\(state)/edge.yaml", "--check"])
        #expect(edge.succeeded && edge.errors.contains("1 routes, all right"), "\(edge.errors)")
    }

    @Test("the files of a demo that's there already stay as they are, but for the database's port")
    func again() async throws {
        let before = try self.folder.read("demo/state/edge.yaml")
        try self.folder.write("demo/suite/suite.yaml", "mine\n")
        try self.folder.write("demo/port", "5500\n")
        try await Subprocess.check(
            ["/usr/bin/env", "GLOVEBOX_DEMO=\(self.demo)", Repository.file("scripts/demo-configuration")])
        #expect(try self.folder.read("demo/state/edge.yaml") == before)
        #expect(try self.folder.read("demo/suite/suite.yaml") == Array("mine\n".utf8))
        let agent = String(decoding: try self.folder.read("demo/state/agent.yaml"), as: UTF8.self)
        #expect(agent.contains("    port: 5500\n"))
    }
}
