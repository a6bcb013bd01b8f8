package import GloveboxCore
import Yams

/// What a configuration file may be at most. They're files that people write; one beyond these is a mistake or an
/// attack.
package enum YAMLBounds {
    package static let bytes = 1 << 20
    package static let depth = 32
}

extension YAMLNode {
    /// Reads one YAML 1.1 document from the bytes of a file.
    /// - Throws: `configuration_invalid` with `FILE:LINE:COLUMN: what is wrong and what to write`.
    package init(bytes: some Collection<UInt8>, file: String) throws(GloveboxError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.notUTF8(Array(bytes), file: file)
        }
        try self.init(yaml: text, file: file)
    }

    /// Reads one YAML 1.1 document.
    ///
    /// Refused, since a configuration needs none of them and each is a way to say something else than what's read:
    /// anchors, aliases, tags, keys that aren't text, duplicate keys, several documents.
    /// - Throws: `configuration_invalid` with `FILE:LINE:COLUMN: what is wrong and what to write`.
    package init(yaml text: String, file: String) throws(GloveboxError) {
        guard text.utf8.count <= YAMLBounds.bytes else {
            throw .configuration(
                file: file, line: 1, column: 1, "the file is larger than \(YAMLBounds.bytes >> 20) MiB: shorten it")
        }
        if let place = text.placeOfAnchorWithAlias {
            throw .configuration(file: file, line: place.line, column: place.column, Self.anchorsRefused)
        }
        // Yams keeps a pointer into the string; a string of less than 16 bytes has no storage to point to.
        var stable = text.utf8.count < 16 ? text + "\n#               " : text
        stable.makeContiguousUTF8()
        do {
            // All values are text here: what looks like a number or a date needs no tag that says so.
            let parser = try Parser(yaml: stable, resolver: .basic, encoding: .utf8)
            let builder = TreeBuilder(file: file)
            guard let root = try parser.singleRoot() else {
                throw GloveboxError.configuration(
                    file: file, line: 1, column: 1, "the file is empty: write its settings")
            }
            // Nodes refer weakly to anchors, which the parser owns.
            self = try withExtendedLifetime(parser) { try builder.node(root, path: "", depth: 1) }
        } catch let error as GloveboxError {
            throw error
        } catch let error as YamlError {
            throw error.configurationError(file: file, text: text)
        } catch {
            throw .configuration(file: file, line: 1, column: 1, "the file can't be read as YAML: \(error)")
        }
    }

    fileprivate static let anchorsRefused =
        "anchors and aliases ('&name', '*name') aren't accepted: write the value out, and quote text that begins with & or *"

    private static func notUTF8(_ bytes: [UInt8], file: String) -> GloveboxError {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
        let scalars = String(decoding: lines[index], as: UTF8.self).unicodeScalars
        let column = scalars.prefix { $0 != "\u{FFFD}" }.count + 1
        return .configuration(
            file: file, line: index + 1, column: column, "this is not UTF-8: save the file with UTF-8 encoding")
    }
}

/// Turns Yams' tree into ours.
private struct TreeBuilder {
    let file: String

    func node(_ node: Node, path: String, depth: Int, isKey: Bool = false) throws(GloveboxError) -> YAMLNode {
        let line = node.mark?.line ?? 1
        let column = node.mark?.column ?? 1
        func refuse(_ what: String) -> GloveboxError {
            .configuration(file: self.file, line: line, column: column, what)
        }
        guard depth <= YAMLBounds.depth else {
            throw refuse("this is nested more than \(YAMLBounds.depth) deep: write it flatter")
        }
        guard node.anchor == nil else { throw refuse(YAMLNode.anchorsRefused) }
        let content: YAMLNode.Content
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain && scalar.style != .any
            // Yams has resolved the tags of keys when it compared them.
            try self.refuseTag(scalar.tag, besides: isKey ? "tag:yaml.org,2002:" : "tag:yaml.org,2002:str", refuse)
            let isEmpty = !isQuoted && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            content = isEmpty ? .empty : .scalar(scalar.string, isQuoted: isQuoted)
        case .sequence(let sequence):
            try self.refuseTag(sequence.tag, besides: "tag:yaml.org,2002:seq", refuse)
            var nodes: [YAMLNode] = []
            for child in sequence {
                nodes.append(try self.node(child, path: "\(path)[\(nodes.count)]", depth: depth + 1))
            }
            content = .list(nodes)
        case .mapping(let mapping):
            try self.refuseTag(mapping.tag, besides: "tag:yaml.org,2002:map", refuse)
            content = .mapping(try self.entries(mapping, path: path, depth: depth))
        case .alias:
            throw refuse(YAMLNode.anchorsRefused)
        }
        return YAMLNode(content: content, line: line, column: column, file: self.file, path: path)
    }

    private func entries(_ mapping: Node.Mapping, path: String, depth: Int) throws(GloveboxError) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var seen: Set<String> = []
        for (keyNode, valueNode) in mapping {
            let key = try self.node(keyNode, path: path, depth: depth + 1, isKey: true)
            guard case .scalar(let name, _) = key.content else {
                throw key.error("a key has to be text: write 'key: value'")
            }
            guard seen.insert(name).inserted else {
                throw key.error("the key '\(name.excerpt)' is written twice: keep one")
            }
            let value = try self.node(valueNode, path: path.isEmpty ? name : "\(path).\(name)", depth: depth + 1)
            entries.append(YAMLEntry(key: name, keyLine: key.line, keyColumn: key.column, value: value))
        }
        return entries
    }

    private func refuseTag(
        _ tag: Tag, besides implied: String, _ refuse: (String) -> GloveboxError
    ) throws(GloveboxError) {
        let name = tag.description
        guard name.isEmpty || name.hasPrefix(implied) else {
            throw refuse(
                "tags ('!\(name.excerpt)') aren't accepted: write the plain value, and quote text that begins with !")
        }
    }
}

extension YamlError {
    fileprivate func configurationError(file: String, text: String) -> GloveboxError {
        switch self {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // libyaml may complain beyond the end of what was written.
            let end = text.place(after: .max)
            let place = (mark.line, mark.column) < end ? (mark.line, mark.column) : end
            let what = Self.advice(
                problem: problem, context: context?.text ?? "", at: text.scalar(line: mark.line, column: mark.column))
            return .configuration(file: file, line: place.0, column: place.1, what)
        case .reader(_, let offset, _, _):
            let place = text.place(after: text.prefix(offset ?? 0).unicodeScalars.count)
            return .configuration(
                file: file, line: place.0, column: place.1,
                "this character can't stand in YAML: remove it, or write it as an escape in double quotes")
        case .duplicatedKeysInMapping(let keys, let context):
            return .configuration(
                file: file, line: context.mark.line, column: context.mark.column,
                "the key '\((keys.first ?? "").excerpt)' is written more than once in this mapping: keep one")
        default:
            return .configuration(file: file, line: 1, column: 1, "the file can't be read as YAML: \(self)".excerpt)
        }
    }

    /// libyaml's complaint with what to do about it.
    private static func advice(problem: String, context: String, at scalar: Unicode.Scalar?) -> String {
        if context.hasSuffix("an alias") || problem.contains("undefined alias") {
            return "text that begins with '*' has to be quoted: write \"*\""
        }
        if context.hasSuffix("an anchor") { return "text that begins with '&' has to be quoted" }
        if problem.contains("cannot start any token") {
            if scalar == "\t" { return "a tab can't indent or begin a value in YAML: use spaces" }
            let first = scalar.flatMap { (0x21...0x7E).contains($0.value) ? "'\($0)'" : nil }
            return "text that begins with \(first ?? "what stands here") has to be quoted"
        }
        if problem.contains("mapping values are not allowed") {
            return
                "a ':' is not allowed here: give each key a line of its own, indented like its neighbours, and quote text that holds ': '"
        }
        if context.contains("quoted scalar") { return "this quoted text has no end: close the quote" }
        if context.contains("flow sequence") {
            return "this list has no end: separate entries by ',' and close it with ']'"
        }
        if context.contains("flow mapping") {
            return "this mapping has no end: separate entries by ',' and close it with '}'"
        }
        if problem.contains("another document") { return "a second document begins here: keep one, without '---'" }
        if problem.lowercased().contains("nesting") { return "this is nested too deep: write it flatter" }
        return "this is not YAML (\(problem)): look at the indentation, quotes and ':' here and on the line above"
    }
}

extension String {
    /// Where an anchor could stand, in a text that could also hold an alias; `nil` in a text that can't hold both.
    ///
    /// Yams resolves aliases while it reads and hashes whole keys, so that a few lines of them could keep it busy for
    /// ever; therefore they're looked for before. It errs on the side of refusing: `&name` and `*name` count wherever
    /// a token could begin, even in a comment, but only if the file has both. (A lone anchor is found in the tree.)
    fileprivate var placeOfAnchorWithAlias: (line: Int, column: Int)? {
        var anchor: String.Index?
        var hasAlias = false
        var previous: UInt8 = 0x0A
        var indicator: UInt8?
        for index in self.utf8.indices {
            let byte = self.utf8[index]
            if let indicator, byte.isOfAnchorName {
                if indicator == UInt8(ascii: "*") { hasAlias = true } else { anchor = anchor ?? index }
            }
            let isIndicator = byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*")
            indicator = isIndicator && !previous.isOfAnchorName ? byte : nil
            previous = byte
        }
        guard hasAlias, let anchor else { return nil }
        // The indicator's own place, one before the name's.
        let place = self.place(after: self.unicodeScalars.distance(from: self.startIndex, to: anchor))
        return (place.0, place.1 - 1)
    }

    /// The place behind `count` scalars, at most the end.
    fileprivate func place(after count: Int) -> (Int, Int) {
        var place = (1, 1)
        for scalar in self.unicodeScalars.prefix(count) {
            place = scalar == "\n" ? (place.0 + 1, 1) : (place.0, place.1 + 1)
        }
        return place
    }

    fileprivate func scalar(line: Int, column: Int) -> Unicode.Scalar? {
        let lines = self.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.indices.contains(line - 1), column >= 1 else { return nil }
        return lines[line - 1].dropFirst(column - 1).first
    }
}

extension UInt8 {
    /// Whether it's of libyaml's alphabet of anchors.
    fileprivate var isOfAnchorName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
