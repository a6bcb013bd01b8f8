/// What libpg_query says of a text, as PostgreSQL's own parse tree: its JSON, taken apart once and kept flat.
///
/// Source: libpg_query 15's `pg_query_parse`, https://github.com/pganalyze/libpg_query. A node is an object with one
/// key, its kind (`{"SelectStmt": {…}}`), but where the field's type says which kind it is.
package final class SyntaxTree: Sendable {
    enum Form: UInt8 {
        case object, list, string, number, bool, null
    }

    /// One value; what is in it follows it.
    struct Entry {
        var form: Form
        /// In `bytes`, without quotes; empty in a list.
        var key: Range<UInt32>
        /// In `bytes`: a string without quotes, a number, a bool.
        var value: Range<UInt32>
        /// The entry after the last that is in this one.
        var end: UInt32
    }

    let bytes: [UInt8]
    let entries: [Entry]

    /// - Parameter json: UTF-8.
    /// - Returns: nil for what isn't JSON.
    init?(json: [UInt8]) {
        var reader = TreeReader(json)
        guard reader.read() else { return nil }
        self.bytes = json
        self.entries = reader.entries
    }

    var root: SyntaxNode { SyntaxNode(tree: self, index: 0) }

    /// Each statement of the text: its kind and its fields.
    package var statements: [(kind: String, fields: SyntaxNode)] {
        self.root["stmts"].elements.map { $0["stmt"].tagged ?? ("", $0) }
    }
}

/// Takes JSON apart without recursion: how deeply a statement is nested is the client's choice.
private struct TreeReader {
    private let bytes: [UInt8]
    private var place = 0
    var entries: [SyntaxTree.Entry] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.entries.reserveCapacity(bytes.count / 12)
    }

    mutating func read() -> Bool {
        /// Objects and lists that aren't closed.
        var open: [Int] = []
        repeat {
            var key: Range<UInt32> = 0..<0
            if let parent = open.last {
                self.skipSpace()
                let isObject = self.entries[parent].form == .object
                if self.take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    self.entries[parent].end = UInt32(self.entries.count)
                    open.removeLast()
                    continue
                }
                if self.entries.count > parent + 1 {
                    guard self.take(UInt8(ascii: ",")) else { return false }
                    self.skipSpace()
                }
                if isObject {
                    guard self.take(UInt8(ascii: "\"")), let name = self.string() else { return false }
                    key = name
                    self.skipSpace()
                    guard self.take(UInt8(ascii: ":")) else { return false }
                }
            }
            self.skipSpace()
            guard let form = self.value(key) else { return false }
            if form == .object || form == .list {
                open.append(self.entries.count - 1)
            }
        } while !open.isEmpty
        self.skipSpace()
        return self.place == self.bytes.count
    }

    private mutating func value(_ key: Range<UInt32>) -> SyntaxTree.Form? {
        guard self.place < self.bytes.count else { return nil }
        let form: SyntaxTree.Form
        var value: Range<UInt32> = 0..<0
        switch self.bytes[self.place] {
        case UInt8(ascii: "{"):
            form = .object
            self.place += 1
        case UInt8(ascii: "["):
            form = .list
            self.place += 1
        case UInt8(ascii: "\""):
            form = .string
            self.place += 1
            guard let string = self.string() else { return nil }
            value = string
        default:
            value = self.word()
            switch self.bytes[Int(value.lowerBound)..<Int(value.upperBound)].first {
            case UInt8(ascii: "t"), UInt8(ascii: "f"): form = .bool
            case UInt8(ascii: "n"): form = .null
            case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): form = .number
            default: return nil
            }
        }
        self.entries.append(
            SyntaxTree.Entry(form: form, key: key, value: value, end: UInt32(self.entries.count + 1)))
        return form
    }

    /// After the opening quote.
    private mutating func string() -> Range<UInt32>? {
        let start = self.place
        while self.place < self.bytes.count {
            switch self.bytes[self.place] {
            case UInt8(ascii: "\""):
                self.place += 1
                return UInt32(start)..<UInt32(self.place - 1)
            case UInt8(ascii: "\\"): self.place += 2
            default: self.place += 1
            }
        }
        return nil
    }

    private mutating func word() -> Range<UInt32> {
        let start = self.place
        while self.place < self.bytes.count {
            let byte = self.bytes[self.place]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || byte <= 32 {
                break
            }
            self.place += 1
        }
        return UInt32(start)..<UInt32(self.place)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.place < self.bytes.count, self.bytes[self.place] == byte else { return false }
        self.place += 1
        return true
    }

    private mutating func skipSpace() {
        while self.place < self.bytes.count, self.bytes[self.place] <= 32 { self.place += 1 }
    }
}
