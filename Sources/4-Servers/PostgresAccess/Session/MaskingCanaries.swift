import GloveboxCore
import NIOCore
import PostgresWire
import Redaction

/// Secrets that nobody has, made anew for each round, that go every way on which a session's results leave: one that comes
/// out shows that masking no longer does what it must, whatever the reason.
package struct MaskingCanaries {
    private let secrets: [String]

    package init() {
        func draw(_ alphabet: String, _ count: Int) -> String {
            String((0..<count).map { _ in alphabet.randomElement() ?? "0" })
        }
        let digits = "0123456789"
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        let any = letters + letters.lowercased() + digits
        self.secrets = [
            "AKIA" + draw(letters + digits, 16), "ghp_" + draw(any, 36), "sk_live_" + draw(any, 24),
            "xoxb-" + draw(digits, 12) + "-" + draw(any, 24), "password=" + draw(any, 20),
            "-----BEGIN PRIVATE KEY-----\n" + draw(any, 64) + "\n-----END PRIVATE KEY-----",
        ]
    }

    /// Sends the canaries every way.
    ///
    /// - Parameter make: gives a masker as sessions have it.
    /// - Throws: `canary_leaked`, which names the way; whatever masking itself throws.
    package func check(_ make: () throws -> any SessionMasking) throws {
        for (way, send) in Self.ways {
            for secret in self.secrets {
                var results = ResultMasking(
                    masker: try make(), classified: ClassifiedColumns(kinds: [:], widths: nil), isLinkable: false)
                var out = ByteBuffer()
                try send(secret, &results, &out)
                guard !Self.comes(secret, out: out) else {
                    throw GloveboxError(
                        .canaryLeaked,
                        "a canary came out unmasked by \(way): no session may open until the agent's masking is mended and reloaded"
                    )
                }
            }
        }
    }

    /// Whether eight bytes in a row of what is secret in it are in `out`.
    private static func comes(_ secret: String, out: ByteBuffer) -> Bool {
        let text = String(decoding: out.readableBytesView, as: UTF8.self)
        let core = secret.split(whereSeparator: { "=\n".contains($0) }).max { $0.count < $1.count } ?? ""
        let tail = Array(core.suffix(16))
        return tail.count >= 8 && (0...(tail.count - 8)).contains { text.contains(String(tail[$0..<($0 + 8)])) }
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
                let fields = [("S", "ERROR"), ("C", "P0001"), ("M", "it says \(secret)")].map {
                    ErrorFields.Field(code: UInt8(ascii: Unicode.Scalar($0.0) ?? "M"), value: $0.1)
                }
                try results.mask(ErrorFields(fields: fields)).writeError(into: &out)
            }
        ),
        (
            "a notification",
            { secret, results, out in
                try results.notification(processID: 1, channel: "canary", payload: secret).write(into: &out)
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
