import NIOCore
import PostgresWire
import Testing

@Suite struct CopyStatementTests {
    static let csv: CopyFormat = {
        var csv = CopyFormat.CSV()
        csv.header = true
        csv.delimiter = UInt8(ascii: ";")
        return .csv(csv)
    }()
    static let piped: CopyFormat = {
        var text = CopyFormat.Text()
        text.delimiter = UInt8(ascii: "|")
        text.null = Array("NULL".utf8)
        return .text(text)
    }()

    @Test(
        "a COPY TO STDOUT is understood in every form",
        arguments: [
            ("COPY t TO STDOUT", "SELECT * FROM \"t\"", CopyFormat.text(.init())),
            (
                "copy Public.\"My Table\" (A, \"b\"\"c\") to stdout;",
                "SELECT \"a\", \"b\"\"c\" FROM \"public\".\"My Table\"", .text(.init())
            ),
            (
                "/* a /* b */ c */ COPY (SELECT a, ')' FROM t WHERE b IN (1, 2)) TO STDOUT -- x",
                "SELECT a, ')' FROM t WHERE b IN (1, 2)", .text(.init())
            ),
            ("COPY t TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';')", "SELECT * FROM \"t\"", Self.csv),
            ("COPY t TO STDOUT CSV HEADER DELIMITER AS ';' FORCE QUOTE a, b", "SELECT * FROM \"t\"", Self.csv),
            ("COPY t TO STDOUT (DELIMITER E'\\174', FORMAT text)", "", .unrecognised),
            ("COPY t TO STDOUT USING DELIMITERS '|' WITH NULL AS 'NULL'", "SELECT * FROM \"t\"", Self.piped),
            ("COPY t TO STDOUT (FORMAT 'binary', ENCODING 'utf-8')", "SELECT * FROM \"t\"", .binary),
            ("COPY t TO STDOUT WITH (NULL '\\N')", "SELECT * FROM \"t\"", .text(.init())),
            ("COPY (SELECT E'\\x41\\'', 'a\\\\') TO STDOUT", "SELECT E'\\x41\\'', 'a\\\\'", .text(.init())),
            ("COPY BINARY t TO STDOUT", "SELECT * FROM \"t\"", .binary),
            ("COPY t TO STDIN", "SELECT * FROM \"t\"", .text(.init())),
            ("COPY ($$;) TO STDOUT$$) TO STDOUT", "$$;) TO STDOUT$$", .text(.init())),
        ])
    func understood(sql: String, describing: String, format: CopyFormat) {
        let statement = CopyStatement(sql)
        if format == .unrecognised {
            #expect(statement == nil)
        } else {
            #expect(statement?.describing == describing)
            #expect(statement?.format == format)
        }
    }

    @Test(
        "what isn't one COPY TO STDOUT, or isn't sure, isn't taken for one",
        arguments: [
            "SELECT 1", "COPY t FROM STDIN", "COPY t TO '/tmp/x'", "COPY t TO PROGRAM 'x'",
            "COPY t TO STDOUT; SELECT 1",
            "COPY t TO STDOUT (ENCODING 'latin1')", "COPY t TO STDOUT (UNKNOWN 1)",
            "COPY (SELECT 'a\\') TO STDOUT --') TO STDOUT",
            "COPY (SELECT U&'\\0041') TO STDOUT", "COPY (SELECT 1 TO STDOUT", "COPY t TO STDOUT /* open", "", "COPY",
        ])
    func notUnderstood(sql: String) {
        #expect(CopyStatement(sql) == nil)
    }
}

@Suite struct CopySessionTests {
    static let out = BackendMessage.copyOutResponse(.init(format: .text, columns: [.text]))

    @Test("a COPY's columns are asked for before it, and the answers swallowed")
    func describes() {
        var c = Conversation()
        c.client(.query("COPY t (a) TO STDOUT"))
        #expect(c.serverKinds() == "PDSQ")
        c.server(
            .parseComplete, .parameterDescription([]), .rowDescription(fields("a")), .readyForQuery(.idle), Self.out,
            .copyData(ByteBuffer(string: "1\n")), .copyDone, .commandComplete("COPY 1"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "HdcCZ")
        #expect(
            c.take().contains(.backend(.copyOut(CopyOut(columns: fields("a"), columnCount: 1, format: .text(.init())))))
        )
    }

    @Test("where the columns can't be told, they are unknown")
    func unknownColumns() {
        var failing = Conversation()
        failing.client(.query("COPY t TO STDOUT"))
        failing.server(SessionTests.error, .readyForQuery(.failed), SessionTests.error, .readyForQuery(.failed))
        #expect(failing.clientKinds() == "EZ")
        var other = Conversation()
        other.client(.query("COPY t TO STDOUT"))
        other.server(
            .parseComplete, .parameterDescription([]), .rowDescription(fields("a", "generated")), .readyForQuery(.idle),
            Self.out)
        let more = CopyOut(columns: fields("a", "generated"), columnCount: 1, format: .text(.init()))
        #expect(other.take().last == .backend(.copyOut(more)))
        var several = Conversation()
        several.client(.query("COPY t TO STDOUT CSV; COPY t TO STDOUT"))
        #expect(several.serverKinds() == "Q")
        several.server(Self.out, .copyDone, .commandComplete("COPY 0"), Self.out)
        #expect(
            several.take().last == .backend(.copyOut(CopyOut(columns: nil, columnCount: 1, format: .text(.init())))))
        var unclear = Conversation()
        unclear.client(.query("COPY t TO STDOUT (UNKNOWN 1)"))
        unclear.server(Self.out)
        #expect(unclear.take().last == .backend(.copyOut(CopyOut(columns: nil, columnCount: 1, format: .unrecognised))))
    }

    @Test(
        "an error about a COPY's columns that ended the transaction is the client's, with its place in the client's text"
    )
    func errorInTransaction() {
        var c = Conversation()
        c.client(.query("COPY /* é */ (SELECT nothing FROM t) TO STDOUT"))
        var reason = ErrorFields(sqlState: "42703", message: "column \"nothing\" does not exist")
        reason.fields.append(.init(code: UInt8(ascii: "P"), value: "8"))
        let aborted = ErrorFields(sqlState: "25P02", message: "current transaction is aborted")
        c.server(
            .errorResponse(reason), .readyForQuery(.failed), .errorResponse(aborted), .readyForQuery(.failed))
        var told = reason
        told.fields[told.fields.count - 1].value = "22"
        #expect(
            c.take().suffix(4) == [
                .backend(.swallow), .backend(.swallow), .backend(.error(told)), .backend(.ready(.failed)),
            ])

        // Outside of a transaction the COPY says itself what's wrong with it.
        c.client(.query("COPY t TO STDOUT"))
        let own = ErrorFields(sqlState: "42P01", message: "relation \"t\" does not exist")
        c.server(.errorResponse(reason), .readyForQuery(.idle), .errorResponse(own), .readyForQuery(.idle))
        #expect(c.take().suffix(2) == [.backend(.error(own)), .backend(.ready(.idle))])

        // In the extended protocol the first error is the only one.
        c.client(
            .parse(.init(text: "COPY (SELECT nothing FROM t) TO STDOUT")), .bind(.init()),
            .execute(portal: "", maximumRows: 0), .sync)
        c.server(.parseComplete, .bindComplete, .errorResponse(reason), .readyForQuery(.idle))
        told.fields[told.fields.count - 1].value = "14"
        #expect(c.take().suffix(2) == [.backend(.error(told)), .backend(.ready(.idle))])
    }

    @Test("a COPY in the extended protocol is described in its own group, and an error there is its own")
    func extended() {
        var c = Conversation()
        c.client(.parse(.init(text: "COPY t TO STDOUT")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        #expect(c.serverKinds() == "PBPDCES")
        c.server(
            .parseComplete, .bindComplete, .parseComplete, .parameterDescription([]), .rowDescription(fields("a")),
            .closeComplete,
            Self.out, .copyDone, .commandComplete("COPY 0"), .readyForQuery(.idle))
        #expect(c.clientKinds() == "12HcCZ")
        c.client(.parse(.init(text: "COPY t TO STDOUT")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        c.server(.parseComplete, .bindComplete, SessionTests.error, .readyForQuery(.idle))
        #expect(c.clientKinds() == "12EZ")
    }

    @Test("in an open pipeline no Sync is put in: the columns are unknown")
    func openGroup() {
        var c = Conversation()
        c.client(.parse(.init(text: "SELECT 1")), .query("COPY t TO STDOUT"))
        #expect(c.serverKinds() == "PQ")
    }

    @Test("Syncs during COPY IN are ignored by the server, so no answer is awaited")
    func copyIn() {
        var c = Conversation()
        c.client(.parse(.init(text: "COPY t FROM STDIN")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        c.server(.parseComplete, .bindComplete, .noData, .copyInResponse(.init(format: .text, columns: [.text])))
        c.client(.copyData(ByteBuffer(string: "1\n")), .sync, .copyDone, .sync)
        c.server(.commandComplete("COPY 1"), .readyForQuery(.idle))
        let isQuiet = c.machine.isQuiet
        #expect(isQuiet)
        c.client(.query("SELECT a"))
        _ = c.take()
        c.server(.rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(c.take().last == .backend(.ready(.idle)))
    }

    @Test(
        "a COPY IN that fails is followed by the right answers, whether or not the server saw the Sync",
        arguments: [false, true])
    func copyInFails(sawSync: Bool) {
        var c = Conversation()
        c.client(.parse(.init(text: "COPY t FROM STDIN")), .bind(.init()), .execute(portal: "", maximumRows: 0), .sync)
        c.server(.parseComplete, .bindComplete, .noData, .copyInResponse(.init(format: .text, columns: [.text])))
        c.client(.copyData(ByteBuffer(string: "1\n")), .copyDone, .sync)
        c.server(SessionTests.error, .readyForQuery(.idle))
        if !sawSync { c.server(.readyForQuery(.idle)) }
        c.client(.query("SELECT a"))
        _ = c.take()
        c.server(.rowDescription(fields("a")), dataRow(["1"]), .commandComplete("SELECT 1"), .readyForQuery(.idle))
        #expect(
            c.take() == [
                .backend(.rowDescription(fields("a"))), .backend(.row(fields("a"))),
                .backend(.commandComplete("SELECT 1")),
                .backend(.ready(.idle)),
            ])
    }

    @Test("other messages during COPY IN end the session")
    func messageInCopyIn() {
        var c = Conversation()
        c.client(.query("COPY t FROM STDIN"))
        c.server(.copyInResponse(.init(format: .text, columns: [.text])))
        c.client(.query("SELECT 1"))
        #expect(c.take().last == .error(.unexpectedMessage))
    }
}

@Suite struct CopyRowsTests {
    /// Feeds pieces of `size` bytes; gives what was seen and what came out.
    static func rewrite(
        _ data: ByteBuffer, _ format: CopyFormat, columns: Int, size: Int = .max, valueLimit: Int = 1 << 20,
        missing: [CopyMissing] = [], _ replace: (Int, String) -> CopyReplacement = { _, _ in .keep }
    ) throws -> (seen: [String], output: ByteBuffer, rows: Int64) {
        var rows = try CopyRows(format: format, columnCount: columns, valueLimit: valueLimit, missing: missing)
        var seen: [String] = []
        var output = ByteBuffer()
        var rest = data
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(size, rest.readableBytes)) {
            try rows.feed(piece, into: &output) { column, value in
                let text = value.map { String(decoding: $0.readableBytesView, as: UTF8.self) } ?? "(long)"
                seen.append("\(column):\(text)")
                return replace(column, text)
            }
        }
        try rows.finish()
        return (seen, output, rows.rows)
    }

    static let binary: ByteBuffer = {
        var buffer = ByteBuffer(bytes: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0])
        for (a, b) in [("x", Optional("one")), ("", nil)] {
            buffer.writeInteger(Int16(2))
            buffer.writeInteger(Int32(a.utf8.count))
            buffer.writeString(a)
            buffer.writeInteger(Int32(b?.utf8.count ?? -1))
            buffer.writeString(b ?? "")
        }
        buffer.writeInteger(Int16(-1))
        return buffer
    }()
    static let text = ByteBuffer(string: "a\\tb\\\\\tone\n\\N\t\n\\\\N\tx\\\ny\n")
    static let csv = ByteBuffer(string: "h1,h2\n\"a\"\"b,\nc\",one\n,\"\"\nplain,\"x\"\n")
    static let csvFormat: CopyFormat = {
        var csv = CopyFormat.CSV()
        csv.header = true
        return .csv(csv)
    }()

    @Test("kept data come out byte by byte as they were, at every split", arguments: [1, 2, 3, 5, 11, Int.max])
    func kept(size: Int) throws {
        let text = try Self.rewrite(Self.text, .text(.init()), columns: 2, size: size)
        #expect(text.output == Self.text)
        #expect(text.seen == ["0:a\tb\\", "1:one", "1:", "0:\\N", "1:x\ny"])
        #expect(text.rows == 3)
        let csv = try Self.rewrite(Self.csv, Self.csvFormat, columns: 2, size: size)
        #expect(csv.output == Self.csv)
        #expect(csv.seen == ["0:a\"b,\nc", "1:one", "1:", "0:plain", "1:x"])
        #expect(csv.rows == 3)
        let binary = try Self.rewrite(Self.binary, .binary, columns: 2, size: size)
        #expect(binary.output == Self.binary)
        #expect(binary.seen == ["0:x", "1:one", "0:"])
        #expect(binary.rows == 2)
    }

    @Test(
        "a replacement is read back as it was given, whatever it holds",
        arguments: ["‹email:k3›", "a\tb\\N\n\"", "", "\\.", "\\N"])
    func replaced(value: String) throws {
        let replacement = CopyReplacement.bytes(ByteBuffer(string: value))
        for (data, format) in [
            (Self.text, CopyFormat.text(.init())), (Self.csv, Self.csvFormat), (Self.binary, .binary),
        ] {
            let first = try Self.rewrite(data, format, columns: 2) { _, text in text == "one" ? replacement : .keep }
            let second = try Self.rewrite(first.output, format, columns: 2)
            #expect(second.seen.contains("1:" + value))
            #expect(second.rows == first.rows)
            #expect(second.seen == first.seen.map { $0 == "1:one" ? "1:" + value : $0 })
        }
    }

    @Test("a value replaced by NULL isn't seen any more")
    func nulled() throws {
        for (data, format) in [
            (Self.text, CopyFormat.text(.init())), (Self.csv, Self.csvFormat), (Self.binary, .binary),
        ] {
            let first = try Self.rewrite(data, format, columns: 2) { _, text in text == "one" ? .null : .keep }
            let second = try Self.rewrite(first.output, format, columns: 2)
            #expect(second.seen == first.seen.filter { $0 != "1:one" })
        }
    }

    @Test("a NULL is asked for where the column says so, and where it may as well be a value")
    func missing() throws {
        var none = CopyFormat.Text()
        none.null = Array("none".utf8)
        var dash = CopyFormat.CSV()
        dash.null = Array("-".utf8)
        let binary = Self.binary
        for (data, format, asked) in [
            (ByteBuffer(string: "a\tb\\n\n\\N\t\\N\n"), CopyFormat.text(.init()), ["1:(long)"]),
            (ByteBuffer(string: "none\tnone\n"), .text(none), ["0:(long)", "1:(long)"]),
            (ByteBuffer(string: "-,-\n\"-\",\"-\"\n"), .csv(dash), ["1:(long)", "0:-", "1:-"]),
            (binary, .binary, ["0:x", "1:one", "0:", "1:(long)"]),
        ] {
            let kinds: [CopyMissing] = [.askedIfUnsure, .asked]
            let found = try Self.rewrite(data, format, columns: 2, missing: kinds) { _, text in
                text == "(long)" ? .bytes(ByteBuffer(string: "hidden")) : .keep
            }
            #expect(found.seen.filter { !$0.hasSuffix(":a") && !$0.hasSuffix(":b\n") } == asked, "\(found.seen)")
            let kept = try Self.rewrite(data, format, columns: 2, missing: [.kept, .kept])
            #expect(kept.output == data)
            #expect(!kept.seen.contains { $0.hasSuffix("(long)") })
        }
    }

    @Test("other delimiters, quotes and NULLs are kept to")
    func options() throws {
        var text = CopyFormat.Text()
        text.delimiter = UInt8(ascii: "|")
        text.null = Array("NULL".utf8)
        let piped = try Self.rewrite(ByteBuffer(string: "a\\|b|NULL\n"), .text(text), columns: 2) { _, _ in
            .bytes(ByteBuffer(string: "x|y"))
        }
        #expect(piped.seen == ["0:a|b"])
        #expect(piped.output == ByteBuffer(string: "x\\|y|NULL\n"))
        var csv = CopyFormat.CSV()
        csv.quote = UInt8(ascii: "'")
        csv.escape = UInt8(ascii: "\\")
        let quoted = try Self.rewrite(ByteBuffer(string: "'a\\'b\\\\','c,d'\n"), .csv(csv), columns: 2, size: 1) {
            _, _ in
            .bytes(ByteBuffer(string: "'\\"))
        }
        #expect(quoted.seen == ["0:a'b\\", "1:c,d"])
        #expect(quoted.output == ByteBuffer(string: "'\\'\\\\','\\'\\\\'\n"))
    }

    @Test("data that don't fit the columns, end in a row, or have a false header are errors")
    func malformed() throws {
        let cases: [(String, CopyFormat, Int)] = [
            ("a\n", .text(.init()), 2), ("a\tb\tc\n", .text(.init()), 2), ("a\tb", .text(.init()), 2),
            ("a\n", .csv(.init()), 2),
            ("\"a,b\n", .csv(.init()), 2), ("x\n", .text(.init()), 0), ("PGCOPY\nxxxxxxxxxxxxxxxxxxxx", .binary, 2),
            ("", .binary, 2),
        ]
        for (data, format, columns) in cases {
            #expect(throws: PostgresWireError.self, "\(data)") {
                try Self.rewrite(ByteBuffer(string: data), format, columns: columns)
            }
        }
        #expect(throws: PostgresWireError.self) { try CopyRows(format: .unrecognised, columnCount: 1) }
        #expect(try Self.rewrite(ByteBuffer(string: "\n\n"), .text(.init()), columns: 0).rows == 2)
    }

    @Test("a value that is too long is dropped as it comes, at every split, and the row goes on", arguments: 1...12)
    func longValues(size: Int) throws {
        let placeholder = CopyReplacement.bytes(ByteBuffer(string: "‹x›"))
        func check(_ data: ByteBuffer, _ format: CopyFormat) throws {
            // Whole pieces hold the whole value, which is then looked at.
            let out = try Self.rewrite(data, format, columns: 2, size: size, valueLimit: 12) { _, text in
                text == "(long)" || text.utf8.count > 12 ? placeholder : .keep
            }
            let again = try Self.rewrite(out.output, format, columns: 2)
            #expect(again.seen == ["0:a", "1:‹x›", "0:‹x›", "1:b", "0:c", "1:d"])
            #expect(again.rows == 3)
        }
        let long = "long\\tand \\\\longer, \\nup to " + String(repeating: "y", count: 40) + "\\\\"
        try check(ByteBuffer(string: "a\t\(long)\n\(long)\tb\nc\td\n"), .text(.init()))
        let quoted = "\"long, \"\"and\n\"\" longer, " + String(repeating: "y", count: 40) + "\"\"\""
        try check(ByteBuffer(string: "a,\(quoted)\n\(quoted),b\nc,d\n"), .csv(.init()))
        var binary = ByteBuffer(bytes: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0])
        for (a, b) in [("a", long), (long, "b"), ("c", "d")] {
            binary.writeInteger(Int16(2))
            for text in [a, b] {
                binary.writeInteger(Int32(text.utf8.count))
                binary.writeString(text)
            }
        }
        binary.writeInteger(Int16(-1))
        try check(binary, .binary)
    }

    @Test("nothing is kept of a value that is too long but its row's other values")
    func longValueIsNotKept() throws {
        var rows = try CopyRows(format: .text(.init()), columnCount: 2, valueLimit: 10, rowLimit: 40)
        var output = ByteBuffer()
        try rows.feed(ByteBuffer(string: "a\t"), into: &output) { _, _ in .keep }
        for _ in 0..<1000 {
            try rows.feed(ByteBuffer(string: "a long value"), into: &output) { _, _ in .bytes(ByteBuffer(string: "x")) }
        }
        #expect(output.readableBytes == 0)
        try rows.feed(ByteBuffer(string: "\n"), into: &output) { _, _ in .keep }
        #expect(String(buffer: output) == "a\tx\n")
    }

    @Test("a row over the limit is an error, and no byte of it passes")
    func tooLong() throws {
        var rows = try CopyRows(format: .text(.init()), columnCount: 1, rowLimit: 10)
        var output = ByteBuffer()
        try rows.feed(ByteBuffer(string: "12345"), into: &output) { _, _ in .keep }
        #expect(throws: PostgresWireError.self) {
            try rows.feed(ByteBuffer(string: "678901"), into: &output) { _, _ in .keep }
        }
        #expect(output.readableBytes == 0)
    }

    @Test("an error of the masking ends the feed")
    func maskingFails() throws {
        struct Failed: Error {}
        var rows = try CopyRows(format: .text(.init()), columnCount: 1)
        var output = ByteBuffer()
        #expect(throws: Failed.self) {
            try rows.feed(ByteBuffer(string: "a\n"), into: &output) { _, _ in throw Failed() }
        }
        #expect(!output.readableBytesView.contains(UInt8(ascii: "a")))
    }
}
