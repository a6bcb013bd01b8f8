import GloveboxCore
import Identity
import YAMLDocument

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a secret of `gateway.yaml`'s is: `{file: PATH}` or `{environment: NAME}`.
enum SecretSource: Sendable {
    case plain(String)
    /// For its owner alone, without its last line break.
    case file(String)
    case environment(String)

    /// - Throws: `configuration_invalid`.
    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("file", "environment")
        switch (fields["file"], fields["environment"]) {
        case (let file?, nil):
            let path = try file.string
            self = .file(path.hasPrefix("/") ? path : "\(folder)/\(path)")
        case (nil, let variable?): self = .environment(try variable.string)
        default: throw node.error("\(node.label) is one of {file: PATH} and {environment: NAME}")
        }
    }

    /// - Parameter owner: whose secret it is, for complaints.
    /// - Throws: `configuration_invalid` with where it was looked for, never with what was found.
    func read(for owner: String) throws(GloveboxError) -> Secret<String> {
        switch self {
        case .plain(let text): return Secret(text)
        case .environment(let name):
            guard let value = getenv(name) else {
                throw GloveboxError(
                    .configurationInvalid,
                    "the environment variable '\(name)' of \(owner) isn't set: set it, or name a file")
            }
            return Secret(String(cString: value))
        case .file(let path):
            let text = String(decoding: try PrivateFile.read(path), as: UTF8.self)
            return Secret(String(text.last == "\n" ? text.dropLast() : text[...]))
        }
    }
}

/// Which URLs the gateway calls.
enum WebAddress {
    /// Those where nobody between reads along, in words.
    static let privateOnes = "https://…, or http:// on this machine (127.0.0.1, [::1] or localhost)"

    static func isPrivate(_ url: String) -> Bool {
        guard self.isAny(url) else { return false }
        if url.hasPrefix("https://") { return true }
        let authority = url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host =
            authority.hasSuffix("]") ? authority : authority.lastIndex(of: ":").map { authority[..<$0] } ?? authority
        return ["127.0.0.1", "localhost", "[::1]"].contains(host)
    }

    static func isAny(_ url: String) -> Bool {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        return ["https://", "http://"].contains { url.hasPrefix($0) && url.utf8.count > $0.utf8.count }
    }
}
