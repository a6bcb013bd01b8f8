import NIOCore
import PostgresWire
import Testing

@Suite struct MessageTests {
    static let frontend: [FrontendMessage] = [
        .query("SELECT 1"), .parse(.init(statement: "s", text: "SELECT $1", parameterTypes: [25])),
        .bind(
            .init(
                portal: "p", statement: "s", parameterFormats: [.text, .binary],
                parameters: [ByteBuffer(string: "x"), nil], resultFormats: [.binary])),
        .describe(.statement, "s"), .describe(.portal, ""), .execute(portal: "p", maximumRows: 10),
        .close(.portal, "p"),
        .sync, .flush, .copyData(ByteBuffer(string: "a\tb\n")), .copyDone, .copyFail("no"),
        .functionCall(ByteBuffer(bytes: [0, 0, 0, 1])), .password(ByteBuffer(string: "x\0")), .terminate,
    ]
    static let backend: [BackendMessage] = [
        .authentication(.ok), .authentication(.cleartextPassword), .authentication(.md5Password(salt: [1, 2, 3, 4])),
        .authentication(.sasl(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])),
        .authentication(.saslContinue(ByteBuffer(string: "r=1"))),
        .authentication(.saslFinal(ByteBuffer(string: "v=1"))),
        .authentication(.other(7)), .parameterStatus(name: "TimeZone", value: "UTC"),
        .backendKeyData(CancelKey(processID: 7, secret: [1, 2, 3, 4])), .readyForQuery(.failed),
        .rowDescription(fields("a", "b")), dataRow(["1", nil, ""]), .commandComplete("SELECT 1"), .emptyQueryResponse,
        .errorResponse(ErrorFields(sqlState: "42601", message: "m", detail: "d", hint: "h")),
        .noticeResponse(ErrorFields(severity: "NOTICE", sqlState: "00000", message: "m")), .noData,
        .parameterDescription([25, 23]), .parseComplete, .bindComplete, .closeComplete, .portalSuspended,
        .copyInResponse(.init(format: .text, columns: [.text])),
        .copyOutResponse(.init(format: .binary, columns: [.binary])),
        .copyBothResponse(.init(format: .text, columns: [])), .copyData(ByteBuffer(string: "x")), .copyDone,
        .notificationResponse(processID: 3, channel: "c", payload: "p"),
        .negotiateProtocolVersion(newest: .supported, unknownOptions: ["_pq_.a"]),
        .functionCallResponse(ByteBuffer(string: "x")),
    ]

    @Test("every frontend message reads as what was written", arguments: MessageTests.frontend)
    func frontendRoundTrip(message: FrontendMessage) throws {
        var decoder = MessageDecoder(.frontend)
        decoder.append(bytes([message]))
        let frame = try #require(try decoder.next())
        #expect(try FrontendMessage(frame) == message)
        #expect(decoder.unreadBytes == 0)
    }

    @Test("every backend message reads as what was written", arguments: MessageTests.backend)
    func backendRoundTrip(message: BackendMessage) throws {
        var decoder = MessageDecoder(.backend)
        decoder.append(bytes([message]))
        let frame = try #require(try decoder.next())
        #expect(try BackendMessage(frame) == message)
        #expect(decoder.unreadBytes == 0)
    }

    @Test("a stream split at every byte gives the same frames")
    func splits() throws {
        let whole = bytes(Self.backend)
        func frames(_ pieces: [ByteBuffer]) throws -> [Frame] {
            var decoder = MessageDecoder(.backend)
            var frames: [Frame] = []
            for piece in pieces {
                decoder.append(piece)
                while let frame = try decoder.next() { frames.append(frame) }
            }
            return frames
        }
        let expected = try frames([whole])
        #expect(expected.count == Self.backend.count)
        for cut in 0...whole.readableBytes {
            let first = try #require(whole.getSlice(at: 0, length: cut))
            let second = try #require(whole.getSlice(at: cut, length: whole.readableBytes - cut))
            #expect(try frames([first, second]) == expected)
        }
        let single = whole.readableBytesView.map { ByteBuffer(bytes: [$0]) }
        #expect(try frames(single) == expected)
    }

    @Test("a long data message comes in pieces, others whole, at every split", arguments: [1, 2, 3, 7, 64, Int.max])
    func parts(size: Int) throws {
        let row = dataRow([String(repeating: "x", count: 100), "y"])
        let messages: [BackendMessage] = [
            .noData, row, .copyData(ByteBuffer(string: String(repeating: "z", count: 60))), dataRow(["short"]),
            .commandComplete(String(repeating: "long ", count: 20)),
        ]
        var rest = bytes(messages)
        var decoder = MessageDecoder(.backend, limit: 200)
        var seen: [String] = []
        var joined = ByteBuffer()
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(size, rest.readableBytes)) {
            decoder.append(piece)
            while let part = try decoder.nextPart(keepingUpTo: 50) {
                switch part {
                case .whole(let frame):
                    seen.append("\(UnicodeScalar(frame.kind))")
                    joined.writeImmutableBuffer(frame.bytes)
                case .start(let frame, let rest):
                    seen.append("\(UnicodeScalar(frame.kind))+\(rest)")
                    joined.writeImmutableBuffer(frame.bytes)
                case .piece(let bytes, let isLast):
                    if isLast { seen.append(".") }
                    joined.writeImmutableBuffer(bytes)
                }
            }
        }
        #expect(seen == ["n", "D+109", ".", "d+60", ".", "D", "C"])
        #expect(joined == bytes(messages))
    }

    @Test("only what carries data may be longer than the limit, and come in pieces")
    func longParts() throws {
        var decoder = MessageDecoder(.backend, limit: 50)
        decoder.append(bytes([dataRow([String(repeating: "x", count: 100)])]))
        guard case .start? = try decoder.nextPart(keepingUpTo: 50) else {
            Issue.record("the row didn't start")
            return
        }
        var other = MessageDecoder(.backend, limit: 50)
        other.append(bytes([.commandComplete(String(repeating: "x", count: 100))]))
        #expect(throws: PostgresWireError.self) { try other.nextPart(keepingUpTo: 50) }
    }

    @Test("a message cut short is an error, whatever its kind", arguments: MessageTests.frontend)
    func frontendCutShort(message: FrontendMessage) throws {
        let whole = bytes([message])
        let body = whole.readableBytes - 5
        for length in 0..<body {
            var buffer = ByteBuffer()
            buffer.writeInteger(whole.readableBytesView[0])
            buffer.writeInteger(UInt32(length + 4))
            buffer.writeBytes(whole.readableBytesView[5..<(5 + length)])
            var decoder = MessageDecoder(.frontend)
            decoder.append(buffer)
            let frame = try #require(try decoder.next())
            switch message {
            case .copyData, .functionCall, .password: _ = try FrontendMessage(frame)
            default: #expect(throws: PostgresWireError.self) { try FrontendMessage(frame) }
            }
        }
    }

    @Test("a length below four, an unknown kind and a message over the limit are refused from the header")
    func badHeaders() {
        func failure(
            _ raw: [UInt8], _ sender: Sender, limit: Int = MessageDecoder.sessionLimit
        ) -> PostgresWireError.Code? {
            var decoder = MessageDecoder(sender, limit: limit)
            decoder.append(ByteBuffer(bytes: raw))
            do {
                _ = try decoder.next()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(failure([0x51, 0, 0, 0, 3], .frontend) == .malformedMessage)
        #expect(failure([0x51, 0xFF, 0xFF, 0xFF, 0xFF], .frontend) == .messageTooLong)
        #expect(failure([0x00], .frontend) == .unknownMessage)
        #expect(failure([0x7A], .backend) == .unknownMessage)
        #expect(failure([0x51, 0, 0, 0x40, 0], .frontend, limit: MessageDecoder.signInLimit) == .messageTooLong)
        #expect(failure([0x53, 0, 0, 0x40, 0], .frontend) == .messageTooLong)
        #expect(failure([0x51, 0, 0, 0x40, 0], .frontend) == nil)
    }

    @Test("a decoder that has failed stays failed")
    func staysFailed() {
        var decoder = MessageDecoder(.frontend)
        decoder.append(ByteBuffer(bytes: [0]))
        #expect(throws: PostgresWireError.self) { try decoder.next() }
        decoder.append(bytes([FrontendMessage.sync]))
        #expect(throws: PostgresWireError.self) { try decoder.next() }
    }

    @Test("cells of a row are read as written, and a length past the end is an error")
    func cells() throws {
        guard case .dataRow(var cells) = dataRow(["a", nil, ""]) else { return }
        #expect(cells.count == 3)
        #expect(try cells.next() == .value(ByteBuffer(string: "a")))
        #expect(try cells.next() == .null)
        #expect(try cells.next() == .value(ByteBuffer()))
        #expect(try cells.next() == nil)
        var bad = try DataRowCells(body: ByteBuffer(bytes: [0, 1, 0x7F, 0xFF, 0xFF, 0xFF, 1]))
        #expect(throws: PostgresWireError.self) { try bad.next() }
        var negative = try DataRowCells(body: ByteBuffer(bytes: [0, 1, 0xFF, 0xFF, 0xFF, 0xFE]))
        #expect(throws: PostgresWireError.self) { try negative.next() }
        var long = try DataRowCells(body: ByteBuffer(bytes: [0, 0, 1]))
        #expect(throws: PostgresWireError.self) { try long.next() }
    }

    @Test("initial packets read as written, at every split")
    func initialPackets() throws {
        let packets: [InitialPacket] = [
            .tlsRequest, .gssRequest, .cancel(CancelKey(processID: 9, secret: [1, 2, 3, 4])),
            .cancel(CancelKey(processID: 9, secret: Array(repeating: 7, count: 32))),
            .startup(.supported, StartupParameters(["user": "a.b", "database": "d"])),
        ]
        for packet in packets {
            let whole = bytes(packet)
            for cut in 0..<whole.readableBytes {
                var part = try #require(whole.getSlice(at: 0, length: cut))
                #expect(try InitialPacket.read(from: &part) == nil)
                part.writeBytes(whole.readableBytesView[cut...])
                #expect(try InitialPacket.read(from: &part) == packet)
                #expect(part.readableBytes == 0)
            }
        }
        var http = ByteBuffer(string: "GET / HTTP/1.1\r\n")
        #expect(throws: PostgresWireError.self) { try InitialPacket.read(from: &http) }
    }

    @Test("a database that isn't named is the user's, and replication is seen in any spelling")
    func startupParameters() {
        #expect(StartupParameters(["user": "u"]).database == "u")
        #expect(StartupParameters(["replication": "database"]).isReplication)
        #expect(StartupParameters(["replication": "1"]).isReplication)
        #expect(!StartupParameters(["replication": "off"]).isReplication)
        #expect(!StartupParameters([:]).isReplication)
    }
}
