import GloveboxCore
import Testing
import YAMLDocument

@testable import Agent

@Suite("What a host declares")
struct HostTargetTests {
    private static func runbook(_ yaml: String) throws -> Runbook {
        try Runbook(try YAMLNode(yaml: yaml, file: "agent.yaml"))
    }

    private static func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? GloveboxError)?.code.rawValue
        }
    }

    @Test("a value is one argument, or part of one, whatever is in it; what it brings of braces is text")
    func arguments() throws {
        let runbook = try Self.runbook(
            """
            parameters: {a: {type: text}, n: {type: integer, from: 1, to: 9}}
            former: [/bin/show, "{n}"]
            apply: [/bin/do, "--to={a}", "{n}", "{{literal}"]
            undo: [/bin/do, "{former}", "{a}"]
            """)
        let plan = try runbook.plan(name: "x", ["a": "; rm -rf / {former} $(id)", "n": "3"])
        #expect(plan.apply?.arguments() == ["/bin/do", "--to=; rm -rf / {former} $(id)", "3", "{literal}"])
        #expect(plan.undo.arguments(former: "two {a}") == ["/bin/do", "two {a}", "; rm -rf / {former} $(id)"])
        #expect(plan.subject == #"runbook ["/bin/show", "3"]"#)
    }

    @Test(
        "a declaration that could run something else is refused with its place",
        arguments: [
            "{apply: [do], undo: [/bin/true]}", "{apply: ['{x}'], undo: [/bin/true]}",
            "{parameters: {p: {type: word}}, apply: ['/bin/{p}'], undo: [/bin/true]}",
            "{apply: [/bin/true, '{p}'], undo: [/bin/true]}", "{apply: [/bin/true], undo: [/bin/true, '{former}']}",
            "{apply: [/bin/true, '{p'], undo: [/bin/true]}", "{apply: /bin/true, undo: [/bin/true]}",
            "{parameters: {former: {type: word}}, apply: [/bin/true], undo: [/bin/true]}", "{apply: [/bin/true]}",
            "{check: [/bin/true], undo: [/bin/true]}", "{former: [/bin/true], undo: [/bin/true]}",
        ])
    func declarations(_ yaml: String) {
        #expect(Self.code { _ = try Self.runbook(yaml) } == "configuration_invalid")
    }

    @Test("values are held to their types")
    func types() {
        func isTaken(_ value: String, _ type: ParameterType) -> Bool {
            Self.code { try type.check(value, name: "p") } == nil
        }
        #expect(isTaken("v2.1_a-b", .word(most: 64)))
        for value in ["", "-x", "a b", "a/b", "..", ".", "a\n", "é", String(repeating: "a", count: 65)] {
            #expect(!isTaken(value, .word(most: 64)), "\(value)")
        }
        #expect(isTaken("3", .integer(1...9)))
        for value in ["0", "10", "+3", "03", " 3", "3.0", ""] { #expect(!isTaken(value, .integer(1...9)), "\(value)") }
        #expect(isTaken("on", .choice(["on", "off"])) && !isTaken("On", .choice(["on", "off"])))
        #expect(isTaken("any thing; even $(this)", .text(most: 99)) && !isTaken("a\u{0}b", .text(most: 99)))
        let declared: [String: ParameterType] = ["a": .word(most: 9)]
        #expect(Self.code { try declared.check(["a": "x", "b": "y"]) } == "invalid_argument")
        #expect(Self.code { try declared.check([:]) } == "invalid_argument")
    }

    @Test("a pattern of the ceiling stands for names, and leads nowhere else")
    func paths() {
        let pattern = "/etc/shop/*.conf"
        #expect(PathPattern.matches(pattern, "/etc/shop/a.conf"))
        for path in [
            "/etc/shop/a/b.conf", "/etc/shop/.conf", "/etc/shop/a.conf.old", "/etc/a.conf", "/etc/shop/.a.conf",
        ] {
            #expect(!PathPattern.matches(pattern, path), "\(path)")
        }
        #expect(PathPattern.matches("/etc/*/x", "/etc/a/x") && !PathPattern.matches("/etc/*/x", "/etc/a/b/x"))
        #expect(PathPattern.matches("/a/*b*c", "/a/xbyc") && !PathPattern.matches("/a/*b*c", "/a/xc"))
    }

    @Test("what an address begins with is whole parts of it")
    func addresses() {
        #expect(DeclaredCall.allows("http://h:9/x/", "http://h:9/x/y"))
        #expect(DeclaredCall.allows("http://h:9/x", "http://h:9/x?y"))
        for url in ["http://h:9/xy", "http://h:90/x", "http://h:9/x/../y", "http://h:9/x/.."] {
            #expect(!DeclaredCall.allows("http://h:9/x", url), "\(url)")
        }
        #expect(!DeclaredCall.allows("http://h:9", "http://h:9@evil/"))
        #expect(!DeclaredCall.allows("http://h", "http://h.evil/"))
    }

    @Test("a value in an address is escaped, and in a body of JSON stays one string")
    func calls() throws {
        let yaml = """
            parameters: {p: {type: text}}
            apply: {url: "http://127.0.0.1:9/x/{p}", body: '{{"a": "{p}"}'}
            undo: {method: DELETE, url: "http://127.0.0.1:9/x/{p}"}
            """
        let call = try DeclaredCall(try YAMLNode(yaml: yaml, file: "agent.yaml"), folder: "/")
        let plan = try call.plan(name: "x", ["p": #"../a b?"\"#], allowed: ["http://127.0.0.1:9/x/"], rule: "r")
        #expect(plan.apply?.url.text() == "http://127.0.0.1:9/x/..%2Fa%20b%3F%22%5C")
        #expect(plan.apply?.body?.text() == #"{"a": "../a b?\"\\"}"#)
        let up = try call.plan(name: "x", ["p": ".."], allowed: ["http://127.0.0.1:9/x/"], rule: "r")
        #expect(up.undo.url.text() == "http://127.0.0.1:9/x/%2E%2E")
        #expect(
            Self.code { _ = try call.plan(name: "x", ["p": "a"], allowed: ["http://127.0.0.1:9/y/"], rule: "r") }
                == "ceiling_denied")
        for wrong in ["http://{p}/x", "http://a@b/", "ftp://a/", "http://a", "{p}"] {
            let declared = yaml.replacing("http://127.0.0.1:9/x/{p}", with: wrong)
            #expect(
                Self.code { _ = try DeclaredCall(try YAMLNode(yaml: declared, file: "f"), folder: "/") }
                    == "configuration_invalid", "\(wrong)")
        }
    }
}
