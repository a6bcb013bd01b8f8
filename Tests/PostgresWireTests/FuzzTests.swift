import GloveboxCore
import NIOCore
import PostgresWire
import TestSupport
import Testing

/// Hostile input: nothing may trap, and no row may come without columns. Seeded, so that a failure can be repeated.
@Suite struct FuzzTests {
    @Test("100,000 mangled messages are read or refused")
    func decoder() {
        var generator = SeededGenerator(seed: 1)
        let frontend = bytes(MessageTests.frontend)
        let backend = bytes(MessageTests.backend)
        let singles: [(Sender, [UInt8])] =
            MessageTests.frontend.map { (.frontend, Array(bytes([$0]).readableBytesView)) }
            + MessageTests.backend.map { (.backend, Array(bytes([$0]).readableBytesView)) }
        #expect(frontend.readableBytes > 0 && backend.readableBytes > 0)
        var refused = 0
        for _ in 0..<100_000 {
            guard var (sender, raw) = singles.randomElement(using: &generator) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                switch Int.random(in: 0..<3, using: &generator) {
                case 0:
                    raw[Int.random(in: 0..<raw.count, using: &generator)] = UInt8.random(
                        in: .min ... .max, using: &generator)
                case 1 where raw.count > 6: raw.removeLast(Int.random(in: 1..<(raw.count - 5), using: &generator))
                default: raw.append(UInt8.random(in: .min ... .max, using: &generator))
                }
            }
            // Mostly a length that fits, so that the body is looked at.
            if Bool.random(using: &generator), raw.count >= 5 {
                let length = UInt32(raw.count - 1)
                for index in 0..<4 { raw[1 + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index)) }
            }
            if Int.random(in: 0..<50, using: &generator) == 0 { sender = sender == .frontend ? .backend : .frontend }
            var decoder = MessageDecoder(sender)
            decoder.append(ByteBuffer(bytes: raw))
            do {
                while let frame = try decoder.next() {
                    switch sender {
                    case .frontend: _ = try FrontendMessage(frame)
                    case .backend:
                        if case .dataRow(var cells) = try BackendMessage(frame) { while try cells.next() != nil {} }
                    }
                }
            } catch {
                refused += 1
            }
            var initial = ByteBuffer(bytes: raw)
            _ = try? InitialPacket.read(from: &initial)
        }
        #expect(refused > 10_000)
    }

    @Test("20,000 random runs of messages keep the session machine whole")
    func session() {
        var generator = SeededGenerator(seed: 2)
        let names = ["", "a", "b"]
        let texts = ["SELECT 1", "SELECT f()", "COPY t TO STDOUT", "COPY t FROM STDIN", "COPY t TO STDOUT; COPY", "'"]
        func frontend() -> FrontendMessage {
            let name = names.randomElement(using: &generator) ?? ""
            let text = texts.randomElement(using: &generator) ?? ""
            switch Int.random(in: 0..<13, using: &generator) {
            case 0: return .query(text)
            case 1, 2: return .parse(.init(statement: name, text: text))
            case 3, 4: return .bind(.init(portal: name, statement: names.randomElement(using: &generator) ?? ""))
            case 5: return .describe(Bool.random(using: &generator) ? .statement : .portal, name)
            case 6, 7: return .execute(portal: name, maximumRows: 1)
            case 8: return .close(Bool.random(using: &generator) ? .statement : .portal, name)
            case 9, 10: return .sync
            case 11:
                return [.copyDone, .copyData(ByteBuffer()), .copyFail("x"), .flush].randomElement(using: &generator)
                    ?? .flush
            default: return .functionCall(ByteBuffer())
            }
        }
        let answers: [BackendMessage] = [
            .parseComplete, .bindComplete, .closeComplete, .noData, .rowDescription(fields("a")),
            .parameterDescription([]),
            .commandComplete("X"), .emptyQueryResponse, .portalSuspended, dataRow(["1"]), dataRow(["1", "2"]),
            SessionTests.error, .readyForQuery(.idle), .readyForQuery(.inTransaction),
            .copyInResponse(.init(format: .text, columns: [])),
            .copyOutResponse(.init(format: .text, columns: [.text])),
            .copyData(ByteBuffer(string: "x")), .copyDone,
        ]
        let answerFrames = answers.map { Frame(kind: $0.kind.rawValue, bytes: bytes([$0])) }
        var rows = 0
        var errors = 0
        for _ in 0..<20_000 {
            var machine = SessionMachine()
            var failed = false
            for _ in 0..<12 where !failed {
                do {
                    if Int.random(in: 0..<5, using: &generator) < 3 {
                        var buffer = ByteBuffer()
                        let message = frontend()
                        message.write(into: &buffer)
                        _ = try machine.received(fromFrontend: Frame(kind: buffer.readableBytesView[0], bytes: buffer))
                    } else if let frame = answerFrames.randomElement(using: &generator) {
                        if case .row(let fields) = try machine.received(fromBackend: frame) {
                            rows += 1
                            #expect(fields.count == 1)
                        }
                    }
                } catch {
                    errors += 1
                    failed = true
                }
            }
        }
        #expect(rows > 0 && errors > 0)
    }

    @Test("20,000 pieces of random COPY data are rewritten or refused")
    func copy() throws {
        var generator = SeededGenerator(seed: 3)
        let alphabet = Array("a,\"\\N\n\t|'x".utf8) + [0, 0xFF]
        var csv = CopyFormat.CSV()
        csv.escape = UInt8(ascii: "\\")
        for round in 0..<20_000 {
            let raw = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let format: CopyFormat = [.text(.init()), .csv(.init()), .csv(csv), .binary][round % 4]
            let data =
                round % 4 == 3
                ? ByteBuffer(bytes: Array(CopyRowsTests.binary.readableBytesView).prefix(25) + raw.map { $0 & 3 })
                : ByteBuffer(bytes: raw)
            let columns = Int.random(in: 0..<4, using: &generator)
            let whole = try? CopyRowsTests.rewrite(data, format, columns: columns)
            let split = try? CopyRowsTests.rewrite(data, format, columns: columns, size: 1)
            #expect(whole?.output == split?.output)
            #expect(whole?.seen == split?.seen)
        }
    }

    @Test("20,000 random SCRAM and startup messages are refused or answered")
    func signIn() {
        var generator = SeededGenerator(seed: 4)
        let seeds = ["n,,n=,r=abc", "c=biws,r=abcnonce,p=AAAA", "y,,n=,r=x", "r=abcx,s=AAAA,i=1", "v=AAAA"]
        let verifier = ScramVerifier(
            salt: [1], iterations: 1, storedKey: Array(repeating: 0, count: 32), serverKey: [0])
        for _ in 0..<20_000 {
            var raw = Array((seeds.randomElement(using: &generator) ?? "").utf8)
            for _ in 0..<Int.random(in: 0...3, using: &generator) where !raw.isEmpty {
                raw[Int.random(in: 0..<raw.count, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            if Bool.random(using: &generator) { raw.removeLast(Int.random(in: 0...raw.count, using: &generator)) }
            var server = ScramServer(verifier: verifier, nonce: "nonce")
            if Bool.random(using: &generator) { _ = server.received(Array("n,,n=,r=abc".utf8)) }
            if case .accept = server.received(raw) { Issue.record("accepted \(raw)") }
            var client = ScramClient(password: Secret("x"), nonce: "abc")
            _ = try? client.challenged(raw)
            #expect(throws: PostgresWireError.self) { try client.finished(raw) }
            var machine = ServerSignIn(allowsPlaintext: true)
            machine.append(ByteBuffer(bytes: [0, 0, 0, UInt8(8 + raw.count), 0, 3, 0, 0] + raw))
            if case .signedIn? = machine.next() { Issue.record("signed in by \(raw)") }
        }
    }
}
