/// How JSON is written.
package struct JSONStyle: Hashable, Sendable {
    /// Spaces for each level, one member or element a line; `nil` for all in one line without a space.
    package var indent: Int?
    /// Whether an object's members are in order of their names' scalars, rather than as they came: for what is compared line
    /// by line.
    package var sortsNames: Bool

    package init(indent: Int? = nil, sortsNames: Bool = false) {
        self.indent = indent
        self.sortsNames = sortsNames
    }

    package static let compact = Self()
    package static let pretty = Self(indent: 2)
}

extension JSON {
    /// As JSON text: numbers digit by digit as they were written, strings with no more escapes than JSON asks for.
    package func printed(_ style: JSONStyle = .compact) -> String {
        String(decoding: self.bytes(style), as: UTF8.self)
    }

    /// ``printed(_:)`` in UTF-8.
    package func bytes(_ style: JSONStyle = .compact) -> [UInt8] {
        var writer = JSONWriter(style: style)
        writer.write(self)
        return writer.bytes
    }
}

extension JSON: CustomStringConvertible {
    package var description: String { self.printed() }
}

private struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private let style: JSONStyle
    private var level = 0

    init(style: JSONStyle) {
        self.style = style
    }

    mutating func write(_ value: JSON) {
        switch value {
        case .null: self.append("null")
        case .bool(let value): self.append(value ? "true" : "false")
        case .number(let number): self.bytes += number.text.utf8
        case .string(let text): self.quote(text)
        case .array(let elements): self.list("[", "]", elements) { $0.write($1) }
        case .object(let object):
            let members = self.style.sortsNames ? object.sortedMembers : object.members
            self.list("{", "}", members) { writer, member in
                writer.quote(member.name)
                writer.append(writer.style.indent == nil ? ":" : ": ")
                writer.write(member.value)
            }
        }
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { self.bytes.append(contentsOf: $0) }
    }

    private mutating func list<Element>(
        _ opening: StaticString, _ closing: StaticString, _ elements: [Element], _ body: (inout Self, Element) -> Void
    ) {
        self.append(opening)
        self.level += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { self.append(",") }
            self.lineBreak()
            body(&self, element)
        }
        self.level -= 1
        if !elements.isEmpty { self.lineBreak() }
        self.append(closing)
    }

    private mutating func lineBreak() {
        guard let indent = self.style.indent else { return }
        self.append("\n")
        self.bytes.append(contentsOf: repeatElement(0x20, count: indent * self.level))
    }

    private mutating func quote(_ text: String) {
        self.append("\"")
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: self.bytes += [0x5C, byte]
            case 0x08: self.append("\\b")
            case 0x09: self.append("\\t")
            case 0x0A: self.append("\\n")
            case 0x0C: self.append("\\f")
            case 0x0D: self.append("\\r")
            case 0..<0x20, 0x7F:
                let digits = Array("0123456789abcdef".utf8)
                self.append("\\u00")
                self.bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: self.bytes.append(byte)
            }
        }
        self.append("\"")
    }
}
