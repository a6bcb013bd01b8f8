import GloveboxCore
import NIOCore
import NIOSSL

/// Makes TLS contexts from the configuration of the moment, and keeps them for as long as that stays the same.
struct AgentTLS {
    private let configuration: @Sendable () throws -> TLSConfiguration
    private let host: String?
    private var last: (configuration: TLSConfiguration, control: NIOSSLContext, session: NIOSSLContext)?

    init(host: String, _ configuration: @escaping @Sendable () throws -> TLSConfiguration) {
        self.configuration = configuration
        // By its address the gateway is verified too, but TLS doesn't name addresses (RFC 6066, section 3).
        self.host = (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    }

    mutating func control() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: try self.contexts().control, serverHostname: self.host)
    }

    /// A context, since the handler is made on another event loop.
    mutating func session() throws -> (NIOSSLContext, host: String?) {
        (try self.contexts().session, self.host)
    }

    private mutating func contexts() throws -> (control: NIOSSLContext, session: NIOSSLContext) {
        var current = try self.configuration()
        current.minimumTLSVersion = .tlsv13
        if let last = self.last, last.configuration.bestEffortEquals(current) { return (last.control, last.session) }
        var control = current
        control.applicationProtocols = [TunnelPort.control]
        var session = current
        session.applicationProtocols = [TunnelPort.session]
        let made = (
            control: try NIOSSLContext(configuration: control), session: try NIOSSLContext(configuration: session)
        )
        self.last = (current, made.control, made.session)
        return made
    }
}
