import NIOCore
import PostgresWire

/// Messages that have no room for a value, as they are and with a value put into or behind them; and those that may not
/// come at all.
extension Probe {
    static let forms: [Probe] = fixed + unasked + signIn

    private static let extended: [FrontendMessage] = [
        .parse(.init(text: "SELECT 1")), .describe(.statement, ""), .bind(.init()), .describe(.portal, ""),
        .execute(portal: "", maximumRows: 1), .close(.portal, ""), .sync,
    ]

    /// What a server says to `extended`, with one message changed.
    private static func conversation(_ changed: BackendMessage.Kind, _ bytes: ByteBuffer) -> [ByteBuffer] {
        let row = RowFields([RowField(name: "n", type: .int4)])
        let all: [BackendMessage] = [
            .parseComplete, .parameterDescription([23]), .rowDescription(row), .bindComplete, .rowDescription(row),
            changed == .commandComplete ? .commandComplete("SELECT 1") : .portalSuspended, .closeComplete,
            .readyForQuery(.idle),
        ]
        return all.map { $0.kind == changed ? bytes : .said($0) }
    }

    private static let fixed: [Probe] =
        [
            BackendMessage.parseComplete, .bindComplete, .closeComplete, .portalSuspended, .parameterDescription([23]),
            .readyForQuery(.idle),
        ].flatMap { message in
            [("", false), ("behind its end", true)].map { place, tail in
                .scripted(message, place, tail: tail, question: Self.extended) {
                    Self.conversation(message.kind, $0)
                }
            }
        }
        + [("", false), ("behind its end", true)].flatMap { place, tail -> [Probe] in
            [
                .scripted(
                    .noData, place, tail: tail,
                    question: [.parse(.init(text: "SELECT 1")), .describe(.statement, ""), .sync]
                ) { [.said(.parseComplete), .said(.parameterDescription([])), $0, .ready] },
                .scripted(.emptyQueryResponse, place, tail: tail, question: [.query("")]) { [$0, .ready] },
                .scripted(.copyInResponse(Self.copy), place, tail: tail) { [$0, .failed, .ready] },
                .scripted(
                    .copyOutResponse(Self.copy), place, tail: tail, question: Self.copyOut, first: Self.copyDescribed
                ) { [$0, .said(.copyDone), .complete, .ready] },
                .scripted(.copyDone, place, tail: tail, question: Self.copyOut, first: Self.copyDescribed) {
                    [.said(.copyOutResponse(Self.copy)), $0, .complete, .ready]
                },
            ]
        }

    private static let copyOut = [FrontendMessage.query("COPY customers (notes) TO STDOUT")]
    /// The agent asks for the columns first.
    private static let copyDescribed: [ByteBuffer] = [
        .said(.parseComplete), .said(.parameterDescription([])),
        .said(.rowDescription(RowFields([RowField(name: "notes", type: .text)]))), .ready,
    ]
    private static let copy = BackendMessage.CopyResponse(format: .text, columns: [.text])

    private static let unasked: [Probe] = [
        Probe(kind: .dataRow, format: "text", place: "a row that the server didn't describe", source: .script) { shop in
            var row = ByteBuffer()
            var writer = DataRowWriter(startingIn: &row)
            writer.append(.value(ByteBuffer(string: Seed.shaped.value)), to: &row)
            writer.finish(in: &row)
            let answer = [row, .complete, .ready].joined()
            return (try await shop.ask([.query("SELECT 1")], script: .init(toQueries: [answer])), nil)
        },
        .scripted(
            .copyData(ByteBuffer(string: Seed.shaped.value + "\n")), "COPY data that nobody asked for", format: "text"
        ) {
            [$0, .ready]
        },
        .scripted(.copyBothResponse(Self.copy), "a replication stream that nobody asked for") {
            [$0, .said(.copyData(ByteBuffer(string: Seed.shaped.value))), .ready]
        },
        .scripted(
            .functionCallResponse(ByteBuffer(string: Seed.shaped.value)), "a function's result that nobody asked for"
        ) { [$0, .ready] },
        .real(.functionCallResponse, "–", "a function call by the protocol, which the client asks for", .shaped) {
            shop in
            // upper(text)
            var call = ByteBuffer()
            call.writeMultipleIntegers(UInt32(871), UInt16(0), UInt16(1))
            call.writeInteger(UInt32(Seed.shaped.value.utf8.count))
            call.writeString(Seed.shaped.value)
            call.writeInteger(UInt16(0))
            return (try await shop.ask([.functionCall(call)]), nil)
        },
        .scripted(.authentication(.saslContinue(ByteBuffer(string: Seed.shaped.value))), "in a session") {
            [$0, .ready]
        },
        .scripted(
            .backendKeyData(.init(processID: 1, secret: Array(Seed.shaped.value.utf8))), "in a session"
        ) { [$0, .ready] },
        .scripted(
            .negotiateProtocolVersion(newest: .supported, unknownOptions: [Seed.shaped.value]), "in a session"
        ) { [$0, .ready] },
    ]

    /// What a target says while the agent signs in to it.
    private static let signIn: [Probe] = [
        BackendMessage.backendKeyData(.init(processID: 1, secret: Array(Seed.shaped.value.utf8))),
        .negotiateProtocolVersion(newest: .supported, unknownOptions: [Seed.shaped.value]),
        .authentication(.saslContinue(ByteBuffer(string: Seed.shaped.value))),
        .noticeResponse(ErrorFields(severity: "NOTICE", sqlState: "00000", message: Seed.shaped.value)),
        .errorResponse(ErrorFields(severity: "FATAL", sqlState: "28000", message: Seed.shaped.value)),
        .parameterStatus(name: "server_version", value: Seed.shaped.value),
        .parameterStatus(name: Seed.shaped.value, value: "on"),
    ].map { message in
        let name: String
        switch message {
        case .parameterStatus(let setting, _):
            name = setting == Seed.shaped.value ? ", a setting's name" : ", a setting"
        default: name = ""
        }
        return Probe(kind: message.kind, place: "while the agent signs in\(name)", source: .script) { _ in
            let sent = Frame(message)
            let shop = try await CoverageShop(afterSignIn: sent.bytes)
            let frames = try await shop.ask([])
            await shop.backend.close()
            return (frames, sent)
        }
    }
}

extension ByteBuffer {
    fileprivate static let failed = said(.errorResponse(ErrorFields(sqlState: "57014", message: "no more")))
}
