/// A place in a ``SyntaxTree``. What isn't there reads as nothing: absent fields have their default, as in PostgreSQL.
package struct SyntaxNode: Sendable {
    let tree: SyntaxTree
    /// -1 for what isn't there.
    let index: Int

    private var entry: SyntaxTree.Entry? { self.index < 0 ? nil : self.tree.entries[self.index] }

    package var exists: Bool { self.index >= 0 }

    /// What it's called where it stands; empty in a list.
    var key: String { self.entry.map { String(decoding: self.bytes($0.key), as: UTF8.self) } ?? "" }

    private func bytes(_ range: Range<UInt32>) -> ArraySlice<UInt8> {
        self.tree.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
    }

    /// The places right inside this one.
    private func forEachInside(_ body: (Int, SyntaxTree.Entry) -> Bool) {
        guard let entry = self.entry, entry.form == .object || entry.form == .list else { return }
        var next = self.index + 1
        while next < Int(entry.end) {
            let inside = self.tree.entries[next]
            guard body(next, inside) else { return }
            next = Int(inside.end)
        }
    }

    /// A field of an object.
    package subscript(_ key: StaticString) -> SyntaxNode {
        var found = -1
        if self.entry?.form == .object {
            self.forEachInside { index, inside in
                guard self.bytes(inside.key).elementsEqual(key.bytes) else { return true }
                found = index
                return false
            }
        }
        return SyntaxNode(tree: self.tree, index: found)
    }

    /// The values of a list.
    package var elements: [SyntaxNode] {
        guard self.entry?.form == .list else { return [] }
        return self.inside.map(\.node)
    }

    /// Everything right inside an object or a list, with its key.
    var inside: [(key: String, node: SyntaxNode)] {
        var all: [(String, SyntaxNode)] = []
        self.forEachInside { index, inside in
            all.append(
                (String(decoding: self.bytes(inside.key), as: UTF8.self), SyntaxNode(tree: self.tree, index: index)))
            return true
        }
        return all
    }

    /// Calls `body` for each object of that name here or inside, however deep.
    func forEachObject(named name: String, _ body: (SyntaxNode) -> Void) {
        guard let entry = self.entry else { return }
        for index in self.index..<Int(entry.end) {
            let node = SyntaxNode(tree: self.tree, index: index)
            if self.tree.entries[index].form == .object, node.key == name { body(node) }
        }
    }

    /// Whether any of these objects is here or inside, however deep.
    func contains(anyOf names: Set<String>) -> Bool {
        guard let entry = self.entry else { return false }
        return (self.index..<Int(entry.end)).contains { index in
            self.tree.entries[index].form == .object && names.contains(SyntaxNode(tree: self.tree, index: index).key)
        }
    }

    /// Of a node that says its kind: that, and its fields.
    package var tagged: (kind: String, fields: SyntaxNode)? {
        guard self.entry?.form == .object else { return nil }
        let inside = self.inside
        guard inside.count == 1, let only = inside.first, only.key.utf8.first.map({ (65...90).contains($0) }) ?? false
        else { return nil }
        return (only.key, only.node)
    }

    /// The fields of a node of that kind, or nothing.
    package func of(_ kind: StaticString) -> SyntaxNode { self[kind] }

    package var string: String? {
        guard let entry = self.entry, entry.form == .string else { return nil }
        return JSONText.unescaped(self.bytes(entry.value))
    }

    package var bool: Bool {
        guard let entry = self.entry, entry.form == .bool else { return false }
        return self.bytes(entry.value).first == UInt8(ascii: "t")
    }

    package var int: Int? {
        guard let entry = self.entry, entry.form == .number else { return nil }
        return Int(String(decoding: self.bytes(entry.value), as: UTF8.self))
    }

    /// A list of `String` nodes, such as a qualified name.
    package var names: [String] { self.elements.compactMap { $0.of("String")["sval"].string } }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: self.utf8Start, count: self.utf8CodeUnitCount)
    }
}

/// Strings as JSON writes them (RFC 8259, section 7).
enum JSONText {
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
        var units: [UInt8] = []
        units.reserveCapacity(bytes.count)
        var place = bytes.startIndex
        while place < bytes.endIndex {
            let byte = bytes[place]
            place += 1
            guard byte == UInt8(ascii: "\\"), place < bytes.endIndex else {
                units.append(byte)
                continue
            }
            let escape = bytes[place]
            place += 1
            switch escape {
            case UInt8(ascii: "n"): units.append(10)
            case UInt8(ascii: "r"): units.append(13)
            case UInt8(ascii: "t"): units.append(9)
            case UInt8(ascii: "b"): units.append(8)
            case UInt8(ascii: "f"): units.append(12)
            case UInt8(ascii: "u"):
                // libpg_query escapes so only what ASCII has.
                let digits = bytes[place..<min(place + 4, bytes.endIndex)]
                let number = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0xFFFD
                units.append(contentsOf: String(Unicode.Scalar(number).map(Character.init) ?? "\u{FFFD}").utf8)
                place += digits.count
            default: units.append(escape)
            }
        }
        return String(decoding: units, as: UTF8.self)
    }
}
