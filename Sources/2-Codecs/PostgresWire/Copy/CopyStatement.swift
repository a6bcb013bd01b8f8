/// A `COPY … TO STDOUT` that was understood: how to learn its columns, and how its data will be written
/// (PostgreSQL manual, COPY; the forms from before 9.0 and 7.3 too).
package struct CopyStatement: Hashable, Sendable {
    /// A query with the same columns. Nothing runs it; it is only described.
    package var describing: String
    package var format: CopyFormat
    /// How many characters of the text come before that query; nil where the text doesn't have it.
    package var offset: Int?

    /// - Parameter text: one statement; nil where it isn't such a COPY, or isn't understood.
    package init?(_ text: String) {
        guard let only = CopyStatements(in: text).only else { return nil }
        self = only
    }

    init(describing: String, format: CopyFormat, offset: Int? = nil) {
        self.describing = describing
        self.format = format
        self.offset = offset
    }
}

/// The `COPY … TO STDOUT` of a text that may hold several statements, in their order.
struct CopyStatements: Hashable, Sendable {
    /// Nil for one that isn't understood. Nil in all: the text isn't understood.
    private var found: [CopyStatement?]?
    private var isSingle: Bool

    static let none = CopyStatements(found: [], isSingle: false)

    private init(found: [CopyStatement?]?, isSingle: Bool) {
        self.found = found
        self.isSingle = isSingle
    }

    init(in text: String) {
        var text = text
        guard text.withUTF8({ Self.mentionsCopy($0) }) else {
            self = .none
            return
        }
        let bytes = Array(text.utf8)
        guard let tokens = SQLLexer.tokens(of: bytes) else {
            self.init(found: nil, isSingle: false)
            return
        }
        let statements = tokens.split { $0.token == .symbol(UInt8(ascii: ";")) }
        var found: [CopyStatement?] = []
        for statement in statements {
            var parser = CopyParser(text: bytes, tokens: statement)
            switch parser.parse() {
            case .other: break
            case .copyOut(let copy): found.append(copy)
            case .notUnderstood: found.append(nil)
            }
        }
        self.init(found: found, isSingle: statements.count == 1)
    }

    /// False only where no COPY OUT can come of the text.
    var mayCopyOut: Bool { self.found?.isEmpty != true }

    /// The COPY, where the text is nothing else.
    var only: CopyStatement? {
        guard self.isSingle, let found = self.found, found.count == 1 else { return nil }
        return found[0]
    }

    /// The COPY that begins as the `index`th; nil where that isn't sure.
    func statement(_ index: Int) -> CopyStatement? {
        guard let found = self.found, found.indices.contains(index), !found[...index].contains(nil) else { return nil }
        return found[index]
    }

    private static func mentionsCopy(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count >= 4 else { return false }
        for index in 0...(text.count - 4) where text[index] | 0x20 == UInt8(ascii: "c") {
            if text[index + 1] | 0x20 == UInt8(ascii: "o"), text[index + 2] | 0x20 == UInt8(ascii: "p"),
                text[index + 3] | 0x20 == UInt8(ascii: "y")
            {
                return true
            }
        }
        return false
    }
}

/// Reads one COPY statement. Whatever it doesn't know makes it `notUnderstood`.
private struct CopyParser {
    enum Outcome {
        case other
        case copyOut(CopyStatement)
        case notUnderstood
    }

    private struct NotUnderstood: Error {}

    /// The options, in whichever form they came.
    private struct Options {
        var format = "text"
        var delimiter: UInt8?
        var null: [UInt8]?
        var header = false
        var quote: UInt8?
        var escape: UInt8?
    }

    private let text: [UInt8]
    private let tokens: [SQLLexer.Located]
    private var next = 0

    init(text: [UInt8], tokens: ArraySlice<SQLLexer.Located>) {
        self.text = text
        self.tokens = Array(tokens)
    }

    mutating func parse() -> Outcome {
        guard self.take("copy") else { return .other }
        do {
            return try self.copy()
        } catch {
            return .notUnderstood
        }
    }

    private mutating func copy() throws(NotUnderstood) -> Outcome {
        var options = Options()
        let describing: String
        var offset: Int?
        if self.peek == .symbol(UInt8(ascii: "(")) {
            let range = try self.parenthesised()
            describing = String(decoding: self.text[range], as: UTF8.self)
            offset = String(decoding: self.text[..<range.lowerBound], as: UTF8.self).unicodeScalars.count
        } else {
            if self.peek == .word("binary"), self.isName(1), self.token(1) != .word("to"),
                self.token(1) != .word("from")
            {
                self.next += 1
                options.format = "binary"
            }
            describing = try self.table()
        }
        if self.take("from") { return .other }
        guard self.take("to") else { throw NotUnderstood() }
        // PostgreSQL takes either word in either direction.
        guard self.take("stdout") || self.take("stdin") else {
            // A file or a program on the server: no data come to the client.
            if case .string? = self.peek { return .other }
            if self.peek == .word("program") { return .other }
            throw NotUnderstood()
        }
        if self.take("using") {
            guard self.peek == .word("delimiters") else { throw NotUnderstood() }
        }
        if self.take("delimiters") { options.delimiter = try self.character() }
        _ = self.take("with")
        if self.take(UInt8(ascii: "(")) {
            try self.list(&options)
        } else {
            while self.peek != nil { try self.oldOption(&options) }
        }
        guard self.peek == nil else { throw NotUnderstood() }
        return .copyOut(CopyStatement(describing: describing, format: try Self.format(options), offset: offset))
    }

    private static func format(_ options: Options) throws(NotUnderstood) -> CopyFormat {
        switch options.format {
        case "text":
            var text = CopyFormat.Text()
            if let delimiter = options.delimiter { text.delimiter = delimiter }
            if let null = options.null { text.null = null }
            text.header = options.header
            guard options.quote == nil, options.escape == nil else { throw NotUnderstood() }
            return .text(text)
        case "csv":
            var csv = CopyFormat.CSV()
            if let delimiter = options.delimiter { csv.delimiter = delimiter }
            if let null = options.null { csv.null = null }
            if let quote = options.quote { csv.quote = quote }
            csv.escape = options.escape ?? csv.quote
            csv.header = options.header
            return .csv(csv)
        case "binary": return .binary
        default: throw NotUnderstood()
        }
    }

    /// `[[database.]schema.]table [(column, …)]` as a query.
    private mutating func table() throws(NotUnderstood) -> String {
        var name = try self.name()
        while self.take(UInt8(ascii: ".")) { name += "." + (try self.name()) }
        var columns = "*"
        if self.take(UInt8(ascii: "(")) {
            columns = try self.name()
            while self.take(UInt8(ascii: ",")) { columns += ", " + (try self.name()) }
            guard self.take(UInt8(ascii: ")")) else { throw NotUnderstood() }
        }
        return "SELECT \(columns) FROM \(name)"
    }

    private mutating func name() throws(NotUnderstood) -> String {
        let name: String
        switch self.peek {
        case .word(let word)?: name = word
        case .quotedName(let quoted)?: name = quoted
        default: throw NotUnderstood()
        }
        self.next += 1
        return "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    /// The text between parentheses that match.
    private mutating func parenthesised() throws(NotUnderstood) -> Range<Int> {
        let start = self.tokens[self.next].range.upperBound
        var depth = 0
        while let token = self.peek {
            if token == .symbol(UInt8(ascii: "(")) { depth += 1 }
            if token == .symbol(UInt8(ascii: ")")) { depth -= 1 }
            self.next += 1
            if depth == 0 { return start..<self.tokens[self.next - 1].range.lowerBound }
        }
        throw NotUnderstood()
    }

    /// `(FORMAT csv, HEADER, …)`, after its parenthesis.
    private mutating func list(_ options: inout Options) throws(NotUnderstood) {
        repeat {
            guard case .word(let name)? = self.peek else { throw NotUnderstood() }
            self.next += 1
            switch name {
            case "format": options.format = try self.value()
            case "delimiter": options.delimiter = try self.character()
            case "null": options.null = Array(try self.string().utf8)
            case "header": options.header = try self.truth()
            case "quote": options.quote = try self.character()
            case "escape": options.escape = try self.character()
            case "force_quote":
                if !self.take(UInt8(ascii: "*")) {
                    guard self.peek == .symbol(UInt8(ascii: "(")) else { throw NotUnderstood() }
                    _ = try self.parenthesised()
                }
            case "encoding": try self.encoding()
            default: throw NotUnderstood()
            }
        } while self.take(UInt8(ascii: ","))
        guard self.take(UInt8(ascii: ")")) else { throw NotUnderstood() }
    }

    /// One option of the form from before 9.0.
    private mutating func oldOption(_ options: inout Options) throws(NotUnderstood) {
        guard case .word(let name)? = self.peek else { throw NotUnderstood() }
        self.next += 1
        switch name {
        case "binary", "csv": options.format = name
        case "header": options.header = true
        case "delimiter":
            _ = self.take("as")
            options.delimiter = try self.character()
        case "null":
            _ = self.take("as")
            options.null = Array(try self.string().utf8)
        case "quote":
            _ = self.take("as")
            options.quote = try self.character()
        case "escape":
            _ = self.take("as")
            options.escape = try self.character()
        case "force":
            guard self.take("quote") else { throw NotUnderstood() }
            if !self.take(UInt8(ascii: "*")) {
                repeat { _ = try self.name() } while self.take(UInt8(ascii: ","))
            }
        case "encoding": try self.encoding()
        default: throw NotUnderstood()
        }
    }

    private mutating func encoding() throws(NotUnderstood) {
        let name = try self.value().lowercased().filter { $0.isLetter || $0.isNumber }
        guard name == "utf8" || name == "unicode" else { throw NotUnderstood() }
    }

    private mutating func truth() throws(NotUnderstood) -> Bool {
        switch self.peek {
        case .symbol(UInt8(ascii: ","))?, .symbol(UInt8(ascii: ")"))?: return true
        default: break
        }
        switch try self.value().lowercased() {
        case "true", "on", "1": return true
        case "false", "off", "0": return false
        default: throw NotUnderstood()
        }
    }

    private mutating func value() throws(NotUnderstood) -> String {
        defer { self.next += 1 }
        switch self.peek {
        case .word(let text)?, .string(let text)?, .number(let text)?, .quotedName(let text)?: return text
        default: throw NotUnderstood()
        }
    }

    private mutating func string() throws(NotUnderstood) -> String {
        guard case .string(let text)? = self.peek else { throw NotUnderstood() }
        self.next += 1
        return text
    }

    private mutating func character() throws(NotUnderstood) -> UInt8 {
        let text = try self.string()
        guard text.utf8.count == 1, let byte = text.utf8.first else { throw NotUnderstood() }
        return byte
    }

    // MARK: Tokens

    private var peek: SQLLexer.Token? { self.token(0) }

    private func token(_ offset: Int) -> SQLLexer.Token? {
        let index = self.next + offset
        return index < self.tokens.count ? self.tokens[index].token : nil
    }

    private func isName(_ offset: Int) -> Bool {
        switch self.token(offset) {
        case .word?, .quotedName?: true
        default: false
        }
    }

    private mutating func take(_ word: String) -> Bool {
        guard self.peek == .word(word) else { return false }
        self.next += 1
        return true
    }

    private mutating func take(_ symbol: UInt8) -> Bool {
        guard self.peek == .symbol(symbol) else { return false }
        self.next += 1
        return true
    }
}
