import GloveboxCore
import YAMLDocument

/// A text with places for parameters, `--to={version}`; `{{` stands for a brace. What's put in is never read again, so
/// that no value can bring a place of its own.
struct TextTemplate: Hashable, Sendable, Codable {
    enum Piece: Hashable, Sendable, Codable {
        case text(String)
        case parameter(String)
        /// What was there before, as the runbook's `former` said it.
        case former
    }

    var pieces: [Piece]

    /// - Parameter places: what may stand in braces.
    /// - Throws: `configuration_invalid`.
    init(_ node: YAMLNode, parameters: Set<String>, hasFormer: Bool) throws(GloveboxError) {
        self.pieces = []
        var rest = try node.string[...]
        var text = ""
        while let brace = rest.first {
            rest = rest.dropFirst()
            guard brace == "{" else {
                text.append(brace)
                continue
            }
            if rest.first == "{" {
                text.append("{")
                rest = rest.dropFirst()
                continue
            }
            guard let end = rest.firstIndex(of: "}") else {
                throw node.error("a brace isn't closed: write {PARAMETER}, or {{ for a brace")
            }
            let name = String(rest[..<end])
            rest = rest[rest.index(after: end)...]
            if !text.isEmpty { self.pieces.append(.text(text)) }
            text = ""
            if parameters.contains(name) {
                self.pieces.append(.parameter(name))
            } else if name == "former", hasFormer {
                self.pieces.append(.former)
            } else {
                let known = parameters.sorted() + (hasFormer ? ["former"] : [])
                throw node.error(
                    "'{\(name)}' is no parameter of this: it has \(known.isEmpty ? "none" : known.joined(separator: ", "))"
                )
            }
        }
        if !text.isEmpty { self.pieces.append(.text(text)) }
    }

    /// With parameters put in, each as `encode` writes it.
    func filled(_ values: [String: String], _ encode: (String) -> String = { $0 }) -> TextTemplate {
        var filled = self
        filled.pieces = self.pieces.map { piece in
            guard case .parameter(let name) = piece else { return piece }
            return .text(encode(values[name] ?? ""))
        }
        return filled
    }

    /// With all put in.
    func text(former: String = "") -> String {
        self.pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .parameter: ""
            case .former: former
            }
        }.joined()
    }

    var hasFormer: Bool { self.pieces.contains(.former) }
}

/// The arguments of a program, the program first. Each element stays one argument whatever is put in: no shell reads it.
struct ArgumentTemplate: Hashable, Sendable, Codable {
    var elements: [TextTemplate]

    /// - Throws: `configuration_invalid`.
    init(_ node: YAMLNode, parameters: Set<String>, hasFormer: Bool = false) throws(GloveboxError) {
        self.elements = []
        for element in try node.list {
            self.elements.append(try TextTemplate(element, parameters: parameters, hasFormer: hasFormer))
        }
        guard let program = self.elements.first, case .text(let path)? = program.pieces.first,
            program.pieces.count == 1, path.hasPrefix("/")
        else {
            throw node.error(
                "write a list that begins with the program's whole path, such as [/usr/bin/systemctl, restart, shop]")
        }
    }

    func filled(_ values: [String: String]) -> ArgumentTemplate {
        var filled = self
        filled.elements = self.elements.map { $0.filled(values) }
        return filled
    }

    func arguments(former: String = "") -> [String] { self.elements.map { $0.text(former: former) } }
    var hasFormer: Bool { self.elements.contains(where: \.hasFormer) }
}

/// What a parameter may be. No value of any has control characters.
enum ParameterType: Hashable, Sendable {
    /// Letters, digits, `.`, `_` and `-`, not beginning with `-`: can't be taken for an option, or for a path elsewhere.
    case word(most: Int)
    case integer(ClosedRange<Int64>)
    case choice([String])
    /// Anything printable.
    case text(most: Int)

    init(_ node: YAMLNode) throws(GloveboxError) {
        let fields = try node.mapping("type", "most", "from", "to", "of")
        let type = try fields.required("type")
        switch try type.string {
        case "word": self = .word(most: Int(try fields["most"]?.int(in: 1...1024) ?? 64))
        case "text": self = .text(most: Int(try fields["most"]?.int(in: 1...4096) ?? 256))
        case "integer":
            let (from, to) = (try fields["from"]?.int ?? 0, try fields["to"]?.int ?? .max)
            guard from <= to else { throw node.error("'from' is above 'to'") }
            self = .integer(from...to)
        case "choice": self = .choice(try fields.required("of").strings)
        default: throw type.error("'type' is word, integer, choice or text")
        }
    }

    /// - Throws: `invalid_argument`.
    func check(_ value: String, name: String) throws(GloveboxError) {
        func wrong(_ what: String) -> GloveboxError { GloveboxError(.invalidArgument, "parameter '\(name)': \(what)") }
        switch self {
        case .word(let most):
            let isWord = value.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || [0x2E, 0x5F, 0x2D].contains(byte)
            }
            guard isWord, (1...most).contains(value.utf8.count), value.first != "-", value != ".", value != ".." else {
                throw wrong("1 to \(most) letters, digits, '.', '_' and '-', not beginning with '-'")
            }
        case .integer(let range):
            guard let number = Int64(value), String(number) == value, range.contains(number) else {
                throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
        case .choice(let values):
            guard values.contains(value) else { throw wrong("one of \(values.joined(separator: ", "))") }
        case .text(let most):
            let isPrintable = value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            guard isPrintable, value.utf8.count <= most else {
                throw wrong("at most \(most) bytes without control characters")
            }
        }
    }
}

extension [String: ParameterType] {
    init(_ node: YAMLNode?) throws(GloveboxError) {
        self = [:]
        for entry in try node?.entries ?? [] {
            guard entry.key != "former" else {
                throw entry.keyError("'former' is what was there before: choose another name")
            }
            self[entry.key] = try ParameterType(entry.value)
        }
    }

    /// - Throws: `invalid_argument` unless each has a value that fits, and there is no other.
    func check(_ values: [String: String]) throws(GloveboxError) {
        for name in values.keys.sorted() where self[name] == nil {
            let known = self.isEmpty ? "none" : self.keys.sorted().joined(separator: ", ")
            throw GloveboxError(.invalidArgument, "there is no parameter '\(name.prefix(80))': it takes \(known)")
        }
        for (name, type) in self.sorted(by: { $0.key < $1.key }) {
            guard let value = values[name] else {
                throw GloveboxError(.invalidArgument, "parameter '\(name)' is missing")
            }
            try type.check(value, name: name)
        }
    }
}
