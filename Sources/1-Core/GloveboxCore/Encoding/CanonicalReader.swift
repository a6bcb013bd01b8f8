/// Reads what ``CanonicalWriter`` wrote, and nothing else: tags out of order, long varints, lengths past the end and
/// text that isn't UTF-8 are refused, since two encodings of one value would have two hashes.
///
/// Fields are asked for by tag, in rising order; a field that is skipped over is ignored, so that a newer writer may
/// add fields (``init(_:)`` checks the form of all of them first).
package struct CanonicalReader {
    private let fields: [Int: ArraySlice<UInt8>]

    /// - Throws: `protocol_violation` when `bytes` isn't in canonical form.
    package init(_ bytes: some Collection<UInt8>) throws(GloveboxError) {
        let all = ArraySlice(bytes)
        var fields: [Int: ArraySlice<UInt8>] = [:]
        var rest = all
        var lastTag = -1
        while !rest.isEmpty {
            let tag = try Self.varint(&rest)
            let length = try Self.varint(&rest)
            guard tag <= UInt64(UInt32.max), Int(tag) > lastTag, length <= UInt64(rest.count) else {
                throw Self.malformed
            }
            lastTag = Int(tag)
            fields[lastTag] = rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        self.fields = fields
    }

    package func bytes(_ tag: Int) throws(GloveboxError) -> [UInt8] {
        guard let value = self.fields[tag] else { throw Self.malformed }
        return Array(value)
    }

    package func has(_ tag: Int) -> Bool { self.fields[tag] != nil }

    package func bytesIfPresent(_ tag: Int) -> [UInt8]? {
        self.fields[tag].map { Array($0) }
    }

    package func string(_ tag: Int) throws(GloveboxError) -> String {
        guard let value = try self.stringIfPresent(tag) else { throw Self.malformed }
        return value
    }

    package func stringIfPresent(_ tag: Int) throws(GloveboxError) -> String? {
        guard let value = self.fields[tag] else { return nil }
        guard let text = String(validating: value, as: UTF8.self) else { throw Self.malformed }
        return text
    }

    package func unsigned(_ tag: Int) throws(GloveboxError) -> UInt64 {
        guard let value = try self.unsignedIfPresent(tag) else { throw Self.malformed }
        return value
    }

    package func unsignedIfPresent(_ tag: Int) throws(GloveboxError) -> UInt64? {
        guard var value = self.fields[tag] else { return nil }
        let number = try Self.varint(&value)
        guard value.isEmpty else { throw Self.malformed }
        return number
    }

    package func signed(_ tag: Int) throws(GloveboxError) -> Int64 {
        guard let value = try self.signedIfPresent(tag) else { throw Self.malformed }
        return value
    }

    package func signedIfPresent(_ tag: Int) throws(GloveboxError) -> Int64? {
        guard let value = try self.unsignedIfPresent(tag) else { return nil }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    package func nested(_ tag: Int) throws(GloveboxError) -> CanonicalReader {
        guard let value = self.fields[tag] else { throw Self.malformed }
        return try CanonicalReader(value)
    }

    package func nestedIfPresent(_ tag: Int) throws(GloveboxError) -> CanonicalReader? {
        guard let value = self.fields[tag] else { return nil }
        return try CanonicalReader(value)
    }

    package func list<Element>(
        _ tag: Int, _ body: (CanonicalReader) throws(GloveboxError) -> Element
    ) throws(GloveboxError) -> [Element] {
        guard let value = self.fields[tag] else { return [] }
        let reader = try CanonicalReader(value)
        var elements: [Element] = []
        for index in 0..<reader.fields.count {
            elements.append(try body(try reader.nested(index)))
        }
        return elements
    }

    package func strings(_ tag: Int) throws(GloveboxError) -> [String] {
        guard let value = self.fields[tag] else { return [] }
        let reader = try CanonicalReader(value)
        var elements: [String] = []
        for index in 0..<reader.fields.count {
            elements.append(try reader.string(index))
        }
        return elements
    }

    package func stringPairs(_ tag: Int) throws(GloveboxError) -> [String: String] {
        let flat = try self.strings(tag)
        guard flat.count.isMultiple(of: 2) else { throw Self.malformed }
        var pairs: [String: String] = [:]
        for index in stride(from: 0, to: flat.count, by: 2) {
            guard pairs.updateValue(flat[index + 1], forKey: flat[index]) == nil else { throw Self.malformed }
        }
        return pairs
    }

    package static var malformed: GloveboxError {
        GloveboxError(.protocolViolation, "these bytes are not a message in canonical form")
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) throws(GloveboxError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            guard shift < 63 || (shift == 63 && byte <= 1) else { throw Self.malformed }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                guard byte != 0 || shift == 0 else { throw Self.malformed }
                return value
            }
            shift += 7
        }
        throw Self.malformed
    }
}
