package import NIOCore

/// The fields of an ErrorResponse or NoticeResponse (PostgreSQL manual, "Error and Notice Message Fields").
package struct ErrorFields: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package var code: UInt8
        package var value: String

        package init(code: UInt8, value: String) {
            self.code = code
            self.value = value
        }
    }

    /// In the order of the wire; unknown codes are kept.
    package var fields: [Field]
    /// It's about a statement with something to hide: what it says may quote that.
    package var mayQuoteHidden = false

    package init(fields: [Field]) {
        self.fields = fields
    }

    /// - Parameter severity: `ERROR`, `FATAL`, `NOTICE` and so on; written localised (`S`) and plain (`V`).
    package init(
        severity: String = "ERROR", sqlState: String, message: String, detail: String? = nil, hint: String? = nil
    ) {
        self.fields = [
            Field(code: UInt8(ascii: "S"), value: severity), Field(code: UInt8(ascii: "V"), value: severity),
            Field(code: UInt8(ascii: "C"), value: sqlState), Field(code: UInt8(ascii: "M"), value: message),
        ]
        if let detail { self.fields.append(Field(code: UInt8(ascii: "D"), value: detail)) }
        if let hint { self.fields.append(Field(code: UInt8(ascii: "H"), value: hint)) }
    }

    /// Classes and severities that can't be become `XX000` and `ERROR`: what isn't one of PostgreSQL's words may be
    /// anything.
    ///
    /// - Parameter body: the message without its header.
    package init(body: ByteBuffer) throws(PostgresWireError) {
        var body = body
        self.fields = []
        while true {
            let code = try body.field(UInt8.self, "an error's field")
            if code == 0 { break }
            let value = try body.lenientText("an error's field")
            self.fields.append(Field(code: code, value: Self.checked(value, code)))
        }
        try body.finished("an error")
    }

    private static func checked(_ value: String, _ code: UInt8) -> String {
        switch UInt32(code) {
        case Unicode.Scalar("C").value:
            let isState =
                value.utf8.count == 5
                && value.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
            return isState ? value : "XX000"
        case Unicode.Scalar("V").value:
            return Self.severities.contains(value) ? value : "ERROR"
        case Unicode.Scalar("S").value:
            // A word of any language.
            return value.utf8.count <= 40 && value.allSatisfy(\.isLetter) ? value : "ERROR"
        default:
            return value
        }
    }

    private static let severities: Set = ["ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "DEBUG", "INFO", "LOG"]

    package subscript(_ code: Unicode.Scalar) -> String? {
        self.fields.first { UInt32($0.code) == code.value }?.value
    }

    /// Never localised where the server is 9.6 or later.
    package var severity: String { self["V"] ?? self["S"] ?? "" }
    package var sqlState: String { self["C"] ?? "" }
    package var message: String { self["M"] ?? "" }
    package var detail: String? { self["D"] }
    package var hint: String? { self["H"] }

    /// The server ends the connection after it.
    package var isFatal: Bool { self.severity == "FATAL" || self.severity == "PANIC" }

    package func writeError(into buffer: inout ByteBuffer) {
        self.write(BackendMessage.Kind.errorResponse, into: &buffer)
    }

    package func writeNotice(into buffer: inout ByteBuffer) {
        self.write(BackendMessage.Kind.noticeResponse, into: &buffer)
    }

    private func write(_ kind: BackendMessage.Kind, into buffer: inout ByteBuffer) {
        buffer.writeMessage(kind.rawValue) { buffer in
            for field in self.fields where field.code != 0 {
                buffer.writeInteger(field.code)
                buffer.writeCString(field.value)
            }
            buffer.writeInteger(UInt8(0))
        }
    }
}
