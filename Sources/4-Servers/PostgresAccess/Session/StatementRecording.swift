import GloveboxCore
import NIOCore
import PostgresWire
import Statements

/// Turns what is about to run into what is recorded of it: text and values, masked.
struct StatementRecording {
    let masker: any SessionMasking
    /// In bytes; of a longer one its length is recorded.
    private static let longestValue = 64 << 10

    func event(_ statement: SessionStatement) throws(GloveboxError) -> RecordEvent {
        switch statement {
        case .query(let text):
            return .statement(text: try self.masker.maskText(text), values: [])
        case .bind(let text, let bind):
            var values: [String?] = []
            values.reserveCapacity(bind.parameters.count)
            for (index, value) in bind.parameters.enumerated() {
                values.append(
                    try value.map { (bytes) throws(GloveboxError) in
                        try self.text(bytes, bind.parameterFormat(index))
                    })
            }
            let name =
                text ?? "‹statement \(bind.statement.isEmpty ? "without a name" : bind.statement), prepared by SQL›"
            return .statement(text: try self.masker.maskText(name), values: values)
        case .cursor(let portal):
            return .statement(text: try self.masker.maskText("‹more rows of \(portal), declared by SQL›"), values: [])
        }
    }

    /// - Parameter code: nil where the protocol's rules refused it.
    func refusal(
        _ error: ErrorFields, _ code: StatementRefusal.Code?, of frame: Frame
    ) throws(GloveboxError) -> RecordEvent {
        let text =
            switch try? FrontendMessage(frame) {
            case .query(let text): text
            case .parse(let parse): parse.text
            case .functionCall: "‹function call›"
            default: ""
            }
        return .statementRefused(
            code: code?.rawValue ?? "protocol_refused", message: "\(error.message) (SQLSTATE \(error.sqlState))",
            text: try self.masker.maskText(text))
    }

    /// The type of a binary value isn't known here: what reads as text or as an integer is recorded as that.
    private func text(_ bytes: ByteBuffer, _ format: ValueFormat) throws(GloveboxError) -> String {
        let view = bytes.readableBytesView
        if view.count > Self.longestValue { return "‹\(view.count) bytes›" }
        if format == .text { return try self.masker.maskText(String(decoding: view, as: UTF8.self)) }
        let isPrintable = view.allSatisfy { $0 >= 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        if isPrintable, let text = String(validating: view, as: UTF8.self) { return try self.masker.maskText(text) }
        let start = bytes.readerIndex
        let integer: Int64? =
            switch view.count {
            case 1: bytes.getInteger(at: start, as: Int8.self).map(Int64.init)
            case 2: bytes.getInteger(at: start, as: Int16.self).map(Int64.init)
            case 4: bytes.getInteger(at: start, as: Int32.self).map(Int64.init)
            case 8: bytes.getInteger(at: start, as: Int64.self)
            default: nil
            }
        if let integer { return try self.masker.maskText(String(integer)) }
        return "‹\(view.count) bytes›"
    }
}
