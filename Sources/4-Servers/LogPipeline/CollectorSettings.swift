package import GloveboxCore
import Identity
package import YAMLDocument

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a secret is; never the secret itself, so that a configuration may be shown to anyone.
package enum SecretReference: Hashable, Sendable {
    case file(String)
    case environment(String)

    /// - Throws: `configuration_invalid` for what isn't `{file: PATH}` or `{env: NAME}`.
    package init(node: YAMLNode) throws(GloveboxError) {
        guard case .mapping = node.content else {
            throw node.error("a secret isn't written here: write where it is, as {file: PATH} or {env: NAME}")
        }
        let fields = try node.mapping("file", "env")
        switch (try fields["file"]?.string, try fields["env"]?.string) {
        case (let file?, nil): self = .file(file)
        case (nil, let name?): self = .environment(name)
        default: throw node.error("write where the secret is: {file: PATH} or {env: NAME}")
        }
    }

    /// - Throws: `configuration_invalid`, `not_found`, `file_exposed`, `file_unusable`; none says anything of the secret.
    func read() throws(GloveboxError) -> Secret<String> {
        let text: String
        let place: String
        switch self {
        case .file(let path):
            place = path
            text = String(decoding: try PrivateFile.read(path), as: UTF8.self)
        case .environment(let name):
            place = "the environment variable \(name)"
            text = getenv(name).map { String(cString: $0) } ?? ""
        }
        var bytes = text.utf8[...]
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        // It becomes a header's value, whose end is a line's.
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw GloveboxError(
                .configurationInvalid, "\(place) holds no secret that can be sent: one line of ASCII without its name")
        }
        return Secret(String(decoding: bytes, as: UTF8.self))
    }
}

extension PipelineConfiguration {
    /// A collector that takes OTLP over HTTP, and how we prove there who we are.
    package struct CollectorSettings: Hashable, Sendable {
        package struct Header: Hashable, Sendable {
            package var name: String
            package var value: SecretReference
        }

        package var url: String
        /// A file of certificates in PEM that the collector's is proven by; else the system's.
        package var authority: String?
        /// Files in PEM: our certificate, with its chain, and its key.
        package var certificate: String?
        package var key: String?
        package var headers: [Header] = []
        package var isCompressed = false

        /// - Throws: `configuration_invalid` with file, line and column.
        package init(node: YAMLNode) throws(GloveboxError) {
            let fields = try node.mapping("kind", "url", "ca", "certificate", "key", "headers", "gzip")
            let url = try fields.required("url")
            self.url = try url.string
            let isPlain = self.url.hasPrefix("http://")
            guard isPlain || self.url.hasPrefix("https://"), self.url.hasSuffix("/v1/logs") else {
                throw url.error("write a collector's address with its path, such as http://127.0.0.1:4318/v1/logs")
            }
            self.authority = try fields["ca"]?.string
            self.certificate = try fields["certificate"]?.string
            self.key = try fields["key"]?.string
            guard (self.certificate == nil) == (self.key == nil) else {
                throw node.error("'certificate' and 'key' belong together: write both, or none")
            }
            guard !isPlain || self.certificate == nil else {
                throw url.error("a certificate is shown over TLS only: write https://")
            }
            for entry in try fields["headers"]?.entries ?? [] {
                let name = entry.key.lowercased()
                guard !name.isEmpty, name.utf8.allSatisfy(Self.isToken) else {
                    throw entry.keyError("a header's name has letters, digits and '-'")
                }
                guard !Self.ours.contains(name) else { throw entry.keyError("the header '\(name)' is Glovebox's own") }
                self.headers.append(Header(name: name, value: try SecretReference(node: entry.value)))
            }
            guard self.headers.isEmpty || !isPlain || Self.isLoopback(self.url) else {
                throw url.error("secrets in headers go over TLS, or to this host: write https://")
            }
            self.isCompressed = try fields["gzip"]?.bool ?? false
        }

        private static let ours: Set = [
            "content-type", "content-length", "content-encoding", "transfer-encoding", "host", "connection",
        ]

        private static func isToken(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
        }

        private static func isLoopback(_ url: String) -> Bool {
            let authority = url.dropFirst("http://".count).prefix { $0 != "/" }
            guard !authority.contains("@") else { return false }
            if authority == "[::1]" || authority.hasPrefix("[::1]:") { return true }
            let host = authority.prefix { $0 != ":" }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return host == "localhost"
                || parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        }
    }
}
