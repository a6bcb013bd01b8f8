import Glibc
import GloveboxCore
import Logging
import Telemetry
import TestSupport
import Testing
import Webhooks
import YAMLDocument

@testable import Gateway

@Suite("gateway.yaml")
struct GatewayConfigurationTests {
    @Test("what isn't written is on loopback, and the policy is beside the file")
    func defaults() throws {
        let configuration = try GatewayConfiguration(
            yaml: "names: [gateway.example.com]\n", file: "g.yaml", folder: "/etc/g")
        #expect(configuration.listen.api == SocketPlace(host: "127.0.0.1", port: 8443))
        #expect(configuration.listen.postgres.host == "127.0.0.1")
        #expect(configuration.listen.tunnel.host == "127.0.0.1")
        #expect(configuration.policy == "/etc/g/policy.yaml")
        #expect(configuration.names == ["gateway.example.com"])
    }

    @Test(
        "a broken file is refused with line and column",
        arguments: [
            ("listen: {api: nowhere}\n", "g.yaml:1:15"),
            ("listen: {api: '127.0.0.1:99999'}\n", "g.yaml:1:15"),
            ("names: []\n", "g.yaml:1:1"),
            ("polcy: x\n", "g.yaml:1:1"),
            ("listen: {telemetry: '0.0.0.0:9464'}\n", "g.yaml:1:21"),
            ("logging: {level: loud}\n", "g.yaml:1:18"),
            ("drain: soon\n", "g.yaml:1:8"),
            ("listen: {\n", "g.yaml:"),
            ("webhooks: [{name: a, url: 'http://siem.example.com/', form: slack}]\n", "g.yaml:1:27"),
            ("webhooks: [{name: a, url: 'http://127.0.0.1.example.com/', form: slack}]\n", "g.yaml:1:27"),
            ("webhooks: [{name: a, url: 'http://localhost@example.com/', form: slack}]\n", "g.yaml:1:27"),
            ("webhooks: [{name: a, url: {}, form: slack}]\n", "g.yaml:1:27"),
            ("webhooks: [{name: a, url: 'https://example.com/'}]\n", "g.yaml:1:12: webhook 'a' lacks 'secret'"),
            ("webhooks: [{name: a, url: 'https://example.com/', form: discord}]\n", "g.yaml:1:57"),
            (
                "webhooks: [{name: a, url: 'https://example.com/', form: slack, events: [lease_opened]}]\n",
                "g.yaml:1:73"
            ),
            (
                "webhooks:\n  - {name: a, url: 'https://x/', form: slack}\n  - {name: a, url: 'https://x/', form: slack}\n",
                "g.yaml:3:5: two webhooks are called 'a'"
            ),
        ])
    func broken(text: String, place: String) {
        let error = #expect(throws: GloveboxError.self) {
            try GatewayConfiguration(yaml: text, file: "g.yaml", folder: "/etc/g")
        }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix(place) == true, "\(error?.message ?? "")")
    }

    @Test("a webhook's secrets are read from where they are, and what isn't there or isn't one is told without them")
    func webhooks() throws {
        let folder = try TemporaryFolder()
        func webhook(_ more: String) throws -> Webhook {
            let configuration = try GatewayConfiguration(
                yaml: "webhooks:\n  - {name: siem, \(more)}\n", file: "g.yaml", folder: folder.path)
            return try #require(configuration.webhooks.first).webhook()
        }
        let missing = #expect(throws: GloveboxError.self) {
            try webhook("url: 'http://[::1]:80/x', secret: {file: siem.secret}")
        }
        #expect(missing?.message.contains("siem.secret") == true)
        try folder.write("siem.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        try folder.write("slack.url", "https://hooks.example.com/services/T0\n")
        for name in ["siem.secret", "slack.url"] { chmod(folder.file(name), 0o600) }
        #expect(try webhook("url: 'http://[::1]:80/x', secret: {file: siem.secret}").secret != nil)
        let slack = try webhook("url: {file: slack.url}, form: slack, events: [approval_requested]")
        #expect(slack.url.exposeSecret() == "https://hooks.example.com/services/T0" && slack.secret == nil)
        #expect(slack.events == ["approval_requested"])
        for more in [
            "url: {environment: GLOVEBOX_NO_SUCH_VARIABLE}, form: slack", "url: {file: siem.secret}, form: slack",
            "url: 'https://x/', secret: {file: slack.url}",
        ] {
            let error = #expect(throws: GloveboxError.self) { try webhook(more) }
            #expect(error?.code == .configurationInvalid)
            #expect(error?.message.contains("hooks.example.com") == false && error?.message.contains("MfKQ") == false)
        }
    }

    @Test("metrics, logs and draining are as written, and without a word there are no metrics")
    func operations() throws {
        let configuration = try GatewayConfiguration(
            yaml: "listen: {telemetry: '127.0.0.1:9464'}\nlogging: {format: json, level: debug}\ndrain: 2m\n",
            file: "g.yaml", folder: "/")
        #expect(configuration.listen.telemetry == TelemetryPlace(host: "127.0.0.1", port: 9464))
        #expect(configuration.logging == LogSettings(format: .json, level: .debug))
        #expect(configuration.drain == .seconds(120))
        let silent = try GatewayConfiguration(yaml: "names: [g]\n", file: "g.yaml", folder: "/")
        #expect(silent.listen.telemetry == nil && silent.drain == .seconds(5))
    }

    @Test("an IPv6 address is written in brackets")
    func addresses() throws {
        let configuration = try GatewayConfiguration(yaml: "listen: {api: '[::1]:8443'}\n", file: "g.yaml", folder: "/")
        #expect(configuration.listen.api == SocketPlace(host: "::1", port: 8443))
        #expect(configuration.listen.api.description == "[::1]:8443")
    }

    @Test("targets with flags are read with what their flags are at first; a file that's wrong is named")
    func flags() throws {
        let folder = try TemporaryFolder()
        func flags(_ yaml: String) throws -> [FlagTarget] {
            try GatewayConfiguration(yaml: "flags: \(yaml)\n", file: "g.yaml", folder: folder.path).flags
        }
        try folder.write(
            "good.json",
            #"{"$evaluators": {"e": {"==": [1, 1]}}, "metadata": {"a": 1}, "flags": {"f": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [{"$ref": "e"}, "on"]}}}}"#
        )
        try folder.write("bad.json", #"{"flags": {"f": {"state": "MAYBE"}}}"#)
        let found = try flags("[{name: shop, labels: {env: test}, file: good.json}, {name: other}]")
        #expect(found.map(\.name.rawValue) == ["shop", "other"] && found.first?.labels == ["env": "test"])
        #expect(
            found.first?.seed["f"]
                == #"{"defaultVariant":"on","metadata":{"a":1},"state":"ENABLED","targeting":{"if":[{"==":[1,1]},"on"]},"variants":{"on":true}}"#
        )
        // A file that isn't there is told of where the store has no flags either.
        let missing = try flags("[{name: shop, file: none.json}]").first
        #expect(missing?.seed.isEmpty == true && missing?.missingSeed?.code == .notFound)
        for (yaml, code, told) in [
            ("[{name: shop}, {name: shop}]", "configuration_invalid", "two targets"),
            ("[{name: shop, file: bad.json}]", "flags_invalid", "bad.json: flag 'f'"),
            ("[{labels: {a: b}}]", "configuration_invalid", "name"),
        ] {
            let error = #expect(throws: GloveboxError.self) { try flags(yaml) }
            #expect(
                error?.code.rawValue == code && error?.message.contains(told) == true, "\(String(describing: error))")
        }
    }
}
