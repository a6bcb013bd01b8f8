import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import PostgresWire

/// Whole conversations, from the client's first byte through both sides' sign-in to the session's end, with faults in
/// some of their bytes and split anywhere. What's asserted: no trap, no hang, nothing held beyond its bound, and that
/// most inputs got far.
@Suite("Spoiled conversations", .timeLimit(.minutes(10)))
struct ConversationFuzzTests {
    private struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private static let token = "not a secret"
    private static let verifier = ScramVerifier.derive(
        password: Secret(Array(token.utf8)), salt: Array("salt".utf8), iterations: 1)

    /// How far the inputs got.
    private struct Depth {
        var signedIn = 0
        var forwarded = 0
        var rows = 0
        var refused = 0
    }

    @Test("300,000 conversations neither trap nor hang nor grow, and most get beyond sign-in")
    func conversations() throws {
        let fuzzing = Fuzzing("conversations")
        var depth = Depth()
        try fuzzing.run(300_000) { generator in
            var unread = ByteBuffer()
            guard try Self.signIn(&generator, &unread) else {
                depth.refused += 1
                return
            }
            depth.signedIn += 1
            try Self.session(&generator, unread, &depth)
        }
        print("beyond sign-in: \(depth)")
        guard !fuzzing.isSingle else { return }
        #expect(depth.signedIn > 180_000)
        #expect(depth.forwarded > 500_000)
        #expect(depth.rows > 80_000)
        #expect(depth.refused > 10_000)
    }

    // MARK: Both sides of sign-in

    private static func maybeSpoiled(
        _ bytes: ByteBuffer, _ generator: inout SeededGenerator, once count: Int
    ) -> [[UInt8]] {
        var all = Array(bytes.readableBytesView)
        if generator.once(in: count) { all = generator.spoiled(all) }
        return generator.once(in: 3) ? generator.pieces(all) : [all]
    }

    /// - Returns: whether both sides say that the client is in.
    private static func signIn(_ generator: inout SeededGenerator, _ unread: inout ByteBuffer) throws -> Bool {
        var server = ServerSignIn(offersTLS: false, allowsPlaintext: true)
        var client = ClientSignIn(
            parameters: StartupParameters([
                .init(name: "user", value: "shop-db.0123456789ab"), .init(name: "database", value: "shop"),
            ]), password: Secret(self.token), allowsCleartext: generator.once(in: 8), nonce: "abcdefghijkl")
        var decoder = MessageDecoder(.backend, limit: MessageDecoder.signInLimit)
        var toServer = Self.maybeSpoiled(client.startup, &generator, once: 12)
        // The longest exchange has four steps; a dozen would be a loop.
        for _ in 0..<12 {
            var toClient = ByteBuffer()
            for piece in toServer { server.append(ByteBuffer(bytes: piece)) }
            toServer = []
            var isIn = false
            actions: while let action = server.next() {
                switch action {
                case .send(let bytes): toClient.writeImmutableBuffer(bytes)
                case .lookUp:
                    guard
                        case .send(let bytes) = server.authenticate(
                            against: self.verifier, isKnown: true, nonce: "mnopqrstuvwx")
                    else { return false }
                    toClient.writeImmutableBuffer(bytes)
                case .signedIn(_, let answer, let rest):
                    toClient.writeImmutableBuffer(answer)
                    unread = rest
                    isIn = true
                    break actions
                case .startTLS, .startDirectTLS, .cancel, .refuse, .close: return false
                }
            }
            // The agent's side, against a server such as this.
            if isIn {
                toClient.writeImmutableBuffer(bytes([.parameterStatus(name: "a", value: "b"), .readyForQuery(.idle)]))
            }
            for piece in Self.maybeSpoiled(toClient, &generator, once: 12) {
                decoder.append(ByteBuffer(bytes: piece))
                do {
                    while let frame = try decoder.next() {
                        switch try client.received(frame) {
                        case .send(let bytes): toServer += Self.maybeSpoiled(bytes, &generator, once: 12)
                        case .wait, .notice, .ready: break
                        case .refused: return false
                        }
                    }
                } catch {
                    // The gateway's side may go on with another client.
                    if !isIn { return false }
                }
            }
            guard decoder.unreadBytes <= MessageDecoder.signInLimit + 4096 else {
                throw Fault(description: "the decoder holds \(decoder.unreadBytes) bytes")
            }
            if isIn { return true }
            if toServer.isEmpty { return false }
        }
        throw Fault(description: "a sign-in without an end")
    }

    // MARK: The session

    private static let texts = [
        "SELECT 1", "SELECT * FROM t; SELECT 2", "COPY t TO STDOUT", "COPY t FROM STDIN", "BEGIN", "'", "",
        "PREPARE a AS SELECT 1", "EXECUTE a", "FETCH 1 FROM a", "DECLARE a CURSOR FOR SELECT 1",
    ]

    private static func messages(_ generator: inout SeededGenerator) -> [FrontendMessage] {
        let names = ["", "a", "b"]
        var messages: [FrontendMessage] = []
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let name = names[generator.place(in: 3)]
            let text = self.texts[generator.place(in: self.texts.count)]
            switch generator.place(in: 8) {
            case 0, 1: messages.append(.query(text))
            case 2, 3:
                messages += [
                    .parse(.init(statement: name, text: text)), .bind(.init(portal: name, statement: name)),
                    .describe(.portal, name), .execute(portal: name, maximumRows: UInt32(generator.place(in: 3))),
                    .sync,
                ]
            case 4: messages += [.bind(.init(portal: name, statement: name)), .execute(portal: name, maximumRows: 0)]
            case 5: messages += [.describe(.statement, name), .close(.statement, name), .sync]
            case 6: messages += [.copyData(ByteBuffer(string: "1\t2\n")), .copyDone]
            default:
                messages.append(
                    [.flush, .sync, .copyFail("x"), .functionCall(ByteBuffer()), .terminate][generator.place(in: 5)])
            }
        }
        return messages
    }

    /// What a server says to `frame`.
    private static func answer(_ frame: Frame, _ generator: inout SeededGenerator) -> [BackendMessage] {
        let rows = [BackendMessage](repeating: dataRow(["1"]), count: generator.place(in: 3))
        switch try? FrontendMessage(frame) {
        case .query(let text):
            if text.hasPrefix("COPY t TO") {
                return [
                    .copyOutResponse(.init(format: .text, columns: [.text])), .copyData(ByteBuffer(string: "1\n")),
                    .copyDone, .commandComplete("COPY 1"), .readyForQuery(.idle),
                ]
            }
            if text.hasPrefix("COPY t FROM") { return [.copyInResponse(.init(format: .text, columns: [.text]))] }
            return [.rowDescription(fields("a"))] + rows + [.commandComplete("SELECT"), .readyForQuery(.idle)]
        case .parse: return [.parseComplete]
        case .bind: return [.bindComplete]
        case .describe(.statement, _): return [.parameterDescription([]), .rowDescription(fields("a"))]
        case .describe(.portal, _): return [.rowDescription(fields("a"))]
        case .execute: return rows + [generator.once(in: 3) ? .portalSuspended : .commandComplete("SELECT")]
        case .close: return [.closeComplete]
        case .sync: return [.readyForQuery(generator.once(in: 3) ? .inTransaction : .idle)]
        case .copyDone, .copyFail: return [.commandComplete("COPY 1"), .readyForQuery(.idle)]
        default: return []
        }
    }

    private static func session(_ generator: inout SeededGenerator, _ unread: ByteBuffer, _ depth: inout Depth) throws {
        var bounds = SessionBounds()
        bounds.outstanding = 64
        bounds.statements = 8
        bounds.portals = 8
        bounds.statementBytes = 4096
        var machine = SessionMachine(bounds: bounds)
        var fromClient = MessageDecoder(.frontend, limit: 4096)
        var fromServer = MessageDecoder(.backend, limit: 4096)
        fromClient.append(unread)
        var held: Frame?
        do {
            for piece in Self.maybeSpoiled(bytes(Self.messages(&generator)), &generator, once: 2) {
                fromClient.append(ByteBuffer(bytes: piece))
                while let frame = try held.take() ?? fromClient.next() {
                    var toServer: [Frame] = []
                    switch try machine.received(fromFrontend: frame) {
                    case .forward(_, let after):
                        depth.forwarded += 1
                        if var after {
                            var decoder = MessageDecoder(.frontend)
                            decoder.append(after.readSlice(length: after.readableBytes) ?? ByteBuffer())
                            while let more = try decoder.next() { toServer.append(more) }
                        }
                        toServer.append(frame)
                    case .refuse(_, var sending):
                        var decoder = MessageDecoder(.frontend)
                        decoder.append(sending.readSlice(length: sending.readableBytes) ?? ByteBuffer())
                        while let more = try decoder.next() { toServer.append(more) }
                    case .drop: break
                    case .hold: held = frame
                    case .terminate: return
                    }
                    for sent in toServer {
                        var answer = Self.answer(sent, &generator)
                        if generator.once(in: 12) {
                            answer.insert(SessionTests.error, at: generator.place(in: answer.count + 1))
                        }
                        for piece in Self.maybeSpoiled(bytes(answer), &generator, once: 12) {
                            fromServer.append(ByteBuffer(bytes: piece))
                            while let frame = try fromServer.next() {
                                if case .row(let fields) = try machine.received(fromBackend: frame) {
                                    depth.rows += 1
                                    guard fields.count < 4096 else {
                                        throw Fault(description: "\(fields.count) columns")
                                    }
                                }
                            }
                        }
                    }
                    guard machine.expectations.count <= bounds.outstanding * 2 + 16 else {
                        throw Fault(description: "the machine expects \(machine.expectations.count) answers")
                    }
                    // Its server has nothing more to say.
                    if held != nil { return }
                }
            }
            guard fromClient.unreadBytes <= 8192, fromServer.unreadBytes <= 8192 else {
                throw Fault(description: "decoders hold \(fromClient.unreadBytes) and \(fromServer.unreadBytes) bytes")
            }
        } catch let error as PostgresWireError {
            _ = error
        }
    }
}
