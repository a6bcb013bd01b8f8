import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// Sends canaries every way on which a session's results and records leave.
package struct MaskingCanaries {
    private let canaries = Canaries(
        mending: "no session may open until the agent's masking is mended and reloaded")

    package init() {}

    /// Sends the canaries every way.
    ///
    /// - Parameter make: gives a masker as sessions have it.
    /// - Throws: `canary_leaked`, which names the way; whatever masking itself throws.
    package func check(_ make: () throws -> any SessionMasking) throws {
        for (way, send) in Self.ways {
            try self.canaries.send(by: way) { secret in
                var results = ResultMasking(
                    masker: try make(), classified: ClassifiedColumns(kinds: [:], widths: nil), isLinkable: false)
                var out = ByteBuffer()
                try send(secret, &results, &out)
                return out
            }
        }
    }

    private typealias Way = (
        String, @Sendable (String, inout ResultMasking, inout ByteBuffer) throws -> Void
    )

    private static let ways: [Way] = [
        ("a row's text", { try Self.row($0, .text, .text, &$1, &$2) }),
        ("a row's text in binary", { try Self.row($0, .text, .binary, &$1, &$2) }),
        ("a row's JSON", { try Self.row(Self.json($0), .json, .text, &$1, &$2) }),
        ("a row's JSON in binary", { try Self.row("\u{1}" + Self.json($0), .jsonb, .binary, &$1, &$2) }),
        (
            "COPY in text",
            { secret, results, out in
                let line = secret.replacing("\n", with: "\\n") + "\n"
                try Self.copy(ByteBuffer(string: line), .text(CopyFormat.Text()), &results, &out)
            }
        ),
        (
            "COPY in CSV",
            { secret, results, out in
                try Self.copy(ByteBuffer(string: "\"\(secret)\"\n"), .csv(CopyFormat.CSV()), &results, &out)
            }
        ),
        (
            "COPY in binary",
            { secret, results, out in
                var data = ByteBuffer(bytes: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
                data.writeMultipleIntegers(UInt32(0), UInt32(0), Int16(1))
                data.writeValue(ByteBuffer(string: secret))
                data.writeInteger(Int16(-1))
                try Self.copy(data, .binary, &results, &out)
            }
        ),
        (
            "a result's description",
            { secret, results, out in
                let fields = RowFields([RowField(name: secret)])
                var bytes = ByteBuffer()
                fields.write(into: &bytes)
                let frame = Frame(kind: BackendMessage.Kind.rowDescription.rawValue, bytes: bytes)
                try results.write(description: frame, fields, into: &out)
            }
        ),
        (
            "an error's message",
            { secret, results, out in
                let fields = Self.fields(["S": "ERROR", "C": "P0001", "M": "it says \(secret)"])
                try results.mask(fields).writeError(into: &out)
            }
        ),
        (
            "a notice",
            { secret, results, out in
                let fields = Self.fields([
                    "S": "NOTICE", "C": "00000", "M": "so", "D": "it says \(secret)", "H": secret, "W": secret,
                ])
                try results.mask(fields).writeNotice(into: &out)
            }
        ),
        (
            "a setting",
            { secret, results, out in
                try results.parameter("application_name", secret).write(into: &out)
                try results.parameter("DateStyle", secret).write(into: &out)
                try results.parameter(secret, "on").write(into: &out)
            }
        ),
        (
            "a notification",
            { secret, results, out in
                try results.notification(processID: 1, channel: "canary", payload: secret).write(into: &out)
            }
        ),
        (
            "a statement's record",
            { secret, results, out in out.writeString(try results.masker.maskText("SELECT '\(secret)'")) }
        ),
        (
            "a row that is too long to be kept",
            { secret, results, out in
                var cell = ByteBuffer()
                cell.writeValue(ByteBuffer(string: secret))
                let row = results.longRow(RowFields([Self.field(.text)]), rest: cell.readableBytes) { _ in }
                try row.take(cell, results, into: &out)
                try row.finish(into: &out)
            }
        ),
        (
            "a long value",
            { secret, results, out in
                var stream = try results.masker.streamInPlace()
                try stream.write(ByteBuffer(string: "see \(secret) there"), into: &out)
                try stream.finish(into: &out)
            }
        ),
    ]

    private static func fields(_ values: KeyValuePairs<Character, String>) -> ErrorFields {
        ErrorFields(fields: values.map { ErrorFields.Field(code: $0.key.asciiValue ?? 0, value: $0.value) })
    }

    private static func json(_ secret: String) -> String {
        "{\"note\": \"" + secret.replacing("\n", with: "\\n") + "\"}"
    }

    private static func field(_ type: PostgresType) -> RowField {
        RowField(name: "canary", type: type)
    }

    private static func row(
        _ secret: String, _ type: PostgresType, _ format: ValueFormat, _ results: inout ResultMasking,
        _ out: inout ByteBuffer
    ) throws {
        var field = Self.field(type)
        field.format = format
        var bytes = ByteBuffer()
        var row = DataRowWriter(startingIn: &bytes)
        row.append(ByteBuffer(string: secret), to: &bytes)
        row.finish(in: &bytes)
        let frame = Frame(kind: BackendMessage.Kind.dataRow.rawValue, bytes: bytes)
        try results.write(row: frame, RowFields([field]), into: &out)
    }

    private static func copy(
        _ data: ByteBuffer, _ format: CopyFormat, _ results: inout ResultMasking, _ out: inout ByteBuffer
    ) throws {
        var copy = try CopyMasking(
            CopyOut(columns: RowFields([Self.field(.text)]), columnCount: 1, format: format), results)
        _ = try copy.write(data, &results, into: &out)
        try copy.finish()
    }
}
