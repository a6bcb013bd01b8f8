package import GloveboxCore

/// What a `baggage` header says (W3C Baggage): a list of keys with values and properties. Several lines are one list.
///
/// This is for reading and making them. Whoever passes one on keeps it as it came: ``BaggageLines``.
package struct Baggage: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        /// A token of RFC 9110.
        package var key: String
        /// Decoded.
        package var value: String
        package var properties: [Property]

        package init(_ key: String, _ value: String, properties: [Property] = []) {
            self.key = key
            self.value = value
            self.properties = properties
        }
    }

    package struct Property: Hashable, Sendable {
        package var key: String
        /// Decoded; nil for a key alone.
        package var value: String?

        package init(_ key: String, _ value: String? = nil) {
            self.key = key
            self.value = value
        }
    }

    /// What a list has to be passed on up to, and what's read at most.
    package static let mostMembers = 64
    package static let mostBytes = 8192

    package var members: [Member]

    package init(_ members: [Member] = []) {
        self.members = members
    }

    /// Reads the lines of one header strictly. Empty elements are allowed, as in all lists; what's in percents and isn't UTF-8
    /// becomes U+FFFD, as the specification has it.
    /// - Throws: `baggage_invalid` that says which member is wrong and why.
    package init(_ lines: [[UInt8]]) throws(GloveboxError) {
        let count = lines.reduce(0) { $0 + $1.count } + max(0, lines.count - 1)
        guard count <= Self.mostBytes else {
            throw Self.fault("the list has \(count) bytes, of which \(Self.mostBytes) may be")
        }
        self.members = []
        for line in lines {
            for element in HeaderBytes.elements(line[...]) {
                let element = HeaderBytes.trimmed(element)
                if element.isEmpty { continue }
                guard self.members.count < Self.mostMembers else {
                    throw Self.fault("the list has more than \(Self.mostMembers) members")
                }
                self.members.append(try Self.member(element, self.members.count + 1))
            }
        }
    }

    /// The value of this key: of several, the first.
    package subscript(_ key: String) -> String? {
        self.members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// As one line; each letter that has to be is in percents, and no other.
    /// - Throws: `baggage_invalid` for a key that isn't a token.
    package func line() throws(GloveboxError) -> String {
        var texts: [String] = []
        for (index, member) in self.members.enumerated() {
            var text = "\(try Self.checked(member.key, index + 1))=\(Self.encoded(member.value))"
            for property in member.properties {
                text += ";" + (try Self.checked(property.key, index + 1))
                if let value = property.value { text += "=" + Self.encoded(value) }
            }
            texts.append(text)
        }
        return texts.joined(separator: ",")
    }

    private static func fault(_ what: String) -> GloveboxError { GloveboxError(.baggageInvalid, "baggage: \(what)") }

    private static func member(_ element: ArraySlice<UInt8>, _ number: Int) throws(GloveboxError) -> Member {
        let parts = element.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        let first = try Self.pair(parts[0], number)
        guard let value = first.value else { throw Self.fault("member \(number) has no '='") }
        var member = Member(first.key, value)
        for part in parts.dropFirst() { member.properties.append(try Self.pair(part, number)) }
        return member
    }

    private static func pair(_ part: ArraySlice<UInt8>, _ number: Int) throws(GloveboxError) -> Property {
        let end = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
        let key = HeaderBytes.trimmed(part[..<end])
        guard !key.isEmpty, key.allSatisfy(HeaderBytes.isTokenByte) else {
            throw Self.fault("a key of member \(number) is empty or has letters that keys don't")
        }
        var value: String?
        if end < part.endIndex {
            let encoded = HeaderBytes.trimmed(part[(end + 1)...])
            guard encoded.allSatisfy(Self.isOctet), let plain = Percents.decode(encoded) else {
                throw Self.fault("a value of member \(number) has letters that have to be in percents")
            }
            value = String(decoding: plain, as: UTF8.self)
        }
        return Property(String(decoding: key, as: UTF8.self), value)
    }

    private static func checked(_ key: String, _ number: Int) throws(GloveboxError) -> String {
        guard !key.utf8.isEmpty, key.utf8.allSatisfy(HeaderBytes.isTokenByte) else {
            throw Self.fault("a key of member \(number) is empty or has letters that keys don't")
        }
        return key
    }

    private static func encoded(_ value: String) -> String {
        Percents.encode(value) { Self.isOctet($0) && $0 != UInt8(ascii: "%") }
    }

    /// The specification's baggage-octet.
    private static func isOctet(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x23...0x2B, 0x2D...0x3A, 0x3C...0x5B, 0x5D...0x7E: true
        default: false
        }
    }
}

extension GloveboxError.Code {
    /// A header isn't a list by W3C Baggage.
    package static let baggageInvalid = Self("baggage_invalid")
}
