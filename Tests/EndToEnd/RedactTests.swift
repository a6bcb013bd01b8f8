import Foundation
import TestSupport
import Testing

@Suite("glovebox redact")
struct RedactTests {
    private let folder: TemporaryFolder
    private let ada: Person

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
    }

    private func run(_ arguments: String..., input: Subprocess.Input = .none) async throws -> Subprocess.Result {
        try await Subprocess.run(
            [Repository.program, "redact"] + arguments, environment: self.ada.environment, input: input,
            folder: self.folder.path)
    }

    @Test("what comes in by standard input goes out masked, and the rest byte by byte")
    func pipe() async throws {
        let result = try await self.run(input: .text("a anna@example.com b\n\u{1B}[31mred\u{1B}[0m\nno line break"))
        #expect(result.status == 0 && result.errors.isEmpty)
        #expect(result.output.hasPrefix("a ‹email:"))
        #expect(result.output.hasSuffix("› b\n\u{1B}[31mred\u{1B}[0m\nno line break"))
        let binary: [UInt8] = [0, 255, 254, 10, 0, 128, 13, 10, 0]
        #expect(try await self.run(input: .bytes(binary)).standardOutput == binary)
        #expect(try await self.run(input: .bytes([])).standardOutput.isEmpty)
    }

    @Test("a whole line is out before the next one comes")
    func lineByLine() async throws {
        let process = try RunningProcess(
            [Repository.program, "redact"], environment: self.ada.environment, input: .open)
        try process.write("first anna@example.com line\n")
        try await eventually { process.result.output.hasSuffix("› line\n") }
        process.closeInput()
        #expect(await process.finished(timeout: .seconds(30)))
        #expect(process.result.status == 0)
    }

    @Test("--explain counts lines and characters as people do, also far behind")
    func explainedPlaces() async throws {
        let text = "Zürich — ok\n" + String(repeating: "a line of text\n", count: 30_000) + "é\tpassword=swordfish7\n"
        let result = try await self.run("--explain", input: .text(text))
        #expect(result.errors.contains("line 30002, column 12, byte \(text.utf8.count - 10): password by "))
    }

    @Test("--stats counts by kind and --explain names the detector; neither shows a value")
    func told() async throws {
        let result = try await self.run("--stats", "--explain", input: .text("anna@example.com password=swordfish7\n"))
        #expect(result.status == 0)
        #expect(result.errors.contains("line 1, column 1, byte 1: email by email: "))
        #expect(result.errors.contains("\nemail: 1\n") && result.errors.contains("password: 1\n"))
        #expect(!result.errors.contains("anna") && !result.errors.contains("swordfish"))
    }

    @Test("a reader that goes away is no failure")
    func brokenPipe() async throws {
        let result = try await Subprocess.run(
            [
                "/bin/bash", "-c",
                "set -o pipefail; yes 'mail anna@example.com' | head -200000 | { \"$0\" redact; echo $? >status; } | head -1",
                Repository.program,
            ], environment: self.ada.environment, folder: self.folder.path)
        #expect(result.output.hasPrefix("mail ‹email:") && result.errors.isEmpty)
        #expect(try String(contentsOfFile: self.folder.path + "/status", encoding: .utf8) == "0\n")
    }

    @Test("--follow reads through a rotation and a truncation, and ends when interrupted")
    func follow() async throws {
        let log = self.folder.path + "/app.log"
        try self.folder.write("app.log", "one anna@example.com\n")
        let process = try RunningProcess(
            [Repository.program, "redact", "--follow", log], environment: self.ada.environment)
        try await eventually { process.result.output.hasSuffix("›\n") }
        try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
        try self.folder.write("app.log", "two, after a rotation\n")
        try await eventually { process.result.output.contains("two, after a rotation\n") }
        let handle = try #require(FileHandle(forWritingAtPath: log))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data("three\n".utf8))
        try await eventually { process.result.output.hasSuffix("three\n") }
        process.signalGroup(2)
        #expect(await process.finished(timeout: .seconds(30)))
        #expect(process.result.status == 0)
        #expect(!process.result.output.contains("anna"))
        let none = try await self.run("--follow", "nowhere.log")
        #expect(none.status == 1 && none.errors == "glovebox: there is no file nowhere.log [not_found]\n")
    }

    private struct Report: Decodable {
        struct Detector: Decodable {
            var detector: String
            var right: Int
            var findings: Int
        }

        var texts: Int
        var masked: Int
        var values: Int
        var detectors: [Detector]
    }

    @Test("the built-in examples are all masked")
    func builtIn() async throws {
        let result = try await self.run("test", "--json", "--bar", "1")
        #expect(result.status == 0)
        let report = try JSONDecoder().decode(Report.self, from: Data(result.standardOutput))
        #expect(report.masked == report.values && report.values > 250 && report.texts > report.values)
    }

    @Test("a corpus of one's own is measured: what is masked, and what was found beside")
    func corpus() async throws {
        try self.folder.write(
            "corpus.jsonl",
            """
            {"text": "mail anna@example.com", "spans": [{"type": "EMAIL", "value": "anna@example.com"}]}
            {"text": "the word is mellon-friend", "secret": "mellon-friend", "rule": "doors"}

            {"text": "bob@example.com is nobody's"}

            """)
        let result = try await self.run("test", "corpus.jsonl", "--json", "--bar", "0.9")
        #expect(result.status == 1)
        let report = try JSONDecoder().decode(Report.self, from: Data(result.standardOutput))
        #expect(report.texts == 3 && report.values == 2 && report.masked == 1)
        let email = try #require(report.detectors.first { $0.detector == "email" })
        #expect(email.right == 1 && email.findings == 2)
        let text = try await self.run("test", "corpus.jsonl")
        #expect(text.status == 0)
        #expect(text.output.hasSuffix("\n1 of 2 values in 3 texts are masked: recall 0.5000.\n"))
    }

    @Test(
        "a line that's no label is named, and nothing of it is shown",
        arguments: [
            #"{"text": "a", "secret": "mellon-friend"}"#, #"{"secret": "mellon-friend"}"#, "mellon-friend",
            #"{"text": "mellon-friend", "secret": ""}"#,
        ])
    func wrongLine(_ line: String) async throws {
        try self.folder.write("corpus.jsonl", "{\"text\": \"fine\"}\n\(line)\n")
        let result = try await self.run("test", "corpus.jsonl")
        #expect(result.status == 2)
        #expect(result.errors.hasPrefix("glovebox: corpus.jsonl:2: "))
        #expect(!result.errors.contains("mellon"))
    }
}
