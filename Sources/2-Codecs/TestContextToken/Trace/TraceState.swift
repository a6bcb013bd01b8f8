/// A `tracestate` header (W3C Trace Context, level 2): what tracing systems add to a trace, the last that changed it first.
package struct TraceState: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let key: String
        package let value: String
    }

    package static let mostMembers = 32
    private static let longest = 256

    package private(set) var members: [Member]

    package init() {
        self.members = []
    }

    /// The lines of one header, as one list. Empty members are allowed; of a key that's there twice, the first counts, since
    /// it's the later one.
    ///
    /// Nil for anything else that isn't one, a member more than 32 included: then all of it is dropped, and `traceparent` holds.
    package init?(_ lines: [[UInt8]]) {
        self.members = []
        var count = 0
        for line in lines {
            for element in HeaderBytes.elements(line[...]) {
                let element = HeaderBytes.trimmed(element)
                if element.isEmpty { continue }
                count += 1
                guard count <= Self.mostMembers, let sign = element.firstIndex(of: UInt8(ascii: "=")),
                    Self.isKey(element[..<sign]), Self.isValue(element[(sign + 1)...])
                else { return nil }
                let member = Member(
                    key: String(decoding: element[..<sign], as: UTF8.self),
                    value: String(decoding: element[(sign + 1)...], as: UTF8.self))
                if self[member.key] == nil { self.members.append(member) }
            }
        }
    }

    package subscript(_ key: String) -> String? { self.members.first { $0.key == key }?.value }

    /// Puts a member first, in the place of one of its key; a member more than there may be goes at the end.
    /// - Returns: false, and nothing is changed, for a key or a value that can't be.
    package mutating func set(_ key: String, _ value: String) -> Bool {
        guard Self.isKey(Array(key.utf8)[...]), Self.isValue(Array(value.utf8)[...]) else { return false }
        self.members.removeAll { $0.key == key }
        self.members.insert(Member(key: key, value: value), at: 0)
        self.members.removeLast(max(0, self.members.count - Self.mostMembers))
        return true
    }

    private static func isKey(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard (1...Self.longest).contains(bytes.count), let first = bytes.first, Self.isLetterOrDigit(first) else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "@"): true
            default: Self.isLetterOrDigit(byte)
            }
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// Spaces belong to it, but for the last.
    private static func isValue(_ bytes: ArraySlice<UInt8>) -> Bool {
        (1...Self.longest).contains(bytes.count) && bytes.last != 0x20
            && bytes.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
    }
}

extension TraceState: CustomStringConvertible {
    /// As one line, empty when there's no member: then no header is sent.
    package var description: String { self.members.map { "\($0.key)=\($0.value)" }.joined(separator: ",") }
}
