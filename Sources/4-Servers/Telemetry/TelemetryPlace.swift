package import GloveboxCore
package import YAMLDocument

/// Where a role tells of itself. Nobody proves there who they are, so it's on loopback, always.
package struct TelemetryPlace: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Throws: `configuration_invalid` for what isn't HOST:PORT, or isn't loopback.
    package init(node: YAMLNode) throws(GloveboxError) {
        let text = try node.string
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw node.error("\(node.label) is no address to listen on: write HOST:PORT, such as 127.0.0.1:9464")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard Self.isLoopback(host) else {
            throw node.error(
                "\(node.label) must be on loopback, since nobody proves there who they are: write 127.0.0.1:\(port), and let what collects metrics run on this host"
            )
        }
        self.init(host: host, port: Int(port))
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
