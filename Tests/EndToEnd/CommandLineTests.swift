import Foundation
import TestSupport
import Testing

@Suite("The command line by itself: settings, policy files, completion")
struct CommandLineTests {
    private let folder: TemporaryFolder
    private let ada: Person

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
    }

    private static let policy = """
        version: 1
        groups:
          oncall: [ada, grace]
        rules:
          - name: oncall-reads-shop
            groups: [oncall]
            targets: [shop-db]
            labels: {env: production}
            capabilities: [read]
            longest: 1h

        """

    private func run(
        _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> Subprocess.Result {
        try await Subprocess.run(
            [Repository.program] + arguments, environment: self.ada.environment.merging(environment) { $1 },
            folder: self.folder.path)
    }

    // MARK: Policy files

    @Test("a policy file is checked as a gateway would: what's in it, or the line and column of what's wrong")
    func policyCheck() async throws {
        try self.folder.write("policy.yaml", Self.policy)
        let good = try await self.run("policy", "check", "policy.yaml")
        #expect(good.status == 0)
        #expect(good.output == "policy.yaml can be used: 1 rules, 1 groups. What no rule allows is denied.\n")
        try self.folder.write("policy.yaml", Self.policy + "    longst: 2h\n")
        let bad = try await self.run("policy", "check", "policy.yaml")
        #expect(bad.status == 1 && bad.output.isEmpty)
        #expect(bad.errors.hasPrefix("glovebox: policy.yaml:11:5: unknown key 'longst': did you mean 'longest'?"))
        #expect(bad.errors.hasSuffix("[configuration_invalid]\n"))
        let none = try await self.run("policy", "check", "nowhere.yaml")
        #expect(none.status == 1 && none.errors == "glovebox: there is no file nowhere.yaml [not_found]\n")
    }

    @Test("a decision is explained by what each rule says, and a denial has a status of its own")
    func policyExplain() async throws {
        try self.folder.write("policy.yaml", Self.policy)
        let allowed = try await self.run(
            "policy", "explain", "policy.yaml", "--identity", "ada", "--target", "shop-db", "--label",
            "env=production", "--for", "30m")
        #expect(allowed.status == 0)
        #expect(
            allowed.output == """
                Allowed by rule 'oncall-reads-shop'.

                RULE               SAYS
                oncall-reads-shop  allows it, and decides

                """)
        let denied = try await self.run(
            "policy", "explain", "policy.yaml", "--identity", "ada", "--target", "shop-db", "--json")
        #expect(denied.status == 3)
        let answer = try JSONDecoder().decode(Explained.self, from: Data(denied.standardOutput))
        #expect(answer.decision == "deny" && answer.rule == nil)
        #expect(answer.rules == [.init(name: "oncall-reads-shop", allows: false, because: "is about other targets")])
    }

    private struct Explained: Decodable {
        struct Rule: Decodable, Equatable {
            var name: String
            var allows: Bool
            var because: String
        }

        var decision: String
        var rule: String?
        var rules: [Rule]
    }

    @Test("a table of expected decisions passes, or names the case, its line and what came instead")
    func policyTest() async throws {
        try self.folder.write("policy.yaml", Self.policy)
        let passing = """
            version: 1
            cases:
              - name: on call reads
                identity: grace
                target: shop-db
                labels: {env: production}
                capabilities: [read]
                for: 1h
                expect: allow
                rule: oncall-reads-shop

            """
        try self.folder.write("table.yaml", passing)
        let good = try await self.run("policy", "test", "policy.yaml", "table.yaml")
        #expect(good.status == 0 && good.output == "ok      on call reads\n1 of 1 as expected.\n")
        try self.folder.write(
            "table.yaml",
            passing
                + "  - {name: nobody writes, identity: ada, target: shop-db, capabilities: [write], for: 1m, expect: allow}\n"
        )
        let bad = try await self.run("policy", "test", "policy.yaml", "table.yaml")
        #expect(bad.status == 1)
        #expect(
            bad.output.contains("FAILED  nobody writes\n        table.yaml:11: expected allow, but it's deny (no rule"))
        #expect(bad.output.hasSuffix("1 of 2 as expected.\n"))
    }

    // MARK: Settings

    @Test("what is printed is set by an option, else the environment, else the file")
    func settings() async throws {
        #expect(try await self.run("version").output.hasPrefix("glovebox "))
        try self.folder.write("homes/ada/config.yaml", "version: 1\noutput: json\ncolor: never\n")
        #expect(try await self.run("version").output.hasPrefix("{"))
        #expect(try await self.run("version", environment: ["GLOVEBOX_OUTPUT": "text"]).output.hasPrefix("glovebox "))
        #expect(try await self.run("version", environment: ["GLOVEBOX_OUTPUT": ""]).output.hasPrefix("{"))
        let option = try await self.run("version", "--json", environment: ["GLOVEBOX_OUTPUT": "text"])
        #expect(option.output.hasPrefix("{"))
        try self.folder.write("homes/ada/config.yaml", "version: 1\ngateway: https://localhost:1\n")
        let login = try await self.run("login")
        #expect(login.errors.contains("gives no code"), "the gateway is known: \(login.errors)")
    }

    @Test(
        "a setting that can't be is named, and keeps nobody from help",
        arguments: [
            ("version: 1\noutput: jsn\n", [:], "config.yaml:2:9: 'jsn' isn't known here: did you mean 'json'?"),
            ("version: 1\ntoken: hunter2\n", [:], "config.yaml:2:1: unknown key 'token'"),
            (
                "version: 1\n", ["GLOVEBOX_COLOR": "blue"],
                "GLOVEBOX_COLOR is 'blue': set it to one of auto, always, never"
            ),
        ])
    func wrongSetting(_ file: String, _ environment: [String: String], _ complaint: String) async throws {
        try self.folder.write("homes/ada/config.yaml", file)
        let result = try await self.run("version", environment: environment)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.contains(complaint) && result.errors.hasSuffix("[configuration_invalid]\n"))
        #expect(!result.errors.contains("hunter2"))
        #expect(try await self.run("--help", environment: environment).status == 0)
    }

    @Test("there's colour on a terminal or when it's asked for, and nowhere else")
    func colour() async throws {
        try self.folder.write("policy.yaml", Self.policy)
        let explain = [
            "policy", "explain", "policy.yaml", "--identity", "ada", "--target", "shop-db", "--label",
            "env=production",
        ]
        let program = Repository.program
        func output(_ prefix: [String], _ environment: [String: String] = [:]) async throws -> String {
            try await Subprocess.run(
                prefix.isEmpty ? [program] + explain : prefix + [([program] + explain).joined(separator: " ")],
                environment: self.ada.environment.merging(environment) { $1 }, folder: self.folder.path
            ).output
        }
        let onTerminal = ["script", "--quiet", "--return", "/dev/null", "--command"]
        #expect(try await !output([]).contains("\u{1B}"))
        #expect(try await output([], ["GLOVEBOX_COLOR": "always"]).contains("\u{1B}[1mRULE"))
        #expect(try await output(onTerminal, ["TERM": "xterm"]).contains("\u{1B}[1mRULE"))
        #expect(try await !output(onTerminal, ["TERM": "xterm", "NO_COLOR": "1"]).contains("\u{1B}[1m"))
        #expect(try await !output(onTerminal, ["TERM": "dumb"]).contains("\u{1B}[1m"))
    }

    // MARK: Completion

    @Test("the completion's script is one that its shell takes, and it knows the commands")
    func completion() async throws {
        let script = try await self.run("completion", "bash")
        #expect(script.status == 0)
        try self.folder.write("completion.bash", script.output)
        let completed = try await Subprocess.run(
            [
                "bash", "-c",
                """
                source ./completion.bash
                COMP_WORDS=(glovebox pol) COMP_CWORD=1 COMP_LINE='glovebox pol' COMP_POINT=12
                $(complete -p glovebox | sed -E 's/.*-F ([^ ]+).*/\\1/') glovebox pol glovebox
                printf '%s\\n' "${COMPREPLY[@]}"
                """,
            ], environment: self.ada.environment, folder: self.folder.path)
        #expect(completed.output == "policy\n", "\(completed.errors)")
        for shell in ["zsh", "fish"] {
            #expect(try await self.run("completion", shell).output.contains("glovebox"))
        }
    }
}
