/// The `baggage` header of one request as it came, line by line, to take the mark out or to put another in its place. What
/// else is there stays byte for byte, be it right or wrong: it's others'.
package struct BaggageLines: Hashable, Sendable {
    /// The mark's key.
    package static let markKey = "glovebox"

    /// What of a mark is there.
    package enum Mark: Hashable, Sendable {
        case none
        /// One member of the key, with this value. Whether that's a token is ``TestContextKeys``' to say.
        case one(ArraySlice<UInt8>)
        case duplicated
        /// One member whose key is the mark's to some readers, but not written so (`GloveBox`, `%67lovebox`); or without a
        /// value, or with properties.
        case malformed
    }

    /// As header fields have them, without white space around.
    package private(set) var lines: [[UInt8]]

    package init(_ lines: [[UInt8]]) {
        self.lines = lines
    }

    package var mark: Mark {
        var found: ArraySlice<UInt8>?
        for line in self.lines {
            for element in HeaderBytes.elements(line[...]) where Self.isMark(element) {
                guard found == nil else { return .duplicated }
                found = element
            }
        }
        guard let found else { return .none }
        guard let sign = found.firstIndex(of: UInt8(ascii: "=")),
            HeaderBytes.trimmed(found[..<sign]).elementsEqual(Self.markKey.utf8),
            !found.contains(UInt8(ascii: ";"))
        else { return .malformed }
        let value = HeaderBytes.trimmed(found[(sign + 1)...])
        return value.isEmpty ? .malformed : .one(value)
    }

    /// A member by which a request asks to be served as a test's or not at all: `glovebox-required=1`. It's no mark, and lets
    /// nobody do anything.
    package static let requiredMember = "glovebox-required=1"

    package var wantsMark: Bool {
        self.lines.contains { line in
            HeaderBytes.elements(line[...]).contains {
                HeaderBytes.trimmed($0).elementsEqual(Self.requiredMember.utf8)
            }
        }
    }

    /// Takes out all that might be a mark, right or wrong. A line that held nothing else goes.
    package mutating func removeMarks() {
        self.lines = self.lines.compactMap { line in
            let elements = HeaderBytes.elements(line[...])
            let rest = elements.filter { !Self.isMark($0) }
            if rest.count == elements.count { return line }
            return rest.isEmpty ? nil : Array(rest.joined(separator: [UInt8(ascii: ",")]))
        }
    }

    /// Puts `token` in the place of all marks, behind all else and in a line that's there already, if one is: proxies and
    /// services that read one line alone see it then.
    package mutating func replaceMarks(with token: String) {
        self.removeMarks()
        let member = Array("\(Self.markKey)=\(token)".utf8)
        if let last = self.lines.popLast() {
            self.lines.append(HeaderBytes.trimmed(last[...]).isEmpty ? member : last + [UInt8(ascii: ",")] + member)
        } else {
            self.lines.append(member)
        }
    }

    /// Whether some reader might take this element of the list for a mark: whatever its letters' case, in percents or not,
    /// and with a plus for a space, as forms have it.
    private static func isMark(_ element: ArraySlice<UInt8>) -> Bool {
        let end = element.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ";") } ?? element.endIndex
        guard var key = Percents.decode(element[..<end])?[...] else { return false }
        while let first = key.first, Self.isSpace(first) { key.removeFirst() }
        while let last = key.last, Self.isSpace(last) { key.removeLast() }
        return key.count == Self.markKey.utf8.count && zip(key, Self.markKey.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == UInt8(ascii: "+") }
}

// MARK: - The question that each request is asked

extension BaggageLines {
    /// Whether a line may hold a mark: `false` for certain, `true` when it's worth to look. One look at each byte up to there,
    /// and no memory taken: ordinary requests pay for no more.
    @inlinable package static func mayHoldMark(_ line: some Sequence<UInt8>) -> Bool {
        line.withContiguousStorageIfAvailable { Self.scan($0) } ?? Array(line).withUnsafeBufferPointer { Self.scan($0) }
    }

    /// Looks at keys, for the mark's and for one in percents; of values only where they end.
    @usableFromInline static func scan(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = line.count
        var index = 0
        while index < count {
            while index < count, Self.isSpace(line[index]) { index += 1 }
            if Self.isMarkKey(line, at: index) { return true }
            while index < count, line[index] != UInt8(ascii: "="), line[index] != UInt8(ascii: ","),
                line[index] != UInt8(ascii: ";")
            {
                if line[index] == UInt8(ascii: "%") { return true }
                index += 1
            }
            while index < count, line[index] != UInt8(ascii: ",") { index += 1 }
            index += 1
        }
        return false
    }

    private static func isMarkKey(_ line: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        let key = Self.markKey.utf8
        guard line.count - start >= key.count, line[start] | 0x20 == UInt8(ascii: "g") else { return false }
        return zip(line[start...], key).allSatisfy { $0 | 0x20 == $1 }
    }
}
