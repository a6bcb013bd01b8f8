/// One line of a page of metrics: a name, labels, and a number.
package struct Sample: Hashable, Sendable {
    package var name: String
    package var labels: [String: String]
    package var value: Double

    package init(name: String, labels: [String: String] = [:], value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }

    /// Reads a page in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats) or OpenMetrics'. Lines
    /// that aren't samples are left out: a page with one odd line is still good for the rest.
    package static func page(_ bytes: [UInt8]) -> [Sample] {
        bytes.split(separator: 0x0A).compactMap { Self(line: String(decoding: $0, as: UTF8.self)) }
    }

    private init?(line: String) {
        var rest = line[...]
        rest.skipBlanks()
        guard let first = rest.first, first != "#" else { return nil }
        self.name = String(rest.take { $0 != "{" && !$0.isWhitespace })
        guard !self.name.isEmpty else { return nil }
        self.labels = [:]
        rest.skipBlanks()
        if rest.first == "{" {
            guard let labels = rest.labels() else { return nil }
            self.labels = labels
            rest.skipBlanks()
        }
        guard let value = Self.number(rest.take { !$0.isWhitespace }) else { return nil }
        self.value = value
    }

    /// As both formats write numbers: `+Inf`, `-Inf` and `NaN` among them.
    package static func number(_ text: some StringProtocol) -> Double? {
        switch text {
        case "+Inf", "Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: Double(text)
        }
    }
}

extension Substring {
    mutating func skipBlanks() {
        self = self.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
    }

    mutating func take(while belongs: (Character) -> Bool) -> Substring {
        let taken = self.prefix(while: belongs)
        self = self[taken.endIndex...]
        return taken
    }

    /// `"…"` with `\\`, `\"` and `\n`; nil where it isn't closed.
    mutating func quoted() -> String? {
        guard self.popFirst() == "\"" else { return nil }
        var text = ""
        while let next = self.popFirst() {
            switch next {
            case "\"": return text
            case "\\":
                guard let escaped = self.popFirst() else { return nil }
                text.append(escaped == "n" ? "\n" : escaped)
            default: text.append(next)
            }
        }
        return nil
    }

    /// `{name="value",…}`; nil where that isn't what stands here.
    fileprivate mutating func labels() -> [String: String]? {
        self.removeFirst()
        var labels: [String: String] = [:]
        while true {
            self.skipBlanks()
            if self.first == "}" {
                self.removeFirst()
                return labels
            }
            let name = String(self.take { $0 != "=" && $0 != "}" && !$0.isWhitespace })
            self.skipBlanks()
            guard !name.isEmpty, self.popFirst() == "=" else { return nil }
            self.skipBlanks()
            guard let value = self.quoted() else { return nil }
            labels[name] = value
            self.skipBlanks()
            if self.first == "," { self.removeFirst() }
        }
    }
}
