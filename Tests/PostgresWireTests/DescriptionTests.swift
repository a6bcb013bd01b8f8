import NIOCore
import PostgresWire
import Testing

@Suite struct DescriptionTests {
    func prepare(_ c: inout Conversation, _ text: String, name: String = "s") {
        c.client(.parse(.init(statement: name, text: text)), .sync)
        c.server(.parseComplete, .readyForQuery(.idle))
        _ = c.take()
        _ = c.serverKinds()
        _ = c.clientKinds()
    }

    func run(_ c: inout Conversation, name: String = "s", formats: [ValueFormat] = []) {
        c.client(.bind(.init(statement: name, resultFormats: formats)), .execute(portal: "", maximumRows: 0), .sync)
    }

    @Test("a portal that nobody described is described before Execute, and the answer is swallowed")
    func injects() {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t")
        self.run(&c)
        #expect(c.serverKinds() == "BDES")
        c.server(
            .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"),
            .readyForQuery(.idle))
        #expect(c.clientKinds() == "2DCZ")
        #expect(
            c.take().suffix(5) == [
                .backend(.forward), .backend(.described(fields("a"))), .backend(.row(fields("a"))),
                .backend(.commandComplete("SELECT 1")), .backend(.ready(.idle)),
            ])
    }

    @Test("a plain statement that is run again isn't described again, and its rows have the formats asked for")
    func caches() {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t WHERE b = $1")
        self.run(&c)
        c.server(
            .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"),
            .readyForQuery(.idle))
        _ = c.serverKinds()
        self.run(&c, formats: [.binary])
        #expect(c.serverKinds() == "BES")
        _ = c.take()
        c.server(.bindComplete, dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.take()[1] == .backend(.row(fields("a", format: .binary))))
        self.run(&c)
        #expect(c.serverKinds() == "BES")
        _ = c.take()
        c.server(.bindComplete, dataRow(["1"]))
        #expect(c.take()[1] == .backend(.row(fields("a"))))
    }

    @Test("within one pipeline a description on its way serves the next portal")
    func pendingServesGroup() {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t")
        c.client(
            .bind(.init(statement: "s")), .execute(portal: "", maximumRows: 0), .bind(.init(statement: "s")),
            .execute(portal: "", maximumRows: 0), .sync)
        #expect(c.serverKinds() == "BDEBES")
        c.server(
            .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"), .bindComplete,
            dataRow(["1"]),
            .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "2DC2DCZ")
    }

    @Test("a description that came to nothing is asked for again")
    func failedDescription() {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t")
        self.run(&c)
        c.server(SessionTests.error, .readyForQuery(.idle))
        _ = c.serverKinds()
        self.run(&c)
        #expect(c.serverKinds() == "BDES")
    }

    @Test(
        "after anything that could prepare or declare under the same name, a statement is described again",
        arguments: ["query", "call"])
    func describesAgain(by what: String) {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t")
        self.prepare(&c, "SELECT f()", name: "other")
        self.run(&c)
        c.server(.bindComplete, .rowDescription(fields("a")), .commandComplete("SELECT 0"), .readyForQuery(.idle))
        if what == "query" {
            c.client(.query("DEALLOCATE s; PREPARE s AS SELECT secret FROM t"))
            c.server(.commandComplete("DEALLOCATE"), .commandComplete("PREPARE"), .readyForQuery(.idle))
        } else {
            self.run(&c, name: "other")
            c.server(
                .bindComplete, .rowDescription(fields("f")), dataRow(["1"]), .commandComplete("SELECT 1"),
                .readyForQuery(.idle))
        }
        _ = c.serverKinds()
        self.run(&c)
        #expect(c.serverKinds() == "BDES")
        _ = c.take()
        c.server(.bindComplete, .rowDescription(fields("secret")), dataRow(["x"]))
        #expect(c.take().last == .backend(.row(fields("secret"))))
    }

    @Test("a named portal that SQL may have declared anew is described again; the unnamed one can't be")
    func namedPortal() {
        var c = Conversation()
        c.client(
            .parse(.init(text: "SELECT a FROM t")), .bind(.init(portal: "p")), .describe(.portal, "p"),
            .execute(portal: "p", maximumRows: 1), .sync)
        #expect(c.serverKinds() == "PBDES")
        c.server(
            .parseComplete, .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .portalSuspended,
            .readyForQuery(.inTransaction))
        c.client(.query("CLOSE p; DECLARE p CURSOR FOR SELECT secret FROM t"))
        c.server(.commandComplete("CLOSE CURSOR"), .commandComplete("DECLARE CURSOR"), .readyForQuery(.inTransaction))
        _ = c.serverKinds()
        c.client(.execute(portal: "p", maximumRows: 1), .sync)
        #expect(c.serverKinds() == "DES")
        _ = c.take()
        c.server(.rowDescription(fields("secret")), dataRow(["x"]))
        #expect(c.take().last == .backend(.row(fields("secret"))))
    }

    @Test("an Execute of the unnamed portal goes on with its columns after suspension")
    func suspended() {
        var c = Conversation()
        c.client(.parse(.init(text: "SELECT f(1)")), .bind(.init()), .execute(portal: "", maximumRows: 1), .flush)
        #expect(c.serverKinds() == "PBDEH")
        c.server(.parseComplete, .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .portalSuspended)
        c.client(.execute(portal: "", maximumRows: 0), .sync)
        #expect(c.serverKinds() == "ES")
        c.server(dataRow(["2"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "12DsDCZ")
    }

    @Test("a cursor that SQL declared is described, and recorded by its name")
    func cursor() {
        var c = Conversation()
        c.client(.execute(portal: "cur", maximumRows: 0), .sync)
        #expect(c.serverKinds() == "DES")
        guard case .frontend(.forward(recording: .cursor(portal: "cur")?, after: _?))? = c.take().first else {
            Issue.record("not recorded")
            return
        }
        c.server(.rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "DCZ")
    }

    @Test("a statement without rows has no columns, and a row of it ends the session")
    func noData() {
        var c = Conversation()
        self.prepare(&c, "UPDATE t SET a = 1")
        self.run(&c)
        c.server(.bindComplete, .noData, .commandComplete("UPDATE 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "2CZ")
        _ = c.take()
        self.run(&c)
        c.server(.bindComplete, .noData, dataRow(["1"]))
        #expect(c.take().last == .error(.unexpectedMessage))
    }

    @Test("the record has the statement's text and values")
    func recordsBind() {
        var c = Conversation()
        self.prepare(&c, "SELECT a FROM t WHERE b = $1")
        let bind = FrontendMessage.Bind(statement: "s", parameters: [ByteBuffer(string: "v")])
        c.client(.bind(bind))
        #expect(
            c.take() == [.frontend(.forward(recording: .bind(text: "SELECT a FROM t WHERE b = $1", bind), after: nil))])
    }

    @Test("a Bind to a statement whose Parse isn't answered beyond a Sync is held until it is")
    func held() {
        var c = Conversation()
        c.client(.parse(.init(statement: "s", text: "SELECT 1")), .bind(.init(statement: "s")), .sync)
        #expect(c.take().allSatisfy { $0 != .frontend(.hold) })
        c.client(.bind(.init(statement: "s")))
        #expect(c.take() == [.frontend(.hold)])
        c.server(.parseComplete)
        _ = c.take()
        c.client(.bind(.init(statement: "s")))
        guard case .frontend(.forward(recording: .bind(text: "SELECT 1", _)?, after: nil))? = c.take().first else {
            Issue.record("not recorded with its text")
            return
        }
    }

    @Test("a Parse that the server skipped leaves the earlier statement of the name in the record")
    func undone() {
        var c = Conversation()
        self.prepare(&c, "SELECT 1", name: "")
        c.client(.bind(.init(statement: "none")), .parse(.init(text: "SELECT 2")), .sync)
        c.server(SessionTests.error, .readyForQuery(.idle))
        _ = c.take()
        c.client(.bind(.init()))
        guard case .frontend(.forward(recording: .bind(text: "SELECT 1", _)?, after: nil))? = c.take().first else {
            Issue.record("the wrong text would be recorded")
            return
        }
    }

    @Test("a Parse of a name that exists fails, and the earlier statement stays in the record")
    func duplicate() {
        var c = Conversation()
        self.prepare(&c, "SELECT secret")
        c.client(.parse(.init(statement: "s", text: "SELECT 1")), .sync)
        c.server(SessionTests.error, .readyForQuery(.idle))
        _ = c.take()
        c.client(.bind(.init(statement: "s")))
        guard case .frontend(.forward(recording: .bind(text: "SELECT secret", _)?, after: nil))? = c.take().first else {
            Issue.record("the wrong text would be recorded")
            return
        }
    }

    @Test("a failed Parse between two groups doesn't take the later group's statement away")
    func failureBeforeSuccess() {
        var c = Conversation()
        c.client(
            .parse(.init(statement: "s", text: "broken")), .sync, .parse(.init(statement: "s", text: "SELECT 2")), .sync
        )
        c.server(SessionTests.error, .readyForQuery(.idle), .parseComplete, .readyForQuery(.idle))
        _ = c.take()
        c.client(.bind(.init(statement: "s")))
        guard case .frontend(.forward(recording: .bind(text: "SELECT 2", _)?, after: nil))? = c.take().first else {
            Issue.record("the statement is lost")
            return
        }
    }

    @Test("a closed statement isn't known any more, a skipped Close leaves it")
    func closes() {
        var c = Conversation()
        self.prepare(&c, "SELECT 1")
        c.client(.bind(.init(statement: "none")), .close(.statement, "s"), .sync)
        c.server(SessionTests.error, .readyForQuery(.idle))
        c.client(.bind(.init(statement: "s")), .sync)
        guard case .frontend(.forward(recording: .bind(text: "SELECT 1", _)?, after: nil))? = c.take().dropLast().last
        else {
            Issue.record("the statement is lost")
            return
        }
        c.server(.bindComplete, .readyForQuery(.idle))
        c.client(.close(.statement, "s"), .sync)
        c.server(.closeComplete, .readyForQuery(.idle))
        _ = c.take()
        c.client(.bind(.init(statement: "s")))
        guard case .frontend(.forward(recording: .bind(text: nil, _)?, after: nil))? = c.take().first else {
            Issue.record("a closed statement's text would be recorded")
            return
        }
    }
}
