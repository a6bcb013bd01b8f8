package import GloveboxCore

/// One value of a configuration file with the place where it's written, so that every complaint about it can begin
/// with `FILE:LINE:COLUMN`.
///
/// Accessors are strict: a value of another form is refused with `configuration_invalid` and a line that says what
/// to write; nothing is coerced. Text that looks like a number or a truth value is still text where text is asked for,
/// so that a name such as `no` or `007` stays what it is.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// Nothing, `~` or `null`.
        case empty
        case scalar(String, isQuoted: Bool)
        case list([YAMLNode])
        case mapping([YAMLEntry])
    }

    package let content: Content
    /// Where the value begins, counted from 1; columns count Unicode scalars.
    package let line: Int
    package let column: Int
    /// What the file is called in complaints.
    package let file: String
    /// How the value is reached from the document's root, such as `rules[0].longest`; empty for the root.
    package let path: String

    /// A complaint about this value: `FILE:LINE:COLUMN: what`.
    package func error(_ what: String) -> GloveboxError {
        .configuration(file: self.file, line: self.line, column: self.column, what)
    }

    /// What the value is called in a complaint.
    package var label: String { self.path.isEmpty ? "the document" : "'\(self.path)'" }

    fileprivate func refusal(wanted: String) -> GloveboxError {
        switch self.content {
        case .empty: self.error("\(self.label) is empty: write \(wanted), or leave it out")
        case .scalar(let text, _): self.error("\(self.label) is '\(text.excerpt)': write \(wanted)")
        case .list: self.error("\(self.label) is a list: write \(wanted)")
        case .mapping: self.error("\(self.label) is a mapping: write \(wanted)")
        }
    }

    private var plain: String? {
        if case .scalar(let text, isQuoted: false) = self.content { text } else { nil }
    }
}

/// One `key: value` of a mapping.
package struct YAMLEntry: Sendable {
    package let key: String
    package let keyLine: Int
    package let keyColumn: Int
    package let value: YAMLNode

    /// A complaint about the key itself.
    package func keyError(_ what: String) -> GloveboxError {
        .configuration(file: self.value.file, line: self.keyLine, column: self.keyColumn, what)
    }
}

// MARK: - Scalars

extension YAMLNode {
    /// Text, quoted or not; not empty.
    package var string: String {
        get throws(GloveboxError) {
            guard case .scalar(let text, _) = self.content, !text.isEmpty else { throw self.refusal(wanted: "text") }
            return text
        }
    }

    /// `true` or `false`.
    package var bool: Bool {
        get throws(GloveboxError) {
            switch self.plain {
            case "true": return true
            case "false": return false
            default: throw self.refusal(wanted: "true or false")
            }
        }
    }

    /// A whole number, `_` allowed between digits.
    package var int: Int64 {
        get throws(GloveboxError) {
            guard let text = self.plain, let value = Int64(digits: text) else {
                throw self.refusal(wanted: "a whole number")
            }
            return value
        }
    }

    /// A whole number within `range`.
    package func int(in range: ClosedRange<Int64>) throws(GloveboxError) -> Int64 {
        let value = try self.int
        guard range.contains(value) else {
            throw self.error(
                "\(self.label) is \(value): write a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A span of time such as `90s`, `15m`, `1h30m` (see ``Duration/init(written:)``), longer than nothing.
    package var duration: Duration {
        get throws(GloveboxError) {
            guard let text = self.plain, let value = Duration(written: text), value > .zero else {
                throw self.refusal(wanted: "a duration such as 90s, 15m, 1h or 1h30m")
            }
            return value
        }
    }

    /// A number of bytes such as `500kB`, `1GiB` (see ``ByteCount``), more than none.
    package var byteCount: Int64 {
        get throws(GloveboxError) {
            guard let text = self.plain, let value = ByteCount.parse(text), value > 0 else {
                throw self.refusal(wanted: "a size such as 500kB, 50MB, 1GB or 1GiB")
            }
            return value
        }
    }

    /// A name that people choose, of the kind that's asked for.
    package func name<N: Name>(_ kind: N.Type = N.self) throws(GloveboxError) -> N {
        let text = try self.string
        guard let name = N(rawValue: text) else {
            throw self.error(
                "'\(text.excerpt)' is not a name for \(N.noun): use 1 to 63 of a-z, 0-9, '-', '_', "
                    + "beginning with a letter or digit")
        }
        return name
    }

    /// One of a fixed set of words.
    package func choice<C: RawRepresentable & CaseIterable>(
        _ kind: C.Type = C.self
    ) throws(GloveboxError) -> C where C.RawValue == String {
        let all = C.allCases.map(\.rawValue)
        let text = try self.string
        guard let value = C(rawValue: text) else {
            let hint = closest(to: text, among: all).map { "did you mean '\($0)'? " } ?? ""
            throw self.error("'\(text.excerpt)' isn't known here: \(hint)Write one of \(all.joined(separator: ", "))")
        }
        return value
    }
}

// MARK: - Lists and mappings

extension YAMLNode {
    /// The entries of a list, which may be empty (`[]`).
    package var list: [YAMLNode] {
        get throws(GloveboxError) {
            guard case .list(let nodes) = self.content else { throw self.refusal(wanted: "a list, such as [a, b]") }
            return nodes
        }
    }

    /// A list of text.
    package var strings: [String] {
        get throws(GloveboxError) {
            try self.map { node throws(GloveboxError) in try node.string }
        }
    }

    /// What `transform` makes of each entry of a list.
    package func map<T>(_ transform: (YAMLNode) throws(GloveboxError) -> T) throws(GloveboxError) -> [T] {
        var results: [T] = []
        for node in try self.list { results.append(try transform(node)) }
        return results
    }

    /// A mapping whose keys the file's author chooses, in the order of the file.
    package var entries: [YAMLEntry] {
        get throws(GloveboxError) {
            guard case .mapping(let entries) = self.content else {
                throw self.refusal(wanted: "a mapping, such as 'key: value'")
            }
            return entries
        }
    }

    /// A mapping whose keys are those of `known`; any other is refused by name.
    package func mapping(_ known: String...) throws(GloveboxError) -> YAMLMapping { try self.mapping(known) }

    package func mapping(_ known: [String]) throws(GloveboxError) -> YAMLMapping {
        let entries = try self.entries
        for entry in entries where !known.contains(entry.key) {
            let hint = closest(to: entry.key, among: known).map { "did you mean '\($0)'? " } ?? ""
            throw entry.keyError(
                "unknown key '\(entry.key.excerpt)': \(hint)Known here: \(known.joined(separator: ", "))")
        }
        return YAMLMapping(node: self, entries: entries)
    }
}

/// A mapping with known keys.
package struct YAMLMapping: Sendable {
    /// The mapping as a value, for complaints about the whole.
    package let node: YAMLNode
    private let values: [String: YAMLNode]

    fileprivate init(node: YAMLNode, entries: [YAMLEntry]) {
        self.node = node
        self.values = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The value at `key`; `nil` when the key isn't written.
    package subscript(key: String) -> YAMLNode? { self.values[key] }

    /// The value at `key`.
    /// - Throws: `configuration_invalid` when the key isn't written.
    package func required(_ key: String) throws(GloveboxError) -> YAMLNode {
        guard let value = self.values[key] else { throw self.node.error("\(self.node.label) lacks '\(key)': write it") }
        return value
    }

    /// Checks `version: N` of a file whose form is versioned.
    package func checkVersion(_ version: Int64) throws(GloveboxError) {
        let node = try self.required("version")
        let found = try node.int
        guard found == version else {
            throw node.error("version \(found) is not one that this Glovebox reads: write 'version: \(version)'")
        }
    }
}

extension GloveboxError {
    static func configuration(file: String, line: Int, column: Int, _ what: String) -> GloveboxError {
        GloveboxError(.configurationInvalid, "\(file):\(line):\(column): \(what)")
    }
}

extension String {
    /// What of a value is shown in a complaint: one line, not long.
    var excerpt: String {
        let line = self.prefix { !$0.isNewline }
        return line.count == self.count && line.count <= 60 ? String(line) : "\(line.prefix(60))…"
    }
}
