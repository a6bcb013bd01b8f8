import GloveboxCore
import MetricsText
import YAMLDocument

/// What guards may measure, as `gateway.yaml` describes it.
///
///     guards:
///       prometheus: {url: https://prometheus.example.com, token: {file: prometheus.token}}    # or its URL alone
///       signals:
///         - name: error-rate
///           query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
///         - name: shop-errors                       # of the page itself, without a Prometheus
///           metrics: http://127.0.0.1:9100/metrics
///           errors: http_requests_total{status=~"5.."}
///           of: http_requests_total
///         - name: shop-p99
///           metrics: http://127.0.0.1:9100/metrics
///           latency: http_request_duration_seconds
///           quantile: 0.99
///           over: 30s
///         - name: shop-check                        # the status that a program ends with
///           command: [/usr/local/bin/check-shop, --quick]
///           user: nobody
///           timeout: 5s
struct GuardConfiguration: Sendable {
    /// Whom PromQL is asked of.
    struct Prometheus: Sendable {
        /// Without a path.
        var url: String
        var token: SecretSource?
    }

    /// A program that looks at something: no shell, no variables.
    struct Command: Sendable {
        var arguments: [String]
        /// Whose rights it has; the gateway's where it's nil.
        var user: String?
        var timeout: Duration
    }

    /// How a signal comes to a number.
    enum Source: Sendable {
        case query(String)
        /// Of a page of metrics: the share of what's selected second that's selected first, over the last while.
        case errors(page: String, SampleSelector, of: SampleSelector, over: Duration)
        /// Of a page of metrics: a quantile of a histogram, over the last while.
        case latency(page: String, SampleSelector, quantile: Double, over: Duration)
        /// The status that a program ends with on the gateway's host.
        case command(Command)
    }

    var prometheus: Prometheus?
    var signals: [String: Source] = [:]

    init() {}

    /// - Throws: `configuration_invalid`.
    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("prometheus", "signals")
        self.prometheus = try fields["prometheus"].map { (node) throws(GloveboxError) in
            if case .scalar = node.content { return Prometheus(url: try Self.url(node)) }
            let parts = try node.mapping("url", "token")
            let url = try parts.required("url")
            let token = try parts["token"].map { (node) throws(GloveboxError) in
                try SecretSource(node, folder: folder)
            }
            let text = try Self.url(url)
            guard token == nil || WebAddress.isPrivate(text) else {
                throw url.error("\(url.label) is asked with a token, so it has to be \(WebAddress.privateOnes)")
            }
            return Prometheus(url: text, token: token)
        }
        for node in try fields["signals"]?.list ?? [] {
            let (name, source) = try Self.signal(node)
            guard self.signals.updateValue(source, forKey: name) == nil else {
                throw node.error("two signals are called '\(name)': give each a name of its own")
            }
            if case .query = source, self.prometheus == nil {
                throw node.error("signal '\(name)' is a query, and there's nobody to ask: name 'prometheus'")
            }
        }
    }

    private static func signal(_ node: YAMLNode) throws(GloveboxError) -> (String, Source) {
        let ofPages = ["metrics", "errors", "of", "latency", "quantile", "over"]
        let ofCommands = ["user", "timeout"]
        let fields = try node.mapping(["name", "query", "command"] + ofPages + ofCommands)
        let name: String = try fields.required("name").name(IdentityName.self).rawValue
        if let query = fields["query"] {
            for other in ["command"] + ofPages + ofCommands where fields[other] != nil {
                throw node.error("signal '\(name)' is a query, so it has no '\(other)'")
            }
            return (name, .query(try query.string))
        }
        if let command = fields["command"] {
            for other in ofPages where fields[other] != nil {
                throw node.error("signal '\(name)' is a command, so it has no '\(other)'")
            }
            return (name, .command(try self.command(command, user: fields["user"], timeout: fields["timeout"])))
        }
        for other in ofCommands where fields[other] != nil {
            throw node.error("signal '\(name)' is no command, so it has no '\(other)'")
        }
        guard let metrics = fields["metrics"] else {
            throw node.error("signal '\(name)' lacks 'query', 'command', or 'metrics' with 'errors' or 'latency'")
        }
        let page = try self.url(metrics)
        let over = try fields["over"]?.duration ?? .seconds(30)
        switch (fields["errors"], fields["latency"]) {
        case (let errors?, nil):
            if let quantile = fields["quantile"] { throw quantile.error("'quantile' goes with 'latency'") }
            return (
                name,
                .errors(page: page, try self.selector(errors), of: try self.selector(fields.required("of")), over: over)
            )
        case (nil, let latency?):
            if let of = fields["of"] { throw of.error("'of' goes with 'errors'") }
            var share = 0.99
            if let quantile = fields["quantile"] {
                guard let value = Double(try quantile.string), value > 0, value < 1 else {
                    throw quantile.error("\(quantile.label) is a number between 0 and 1, such as 0.99")
                }
                share = value
            }
            return (name, .latency(page: page, try self.selector(latency), quantile: share, over: over))
        default: throw node.error("signal '\(name)' takes one of 'errors' (with 'of') and 'latency' from its metrics")
        }
    }

    private static func command(
        _ node: YAMLNode, user: YAMLNode?, timeout: YAMLNode?
    ) throws(GloveboxError) -> Command {
        var arguments: [String] = []
        for part in try node.list { arguments.append(try part.string) }
        guard arguments.first?.hasPrefix("/") == true else {
            throw node.error("\(node.label) is a list that begins with a program's whole path; no shell reads it")
        }
        guard arguments.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw node.error("\(node.label) has a NUL byte in it")
        }
        let most = Duration.seconds(60)
        let limit = try timeout?.duration ?? .seconds(5)
        if let timeout, limit <= .zero || limit > most { throw timeout.error("\(timeout.label) is from 1ms to 60s") }
        return Command(arguments: arguments, user: try user?.string, timeout: limit)
    }

    private static func selector(_ node: YAMLNode) throws(GloveboxError) -> SampleSelector {
        let text = try node.string
        do {
            return try SampleSelector(text)
        } catch {
            throw node.error(error.message)
        }
    }

    private static func url(_ node: YAMLNode) throws(GloveboxError) -> String {
        let text = try node.string
        guard WebAddress.isAny(text) else { throw node.error("\(node.label) has to be https://… or http://…") }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
