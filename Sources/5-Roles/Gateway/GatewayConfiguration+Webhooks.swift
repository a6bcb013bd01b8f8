import GloveboxCore
import Webhooks
import YAMLDocument

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
        "approval_used", "break_glass_opened", "break_glass_reviewed", "agent_sealed", "agent_unsealed",
        "change_stuck", "change_undone",
    ]

    var name: String
    var url: SecretSource
    var form: WebhookForm
    var secret: SecretSource?
    var events: Set<String>?

    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("name", "url", "form", "secret", "events")
        let name = try fields.required("name")
        self.name = try name.name(IdentityName.self).rawValue
        self.form = try fields["form"]?.choice() ?? .generic
        let url = try fields.required("url")
        if case .scalar = url.content {
            let text = try url.string
            guard WebAddress.isPrivate(text) else {
                throw url.error("\(url.label) has to be \(WebAddress.privateOnes)")
            }
            self.url = .plain(text)
        } else {
            self.url = try SecretSource(url, folder: folder)
        }
        self.secret = try fields["secret"].map { (node) throws(GloveboxError) in
            try SecretSource(node, folder: folder)
        }
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

    /// The receiver, with its secrets.
    /// - Throws: `configuration_invalid` with where a secret was looked for, never with what was found.
    func webhook() throws(GloveboxError) -> Webhook {
        let owner = "webhook '\(self.name)'"
        let url = try self.url.read(for: owner)
        guard WebAddress.isPrivate(url.exposeSecret()) else {
            throw GloveboxError(
                .configurationInvalid, "what is kept as the url of \(owner) has to be \(WebAddress.privateOnes)")
        }
        return Webhook(
            name: self.name, url: url, form: self.form,
            secret: try self.secret.map { (source) throws(GloveboxError) in try WebhookSecret(source.read(for: owner))
            },
            events: self.events)
    }
}
