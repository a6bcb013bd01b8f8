/// Syslog messages of RFC 5424, as records and back.
///
/// Reading: HOSTNAME and APP-NAME become the resource's `host.name` and `service.name`; facility, PROCID, MSGID and
/// structured data the attributes `syslog.facility`, `syslog.procid`, `syslog.msgid` and `syslog.structured_data`, a map by
/// SD-ID of maps by PARAM-NAME (a name that's there more than once has a list). Writing takes them from there; what else
/// a record has stands in one SD-ELEMENT, `attributes@32473`, under names as they're allowed there.
package enum SyslogMessage {
    package static let facility = "syslog.facility"
    package static let procid = "syslog.procid"
    package static let msgid = "syslog.msgid"
    package static let structuredData = "syslog.structured_data"
    package static let hostName = "host.name"
    package static let serviceName = "service.name"
    /// The enterprise number that RFC 5612 keeps for examples: nobody else's.
    private static let ownElement = "attributes@32473"
    /// `user`, and the severity beside it.
    private static let standardFacility: Int64 = 1

    // MARK: Reading

    /// - Returns: nil for what isn't RFC 5424, such as RFC 3164.
    package static func parse(_ message: [UInt8]) -> LogRecord? {
        var rest = message[...]
        guard rest.popFirst() == UInt8(ascii: "<"), let priority = Self.number(&rest, most: 3), priority <= 191,
            rest.popFirst() == UInt8(ascii: ">"), rest.popFirst() == UInt8(ascii: "1"), rest.popFirst() == 0x20,
            let time = Self.word(&rest, most: 64), let host = Self.word(&rest, most: 255),
            let app = Self.word(&rest, most: 48), let process = Self.word(&rest, most: 128),
            let kind = Self.word(&rest, most: 32), let data = Self.elements(&rest)
        else { return nil }
        var record = LogRecord()
        if time != [0x2D] {
            guard let moment = SyslogTime.parse(time) else { return nil }
            record.time = moment
        }
        if let next = rest.popFirst() {
            guard next == 0x20 else { return nil }
            if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
            if !rest.isEmpty { record.body = LogValue(text: rest) }
        }
        SyslogSeverity.set(priority & 7, of: &record)
        record.attributes = [LogField(Self.facility, .int(Int64(priority >> 3)))]
        for (name, word) in [(Self.procid, process), (Self.msgid, kind)] where word != [0x2D] {
            record.attributes.append(LogField(name, LogValue(text: word)))
        }
        if !data.isEmpty { record.attributes.append(LogField(Self.structuredData, .map(data))) }
        for (name, word) in [(Self.hostName, host), (Self.serviceName, app)] where word != [0x2D] {
            record.resource.attributes.append(LogField(name, LogValue(text: word)))
        }
        return record
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, most: Int) -> Int? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...most).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Printable ASCII up to a space, which is taken too.
    private static func word(_ rest: inout ArraySlice<UInt8>, most: Int) -> ArraySlice<UInt8>? {
        let word = rest.prefix { (0x21...0x7E).contains($0) }
        guard (1...most).contains(word.count), rest.dropFirst(word.count).first == 0x20 else { return nil }
        rest = rest.dropFirst(word.count + 1)
        return word
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) -> String? {
        let name = rest.prefix { Self.isNameByte($0) }
        guard (1...32).contains(name.count) else { return nil }
        rest = rest.dropFirst(name.count)
        return String(decoding: name, as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && ![0x22, 0x3D, 0x5D].contains(byte)
    }

    /// STRUCTURED-DATA; empty for `-`.
    private static func elements(_ rest: inout ArraySlice<UInt8>) -> [LogField]? {
        if rest.first == 0x2D {
            rest = rest.dropFirst()
            return []
        }
        var elements: [LogField] = []
        while rest.first == UInt8(ascii: "[") {
            rest = rest.dropFirst()
            guard let identifier = Self.name(&rest) else { return nil }
            var parameters: [LogField] = []
            while rest.first == 0x20 {
                rest = rest.dropFirst()
                guard let name = Self.name(&rest), rest.popFirst() == 0x3D, let value = Self.quoted(&rest) else {
                    return nil
                }
                Self.add(name, value, to: &parameters)
            }
            guard rest.popFirst() == UInt8(ascii: "]"), elements[identifier] == nil else { return nil }
            elements.append(LogField(identifier, .map(parameters)))
        }
        return elements.isEmpty ? nil : elements
    }

    private static func add(_ name: String, _ value: LogValue, to fields: inout [LogField]) {
        guard let index = fields.firstIndex(where: { $0.name == name }) else {
            fields.append(LogField(name, value))
            return
        }
        if case .list(let values) = fields[index].value {
            fields[index].value = .list(values + [value])
        } else {
            fields[index].value = .list([fields[index].value, value])
        }
    }

    /// PARAM-VALUE with its quotes. A backslash before anything but `"`, `\` and `]` is one.
    private static func quoted(_ rest: inout ArraySlice<UInt8>) -> LogValue? {
        guard rest.popFirst() == 0x22 else { return nil }
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case 0x22: return LogValue(text: value)
            case 0x5D: return nil
            case 0x5C:
                if let next = rest.first, [0x22, 0x5C, 0x5D].contains(next) {
                    value.append(next)
                    rest = rest.dropFirst()
                } else {
                    value.append(byte)
                }
            default: value.append(byte)
            }
        }
        return nil
    }

    // MARK: Writing

    package static func write(_ record: LogRecord) -> [UInt8] {
        var facility = Self.standardFacility
        var words: [String: LogValue] = [:]
        var elements: [LogField] = []
        var others: [LogField] = []
        for field in record.attributes {
            switch (field.name, field.value) {
            case (Self.facility, .int(let number)) where (0...23).contains(number): facility = number
            case (Self.procid, let value), (Self.msgid, let value): words[field.name] = value
            case (Self.structuredData, .map(let data)): elements += data
            default: others.append(field)
            }
        }
        for field in record.resource.attributes {
            switch field.name {
            case Self.hostName, Self.serviceName: words[field.name] = field.value
            default: others.append(field)
            }
        }
        for (name, bytes) in [("trace_id", record.traceID), ("span_id", record.spanID)] where !bytes.isEmpty {
            others.append(LogField(name, .string(String(decoding: Hex.encode(bytes), as: UTF8.self))))
        }
        if !others.isEmpty { elements.append(LogField(Self.ownElement, .map(others))) }

        let priority = facility * 8 + Int64(SyslogSeverity.code(of: record.severity))
        let time = record.time != 0 ? record.time : record.observedTime
        var out = Array("<\(priority)>1 \(time == 0 ? "-" : SyslogTime.text(time)) ".utf8)
        for (name, most) in [(Self.hostName, 255), (Self.serviceName, 48), (Self.procid, 128), (Self.msgid, 32)] {
            out += Self.printable(words[name]?.text ?? [], most: most) { (0x21...0x7E).contains($0) }
            out.append(0x20)
        }
        if elements.isEmpty { out.append(0x2D) }
        for element in elements { Self.append(element, to: &out) }
        let body = record.body.text
        if !body.isEmpty {
            out.append(0x20)
            if body.contains(where: { $0 >= 0x80 }), case .string = record.body { out += [0xEF, 0xBB, 0xBF] }
            out += body
        }
        return out
    }

    /// What of a text may stand in a field of the header or in a name, `_` for the rest; `-` for nothing.
    private static func printable(_ text: [UInt8], most: Int, _ isAllowed: (UInt8) -> Bool) -> [UInt8] {
        text.isEmpty ? [0x2D] : text.prefix(most).map { isAllowed($0) ? $0 : UInt8(ascii: "_") }
    }

    private static func append(_ element: LogField, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "["))
        out += Self.printable(Array(element.name.utf8), most: 32, Self.isNameByte)
        if case .map(let parameters) = element.value {
            for parameter in parameters {
                if case .list(let values) = parameter.value {
                    for value in values { Self.append(parameter.name, value, to: &out) }
                } else {
                    Self.append(parameter.name, parameter.value, to: &out)
                }
            }
        }
        out.append(UInt8(ascii: "]"))
    }

    private static func append(_ name: String, _ value: LogValue, to out: inout [UInt8]) {
        out.append(0x20)
        out += Self.printable(Array(name.utf8), most: 32, Self.isNameByte)
        out += [0x3D, 0x22]
        for byte in value.text {
            if [0x22, 0x5C, 0x5D].contains(byte) { out.append(0x5C) }
            out.append(byte)
        }
        out.append(0x22)
    }
}
