import FoundationEssentials
import TestSupport

/// What `lease open --json` prints.
struct OpenedLease: Decodable, Sendable {
    struct Postgres: Decodable, Sendable {
        var host: String
        var port: Int
        var user: String
        var rootCertificate: String
    }

    var id: String
    var token: String
    var target: String
    var expiresAt: String
    var postgres: Postgres
}

/// A lease as `lease list`, `show` and `end` have it.
struct LeaseView: Decodable, Sendable {
    struct Ending: Decodable, Sendable {
        var reason: String
    }

    var id: String
    var holder: String
    var target: String
    var state: String
    var rule: String
    /// In seconds.
    var remaining: Double
    var ended: Ending?
}

struct TargetView: Decodable, Sendable {
    var name: String
    var isOnline: Bool
    var capabilities: [String]
}

/// A record as `audit list` has it.
struct AuditRecord: Decodable, Sendable {
    var id: String
    var event: String
    var identity: String?
    var target: String?
    var lease: String?
    var session: String?
    var details: [String: JSON]
}

struct Invitation: Decodable, Sendable {
    var code: String
}

/// Any JSON value.
enum JSON: Decodable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    subscript(_ key: String) -> JSON? {
        if case .object(let fields) = self { fields[key] } else { nil }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }
    var number: Double? { if case .number(let value) = self { value } else { nil } }
    var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    var keys: Set<String> { if case .object(let fields) = self { Set(fields.keys) } else { [] } }
}

func decode<Value: Decodable>(_ type: Value.Type = Value.self, from bytes: [UInt8]) throws -> Value {
    do {
        return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
        throw TestSupportError("no \(type): \(error); it is: \(String(decoding: bytes.prefix(1000), as: UTF8.self))")
    }
}

func decode<Value: Decodable>(_ type: Value.Type = Value.self, from text: some StringProtocol) throws -> Value {
    try decode(type, from: Array(text.utf8))
}
