import Foundation
import GloveboxCore

// OTLP's JSON: Protocol Buffers' own with identifiers in base 16, enumerations as numbers, names in lowerCamelCase, and
// names that aren't known left out.

extension OTLPLogs {
    /// Reads an ExportLogsServiceRequest.
    package static func read(json bytes: [UInt8]) throws(LogFormatError) -> [LogRecord] {
        let request: Request
        do {
            request = try JSONDecoder().decode(Request.self, from: Data(bytes))
        } catch let error as LogFormatError {
            throw error
        } catch {
            // What a decoder says may quote what it has read.
            throw LogFormatError("this isn't an ExportLogsServiceRequest in JSON")
        }
        var records: [LogRecord] = []
        for group in request.resourceLogs ?? [] {
            var resource = LogRecord.Resource()
            resource.attributes = group.resource?.attributes?.map(\.field) ?? []
            resource.droppedAttributes = group.resource?.droppedAttributesCount ?? 0
            resource.schemaURL = group.schemaUrl ?? ""
            for part in group.scopeLogs ?? [] {
                var scope = LogRecord.Scope()
                scope.name = part.scope?.name ?? ""
                scope.version = part.scope?.version ?? ""
                scope.attributes = part.scope?.attributes?.map(\.field) ?? []
                scope.droppedAttributes = part.scope?.droppedAttributesCount ?? 0
                scope.schemaURL = part.schemaUrl ?? ""
                for read in part.logRecords ?? [] {
                    var record = try read.record
                    record.resource = resource
                    record.scope = scope
                    guard Self.isFlat(record) else { throw Self.tooDeep }
                    records.append(record)
                }
            }
        }
        return records
    }

    /// Whether no value is nested deeper than Protocol Buffers would be read.
    private static func isFlat(_ record: LogRecord) -> Bool {
        func isFlat(_ value: LogValue, _ levels: Int) -> Bool {
            switch value {
            case .list(let values): levels > 1 && values.allSatisfy { isFlat($0, levels - 1) }
            case .map(let fields): levels > 1 && fields.allSatisfy { isFlat($0.value, levels - 1) }
            default: levels > 0
            }
        }
        let fields = record.attributes + record.resource.attributes + record.scope.attributes
        return isFlat(record.body, Self.deepest) && fields.allSatisfy { isFlat($0.value, Self.deepest) }
    }

    private struct Request: Decodable {
        var resourceLogs: [ResourceLogs]?
    }

    private struct ResourceLogs: Decodable {
        struct Resource: Decodable {
            var attributes: [Field]?
            var droppedAttributesCount: UInt32?
        }

        var resource: Resource?
        var scopeLogs: [ScopeLogs]?
        var schemaUrl: String?
    }

    private struct ScopeLogs: Decodable {
        struct Scope: Decodable {
            var name: String?
            var version: String?
            var attributes: [Field]?
            var droppedAttributesCount: UInt32?
        }

        var scope: Scope?
        var logRecords: [Record]?
        var schemaUrl: String?
    }

    private struct Record: Decodable {
        var timeUnixNano: Number<UInt64>?
        var observedTimeUnixNano: Number<UInt64>?
        var severityNumber: UInt32?
        var severityText: String?
        var body: Value?
        var attributes: [Field]?
        var droppedAttributesCount: UInt32?
        var flags: UInt32?
        var traceId: String?
        var spanId: String?
        var eventName: String?

        var record: LogRecord {
            get throws(LogFormatError) {
                guard let traceID = Hex.decode(self.traceId ?? ""), let spanID = Hex.decode(self.spanId ?? "") else {
                    throw LogFormatError("a traceId or spanId isn't in base 16")
                }
                var record = LogRecord()
                record.time = self.timeUnixNano?.value ?? 0
                record.observedTime = self.observedTimeUnixNano?.value ?? 0
                record.severity = self.severityNumber.map { $0 <= 24 ? $0 : 0 } ?? 0
                record.severityText = self.severityText ?? ""
                record.body = self.body?.value ?? .empty
                record.attributes = self.attributes?.map(\.field) ?? []
                record.droppedAttributes = self.droppedAttributesCount ?? 0
                record.flags = self.flags ?? 0
                record.traceID = OTLPLogs.identifier(traceID, count: 16)
                record.spanID = OTLPLogs.identifier(spanID, count: 8)
                record.eventName = self.eventName ?? ""
                return record
            }
        }
    }

    private struct Field: Decodable {
        var key: String?
        var value: Value?

        var field: LogField { LogField(self.key ?? "", self.value?.value ?? .empty) }
    }

    /// 64 bits are written as text; a number is read, too.
    private struct Number<Value: FixedWidthInteger & Decodable>: Decodable {
        var value: Value

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Value.self) {
                self.value = value
            } else if let value = Value(try container.decode(String.self)) {
                self.value = value
            } else {
                throw LogFormatError("a number of 64 bits isn't one")
            }
        }
    }

    private struct Value: Decodable {
        private struct List: Decodable {
            var values: [Value]?
        }

        private struct Map: Decodable {
            var values: [Field]?
        }

        private enum Key: String, CodingKey {
            case stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue
        }

        var value: LogValue

        init(from decoder: any Decoder) throws {
            guard decoder.codingPath.count <= 4 * OTLPLogs.deepest + 8 else {
                throw OTLPLogs.tooDeep
            }
            let container = try decoder.container(keyedBy: Key.self)
            if let text = try container.decodeIfPresent(String.self, forKey: .stringValue) {
                self.value = .string(text)
            } else if let bool = try container.decodeIfPresent(Bool.self, forKey: .boolValue) {
                self.value = .bool(bool)
            } else if let number = try container.decodeIfPresent(Number<Int64>.self, forKey: .intValue) {
                self.value = .int(number.value)
            } else if container.contains(.doubleValue) {
                self.value = .double(try Self.double(container))
            } else if let list = try container.decodeIfPresent(List.self, forKey: .arrayValue) {
                self.value = .list(list.values?.map(\.value) ?? [])
            } else if let map = try container.decodeIfPresent(Map.self, forKey: .kvlistValue) {
                self.value = .map(map.values?.map(\.field) ?? [])
            } else if let text = try container.decodeIfPresent(String.self, forKey: .bytesValue) {
                guard let bytes = Data(base64Encoded: text) else { throw LogFormatError("bytes aren't in base 64") }
                self.value = .bytes(Array(bytes))
            } else {
                self.value = .empty
            }
        }

        /// A number, or `"NaN"`, `"Infinity"`, `"-Infinity"`, or a number as text.
        private static func double(_ container: KeyedDecodingContainer<Key>) throws -> Double {
            if let number = try? container.decode(Double.self, forKey: .doubleValue) { return number }
            switch try container.decode(String.self, forKey: .doubleValue) {
            case "NaN": return .nan
            case "Infinity": return .infinity
            case "-Infinity": return -.infinity
            case let text:
                guard let number = Double(text) else { throw LogFormatError("a doubleValue isn't a number") }
                return number
            }
        }
    }
}

// MARK: - Written

extension OTLPLogs {
    /// Writes an ExportLogsServiceRequest, on one line.
    package static func json(_ records: [LogRecord]) -> [UInt8] {
        var out = JSONText()
        out.object { out in
            out.member("resourceLogs") { out in
                out.array(Self.groups(records)) { out, group in
                    out.object { out in
                        out.member("resource") { out in
                            out.object { out in
                                out.member("attributes") { Self.write(group.resource.attributes, to: &$0) }
                                Self.write("droppedAttributesCount", group.resource.droppedAttributes, to: &out)
                            }
                        }
                        out.member("scopeLogs") { out in
                            out.array(group.scopes) { out, part in
                                out.object { Self.write(part.scope, part.records, to: &$0) }
                            }
                        }
                        Self.write("schemaUrl", group.resource.schemaURL, to: &out)
                    }
                }
            }
        }
        return out.bytes
    }

    private static func write(_ name: String, _ text: String, to out: inout JSONMembers) {
        if !text.isEmpty { out.member(name) { $0.write(text) } }
    }

    private static func write(_ name: String, _ number: UInt32, to out: inout JSONMembers) {
        if number != 0 { out.member(name) { $0.write(number: number) } }
    }

    private static func write(_ scope: LogRecord.Scope, _ records: [LogRecord], to out: inout JSONMembers) {
        out.member("scope") { out in
            out.object { out in
                Self.write("name", scope.name, to: &out)
                Self.write("version", scope.version, to: &out)
                if !scope.attributes.isEmpty {
                    out.member("attributes") { Self.write(scope.attributes, to: &$0) }
                }
                Self.write("droppedAttributesCount", scope.droppedAttributes, to: &out)
            }
        }
        out.member("logRecords") { out in
            out.array(records) { out, record in out.object { Self.write(record, to: &$0) } }
        }
        Self.write("schemaUrl", scope.schemaURL, to: &out)
    }

    private static func write(_ record: LogRecord, to out: inout JSONMembers) {
        if record.time != 0 { out.member("timeUnixNano") { $0.write("\(record.time)") } }
        if record.observedTime != 0 { out.member("observedTimeUnixNano") { $0.write("\(record.observedTime)") } }
        Self.write("severityNumber", record.severity, to: &out)
        Self.write("severityText", record.severityText, to: &out)
        if record.body != .empty { out.member("body") { Self.write(record.body, to: &$0) } }
        if !record.attributes.isEmpty { out.member("attributes") { Self.write(record.attributes, to: &$0) } }
        Self.write("droppedAttributesCount", record.droppedAttributes, to: &out)
        Self.write("flags", record.flags, to: &out)
        Self.write("traceId", String(decoding: Hex.encode(record.traceID), as: UTF8.self), to: &out)
        Self.write("spanId", String(decoding: Hex.encode(record.spanID), as: UTF8.self), to: &out)
        Self.write("eventName", record.eventName, to: &out)
    }

    private static func write(_ fields: [LogField], to out: inout JSONText) {
        out.array(fields) { out, field in
            out.object { out in
                out.member("key") { $0.write(field.name) }
                out.member("value") { Self.write(field.value, to: &$0) }
            }
        }
    }

    private static func write(_ value: LogValue, to out: inout JSONText) {
        out.object { out in
            switch value {
            case .empty: break
            case .string(let text): out.member("stringValue") { $0.write(text) }
            case .bool(let bool): out.member("boolValue") { bool ? $0.raw("true") : $0.raw("false") }
            case .int(let number): out.member("intValue") { $0.write("\(number)") }
            case .double(let number):
                out.member("doubleValue") { out in
                    if number.isFinite {
                        out.write(double: number)
                    } else {
                        out.write(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
                    }
                }
            case .list(let values):
                out.member("arrayValue") { out in
                    out.object { out in
                        out.member("values") { out in out.array(values) { Self.write($1, to: &$0) } }
                    }
                }
            case .map(let fields):
                out.member("kvlistValue") { out in
                    out.object { out in out.member("values") { Self.write(fields, to: &$0) } }
                }
            case .bytes(let bytes): out.member("bytesValue") { $0.write(Base64.text(bytes)) }
            }
        }
    }
}
