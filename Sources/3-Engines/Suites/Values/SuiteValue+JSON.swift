extension SuiteValue {
    /// As JSON; nil for what JSON has no way to write.
    package var json: String? {
        var text = ""
        return self.write(to: &text) ? text : nil
    }

    private func write(to text: inout String) -> Bool {
        switch self {
        case .null, .boolean: text += self.rendered ?? ""
        case .number(.float(let value)):
            guard value.isFinite else { return false }
            text += "\(value)"
        case .number(let number): text += number.text
        case .string(let string): Self.write(string, to: &text)
        case .date(let date): Self.write(date.rfc3339, to: &text)
        case .list(let items):
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," }
                guard item.write(to: &text) else { return false }
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.write(member.name, to: &text)
                text += ":"
                guard member.value.write(to: &text) else { return false }
            }
            text += "}"
        case .bytes, .nodeset, .regex, .response, .unit: return false
        }
        return true
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        text += self.escaped(string)
        text += "\""
    }

    /// As a part of a string of JSON.
    static func escaped(_ string: String) -> String {
        var text = ""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{C}": text += "\\f"
            case "\u{0}"..."\u{1F}": text += "\\u00" + Self.hexadecimal(UInt8(scalar.value))
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
