import NIOCore
import PostgresWire
import TestSupport
import Testing

/// A server's side of the message flow, as far as order and names go: what PostgreSQL 15 was seen to do. A row's one
/// cell is the name of its column, which is the statement's text: so each row says which description it must have.
private struct ModelServer {
    var statements: [String: String] = [:]
    var portals: [String: String] = [:]
    var isSkipping = false

    static let error = ErrorFields(sqlState: "42601", message: "no")

    mutating func answer(_ message: FrontendMessage) -> [BackendMessage] {
        if self.isSkipping, message != .sync { return [] }
        switch message {
        case .parse(let parse):
            if parse.statement.isEmpty { self.statements[""] = nil }
            guard parse.text != "broken", self.statements[parse.statement] == nil else { return self.fail() }
            self.statements[parse.statement] = parse.text
            return [.parseComplete]
        case .bind(let bind):
            guard let text = self.statements[bind.statement], bind.portal.isEmpty || self.portals[bind.portal] == nil
            else {
                return self.fail()
            }
            self.portals[bind.portal] = text
            return [.bindComplete]
        case .describe(.statement, let name):
            guard let text = self.statements[name] else { return self.fail() }
            return [.parameterDescription([]), .rowDescription(fields(text))]
        case .describe(.portal, let name):
            guard let text = self.portals[name] else { return self.fail() }
            return [.rowDescription(fields(text))]
        case .execute(let name, _):
            guard let text = self.portals[name] else { return self.fail() }
            // A function may do in SQL what a query may.
            if text.contains("swap(") { self.swap(text) }
            return [dataRow([text]), .commandComplete("SELECT 1")]
        case .close(.statement, let name):
            self.statements[name] = nil
            return [.closeComplete]
        case .close(.portal, let name):
            self.portals[name] = nil
            return [.closeComplete]
        case .sync:
            self.isSkipping = false
            self.portals = [:]
            return [.readyForQuery(.idle)]
        case .query(let text):
            self.statements[""] = nil
            self.portals = [:]
            if text.hasPrefix("SELECT") {
                return [
                    .rowDescription(fields(text)), dataRow([text]), .commandComplete("SELECT 1"), .readyForQuery(.idle),
                ]
            }
            guard text.contains("swap(") else { return [.errorResponse(Self.error), .readyForQuery(.idle)] }
            self.swap(text)
            return [.commandComplete("PREPARE"), .readyForQuery(.idle)]
        default: return []
        }
    }

    /// `DEALLOCATE a; PREPARE a AS …`, from SQL.
    private mutating func swap(_ text: String) {
        self.statements["a"] = "swapped by \(text)"
    }

    private mutating func fail() -> [BackendMessage] {
        self.isSkipping = true
        self.portals = [:]
        return [.errorResponse(Self.error)]
    }
}

@Suite struct ModelTests {
    private struct Sent {
        var message: FrontendMessage
        var recorded: String?
    }

    private static func messages(_ generator: inout SeededGenerator) -> [FrontendMessage] {
        let names = ["", "", "a", "b"]
        let texts = ["SELECT 1", "SELECT 2", "SELECT f(3)", "SELECT swap(4)", "broken"]
        var messages: [FrontendMessage] = []
        for _ in 0..<Int.random(in: 1...24, using: &generator) {
            let name = names.randomElement(using: &generator) ?? ""
            let other = names.randomElement(using: &generator) ?? ""
            let text = texts.randomElement(using: &generator) ?? ""
            switch Int.random(in: 0..<16, using: &generator) {
            case 0: messages.append(.query(Bool.random(using: &generator) ? text : "swap(5)"))
            case 1, 2, 3: messages.append(.parse(.init(statement: name, text: text)))
            case 4, 5, 6:
                messages += [.bind(.init(portal: other, statement: name)), .execute(portal: other, maximumRows: 0)]
            case 7: messages.append(.bind(.init(portal: other, statement: name)))
            case 8, 9: messages.append(.execute(portal: name, maximumRows: 0))
            case 10: messages.append(.describe(Bool.random(using: &generator) ? .statement : .portal, name))
            case 11: messages.append(.close(Bool.random(using: &generator) ? .statement : .portal, name))
            default: messages.append(.sync)
            }
        }
        return messages + [.sync]
    }

    @Test(
        "through the machine a client gets what it would get without, each row its own columns, each record its own text"
    )
    func sameAsDirect() throws {
        var generator = SeededGenerator(seed: 5)
        var rows = 0
        var holds = 0
        for round in 0..<5_000 {
            var toSend = Self.messages(&generator)[...]
            var direct = ModelServer()
            var expected = ByteBuffer()
            for message in toSend { for answer in direct.answer(message) { answer.write(into: &expected) } }

            var machine = SessionMachine()
            var server = ModelServer()
            var wire: [Sent] = []
            var received = ByteBuffer()
            var isHeld = false
            while !toSend.isEmpty || !wire.isEmpty {
                if let message = toSend.first, !isHeld, wire.isEmpty || Bool.random(using: &generator) {
                    let buffer = bytes([message])
                    let frame = Frame(kind: buffer.readableBytesView[0], bytes: buffer)
                    switch try machine.received(fromFrontend: frame) {
                    case .forward(let recording, let after):
                        if let after {
                            var decoder = MessageDecoder(.frontend)
                            decoder.append(after)
                            while let frame = try decoder.next() {
                                wire.append(Sent(message: try FrontendMessage(frame)))
                            }
                        }
                        var text: String?
                        if case .bind(let known, _)? = recording { text = known }
                        wire.append(Sent(message: message, recorded: text))
                        toSend.removeFirst()
                    case .drop: toSend.removeFirst()
                    case .hold:
                        isHeld = true
                        holds += 1
                        guard !wire.isEmpty else {
                            Issue.record("held with nothing outstanding, round \(round)")
                            return
                        }
                    case let action:
                        Issue.record("\(action), round \(round)")
                        return
                    }
                    continue
                }
                guard !wire.isEmpty else { continue }
                let sent = wire.removeFirst()
                let answers = server.answer(sent.message)
                if case .bind(let bind) = sent.message, answers == [.bindComplete],
                    let text = server.statements[bind.statement],
                    !text.hasPrefix("swapped")
                {
                    #expect(sent.recorded == text, "round \(round)")
                }
                for answer in answers {
                    isHeld = false
                    let buffer = bytes([answer])
                    switch try machine.received(fromBackend: Frame(kind: answer.kind.rawValue, bytes: buffer)) {
                    case .swallow, .described: continue
                    case .row(let columns):
                        rows += 1
                        guard case .dataRow(var cells) = answer, case .value(let cell)? = try cells.next() else {
                            continue
                        }
                        #expect(columns.fields.map(\.name) == [String(buffer: cell)], "round \(round)")
                    default: break
                    }
                    received.writeImmutableBuffer(buffer)
                }
            }
            #expect(received == expected, "round \(round)")
            let isQuiet = machine.isQuiet
            #expect(isQuiet, "round \(round)")
        }
        #expect(rows > 1_000 && holds > 100)
    }
}
