/// A regular expression in the syntax of Rust's `regex` crate (docs.rs/regex, "Syntax"), which Hurl's files are written
/// in. Matching takes time in proportion to the text's length and the expression's; there's no expression that makes
/// it worse, and so no look-around and no back-reference.
///
/// What differs from the crate: `\p{…}` knows general categories and binary properties, but no scripts, blocks and
/// ages; case folding follows the standard library's one-to-one mappings; the limits are this type's own.
package struct LinearRegex: Sendable {
    /// Where a match and its groups are, in bytes of the text's UTF-8.
    package struct Match: Hashable, Sendable {
        package let range: Range<Int>
        /// Of group 1 and on; nil where a group took no part.
        package let groups: [Range<Int>?]
    }

    /// How many steps one search may take: about a second.
    package static let mostSteps = 100_000_000
    /// A pattern's length, in bytes.
    package static let longestPattern = 100_000

    package let pattern: String
    /// Of each group, from 1 on: its name, if it has one.
    package let groupNames: [String?]
    private let program: RegexProgram

    /// Whether a match is all of the text, and not a part of it.
    package let isWhole: Bool

    /// - Parameter wholly: whether only all of a text matches, rather than any part of it.
    /// - Throws: `regex_invalid` with the place in the pattern; `regex_too_large`.
    package init(_ pattern: String, wholly: Bool = false) throws(LinearRegexError) {
        guard pattern.utf8.count <= Self.longestPattern else {
            throw LinearRegexError(.tooLarge, "an expression of more than \(Self.longestPattern) bytes")
        }
        var parser = RegexParser(pattern)
        var node = try parser.pattern()
        if wholly {
            node = .concatenation([.assertion(.textStart), .group(node, index: nil), .assertion(.textEnd)])
        }
        self.pattern = pattern
        self.isWhole = wholly
        self.groupNames = parser.names
        self.program = try RegexProgram(node, captures: parser.names.count)
    }

    /// Whether it matches anywhere in the text.
    /// - Throws: `regex_too_much_work`.
    package func matches(_ text: String) throws(LinearRegexError) -> Bool {
        try self.search(text, from: 0, slots: 0) != nil
    }

    /// The same, on an account of the caller's: `steps` is how many may be taken, and then how many are left.
    /// - Throws: `regex_too_much_work`.
    package func matches(_ text: String, steps: inout Int) throws(LinearRegexError) -> Bool {
        let bytes = Array(text.utf8)
        // What's made ready before the first step, and what passes by without one.
        steps -= (self.program.instructions.count + bytes.count) >> 5
        return try self.search(bytes, from: 0, slots: 0, steps: &steps) != nil
    }

    /// - Throws: `regex_too_much_work`.
    package func firstMatch(in text: String) throws(LinearRegexError) -> Match? {
        try self.search(text, from: 0, slots: self.program.slotCount).flatMap { Self.match($0) }
    }

    /// The text with each match replaced by `template`, in which `$1`, `$name` and `${name}` stand for groups and `$$`
    /// for a dollar; a group that there isn't stands for nothing.
    /// - Throws: `regex_too_much_work`.
    package func replacingMatches(in text: String, with template: String) throws(LinearRegexError) -> String {
        let bytes = Array(text.utf8)
        let parts = self.parts(of: template)
        var result: [UInt8] = []
        var (copied, place, last) = (0, 0, -1)
        var steps = Self.mostSteps
        while place <= bytes.count {
            guard let slots = try self.search(bytes, from: place, slots: self.program.slotCount, steps: &steps),
                let match = Self.match(slots)
            else { break }
            if match.range.isEmpty, match.range.lowerBound == last {
                // An empty match right behind another isn't one.
                place = Self.next(bytes, place)
                continue
            }
            result += bytes[copied..<match.range.lowerBound]
            for part in parts {
                switch part {
                case .text(let text): result += text
                case .group(let index):
                    let range = index == 0 ? match.range : match.groups[index - 1]
                    if let range { result += bytes[range] }
                }
            }
            copied = match.range.upperBound
            last = copied
            place = match.range.isEmpty ? Self.next(bytes, copied) : copied
        }
        result += bytes[copied...]
        return String(decoding: result, as: UTF8.self)
    }

    private static func next(_ bytes: [UInt8], _ place: Int) -> Int {
        var place = place + 1
        while place < bytes.count, bytes[place] & 0xC0 == 0x80 { place += 1 }
        return place
    }

    private static func match(_ slots: [Int]) -> Match? {
        guard slots.count >= 2, slots[0] >= 0, slots[1] >= slots[0] else { return nil }
        let groups = stride(from: 2, to: slots.count, by: 2).map { slot in
            slots[slot] >= 0 && slots[slot + 1] >= slots[slot] ? slots[slot]..<slots[slot + 1] : nil
        }
        return Match(range: slots[0]..<slots[1], groups: groups)
    }

    private func search(_ text: String, from start: Int, slots: Int) throws(LinearRegexError) -> [Int]? {
        var steps = Self.mostSteps
        return try self.search(Array(text.utf8), from: start, slots: slots, steps: &steps)
    }

    private func search(
        _ bytes: [UInt8], from start: Int, slots: Int, steps: inout Int
    ) throws(LinearRegexError) -> [Int]? {
        let result = bytes.withUnsafeBufferPointer { text -> Result<([Int]?, Int), LinearRegexError> in
            var machine = RegexMachine(self.program, text, slots: slots, steps: steps)
            do throws(LinearRegexError) {
                let found = try machine.match(from: start)
                return .success((found, machine.steps))
            } catch {
                return .failure(error)
            }
        }
        let (found, left) = try result.get()
        steps = left
        return found
    }

    // MARK: templates

    private enum Part {
        case text([UInt8])
        case group(Int)
    }

    private func parts(of template: String) -> [Part] {
        var parts: [Part] = []
        var text: [UInt8] = []
        var rest = Substring(template)
        while let next = rest.unicodeScalars.first {
            guard next == "$" else {
                text += String(next).utf8
                rest.unicodeScalars.removeFirst()
                continue
            }
            rest.unicodeScalars.removeFirst()
            if rest.hasPrefix("$") {
                text.append(0x24)
                rest.unicodeScalars.removeFirst()
                continue
            }
            var name: Substring
            if rest.hasPrefix("{"), let end = rest.firstIndex(of: "}") {
                name = rest[rest.index(after: rest.startIndex)..<end]
                rest = rest[rest.index(after: end)...]
            } else {
                name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                rest = rest[name.endIndex...]
            }
            guard !name.isEmpty else {
                text.append(0x24)
                continue
            }
            if !text.isEmpty { parts.append(.text(text)) }
            text = []
            if let number = Int(name) {
                if number <= self.groupNames.count { parts.append(.group(number)) }
            } else if let index = self.groupNames.firstIndex(of: String(name)) {
                parts.append(.group(index + 1))
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        return parts
    }
}

extension LinearRegex: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.isWhole == right.isWhole && left.pattern.utf8.elementsEqual(right.pattern.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.pattern) }
}
