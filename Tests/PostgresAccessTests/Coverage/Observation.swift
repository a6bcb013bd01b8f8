import NIOCore
import PostgresWire

/// The values that must not get out: one that detectors know by its shape, one that only its column's classification
/// tells of.
enum Seed: CaseIterable, Sendable {
    case shaped
    case classified

    var value: String {
        switch self {
        case .shaped: "kim.seed@example.com"
        case .classified: "Quill Seedling"
        }
    }

    var title: String {
        switch self {
        case .shaped: "an e-mail address"
        case .classified: "a classified column's"
        }
    }

    /// Forms in which it would be out as well.
    private var forms: [String] {
        let words = self.value.split(separator: " ").map(String.init)
        return ([self.value] + words).flatMap { word in
            let bytes = Array(word.utf8)
            return [
                word, word.lowercased(), word.uppercased(), String(word.reversed()),
                bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(),
            ]
        }
    }

    func isIn(_ bytes: ByteBuffer) -> Bool {
        self.forms.contains { bytes.readableBytesView.firstRange(of: Array($0.utf8)) != nil }
    }

    func isIn(_ text: String) -> Bool { self.isIn(ByteBuffer(string: text)) }
}

/// What a client got where a message had a seed in it.
struct Observation {
    let kind: BackendMessage.Kind
    let seed: Seed
    /// All that came.
    let frames: [Frame]
    /// The message that the server sent, where that's known.
    let sent: Frame?

    var isOut: Bool { self.frames.contains { self.seed.isIn($0.bytes) } }

    /// In the words of the table, from what came alone.
    var treatment: String {
        let mine = self.frames.filter { $0.kind == self.kind.rawValue }
        let errors = self.frames.compactMap { frame in
            if case .errorResponse(let fields)? = try? BackendMessage(frame) { fields } else { nil }
        }
        if self.isOut { return "SHOWN" }
        if let fatal = errors.last(where: \.isFatal) { return "session ended\(Self.code(fatal))" }
        let isOther = self.kind != .errorResponse
        if isOther, mine.isEmpty { return errors.last.map { "refused\(Self.code($0))" } ?? "not passed on" }
        if let sent = self.sent, mine.contains(where: { $0.bytes == sent.bytes }) { return "passes as it is" }
        return mine.lazy.compactMap { self.mark(in: $0) }.first
            ?? (self.sent != nil ? "passes without the value" : "passes")
    }

    /// What stands in a value's place.
    private func mark(in frame: Frame) -> String? {
        let text = String(decoding: frame.bytes.readableBytesView, as: UTF8.self)
        if text.contains("‹hidden") || text.contains("is hidden") { return "hidden" }
        if let match = text.firstMatch(of: #/‹([a-z_]+):/#) { return "masked: `‹\(match.1):…›`" }
        if case .dataRow(var cells)? = try? BackendMessage(frame) {
            while let cell = try? cells.next() { if case .null = cell { return "masked: NULL" } }
        }
        // In a COPY's text, and in its binary form.
        let isNull =
            text.contains("\\N") || frame.bytes.readableBytesView.firstRange(of: [0xFF, 0xFF, 0xFF, 0xFF]) != nil
        if self.kind == .copyData, isNull { return "masked: NULL" }
        return nil
    }

    private static func code(_ fields: ErrorFields) -> String {
        guard let match = fields.message.firstMatch(of: #/\[([a-z_]+)\]$/#) else { return "" }
        return " (`\(match.1)`)"
    }
}
