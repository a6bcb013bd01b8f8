import GloveboxCore
import Testing

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
            ("listen: {\n", "g.yaml:"),
        ])
    func broken(text: String, place: String) {
        let error = #expect(throws: GloveboxError.self) {
            try GatewayConfiguration(yaml: text, file: "g.yaml", folder: "/etc/g")
        }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix(place) == true, "\(error?.message ?? "")")
    }

    @Test("an IPv6 address is written in brackets")
    func addresses() throws {
        let configuration = try GatewayConfiguration(yaml: "listen: {api: '[::1]:8443'}\n", file: "g.yaml", folder: "/")
        #expect(configuration.listen.api == SocketPlace(host: "::1", port: 8443))
        #expect(configuration.listen.api.description == "[::1]:8443")
    }
}
