import HurlFile
import Testing

@Suite("Glovebox's own settings in comments")
struct DirectiveTests {
    @Test("directives belong to the request below them, with the rest of the line as their value")
    func attached() throws {
        let document = try HurlDocument(Samples.directives)
        let first = document.entries[0].directives
        #expect(first.map(\.name) == ["case", "writes", "undo", "tag"])
        #expect(first.map(\.value) == ["An order is placed", "", "DELETE http://a.example/1", "slow"])
        #expect(document.entries[1].directives.map(\.name) == ["x-1"])
    }

    @Test("a directive knows where its name and its value are")
    func spans() throws {
        let directive = try HurlDocument("\n  #  glovebox:  é\n".replacing("é", with: "tag  ü x ") + "GET http://a")
            .entries[0]
            .directives[0]
        #expect(directive.nameSpan.start.line == 2 && directive.nameSpan.start.column == 17)
        #expect(directive.nameSpan.end.column == 20)
        #expect(directive.valueSpan.start.column == 22 && directive.valueSpan.end.column == 25)
        #expect(directive.value == "ü x")
    }

    @Test(
        "a directive that no request follows at once, or without a name, is an error at its place",
        arguments: [
            ("# glovebox: writes", 1, 1), ("GET http://a\n# glovebox: writes\nHTTP 200", 2, 1),
            ("GET http://a # glovebox: writes", 1, 14),
            ("GET http://a\nHTTP 200\n# glovebox: tag x\n[Asserts]", 3, 1),
            ("GET http://a\nHTTP 200\n[Asserts]\nstatus == 1 # glovebox: x", 4, 13),
            ("GET http://a\n\n# glovebox: x\n", 3, 1), ("# glovebox:\nGET http://a", 1, 12),
            ("# glovebox: Case\nGET http://a", 1, 13),
            ("# glovebox: a=b\nGET http://a", 1, 14),
        ])
    func misplaced(text: String, line: Int, column: Int) {
        let error = #expect(throws: HurlError.self) { try HurlDocument(text) }
        #expect(error?.code == .badDirective && error?.line == line && error?.column == column, "\(error as Any)")
    }

    @Test("other comments are only comments")
    func others() throws {
        let document = try HurlDocument(
            "# glovebox is nice\n# Glovebox: x\n#! glovebox: x\nGET http://a # see glovebox: docs")
        #expect(document.entries[0].directives.isEmpty)
    }
}
