package import GloveboxCore

/// An address and port to listen on.
package struct SocketPlace: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Throws: `configuration_invalid` for what isn't HOST:PORT.
    package init(node: YAMLNode) throws(GloveboxError) {
        let text = try node.string
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            colon != text.startIndex
        else {
            throw node.error("\(node.label) is no address to listen on: write HOST:PORT, such as 127.0.0.1:8443")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: String(host), port: Int(port))
    }

    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
