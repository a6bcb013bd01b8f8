import GloveboxCore
import Testing
import YAMLDocument

/// What reading `yaml` and then `use` of its root complains about; `nil` when nothing.
func complaint(
    _ yaml: String, _ use: (YAMLNode) throws(GloveboxError) -> Void = { _ throws(GloveboxError) in }
) -> String? {
    do throws(GloveboxError) {
        try use(try YAMLNode(yaml: yaml, file: "f.yaml"))
        return nil
    } catch {
        return error.code == .configurationInvalid ? error.message : "code \(error.code)"
    }
}

/// A tree as text, in flow form.
func outline(_ node: YAMLNode) -> String {
    switch node.content {
    case .empty: "~"
    case .scalar(let text, let isQuoted): isQuoted ? "'\(text)'" : text
    case .list(let nodes): "[\(nodes.map(outline).joined(separator: ","))]"
    case .mapping(let entries): "{\(entries.map { "\($0.key):\(outline($0.value))" }.joined(separator: ","))}"
    }
}

@Suite("Values of a configuration file")
struct YAMLNodeTests {
    @Test("a document becomes a tree in the file's order, quoted text told from plain")
    func tree() throws {
        let yaml = """
            # a comment with *stars* in it
            zebra: 1
            apple: [a, 'b', "c", no, ~, null]
            nested:
              - x: |
                  two
                  lines
              - {}
              - []
            nothing:
            """
        let root = try YAMLNode(yaml: yaml, file: "f.yaml")
        #expect(outline(root) == "{zebra:1,apple:[a,'b','c',no,~,~],nested:[{x:'two\nlines\n'},{},[]],nothing:~}")
    }

    @Test("every value knows its line, column and path, counted in characters and from 1")
    func places() throws {
        let root = try YAMLNode(yaml: "a: 1\nmäß: {ö: [x,  y]}\n", file: "f.yaml")
        let list = try root.mapping("a", "mäß").required("mäß").mapping("ö").required("ö")
        let last = try #require(try list.list.last)
        #expect((last.line, last.column, last.path) == (2, 15, "mäß.ö[1]"))
        #expect(last.error("no").message == "f.yaml:2:15: no")
        #expect((root.line, root.column, root.path) == (1, 1, ""))
    }

    @Test(
        "a short document is read as well as a long one",
        arguments: ["a: b", "x", "[]", "a: [b]\n", "1234567890123456"])
    func short(_ yaml: String) throws {
        for _ in 0..<50 { #expect(complaint(yaml) == nil) }
    }

    @Test("text stays text where text is asked for", arguments: ["no", "007", "1e3", "true", "12:30", "0x10"])
    func text(_ text: String) throws {
        #expect(try YAMLNode(yaml: "a: \(text)", file: "f").mapping("a").required("a").string == text)
    }

    @Test("a value of another form is refused with its place and what to write")
    func forms() {
        func of(_ yaml: String, _ use: (YAMLNode) throws(GloveboxError) -> Void) -> String? {
            complaint(yaml) { root throws(GloveboxError) in try use(try root.mapping("a").required("a")) }
        }
        #expect(of("a: [1]") { n throws(GloveboxError) in _ = try n.string } == "f.yaml:1:4: 'a' is a list: write text")
        #expect(
            of("a:") { n throws(GloveboxError) in _ = try n.string }?.hasSuffix(
                "'a' is empty: write text, or leave it out") == true)
        #expect(of("a: ''") { n throws(GloveboxError) in _ = try n.string } != nil)
        #expect(
            of("a: yes") { n throws(GloveboxError) in _ = try n.bool }
                == "f.yaml:1:4: 'a' is 'yes': write true or false")
        #expect(of("a: 'true'") { n throws(GloveboxError) in _ = try n.bool } != nil)
        #expect(
            of("a: 1.5") { n throws(GloveboxError) in _ = try n.int }
                == "f.yaml:1:4: 'a' is '1.5': write a whole number")
        #expect(of("a: '15'") { n throws(GloveboxError) in _ = try n.int } != nil)
        #expect(of("a: 99999999999999999999") { n throws(GloveboxError) in _ = try n.int } != nil)
        #expect(
            of("a: 0") { n throws(GloveboxError) in _ = try n.int(in: 1...9) }
                == "f.yaml:1:4: 'a' is 0: write a whole number from 1 to 9")
        #expect(
            of("a: {b: 1}") { n throws(GloveboxError) in _ = try n.list }
                == "f.yaml:1:4: 'a' is a mapping: write a list, such as [a, b]")
        #expect(of("a: 1") { n throws(GloveboxError) in _ = try n.entries } != nil)
        #expect(
            of("a: 15 minutes") { n throws(GloveboxError) in _ = try n.duration }
                == "f.yaml:1:4: 'a' is '15 minutes': write a duration such as 90s, 15m, 1h or 1h30m")
        #expect(of("a: 0s") { n throws(GloveboxError) in _ = try n.duration } != nil)
        #expect(
            of("a: many") { n throws(GloveboxError) in _ = try n.byteCount }
                == "f.yaml:1:4: 'a' is 'many': write a size such as 500kB, 50MB, 1GB or 1GiB")
        #expect(
            of("a: Shop DB") { n throws(GloveboxError) in _ = try n.name(TargetName.self) }?.contains(
                "is not a name for a target") == true)
        #expect(
            of("a: raed") { n throws(GloveboxError) in _ = try n.choice(Capability.self) }?.contains(
                "did you mean 'read'? Write one of read, write,") == true)
    }

    @Test("values of the right form are read")
    func values() throws {
        let root = try YAMLNode(
            yaml: "{i: 1_000, b: false, d: 1h30m, s: 50 MB, l: [x, y], c: read, n: shop-db}", file: "f")
        let map = try root.mapping("i", "b", "d", "s", "l", "c", "n")
        #expect(try map.required("i").int == 1000)
        #expect(try map.required("b").bool == false)
        #expect(try map.required("d").duration == .seconds(5400))
        #expect(try map.required("s").byteCount == 50_000_000)
        #expect(try map.required("l").strings == ["x", "y"])
        #expect(try map.required("c").choice(Capability.self) == .read)
        #expect(try map.required("n").name(TargetName.self).rawValue == "shop-db")
    }

    @Test("an unknown key is refused by name, with the one that was meant")
    func unknownKeys() {
        let use: (YAMLNode) throws(GloveboxError) -> Void = { root throws(GloveboxError) in
            _ = try root.mapping("capabilities", "longest")
        }
        #expect(
            complaint("longest: 1h\n  \ncapabilites: x\n", use)
                == "f.yaml:3:1: unknown key 'capabilites': did you mean 'capabilities'? Known here: capabilities, longest"
        )
        #expect(complaint("zzz: 1", use) == "f.yaml:1:1: unknown key 'zzz': Known here: capabilities, longest")
        #expect(complaint("<<: {longest: 1h}", use)?.contains("unknown key '<<'") == true)
    }

    @Test("a key that's missing is named, and a version that isn't known refused")
    func required() {
        let use: (YAMLNode) throws(GloveboxError) -> Void = { root throws(GloveboxError) in
            try root.mapping("version", "a").checkVersion(1)
        }
        #expect(complaint("a: 1", use) == "f.yaml:1:1: the document lacks 'version': write it")
        #expect(
            complaint("version: 2", use)
                == "f.yaml:1:10: version 2 is not one that this Glovebox reads: write 'version: 1'")
        #expect(complaint("version: 1", use) == nil)
    }

    @Test("the nearest word is found within two slips, and none for another word")
    func nearest() {
        let known = ["identities", "groups", "targets", "limits"]
        #expect(closest(to: "identites", among: known) == "identities")
        #expect(closest(to: "Groups", among: known) == "groups")
        #expect(closest(to: "tragets", among: known) == "targets")
        #expect(closest(to: "users", among: known) == nil)
        #expect(closest(to: "", among: known) == nil)
        #expect(closest(to: "a", among: []) == nil)
    }
}

@Suite("Durations and sizes as people write them")
struct QuantityTests {
    @Test(
        "durations are read",
        arguments: [
            ("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061), ("0s", 0),
            ("100m", 6000),
        ])
    func durations(_ text: String, _ seconds: Int) {
        #expect(Duration(written: text) == .seconds(seconds))
    }

    @Test(
        "what isn't a duration is none",
        arguments: [
            "", "h", "15", "1.5h", "-1h", "1m1h", "1h1h", "1h 30m", "1 h", "1H", "1w", "h1", "1h30",
            "9223372036854775807d",
            "99999999999999999999s", "1٣m",
        ])
    func notDurations(_ text: String) {
        #expect(Duration(written: text) == nil)
    }

    @Test("a duration that's written is read as the same", arguments: [0, 1, 999, 1000, 61_001, 5_400_000, 90_061_007])
    func roundTrip(_ milliseconds: Int) {
        let duration = Duration.milliseconds(milliseconds)
        #expect(Duration(written: duration.written) == duration)
    }

    @Test("a duration is written in the largest units")
    func written() {
        #expect(Duration.seconds(5400).written == "1h30m")
        #expect(Duration.zero.written == "0s")
        #expect(Duration.seconds(-60).written == "-1m")
    }

    @Test(
        "sizes are read",
        arguments: [
            ("0", 0), ("10", 10), ("10B", 10), ("500kB", 500_000), ("50MB", 50_000_000), ("1GB", 1_000_000_000),
            ("1GiB", 1_073_741_824), ("2 MiB", 2_097_152), ("1_000 kB", 1_000_000), ("3TB", 3_000_000_000_000),
        ] as [(String, Int64)])
    func sizes(_ text: String, _ bytes: Int64) {
        #expect(ByteCount.parse(text) == bytes)
    }

    @Test(
        "what isn't a size is none",
        arguments: [
            "", "MB", "1.5GB", "-1B", "1gb", "1 XB", "1  MB", "9223372036854775807kB", "1_", "_1", "1__0", "٣MB",
        ])
    func notSizes(_ text: String) {
        #expect(ByteCount.parse(text) == nil)
    }
}
