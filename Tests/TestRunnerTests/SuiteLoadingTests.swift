import GloveboxCore
import Suites
import TestRunner
import TestSupport
import Testing

@Suite("suite.yaml and the files that it names are read as one, and every mistake has its place")
struct SuiteLoadingTests {
    private static let read = "GET http://a/shop/run\nHTTP 200\n"
    private static let write = "POST http://a/shop/buy/safe\nHTTP 201\n"

    private func problems(_ yaml: String, _ files: [String: String] = [:]) throws -> [String] {
        let fixture = try SuiteFixture(yaml, files)
        return try fixture.loaded().problems.map {
            $0.description.replacing(fixture.folder.path + "/", with: "")
        }
    }

    @Test("everything that may be said is read")
    func whole() throws {
        let fixture = try SuiteFixture(
            """
            variables: {host: "http://a", count: 3, on: true, text: "7"}
            secrets: {token: {env: TOKEN}, key: {file: key.secret}}
            files: [data/*.json]
            limits: {rate: 50/s, concurrency: 8, duration: 2m, writes: 5}
            guards: [{signal: error-rate, atMost: 0.01, patience: 5s}]
            under: {version: v2, flags: [{key: fast, defaultVariant: "on"}]}
            undo: [{runbook: {target: shop-host, name: clean, parameters: {scope: "{{run}}/{{case}}"}}}]
            cases:
              - file: cases/buy.hurl
                name: Somebody buys
                tags: [orders]
                writes: true
                methods: [POST]
                retries: 2
                race: {lanes: 3, rounds: 5, orders: 7, lockstep: true}
              - cases/*.hurl
            """,
            [
                "key.secret": "k", "data/a.json": "{}", "data/.hidden.json": "{}",
                "cases/buy.hurl": "POST {{host}}/shop\nX-Key: {{key}}{{token}}{{run}}{{case}}\nfile,../data/a.json;\n",
                "cases/look.hurl": "# glovebox: tags smoke, slow\n# glovebox: retries 1\n\(Self.read)",
            ])
        let suite = try fixture.suite()
        #expect(suite.title == "Shop" && suite.edge == "shop-edge")
        #expect(suite.routes == [SuiteRoute(host: "127.0.0.1", path: "/shop")])
        #expect(suite.variables["count"] == .integer(3) && suite.variables["text"] == .string("7"))
        #expect(suite.variables["on"] == .boolean(true))
        #expect(suite.secrets["token"] == .environment("TOKEN"))
        #expect(suite.secrets["key"] == .file("\(fixture.folder.path)/key.secret"))
        #expect(suite.files.keys.sorted() == ["data/a.json"])
        #expect(suite.limits.rate == 50 && suite.limits.duration == .seconds(120) && suite.limits.writes == 5)
        #expect(suite.guards.map(\.signal) == ["error-rate"] && suite.guards.first?.patience == .seconds(5))
        #expect(suite.version == "v2" && suite.flags.map(\.key) == ["fast"])
        #expect(suite.cases.map(\.name) == ["Somebody buys", "cases/look"])
        let buy = suite.cases[0]
        #expect(buy.writes && buy.retries == 2 && buy.race?.lanes == 3 && buy.race?.isLockstep == true)
        #expect(buy.methods == ["GET", "HEAD", "OPTIONS", "POST"])
        #expect(
            buy.undo
                == .steps([
                    UndoStep(
                        kind: .runbook, target: "shop-host", name: "clean", parameters: ["scope": "{{run}}/{{case}}"])
                ]))
        #expect(suite.cases[1].tags == ["smoke", "slow"] && suite.cases[1].retries == 1 && !suite.cases[1].writes)
    }

    @Test("what suite.yaml says of a case counts over its file's comments")
    func overriding() throws {
        let fixture = try SuiteFixture(
            "cases: [{file: a.hurl, tags: [mine]}]",
            ["a.hurl": "# glovebox: tags other\n# glovebox: name Its own name\n\(Self.read)"])
        #expect(try fixture.suite().cases.map(\.tags) == [["mine"]])
        #expect(try fixture.suite().cases.map(\.name) == ["Its own name"])
    }

    @Test(
        "a mistake in suite.yaml has its line and column",
        arguments: [
            ("case: [a.hurl]", "suite.yaml:5:1: unknown key 'case': did you mean 'cases'?"),
            ("cases: []", "suite.yaml:5:8: 'cases' is empty"),
            ("cases: [b.hurl]", "suite.yaml:5:9: there is no file 'b.hurl'"),
            ("cases: [../a.hurl]", "suite.yaml:5:9: '../a.hurl' leads out of the suite's folder"),
            ("cases: [a.hurl]\nlimits: {rate: 20}", "suite.yaml:6:16: 'limits.rate' is requests a second"),
            ("cases: [a.hurl]\nvariables: {run: x}", "suite.yaml:6:13: 'run' is set by the run itself"),
            ("cases: [a.hurl]\nsecrets: {x: y}", "suite.yaml:6:14: 'secrets.x' is 'y'"),
            ("cases: [a.hurl]\nguards: [{signal: e}]", "suite.yaml:6:10: say one of 'atMost' and 'atLeast'"),
            ("cases: [{file: a.hurl, tagz: [x]}]", "suite.yaml:5:24: unknown key 'tagz': did you mean 'tags'?"),
            ("cases: [{file: \"*.hurl\", tags: [x]}]", "suite.yaml:5:16: one case has one file"),
            ("cases: [{file: a.hurl, undo: none}]", "suite.yaml:5:30: say why nothing has to be undone"),
            ("cases: [{file: a.hurl, race: 5}]", "suite.yaml:5:16: the case 'a' is to run 5 times at once"),
            ("cases: [{file: a.hurl, race: 1}]", "suite.yaml:5:30: 'cases[0].race' is 1"),
            ("cases: [{file: a.hurl, name: x}, {file: a.hurl, name: x}]", "suite.yaml:5:41: there are two cases 'x'"),
            (
                "cases: [a.hurl]\nundo: [{call: {target: t, name: n, parameters: {a: \"{{id}}\"}}}]",
                "suite.yaml:6:52: of templates an undo knows {{run}} and {{case}}"
            ),
        ])
    func mistakes(_ yaml: String, _ complaint: String) throws {
        let problems = try self.problems(yaml, ["a.hurl": Self.read])
        #expect(problems.first?.hasPrefix(complaint) == true, "\(problems)")
    }

    @Test(
        "a mistake in a case's file has its line and column",
        arguments: [
            ("GET\n", "a.hurl:1:4: ", "hurl_syntax"),
            ("GET http://a\n[Options]\noutput: x\n", "a.hurl:3:1: ", "hurl_shell_only"),
            (
                "# glovebox: tag x\nGET http://a\n", "a.hurl:1:13: there is no setting 'tag': did you mean 'tags'?",
                "configuration_invalid"
            ),
            ("# glovebox: race 1\nGET http://a\n", "a.hurl:1:18: ", "configuration_invalid"),
            ("# glovebox: undo clean\nGET http://a\n", "a.hurl:1:18: a comment can say", "configuration_invalid"),
            (
                "# glovebox: writes\n# glovebox: writes\nGET http://a\n", "a.hurl:2:13: 'writes' is said twice",
                "configuration_invalid"
            ),
            ("GET http://a\n\n# glovebox: writes\nGET http://a\n", "a.hurl:3:13: ", "configuration_invalid"),
            ("GET http://a\n\nDELETE http://a\n", "a.hurl:3:1: DELETE may write", "case_may_not_write"),
            ("GET http://a/{{id}}\n", "a.hurl:1:14: nothing before here sets 'id'", "suite_unknown_variable"),
            (
                "GET http://a\nHTTP 200\n[Captures]\na: body\nb: body replace \"x\" \"{{c}}\"\n", "a.hurl:5:22: ",
                "suite_unknown_variable"
            ),
            (
                "GET http://a\nHTTP 200\n[Asserts]\nbytes == file,x.bin;\n",
                "a.hurl:4:10: the suite has no file 'x.bin'", "suite_no_file"
            ),
        ])
    func fileMistakes(_ text: String, _ complaint: String, _ code: String) throws {
        let problems = try self.problems("cases: [a.hurl]", ["a.hurl": text])
        #expect(problems.contains { $0.hasPrefix(complaint) && $0.hasSuffix("[\(code)]") }, "\(problems)")
    }

    @Test("variables that are captured, or set by an option, before they're used are known")
    func capturedVariables() throws {
        let text = """
            GET http://a/{{host}}
            HTTP 200
            [Captures]
            id: body
            other: body replace "x" "{{id}}"
            [Asserts]
            body == "{{other}}"

            GET http://a/{{id}}/{{set}}
            [Options]
            variable: set={{id}}
            """
        #expect(try self.problems("variables: {host: x}\ncases: [a.hurl]", ["a.hurl": text]).isEmpty)
    }

    @Test("a case that writes needs an undo, or a reason why there's none")
    func undo() throws {
        let files = ["a.hurl": "# glovebox: writes\n\(Self.write)"]
        #expect(try self.problems("cases: [a.hurl]", files).first?.contains("writes: say what takes that back") == true)
        #expect(try self.problems("cases: [{file: a.hurl, undo: none, reason: nothing stays}]", files).isEmpty)
        let comment = ["a.hurl": "# glovebox: writes\n# glovebox: undo none nothing stays\n\(Self.write)"]
        #expect(try self.problems("cases: [a.hurl]", comment).isEmpty)
        let steps = "undo: [{call: {target: t, name: n}}]\n"
        #expect(try self.problems("\(steps)cases: [a.hurl]", files).isEmpty)
        let unneeded = try self.problems(
            "cases: [{file: r.hurl, undo: [{call: {target: t, name: n}}]}]", ["r.hurl": Self.read])
        #expect(unneeded.first?.contains("doesn't say that it writes") == true)
    }

    @Test("all mistakes are told at once")
    func allAtOnce() throws {
        let problems = try self.problems(
            "cases: [a.hurl, b.hurl, c.hurl]", ["a.hurl": "GET\n", "b.hurl": "POST http://a\n"])
        #expect(problems.count == 3, "\(problems)")
    }

    @Test("no file is read that a link leads out to")
    func links() async throws {
        let fixture = try SuiteFixture("files: [a.json]\ncases: [a.hurl]", ["a.hurl": Self.read])
        #expect(try await Subprocess.run(["ln", "-s", "/etc/hostname", fixture.folder.file("a.json")]).succeeded)
        let problems = try fixture.loaded().problems
        #expect(problems.map(\.code) == ["file_unusable"], "\(problems)")
    }

    @Test("the file itself names the suite as its folder does, and a file of Hurl's is checked by itself")
    func paths() throws {
        let fixture = try SuiteFixture("cases: [a.hurl]", ["a.hurl": Self.read, "bad.hurl": "GET\n"])
        #expect(
            try SuiteLoading(fixture.folder.file("suite.yaml"), secret: SuiteFixture.secret).suite?.cases.count == 1)
        #expect(try SuiteLoading(fixture.folder.path + "/", secret: SuiteFixture.secret).suite?.cases.count == 1)
        #expect(try SuiteLoading.problems(ofFile: fixture.folder.file("a.hurl")).isEmpty)
        #expect(try SuiteLoading.problems(ofFile: fixture.folder.file("bad.hurl")).map(\.code) == ["hurl_syntax"])
        #expect(throws: GloveboxError.self) { try SuiteLoading("/nowhere/at/all", secret: SuiteFixture.secret) }
    }
}
