/// Logs of the OpenTelemetry protocol (opentelemetry-proto 1.x: `collector/logs/v1`, `logs/v1`, `common/v1`,
/// `resource/v1`). Fields that aren't in those are left out: what isn't known can't be masked.
package enum OTLPLogs {
    /// Deepest a value may be nested.
    static let deepest = 64
    static let tooDeep = LogFormatError("a value is nested more than \(deepest) deep")

    /// Records that came by the same resource and scope, one after the other.
    struct Group {
        var resource: LogRecord.Resource
        var scopes: [(scope: LogRecord.Scope, records: [LogRecord])]
    }

    static func groups(_ records: [LogRecord]) -> [Group] {
        var groups: [Group] = []
        for record in records {
            if groups.last?.resource != record.resource {
                groups.append(Group(resource: record.resource, scopes: []))
            }
            let last = groups.count - 1
            if groups[last].scopes.last?.scope != record.scope {
                groups[last].scopes.append((record.scope, []))
            }
            groups[last].scopes[groups[last].scopes.count - 1].records.append(record)
        }
        return groups
    }

    /// A trace's or span's identifier: of its length, or none.
    static func identifier(_ bytes: [UInt8], count: Int) -> [UInt8] { bytes.count == count ? bytes : [] }
}

// MARK: - Protocol Buffers, read

extension OTLPLogs {
    /// Reads an ExportLogsServiceRequest.
    package static func read(protobuf bytes: [UInt8]) throws(LogFormatError) -> [LogRecord] {
        var records: [LogRecord] = []
        try Self.each(bytes[...]) { number, value throws(LogFormatError) in
            guard number == 1, case .bytes(let part) = value else { return }
            records += try Self.resourceLogs(part)
        }
        return records
    }

    private static func each(
        _ bytes: ArraySlice<UInt8>, _ body: (Int, ProtobufReader.Value) throws(LogFormatError) -> Void
    ) throws(LogFormatError) {
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() { try body(number, value) }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) throws(LogFormatError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw LogFormatError("a text isn't UTF-8") }
        return text
    }

    private static func resourceLogs(_ bytes: ArraySlice<UInt8>) throws(LogFormatError) -> [LogRecord] {
        var resource = LogRecord.Resource()
        var records: [LogRecord] = []
        try Self.each(bytes) { number, value throws(LogFormatError) in
            switch (number, value) {
            case (1, .bytes(let part)):
                try Self.each(part) { number, value throws(LogFormatError) in
                    switch (number, value) {
                    case (1, .bytes(let part)): resource.attributes.append(try Self.field(part, depth: 0))
                    case (2, .varint(let count)): resource.droppedAttributes = UInt32(truncatingIfNeeded: count)
                    default: break
                    }
                }
            case (2, .bytes(let part)): records += try Self.scopeLogs(part)
            case (3, .bytes(let part)): resource.schemaURL = try Self.text(part)
            default: break
            }
        }
        for index in records.indices { records[index].resource = resource }
        return records
    }

    private static func scopeLogs(_ bytes: ArraySlice<UInt8>) throws(LogFormatError) -> [LogRecord] {
        var scope = LogRecord.Scope()
        var records: [LogRecord] = []
        try Self.each(bytes) { number, value throws(LogFormatError) in
            switch (number, value) {
            case (1, .bytes(let part)):
                try Self.each(part) { number, value throws(LogFormatError) in
                    switch (number, value) {
                    case (1, .bytes(let part)): scope.name = try Self.text(part)
                    case (2, .bytes(let part)): scope.version = try Self.text(part)
                    case (3, .bytes(let part)): scope.attributes.append(try Self.field(part, depth: 0))
                    case (4, .varint(let count)): scope.droppedAttributes = UInt32(truncatingIfNeeded: count)
                    default: break
                    }
                }
            case (2, .bytes(let part)): records.append(try Self.record(part))
            case (3, .bytes(let part)): scope.schemaURL = try Self.text(part)
            default: break
            }
        }
        for index in records.indices { records[index].scope = scope }
        return records
    }

    private static func record(_ bytes: ArraySlice<UInt8>) throws(LogFormatError) -> LogRecord {
        var record = LogRecord()
        try Self.each(bytes) { number, value throws(LogFormatError) in
            switch (number, value) {
            case (1, .fixed64(let time)): record.time = time
            case (2, .varint(let severity)): record.severity = severity <= 24 ? UInt32(severity) : 0
            case (3, .bytes(let part)): record.severityText = try Self.text(part)
            case (5, .bytes(let part)): record.body = try Self.value(part, depth: 0)
            case (6, .bytes(let part)): record.attributes.append(try Self.field(part, depth: 0))
            case (7, .varint(let count)): record.droppedAttributes = UInt32(truncatingIfNeeded: count)
            case (8, .fixed32(let flags)): record.flags = flags
            case (9, .bytes(let part)): record.traceID = Self.identifier(Array(part), count: 16)
            case (10, .bytes(let part)): record.spanID = Self.identifier(Array(part), count: 8)
            case (11, .fixed64(let time)): record.observedTime = time
            case (12, .bytes(let part)): record.eventName = try Self.text(part)
            default: break
            }
        }
        return record
    }

    private static func field(_ bytes: ArraySlice<UInt8>, depth: Int) throws(LogFormatError) -> LogField {
        var field = LogField("", .empty)
        try Self.each(bytes) { number, value throws(LogFormatError) in
            switch (number, value) {
            case (1, .bytes(let part)): field.name = try Self.text(part)
            case (2, .bytes(let part)): field.value = try Self.value(part, depth: depth)
            default: break
            }
        }
        return field
    }

    private static func value(_ bytes: ArraySlice<UInt8>, depth: Int) throws(LogFormatError) -> LogValue {
        guard depth < Self.deepest else { throw Self.tooDeep }
        var result = LogValue.empty
        try Self.each(bytes) { number, value throws(LogFormatError) in
            switch (number, value) {
            case (1, .bytes(let part)): result = .string(try Self.text(part))
            case (2, .varint(let bool)): result = .bool(bool != 0)
            case (3, .varint(let number)): result = .int(Int64(bitPattern: number))
            case (4, .fixed64(let bits)): result = .double(Double(bitPattern: bits))
            case (5, .bytes(let part)):
                var values: [LogValue] = []
                try Self.each(part) { number, value throws(LogFormatError) in
                    guard number == 1, case .bytes(let part) = value else { return }
                    values.append(try Self.value(part, depth: depth + 1))
                }
                result = .list(values)
            case (6, .bytes(let part)):
                var fields: [LogField] = []
                try Self.each(part) { number, value throws(LogFormatError) in
                    guard number == 1, case .bytes(let part) = value else { return }
                    fields.append(try Self.field(part, depth: depth + 1))
                }
                result = .map(fields)
            case (7, .bytes(let part)): result = .bytes(Array(part))
            default: break
            }
        }
        return result
    }
}

// MARK: - Protocol Buffers, written

extension OTLPLogs {
    /// Writes an ExportLogsServiceRequest.
    package static func protobuf(_ records: [LogRecord]) -> [UInt8] {
        var out = ProtobufWriter()
        for group in Self.groups(records) {
            out.write(1) { out in
                out.write(1) { out in
                    Self.write(1, group.resource.attributes, to: &out)
                    out.write(2, varint: UInt64(group.resource.droppedAttributes))
                }
                for (scope, records) in group.scopes {
                    out.write(2) { out in
                        out.write(1) { out in
                            out.write(1, bytes: scope.name.utf8)
                            out.write(2, bytes: scope.version.utf8)
                            Self.write(3, scope.attributes, to: &out)
                            out.write(4, varint: UInt64(scope.droppedAttributes))
                        }
                        for record in records { out.write(2) { Self.write(record, to: &$0) } }
                        out.write(3, bytes: scope.schemaURL.utf8)
                    }
                }
                out.write(3, bytes: group.resource.schemaURL.utf8)
            }
        }
        return out.bytes
    }

    private static func write(_ record: LogRecord, to out: inout ProtobufWriter) {
        out.write(1, fixed64: record.time)
        out.write(2, varint: UInt64(record.severity))
        out.write(3, bytes: record.severityText.utf8)
        if record.body != .empty { out.write(5) { Self.write(record.body, to: &$0) } }
        Self.write(6, record.attributes, to: &out)
        out.write(7, varint: UInt64(record.droppedAttributes))
        out.write(8, fixed32: record.flags)
        out.write(9, bytes: record.traceID)
        out.write(10, bytes: record.spanID)
        out.write(11, fixed64: record.observedTime)
        out.write(12, bytes: record.eventName.utf8)
    }

    private static func write(_ number: Int, _ fields: [LogField], to out: inout ProtobufWriter) {
        for field in fields {
            out.write(number) { out in
                out.write(1, bytes: field.name.utf8)
                out.write(2) { Self.write(field.value, to: &$0) }
            }
        }
    }

    /// A value that's set is written whatever it is: which one it is says its type.
    private static func write(_ value: LogValue, to out: inout ProtobufWriter) {
        switch value {
        case .empty: break
        case .string(let text): out.write(1, bytes: text.utf8, isOptional: false)
        case .bool(let bool): out.write(2, varint: bool ? 1 : 0, isOptional: false)
        case .int(let number): out.write(3, varint: UInt64(bitPattern: number), isOptional: false)
        case .double(let number): out.write(4, fixed64: number.bitPattern, isOptional: false)
        case .list(let values):
            out.write(5) { out in
                for value in values { out.write(1) { Self.write(value, to: &$0) } }
            }
        case .map(let fields): out.write(6) { Self.write(1, fields, to: &$0) }
        case .bytes(let bytes): out.write(7, bytes: bytes, isOptional: false)
        }
    }
}
