/// A field line (RFC 9112, 5) by where it lies in its head, counted from the head's first byte.
package struct FieldLine: Hashable, Sendable {
    package var name: UInt32
    package var nameLength: UInt16
    package var known: KnownField
    /// `Connection` names it: it ends at this hop.
    package var isNominated = false
    /// Without the white space around it.
    package var value: UInt32
    package var valueLength: UInt32
    /// Behind the line's CR and LF.
    package var end: UInt32
}

/// Reads field lines up to the empty one, as their bytes come: for heads and trailers.
///
/// A line is judged as soon as it's whole, and none twice, so that what's found doesn't depend on how the bytes were cut.
struct FieldLineReader: Sendable {
    private(set) var lines: [FieldLine] = []
    private(set) var seen: FieldSet = []
    /// Where the line begins that's read now.
    private var at: Int
    /// Where the search for its end goes on.
    private var scanned: Int

    init(at: Int = 0) {
        self.at = at
        self.scanned = at
    }

    mutating func reset(at: Int) {
        self.lines.removeAll(keepingCapacity: true)
        self.seen = []
        self.at = at
        self.scanned = at
    }

    /// - Parameters:
    ///   - bytes: from the head's first on, as many as there are.
    ///   - bound: the empty line ends before this.
    /// - Returns: the place behind the empty line; `nil` while it isn't there.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, bound: Int, mostLines: Int, tooLong: HTTPRefusal.Code
    ) throws(HTTPRefusal) -> Int? {
        while let end = try ByteScan.lineEnd(bytes, scanned: &self.scanned, bound: bound, tooLong: tooLong) {
            let start = self.at
            self.at = end &+ 2
            self.scanned = self.at
            if end == start { return end &+ 2 }
            guard self.lines.count < mostLines else { throw HTTPRefusal(.tooManyFields) }
            let line = try Self.line(bytes, start, end)
            self.seen.insert(line.known)
            self.lines.append(line)
        }
        return nil
    }

    mutating func nominate(_ index: Int) {
        self.lines[index].isNominated = true
    }

    private static func line(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPRefusal) -> FieldLine {
        var colon = start
        while colon < end, bytes[colon].isTokenCharacter { colon &+= 1 }
        guard colon < end, bytes[colon] == UInt8(ascii: ":") else {
            throw HTTPRefusal(Self.fault(bytes, start, colon, end))
        }
        guard colon > start else { throw HTTPRefusal(.fieldNameMissing) }
        guard colon &- start <= Int(UInt16.max) else { throw HTTPRefusal(.headTooLarge) }
        var value = colon &+ 1
        while value < end, bytes[value].isBlank { value &+= 1 }
        var valueEnd = end
        while valueEnd > value, bytes[valueEnd &- 1].isBlank { valueEnd &-= 1 }
        return FieldLine(
            name: UInt32(truncatingIfNeeded: start), nameLength: UInt16(truncatingIfNeeded: colon &- start),
            known: try KnownField(bytes, start, colon &- start), value: UInt32(truncatingIfNeeded: value),
            valueLength: UInt32(truncatingIfNeeded: valueEnd &- value), end: UInt32(truncatingIfNeeded: end &+ 2))
    }

    /// What's wrong with a line whose name ends at `at` without a colon.
    private static func fault(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ at: Int, _ end: Int
    ) -> HTTPRefusal.Code {
        guard at < end else { return .fieldNameMissing }
        guard bytes[at].isBlank else { return .fieldNameInvalid }
        guard at > start else { return .lineFolding }
        var next = at
        while next < end, bytes[next].isBlank { next &+= 1 }
        return next < end && bytes[next] == UInt8(ascii: ":") ? .spaceBeforeColon : .fieldNameInvalid
    }
}

extension UInt8 {
    /// `OWS` is made of these (RFC 9110, 5.6.3).
    @inline(__always)
    var isBlank: Bool { self == 0x20 || self == 0x09 }
}

/// The tokens of a comma-separated list (RFC 9110, 5.6.1), in one line's value.
struct TokenList {
    private let bytes: UnsafeRawBufferPointer
    private var at: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer, _ line: FieldLine) {
        self.bytes = bytes
        self.at = Int(line.value)
        self.end = self.at + Int(line.valueLength)
    }

    /// The place of the next token, empty elements left out; `nil` behind the last.
    /// - Throws: for an element that isn't a token.
    mutating func next(else code: HTTPRefusal.Code) throws(HTTPRefusal) -> (at: Int, length: Int)? {
        while self.at < self.end, self.bytes[self.at].isBlank || self.bytes[self.at] == UInt8(ascii: ",") {
            self.at += 1
        }
        guard self.at < self.end else { return nil }
        let start = self.at
        while self.at < self.end, self.bytes[self.at].isTokenCharacter { self.at += 1 }
        let length = self.at - start
        while self.at < self.end, self.bytes[self.at].isBlank { self.at += 1 }
        guard length > 0, self.at == self.end || self.bytes[self.at] == UInt8(ascii: ",") else {
            throw HTTPRefusal(code)
        }
        return (start, length)
    }
}
