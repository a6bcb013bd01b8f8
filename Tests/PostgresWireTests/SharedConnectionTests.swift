import NIOCore
import PostgresWire
import Testing

/// Behind a pooler: between this session's transactions others run theirs on the same connection.
@Suite struct SharedConnectionTests {
    /// One column that's worked out.
    private static let computed = RowFields([RowField(name: "a")])

    /// Whether the columns of the rows that came hide something.
    private func hidden(_ conversation: inout Conversation) -> [Bool] {
        conversation.take().compactMap {
            if case .backend(.row(let fields)) = $0 { fields.fields[0].isHidden } else { nil }
        }
    }

    @Test("what is prepared and run in one group is this session's own", arguments: [false, true])
    func oneGroup(isShared: Bool) {
        var c = Conversation(isShared: isShared)
        for _ in 0..<2 {
            c.client(
                .parse(.init(text: "SELECT a FROM t")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
            c.server(
                .parseComplete, .bindComplete, .rowDescription(Self.computed), dataRow(["1"]),
                .commandComplete("SELECT 1"),
                .readyForQuery(.idle))
            #expect(self.hidden(&c) == [false])
        }
        c.client(.query("SELECT a FROM t"))
        c.server(.rowDescription(Self.computed), dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(self.hidden(&c) == [false])
    }

    @Test("what was prepared in an earlier group, or has a name, may be anybody's: it's described anew and hides all")
    func earlier() {
        for name in ["", "s"] {
            var c = Conversation(isShared: true)
            c.client(.parse(.init(statement: name, text: "SELECT a FROM t")), .describe(.statement, name), .sync)
            c.server(.parseComplete, .parameterDescription([]), .rowDescription(Self.computed), .readyForQuery(.idle))
            _ = c.serverKinds()
            c.client(.bind(.init(statement: name)), .execute(portal: "", maximumRows: 0), .sync)
            #expect(c.serverKinds() == "BDES")
            c.server(
                .bindComplete, .rowDescription(Self.computed), dataRow(["1"]), .commandComplete("SELECT 1"),
                .readyForQuery(.idle))
            #expect(self.hidden(&c) == [true])
        }
    }

    @Test("a statement that another session named hides all, whatever this one has named")
    func foreign() {
        var c = Conversation(isShared: true)
        c.client(.bind(.init(statement: "theirs")), .execute(portal: "", maximumRows: 0), .sync)
        c.server(
            .bindComplete, .rowDescription(Self.computed), dataRow(["1"]), .commandComplete("SELECT 1"),
            .readyForQuery(.idle))
        #expect(self.hidden(&c) == [true])
    }

    @Test("an error about a statement of its own is told as it is")
    func errors() {
        var c = Conversation(isShared: true)
        c.client(.parse(.init(text: "SELECT 1/0")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        c.server(
            .parseComplete, .bindComplete, .rowDescription(Self.computed), SessionTests.error, .readyForQuery(.idle))
        let told = c.take().compactMap {
            if case .backend(.error(let fields)) = $0 { fields.mayQuoteHidden } else { nil }
        }
        #expect(told == [false])
    }
}
