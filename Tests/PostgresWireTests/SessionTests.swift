import NIOCore
import PostgresWire
import Testing

typealias Event = Conversation.Event

@Suite struct SessionTests {
    static let error = BackendMessage.errorResponse(ErrorFields(sqlState: "42601", message: "no"))

    /// One conversation with a bit of everything.
    static let steps: [Conversation.Step] = [
        .client([.query("SELECT a FROM t; SELECT b FROM t")]),
        .server([
            .rowDescription(fields("a")), dataRow(["1"]), dataRow([nil]), .commandComplete("SELECT 2"),
            .rowDescription(fields("b")),
            dataRow(["x"]), .noticeResponse(ErrorFields(severity: "NOTICE", sqlState: "00000", message: "n")),
            .commandComplete("SELECT 1"), .readyForQuery(.idle),
        ]),
        .client([
            .parse(.init(statement: "s", text: "SELECT a FROM t WHERE a = $1")), .describe(.statement, "s"), .sync,
        ]),
        .server([.parseComplete, .parameterDescription([25]), .rowDescription(fields("a")), .readyForQuery(.idle)]),
        .client([
            .bind(.init(statement: "s", parameters: [ByteBuffer(string: "1")], resultFormats: [.binary])),
            .execute(portal: "", maximumRows: 0), .sync,
        ]),
        .server([.bindComplete, dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle)]),
        .client([
            .parse(.init(text: "SELEC")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync,
            .parse(.init(text: "SELECT f(1)")), .bind(.init()), .describe(.portal, ""),
            .execute(portal: "", maximumRows: 1), .sync,
        ]),
        .server([
            error, .readyForQuery(.idle), .parseComplete, .bindComplete, .rowDescription(fields("f")), dataRow(["1"]),
            .portalSuspended, .readyForQuery(.idle),
        ]),
        .client([.query("COPY t (a) TO STDOUT")]),
        .server([
            .parseComplete, .parameterDescription([]), .rowDescription(fields("a")), .readyForQuery(.idle),
            .copyOutResponse(.init(format: .text, columns: [.text])), .copyData(ByteBuffer(string: "1\n")), .copyDone,
            .commandComplete("COPY 1"), .readyForQuery(.idle),
        ]),
        .client([.query("COPY t FROM STDIN")]),
        .server([.copyInResponse(.init(format: .text, columns: [.text]))]),
        .client([.copyData(ByteBuffer(string: "1\n")), .copyDone]),
        .server([.commandComplete("COPY 1"), .readyForQuery(.idle)]),
        .client([.functionCall(ByteBuffer(bytes: [0, 0, 0, 1]))]),
        .server([error, .readyForQuery(.idle)]),
        .client([.query("")]),
        .server([.emptyQueryResponse, .readyForQuery(.idle)]),
        .server([
            .notificationResponse(processID: 1, channel: "c", payload: "p"),
            .parameterStatus(name: "TimeZone", value: "UTC"),
        ]),
        .client([.terminate]),
    ]

    func play(_ cutAt: Int?, every size: Int? = nil) -> [Event] {
        var conversation = Conversation()
        var position = 0
        for step in Self.steps {
            let (whole, isClient) =
                switch step {
                case .client(let messages): (bytes(messages), true)
                case .server(let messages): (bytes(messages), false)
                }
            var pieces: [ByteBuffer] = []
            if let size {
                var rest = whole
                while rest.readableBytes > 0, let piece = rest.readSlice(length: min(size, rest.readableBytes)) {
                    pieces.append(piece)
                }
            } else if let cutAt, cutAt > position, cutAt < position + whole.readableBytes,
                let first = whole.getSlice(at: 0, length: cutAt - position),
                let second = whole.getSlice(at: cutAt - position, length: whole.readableBytes - (cutAt - position))
            {
                pieces = [first, second]
            } else {
                pieces = [whole]
            }
            position += whole.readableBytes
            for piece in pieces {
                if isClient { conversation.client(bytes: piece) } else { conversation.server(bytes: piece) }
            }
        }
        return conversation.events
    }

    @Test("a conversation split at every byte means the same")
    func splits() {
        let expected = self.play(nil)
        #expect(!expected.contains { if case .error = $0 { true } else { false } })
        #expect(expected.last == .frontend(.terminate))
        let length = Self.steps.reduce(0) { sum, step in
            switch step {
            case .client(let messages): sum + bytes(messages).readableBytes
            case .server(let messages): sum + bytes(messages).readableBytes
            }
        }
        for cut in 1..<length { #expect(self.play(cut) == expected, "cut at \(cut)") }
        #expect(self.play(nil, every: 1) == expected)
    }

    @Test("each row of a simple query comes with the columns of its own statement")
    func simple() {
        var c = Conversation()
        c.client(.query("SELECT a; SELECT b, c"))
        #expect(c.take() == [.frontend(.forward(recording: .query("SELECT a; SELECT b, c"), after: nil))])
        c.server(
            .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"),
            .rowDescription(fields("b", "c")),
            dataRow(["2", "3"]), .commandComplete("SELECT 1"), .readyForQuery(.inTransaction))
        #expect(
            c.take() == [
                .backend(.rowDescription(fields("a"))), .backend(.row(fields("a"))),
                .backend(.commandComplete("SELECT 1")),
                .backend(.rowDescription(fields("b", "c"))), .backend(.row(fields("b", "c"))),
                .backend(.commandComplete("SELECT 1")), .backend(.ready(.inTransaction)),
            ])
        let status = c.machine.status
        #expect(status == .inTransaction)
    }

    @Test("a row without columns, with another number of cells, or after its statement's end ends the session")
    func rowsWithoutColumns() {
        for messages: [BackendMessage] in [
            [dataRow(["1"])], [.rowDescription(fields("a")), dataRow(["1", "2"])],
            [.rowDescription(fields("a")), .commandComplete("SELECT 0"), dataRow(["1"])],
        ] {
            var c = Conversation()
            c.client(.query("SELECT a"))
            c.server(bytes: bytes(messages))
            guard case .error? = c.events.last else {
                Issue.record("\(messages) passed")
                continue
            }
            _ = c.take()
            c.server(.readyForQuery(.idle))
            c.client(.query("SELECT 1"))
            #expect(c.take().allSatisfy { if case .error = $0 { true } else { false } })
        }
    }

    @Test("answers to nothing end the session")
    func unasked() {
        for message: BackendMessage in [
            .readyForQuery(.idle), .parseComplete, dataRow(["1"]), .commandComplete("X"),
            .copyData(ByteBuffer(string: "x")),
            .rowDescription(fields("a")), .authentication(.ok), .copyBothResponse(.init(format: .text, columns: [])),
        ] {
            var c = Conversation()
            c.server(message)
            #expect(c.take() == [.error(.unexpectedMessage)], "\(message)")
        }
    }

    @Test("a change of client_encoding away from UTF8 ends the session")
    func encoding() {
        var c = Conversation()
        c.server(.parameterStatus(name: "client_encoding", value: "UTF8"))
        c.server(.parameterStatus(name: "client_encoding", value: "SQL_ASCII"))
        #expect(c.take().last == .error(.encodingChanged))
    }

    @Test("a fatal error is passed on at any time, and nothing is sent after it")
    func fatal() {
        var c = Conversation()
        let fields = ErrorFields(severity: "FATAL", sqlState: "57P01", message: "shutting down")
        c.client(.parse(.init(text: "SELECT 1")))
        c.server(.errorResponse(fields))
        c.client(.sync)
        #expect(c.take().suffix(2) == [.backend(.error(fields)), .frontend(.drop)])
    }

    @Test("a pipeline's error skips to its Sync, and the next group is answered as its own")
    func pipelineError() {
        var c = Conversation()
        c.client(
            .parse(.init(text: "SELECT 1")), .bind(.init()), .describe(.portal, ""),
            .execute(portal: "", maximumRows: 0),
            .parse(.init(text: "broken")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync,
            .parse(.init(text: "SELECT b")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        #expect(c.serverKinds() == "PBDEPBDESPBDES")
        c.server(
            .parseComplete, .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"),
            Self.error,
            .readyForQuery(.idle), .parseComplete, .bindComplete, .rowDescription(fields("b")), dataRow(["2"]),
            .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "12TDCEZ12DCZ")
        #expect(
            c.take().suffix(4) == [
                .backend(.described(fields("b"))), .backend(.row(fields("b"))), .backend(.commandComplete("SELECT 1")),
                .backend(.ready(.idle)),
            ])
        let isQuiet = c.machine.isQuiet
        #expect(isQuiet)
    }

    @Test("what comes between an error and its Sync isn't sent")
    func skipping() {
        var c = Conversation()
        c.client(.parse(.init(text: "broken")))
        c.server(Self.error)
        _ = c.serverKinds()
        c.client(.bind(.init()), .execute(portal: "", maximumRows: 0), .query("SELECT 1"))
        #expect(c.serverKinds() == "")
        c.client(.sync)
        c.server(.readyForQuery(.idle))
        c.client(.query("SELECT 1"))
        #expect(c.serverKinds() == "SQ")
    }

    @Test("a failing commit at Sync is an error before its ReadyForQuery")
    func failingSync() {
        var c = Conversation()
        c.client(.sync)
        c.server(Self.error, .readyForQuery(.idle))
        #expect(c.clientKinds() == "EZ")
        let isQuiet = c.machine.isQuiet
        #expect(isQuiet)
    }

    @Test("too many outstanding messages are held, and go on after answers")
    func full() {
        var bounds = SessionBounds()
        bounds.outstanding = 2
        var c = Conversation(bounds: bounds)
        c.client(.query("SELECT 1"), .query("SELECT 2"), .query("SELECT 3"))
        #expect(c.take().last == .frontend(.hold))
        c.server(.emptyQueryResponse, .readyForQuery(.idle))
        _ = c.take()
        c.client(.query("SELECT 3"))
        #expect(c.take() == [.frontend(.forward(recording: .query("SELECT 3"), after: nil))])
    }

    @Test("prepared statements beyond the bound are refused, and room is made by Close")
    func manyStatements() {
        var bounds = SessionBounds()
        bounds.statements = 1
        var c = Conversation(bounds: bounds)
        c.client(.parse(.init(statement: "a", text: "SELECT 1")), .sync)
        c.server(.parseComplete, .readyForQuery(.idle))
        _ = c.take()
        c.client(.parse(.init(statement: "b", text: "SELECT 1")), .sync)
        guard case .frontend(.refuse(let fields, _))? = c.take().first else {
            Issue.record("not refused")
            return
        }
        #expect(fields.sqlState == "53400")
        c.server(Self.error, .readyForQuery(.idle))
        c.client(.close(.statement, "a"), .sync)
        c.server(.closeComplete, .readyForQuery(.idle))
        _ = c.take()
        c.client(.parse(.init(statement: "b", text: "SELECT 1")))
        #expect(c.take() == [.frontend(.forward(recording: nil, after: nil))])
    }
}

@Suite struct RefusalTests {
    static let refusal = ErrorFields(sqlState: "42501", message: "not under this lease")

    @Test("a function call is answered with our error, in its order, and the server's ReadyForQuery")
    func functionCall() {
        var c = Conversation()
        c.client(.query("SELECT a"), .functionCall(ByteBuffer(bytes: [0, 0, 0, 1])))
        #expect(c.serverKinds() == "QQ")
        c.server(.rowDescription(fields("a")), .commandComplete("SELECT 0"), .readyForQuery(.idle))
        c.server(SessionTests.error, .readyForQuery(.failed))
        #expect(c.clientKinds() == "TCZEZ")
        guard case .backend(.replace(let answer))? = c.take().dropLast().last else {
            Issue.record("not replaced")
            return
        }
        var decoder = MessageDecoder(.backend)
        decoder.append(answer)
        let frame = try? decoder.next()
        #expect(frame.flatMap { try? BackendMessage($0) } != SessionTests.error)
    }

    @Test("a statement refused in a pipeline comes out after earlier answers, and the rest is skipped to Sync")
    func inPipeline() throws {
        var c = Conversation()
        c.client(.parse(.init(text: "SELECT 1")), .bind(.init()), .execute(portal: "", maximumRows: 0))
        let refused = Frame(kind: 0x50, bytes: bytes([FrontendMessage.parse(.init(text: "DROP TABLE t"))]))
        guard
            case .refuse(Self.refusal, let sending) = try c.machine.received(
                fromFrontend: refused, judging: { _ in .refuse(Self.refusal) })
        else {
            Issue.record("not refused")
            return
        }
        #expect(kinds(sending, .frontend) == "D")
        c.client(.bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        c.server(
            .parseComplete, .bindComplete, .rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"),
            SessionTests.error, .readyForQuery(.idle))
        #expect(c.clientKinds() == "12DCEZ")
        let replaced = c.take().filter { if case .backend(.replace) = $0 { true } else { false } }
        #expect(replaced.count == 1)
        let isQuiet = c.machine.isQuiet
        #expect(isQuiet)
    }

    @Test("a refused statement that the server doesn't refuse ends the session")
    func notRefused() throws {
        var c = Conversation()
        let refused = Frame(kind: 0x51, bytes: bytes([FrontendMessage.query("DROP TABLE t")]))
        _ = try c.machine.received(fromFrontend: refused, judging: { _ in .refuse(Self.refusal) })
        c.server(.rowDescription(fields("a")))
        #expect(c.take() == [.error(.unexpectedMessage)])
    }

    @Test("a statement that isn't UTF-8 is refused, and the session goes on")
    func notUTF8() {
        var c = Conversation()
        var buffer = ByteBuffer(bytes: [0x51, 0, 0, 0, 7, 0xFF, 0xFE, 0])
        c.client(bytes: buffer)
        guard case .frontend(.refuse(let fields, _))? = c.take().first else {
            Issue.record("not refused")
            return
        }
        #expect(fields.sqlState == "22021")
        c.server(SessionTests.error, .readyForQuery(.idle))
        buffer = bytes([FrontendMessage.query("SELECT 1")])
        c.client(bytes: buffer)
        #expect(c.take().last == .frontend(.forward(recording: .query("SELECT 1"), after: nil)))
    }
}
