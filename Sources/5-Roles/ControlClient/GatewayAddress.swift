package import GloveboxCore

/// Where a gateway's API is: `https://HOST[:PORT]`, and nothing after it. The port is 8443 unless it's said.
package struct GatewayAddress: Hashable, Sendable, Codable, CustomStringConvertible {
    package static let standardPort = 8443

    /// A DNS name, an IPv4 address, or an IPv6 address without its brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Takes `https://HOST[:PORT][/]` and the same without `https://`.
    /// - Throws: `invalid_argument`.
    package init(_ text: String) throws(GloveboxError) {
        let wrong = GloveboxError(
            .invalidArgument, "'\(text.prefix(200))' is not a gateway's address: https://HOST:PORT is wanted")
        var rest = text[...]
        if let scheme = text.range(ofScheme: "https://") {
            rest = text[scheme.upperBound...]
        } else if text.contains("://") {
            throw wrong
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest
        var port: Substring?
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw wrong }
            host = rest[rest.index(after: rest.startIndex)..<close]
            let after = rest[rest.index(after: close)...]
            guard after.isEmpty || after.first == ":", host.contains(":") else { throw wrong }
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            port = rest[rest.index(after: colon)...]
        }
        let isHost = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): rest.first == "["
            default: false
            }
        }
        guard !host.isEmpty, host.utf8.count <= 253, isHost else { throw wrong }
        self.host = String(host)
        guard let port else {
            self.port = Self.standardPort
            return
        }
        guard let number = Int(port), (1...65535).contains(number), port.allSatisfy(\.isNumber) else { throw wrong }
        self.port = number
    }

    package var description: String {
        "https://\(self.host.contains(":") ? "[\(self.host)]" : self.host):\(self.port)"
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

extension String {
    fileprivate func range(ofScheme scheme: String) -> Range<String.Index>? {
        guard self.lowercased().hasPrefix(scheme) else { return nil }
        return self.startIndex..<self.index(self.startIndex, offsetBy: scheme.count)
    }
}
