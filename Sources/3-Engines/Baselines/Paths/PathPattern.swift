/// What a rule's `path` says: an ``AnswerPath`` in which `*` in a name stands for any letters, `[*]` for any element of
/// a list, `.*` for any member, and `..` (in HTML `//`) for any way down: `$..request_id`, `header.x-*`,
/// `/html//td.stock`.
package struct PathPattern: Hashable, Sendable, CustomStringConvertible {
    enum Step: Hashable, Sendable {
        case name(String)
        case each
        case anyDepth
    }

    /// As it was written.
    package let text: String
    let root: AnswerPath.Root
    let steps: [Step]

    /// Nil for what isn't such a pattern.
    package init?(_ text: String) {
        var reader = PatternReader(text)
        guard let (root, steps) = reader.pattern() else { return nil }
        self.text = text
        self.root = root
        self.steps = steps
    }

    package var description: String { self.text }

    package func matches(_ path: AnswerPath) -> Bool {
        path.root == self.root && Self.matches(self.steps[...], path.steps[...])
    }

    /// The path that's meant, if it's one alone.
    var onlyPath: AnswerPath? {
        var steps: [AnswerPath.Step] = []
        for step in self.steps {
            switch step {
            case .name(let name) where !name.contains("*"): steps.append(.name(name))
            case .each: steps.append(.each)
            case .name, .anyDepth: return nil
            }
        }
        return AnswerPath(self.root, steps)
    }

    /// Each pair of places is looked at once: time is in proportion to the product of both lengths.
    private static func matches(_ pattern: ArraySlice<Step>, _ steps: ArraySlice<AnswerPath.Step>) -> Bool {
        let steps = Array(steps)
        // Which numbers of steps may have been read.
        var reached: Set<Int> = [0]
        for step in pattern {
            var next: Set<Int> = []
            switch step {
            case .anyDepth: if let least = reached.min() { next = Set(least...steps.count) }
            case .each:
                for place in reached where place < steps.count && steps[place] == .each { next.insert(place + 1) }
            case .name(let glob):
                for place in reached where place < steps.count {
                    if case .name(let name) = steps[place], Self.matches(glob: glob, name) { next.insert(place + 1) }
                }
            }
            reached = next
        }
        return reached.contains(steps.count)
    }

    /// `*` stands for any letters.
    package static func matches(glob: String, _ text: String) -> Bool {
        guard glob.utf8.contains(UInt8(ascii: "*")) else { return glob == text }
        let parts = glob.split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
        let bytes = Array(text.utf8)
        guard let first = parts.first, let last = parts.last, bytes.count >= first.count + last.count,
            bytes.starts(with: first), bytes.suffix(last.count).elementsEqual(last)
        else { return false }
        var place = first.count
        let end = bytes.count - last.count
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            while place + part.count <= end, !bytes[place..<place + part.count].elementsEqual(part) { place += 1 }
            guard place + part.count <= end else { return false }
            place += part.count
        }
        return true
    }
}

private struct PatternReader {
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) {
        self.rest = Substring(text).unicodeScalars
    }

    mutating func pattern() -> (AnswerPath.Root, [PathPattern.Step])? {
        let root: AnswerPath.Root
        if self.rest.first == "/" {
            root = .html
        } else {
            let named = AnswerPath.Root.allCases.first {
                $0 != .html && self.rest.starts(with: $0.written.unicodeScalars)
            }
            guard let named else { return nil }
            root = named
            self.rest = self.rest.dropFirst(named.written.unicodeScalars.count)
        }
        var steps: [PathPattern.Step] = []
        while !self.rest.isEmpty {
            guard let next = root == .html ? self.element() : self.member() else { return nil }
            steps += next
        }
        if root == .header {
            // Their names have no case.
            steps = steps.map { if case .name(let name) = $0 { .name(name.lowercased()) } else { $0 } }
        }
        return (root, steps)
    }

    private mutating func skip(_ text: String) -> Bool {
        guard self.rest.starts(with: text.unicodeScalars) else { return false }
        self.rest = self.rest.dropFirst(text.unicodeScalars.count)
        return true
    }

    private mutating func element() -> [PathPattern.Step]? {
        if self.skip("[*]") { return [.each] }
        guard self.skip("/") else { return nil }
        let isDeep = self.skip("/")
        let name = String(self.rest.prefix { $0 != "/" && $0 != "[" })
        guard !name.isEmpty else { return nil }
        self.rest = self.rest.dropFirst(name.unicodeScalars.count)
        return (isDeep ? [.anyDepth] : []) + [.name(name)]
    }

    private mutating func member() -> [PathPattern.Step]? {
        if self.skip("[*]") { return [.each] }
        if self.skip("['") { return self.quoted().map { [.name($0)] } }
        guard self.skip(".") else { return nil }
        let deep: [PathPattern.Step] = self.skip(".") ? [.anyDepth] : []
        if !deep.isEmpty, self.rest.first == "[" { return deep }
        let name = String(self.rest.prefix { $0 != "." && $0 != "[" && $0 != "'" && $0 != "]" })
        guard !name.isEmpty else { return nil }
        self.rest = self.rest.dropFirst(name.unicodeScalars.count)
        return deep + [.name(name)]
    }

    private mutating func quoted() -> String? {
        var name = ""
        while let scalar = self.rest.popFirst() {
            switch scalar {
            case "'": return self.skip("]") ? name : nil
            case "\\":
                guard let escaped = self.escape() else { return nil }
                name.unicodeScalars.append(escaped)
            default: name.unicodeScalars.append(scalar)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        switch self.rest.popFirst() {
        case "'": return "'"
        case "\\": return "\\"
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "u":
            let digits = String(self.rest.prefix(4))
            self.rest = self.rest.dropFirst(4)
            return digits.unicodeScalars.count == 4 ? UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) : nil
        default: return nil
        }
    }
}
