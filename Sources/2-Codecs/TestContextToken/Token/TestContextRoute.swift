package import GloveboxCore

/// Where a token may be used: all that's under a path, of one host or of any.
package struct TestContextRoute: Hashable, Sendable {
    /// In small letters, without a port; `nil` for any.
    package let host: String?
    /// Begins with a slash. `/orders` is that and all under it, but not `/orders2`.
    package let path: String

    /// - Throws: `invalid_argument` for a path or a host in another form.
    package init(host: String? = nil, path: String) throws(GloveboxError) {
        self.host = host
        self.path = path
        guard host.map({ Self.name($0) == $0 && (1...253).contains($0.utf8.count) }) != false else {
            throw TestContextForm.wrong("a route's host: in small letters, without a port")
        }
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 512, !path.utf8.contains(UInt8(ascii: "?")),
            !Self.isAmbiguous(path.utf8[...])
        else { throw TestContextForm.wrong("a route's path: it begins with '/' and has no '..' and no query") }
    }

    /// - Parameters:
    ///   - host: with or without a port.
    ///   - path: with or without a query.
    package func takes(host: String, path: String) -> Bool {
        guard self.host == nil || self.host == Self.name(host) else { return false }
        let path = path.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard path.first == UInt8(ascii: "/") else { return false }
        if self.path == "/" { return true }
        // A server behind might take it for another path, so that only the whole of a host takes it.
        guard path.starts(with: self.path.utf8), !Self.isAmbiguous(path) else { return false }
        return self.path.utf8.last == UInt8(ascii: "/") || path.count == self.path.utf8.count
            || path.dropFirst(self.path.utf8.count).first == UInt8(ascii: "/")
    }

    /// In small letters, without what follows a last colon in digits alone.
    private static func name(_ host: String) -> String {
        var name = host.utf8[...]
        if let colon = name.lastIndex(of: UInt8(ascii: ":")),
            name[colon...].dropFirst().allSatisfy({ (0x30...0x39).contains($0) })
        {
            name = name[..<colon]
        }
        return String(decoding: name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Whether some server might resolve it to another: `..` and `.` as segments, plain, in percents or with parameters;
    /// slashes in percents, backslashes, zeros.
    private static func isAmbiguous(_ path: Substring.UTF8View) -> Bool {
        var plain: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                plain.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Percents.digit), let low = rest.popFirst().flatMap(Percents.digit),
                case let value = high << 4 | low, value != UInt8(ascii: "/"), value != 0
            else { return true }
            plain.append(value)
        }
        if plain.contains(where: { $0 == UInt8(ascii: "\\") || $0 == 0 }) { return true }
        return plain.split(separator: UInt8(ascii: "/")).contains { segment in
            let name = segment.prefix { $0 != UInt8(ascii: ";") }
            return name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8)
        }
    }
}
