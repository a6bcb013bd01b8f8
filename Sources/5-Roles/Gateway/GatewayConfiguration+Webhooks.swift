import GloveboxCore
import Identity
import Webhooks
import YAMLDocument

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A receiver of webhooks as `gateway.yaml` describes it; its secrets are elsewhere.
///
///     webhooks:
///       - name: on-call
///         url: {file: slack.url}             # or a plain https://…, or {environment: NAME}
///         form: slack                        # generic, slack or teams
///         events: [approval_requested, break_glass_opened]    # all, if left out
///       - name: siem
///         url: https://siem.example.com/glovebox
///         form: generic
///         secret: {file: siem.secret}        # or {environment: NAME}; generic wants one
package struct WebhookConfiguration: Sendable {
    /// What can be told.
    package static let events = [
        "approval_requested", "approval_granted", "approval_denied", "approval_expired", "approval_withdrawn",
        "approval_used", "break_glass_opened", "break_glass_reviewed",
    ]

    /// Where a secret is.
    enum Source: Sendable {
        case plain(String)
        /// For its owner alone, without its last line break.
        case file(String)
        case environment(String)
    }

    var name: String
    var url: Source
    var form: WebhookForm
    var secret: Source?
    var events: Set<String>?

    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("name", "url", "form", "secret", "events")
        let name = try fields.required("name")
        self.name = try name.name(IdentityName.self).rawValue
        self.form = try fields["form"]?.choice() ?? .generic
        let url = try fields.required("url")
        if case .scalar = url.content {
            let text = try url.string
            guard Self.isAllowed(text) else { throw url.error("\(url.label) has to be \(Self.allowed)") }
            self.url = .plain(text)
        } else {
            self.url = try Self.source(url, folder)
        }
        self.secret = try fields["secret"].map { (node) throws(GloveboxError) in try Self.source(node, folder) }
        guard self.form != .generic || self.secret != nil else {
            throw node.error("webhook '\(self.name)' lacks 'secret': its receiver couldn't tell who sends it")
        }
        if let events = fields["events"] {
            var names: Set<String> = []
            for event in try events.list {
                let name = try event.string
                guard Self.events.contains(name) else {
                    throw event.error("'\(name)' isn't told: write some of \(Self.events.joined(separator: ", "))")
                }
                names.insert(name)
            }
            self.events = names
        }
    }

    private static func source(_ node: YAMLNode, _ folder: String) throws(GloveboxError) -> Source {
        let fields = try node.mapping("file", "environment")
        switch (fields["file"], fields["environment"]) {
        case (let file?, nil):
            let path = try file.string
            return .file(path.hasPrefix("/") ? path : "\(folder)/\(path)")
        case (nil, let variable?): return .environment(try variable.string)
        default: throw node.error("\(node.label) is one of {file: PATH} and {environment: NAME}")
        }
    }

    /// The receiver, with its secrets.
    /// - Throws: `configuration_invalid` with where a secret was looked for, never with what was found.
    func webhook() throws(GloveboxError) -> Webhook {
        let url = try self.read(self.url)
        guard Self.isAllowed(url.exposeSecret()) else {
            throw GloveboxError(
                .configurationInvalid, "what is kept as the url of webhook '\(self.name)' has to be \(Self.allowed)")
        }
        return Webhook(
            name: self.name, url: url, form: self.form,
            secret: try self.secret.map { (source) throws(GloveboxError) in try WebhookSecret(self.read(source)) },
            events: self.events)
    }

    private func read(_ source: Source) throws(GloveboxError) -> Secret<String> {
        switch source {
        case .plain(let text): return Secret(text)
        case .environment(let name):
            guard let value = getenv(name) else {
                throw GloveboxError(
                    .configurationInvalid,
                    "the environment variable '\(name)' of webhook '\(self.name)' isn't set: set it, or name a file")
            }
            return Secret(String(cString: value))
        case .file(let path):
            let text = String(decoding: try PrivateFile.read(path), as: UTF8.self)
            return Secret(String(text.last == "\n" ? text.dropLast() : text[...]))
        }
    }

    private static let allowed = "https://…, or http:// on this machine (127.0.0.1, [::1] or localhost)"

    private static func isAllowed(_ url: String) -> Bool {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        if url.hasPrefix("https://") { return url.utf8.count > "https://".utf8.count }
        guard url.hasPrefix("http://") else { return false }
        let authority = url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host =
            authority.hasSuffix("]") ? authority : authority.lastIndex(of: ":").map { authority[..<$0] } ?? authority
        return ["127.0.0.1", "localhost", "[::1]"].contains(host)
    }
}
