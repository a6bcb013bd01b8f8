/// The journal's export format (systemd's `JOURNAL_EXPORT_FORMATS`), as `journalctl -o export` writes it: fields
/// `NAME=value`, or for what isn't one line of text `NAME`, a length of 64 bits (little endian) and the bytes; an empty
/// line ends an entry.
///
/// An entry's fields become attributes under their own names but MESSAGE (the body) and PRIORITY (the severity);
/// `_HOSTNAME` and `SYSLOG_IDENTIFIER` are the resource's `host.name` and `service.name` besides. Times are
/// `_SOURCE_REALTIME_TIMESTAMP`, and `__REALTIME_TIMESTAMP` as the one when it was taken in.
package struct JournalExport: Sendable {
    private static let longestName = 64

    private let most: Int
    private var held: [UInt8] = []
    private var searched = 0
    private var fields: [LogField] = []
    /// Bytes of the entry so far.
    private var size = 0

    /// - Parameter most: bytes of an entry.
    package init(most: Int) {
        self.most = most
    }

    /// - Throws: for what isn't the format, or an entry that's longer than may be; the rest can't be trusted then.
    package mutating func take(_ bytes: some Collection<UInt8>) throws(LogFormatError) -> [LogRecord] {
        self.held += bytes
        var records: [LogRecord] = []
        var start = 0
        while let end = try self.step(at: start, &records) {
            self.size += end - start
            if self.fields.isEmpty { self.size = 0 }
            start = end
            self.searched = end
        }
        guard self.size + self.held.count - start <= self.most else { throw self.tooLong }
        self.held.removeFirst(start)
        self.searched -= start
        return records
    }

    /// The last entry, where no empty line follows it.
    package mutating func finish() throws(LogFormatError) -> LogRecord? {
        guard self.held.isEmpty else { throw LogFormatError("the journal ends within a field") }
        return self.entry()
    }

    private var tooLong: LogFormatError { LogFormatError("an entry of the journal is longer than \(self.most) bytes") }

    /// Takes one line, or one field of bytes.
    /// - Returns: where it ends; nil when it isn't all there.
    private mutating func step(at start: Int, _ records: inout [LogRecord]) throws(LogFormatError) -> Int? {
        guard let end = self.held[max(start, self.searched)...].firstIndex(of: 0x0A) else {
            self.searched = self.held.count
            return nil
        }
        let line = self.held[start..<end]
        if line.isEmpty {
            if let record = self.entry() { records.append(record) }
            return end + 1
        }
        if let equals = line.firstIndex(of: UInt8(ascii: "=")) {
            try self.add(line[..<equals], line[(equals + 1)...])
            return end + 1
        }
        guard end + 9 <= self.held.count else { return nil }
        let count = (0..<8).reduce(UInt64(0)) { $0 | UInt64(self.held[end + 1 + $1]) << UInt64(8 * $1) }
        guard count <= UInt64(self.most) else { throw self.tooLong }
        let first = end + 9
        guard first + Int(count) < self.held.count else { return nil }
        guard self.held[first + Int(count)] == 0x0A else {
            throw LogFormatError("a field of the journal doesn't end where its length says")
        }
        try self.add(line, self.held[first..<(first + Int(count))])
        return first + Int(count) + 1
    }

    private mutating func add(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(LogFormatError) {
        guard (1...Self.longestName).contains(name.count), name.allSatisfy(Self.isNameByte) else {
            throw LogFormatError("what stands where a field's name should isn't one")
        }
        guard self.size <= self.most else { throw self.tooLong }
        self.fields.append(LogField(String(decoding: name, as: UTF8.self), LogValue(text: value)))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F
    }

    private mutating func entry() -> LogRecord? {
        guard !self.fields.isEmpty else { return nil }
        defer { self.fields = [] }
        var record = LogRecord()
        for field in self.fields {
            switch field.name {
            case "MESSAGE" where record.body == .empty: record.body = field.value
            case "PRIORITY":
                if let code = Int(String(decoding: field.value.text, as: UTF8.self)), (0...7).contains(code) {
                    SyslogSeverity.set(code, of: &record)
                }
            case "__REALTIME_TIMESTAMP": record.observedTime = Self.time(field.value)
            case "_SOURCE_REALTIME_TIMESTAMP": record.time = Self.time(field.value)
            default:
                record.attributes.append(field)
                if field.name == "_HOSTNAME" {
                    record.resource.attributes.append(LogField(SyslogMessage.hostName, field.value))
                } else if field.name == "SYSLOG_IDENTIFIER" {
                    record.resource.attributes.append(LogField(SyslogMessage.serviceName, field.value))
                }
            }
        }
        return record
    }

    private static func time(_ value: LogValue) -> UInt64 {
        let micros = UInt64(String(decoding: value.text, as: UTF8.self)) ?? 0
        let (time, isTooFar) = micros.multipliedReportingOverflow(by: 1000)
        return isTooFar ? 0 : time
    }

    // MARK: Writing

    package static func write(_ record: LogRecord) -> [UInt8] {
        var out: [UInt8] = []
        let observed = record.observedTime != 0 ? record.observedTime : record.time
        if observed != 0 { Self.append("__REALTIME_TIMESTAMP", Array("\(observed / 1000)".utf8), to: &out) }
        if record.time != 0 { Self.append("_SOURCE_REALTIME_TIMESTAMP", Array("\(record.time / 1000)".utf8), to: &out) }
        if record.severity != 0 {
            Self.append("PRIORITY", Array("\(SyslogSeverity.code(of: record.severity))".utf8), to: &out)
        }
        for field in record.attributes { Self.append(Self.name(field.name), field.value.text, to: &out) }
        for field in record.resource.attributes {
            switch field.name {
            case SyslogMessage.hostName where record.attributes["_HOSTNAME"] != nil: continue
            case SyslogMessage.hostName: Self.append("_HOSTNAME", field.value.text, to: &out)
            case SyslogMessage.serviceName where record.attributes["SYSLOG_IDENTIFIER"] != nil: continue
            case SyslogMessage.serviceName: Self.append("SYSLOG_IDENTIFIER", field.value.text, to: &out)
            default: Self.append(Self.name(field.name), field.value.text, to: &out)
            }
        }
        for (name, bytes) in [("TRACE_ID", record.traceID), ("SPAN_ID", record.spanID)] where !bytes.isEmpty {
            Self.append(name, Hex.encode(bytes), to: &out)
        }
        Self.append("MESSAGE", record.body.text, to: &out)
        out.append(0x0A)
        return out
    }

    /// A name as it may stand there: what isn't a capital, a digit or `_` becomes one.
    private static func name(_ name: String) -> String {
        var bytes = name.uppercased().utf8.prefix(Self.longestName).map { Self.isNameByte($0) ? $0 : 0x5F }
        if bytes.isEmpty { bytes = [0x58] }
        if (0x30...0x39).contains(bytes[0]) { bytes[0] = 0x5F }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ name: String, _ value: [UInt8], to out: inout [UInt8]) {
        out += Array(name.utf8)
        // Text of one line as such; anything else with its length.
        if value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }), String(validating: value, as: UTF8.self) != nil
        {
            out.append(UInt8(ascii: "="))
            out += value
        } else {
            out.append(0x0A)
            for place in 0..<8 { out.append(UInt8(truncatingIfNeeded: value.count >> (8 * place))) }
            out += value
        }
        out.append(0x0A)
    }
}
