import GloveboxCore
import LogFormats
import NIOCore
import Redaction

/// Masks records: the body and every attribute's value, names, and each text beside them. A value under a sensitive name
/// is masked whatever it is. Numbers and truth values keep their type unless they're masked; severity, times and the
/// identifiers of traces and spans are kept.
struct RecordRedactor {
    /// What a source has begun that its later records may go on with.
    struct Lane {
        /// A private key has begun, and hasn't ended.
        fileprivate var hasOpenKey = false
    }

    private let masker: Masker

    init(_ masker: Masker) {
        self.masker = masker
    }

    /// How many values were masked so far, by kind.
    var counts: [Kind: Int] { self.masker.counts }

    /// - Throws: `redaction_failed`; nothing more may pass.
    func redacted(_ record: LogRecord, _ lane: inout Lane) throws(GloveboxError) -> LogRecord {
        var record = record
        if let body = self.keyPart(record.body, &lane) {
            record.body = try self.whole(body, .privateKey)
        } else {
            record.body = try self.masked(record.body, under: "")
        }
        record.attributes = try self.masked(record.attributes)
        record.resource.attributes = try self.masked(record.resource.attributes)
        record.scope.attributes = try self.masked(record.scope.attributes)
        record.severityText = try self.masker.maskText(record.severityText)
        record.eventName = try self.masker.maskText(record.eventName)
        record.scope.name = try self.masker.maskText(record.scope.name)
        record.scope.version = try self.masker.maskText(record.scope.version)
        record.scope.schemaURL = try self.masker.maskText(record.scope.schemaURL)
        record.resource.schemaURL = try self.masker.maskText(record.resource.schemaURL)
        return record
    }

    private func masked(_ fields: [LogField]) throws(GloveboxError) -> [LogField] {
        var masked: [LogField] = []
        masked.reserveCapacity(fields.count)
        for field in fields {
            masked.append(
                LogField(try self.masker.maskText(field.name), try self.masked(field.value, under: field.name)))
        }
        return masked
    }

    private func masked(_ value: LogValue, under name: String) throws(GloveboxError) -> LogValue {
        if value != .empty, !name.isEmpty, let result = try self.masker.mask(ByteBuffer(bytes: value.text), under: name)
        {
            return switch result {
            case .clean: value
            case .null: .empty
            case .masked(let bytes): .string(String(buffer: bytes))
            }
        }
        switch value {
        case .empty, .bool: return value
        case .string(let text): return .string(String(decoding: try self.masked(Array(text.utf8)), as: UTF8.self))
        case .bytes(let bytes): return .bytes(try self.masked(bytes))
        case .int(let number): return try self.masked(number: "\(number)").map { .string($0) } ?? value
        case .double(let number): return try self.masked(number: "\(number)").map { .string($0) } ?? value
        case .list(let values):
            var masked: [LogValue] = []
            for value in values { masked.append(try self.masked(value, under: "")) }
            return .list(masked)
        case .map(let fields): return .map(try self.masked(fields))
        }
    }

    /// All of a value; nothing stays nothing.
    private func whole(_ value: LogValue, _ kind: Kind) throws(GloveboxError) -> LogValue {
        let text = value.text
        if value == .empty || text.isEmpty { return value }
        switch try self.masker.maskWhole(ByteBuffer(bytes: text), kind: kind, as: .text, scope: .random) {
        // There is nothing in it.
        case .clean: return value
        case .null: return .empty
        case .masked(let bytes): return .string(String(buffer: bytes))
        }
    }

    /// Text that is a JSON object or array as JSON, so that a value under a sensitive name is masked there, too.
    private func masked(_ bytes: [UInt8]) throws(GloveboxError) -> [UInt8] {
        let result = try self.masker.mask(
            ByteBuffer(bytes: bytes), as: JSONShape.isJSON(bytes) ? .json : .text, scope: .random)
        switch result {
        case .clean: return bytes
        case .masked(let masked): return Array(buffer: masked)
        case .null: return []
        }
    }

    private func masked(number: String) throws(GloveboxError) -> String? {
        let masked = try self.masker.maskText(number)
        return masked == number ? nil : masked
    }

    // MARK: Private keys that come line by line

    private static let begin = Array("-----BEGIN ".utf8)
    private static let end = Array("-----END ".utf8)

    /// The body, where it's a part of a private key that an earlier record has begun. Whatever the lane's next records are
    /// that could be one, until its END.
    private func keyPart(_ body: LogValue, _ lane: inout Lane) -> LogValue? {
        let text = body.text
        if lane.hasOpenKey {
            if text.contains(Self.end) {
                lane.hasOpenKey = false
                return body
            }
            return Self.isArmour(text) ? body : nil
        }
        guard let start = text.lastRange(of: Self.begin), text[start...].contains(Array("PRIVATE KEY".utf8)),
            !text[start...].contains(Self.end)
        else { return nil }
        lane.hasOpenKey = true
        return body
    }

    /// Whether it can be a line of base64 within a key, whatever stands around it.
    private static func isArmour(_ text: [UInt8]) -> Bool {
        let longest = text.split(whereSeparator: { !Self.isBase64($0) }).map(\.count).max() ?? 0
        return longest >= 16
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): true
        default: false
        }
    }
}

extension RandomAccessCollection<UInt8> where Index == Int {
    /// Where `sought` begins the last time.
    fileprivate func lastRange(of sought: [UInt8]) -> Int? {
        guard self.count >= sought.count else { return nil }
        return (self.startIndex...(self.endIndex - sought.count)).last { start in
            self[start] == sought[0] && self[start..<(start + sought.count)].elementsEqual(sought)
        }
    }

    fileprivate func contains(_ sought: [UInt8]) -> Bool { self.lastRange(of: sought) != nil }
}
