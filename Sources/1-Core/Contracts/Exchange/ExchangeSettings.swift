/// How a request is carried: connection, TLS, credentials, redirects, limits. Texts have curl's own form, which Hurl's
/// options have too.
package struct ExchangeSettings: Hashable, Sendable {
    package enum Version: Hashable, Sendable {
        /// Whatever both sides like best.
        case any
        case http10
        case http11
        /// By TLS; an upgrade from HTTP/1.1 without.
        case http2
        case http2PriorKnowledge
        case http3
    }

    package enum AddressFamily: Hashable, Sendable {
        case any
        case ipv4
        case ipv6
    }

    package enum Scheme: Hashable, Sendable {
        case basic
        case digest
        case ntlm
        case negotiate
        /// `PROVIDER1[:PROVIDER2[:REGION[:SERVICE]]]`
        case awsSigV4(String)
    }

    /// Of a client: certificate and key in PEM, and the password that the key has.
    package struct Identity: Hashable, Sendable {
        package var certificate: [UInt8]?
        package var key: [UInt8]?
        package var password: String?

        package init(certificate: [UInt8]? = nil, key: [UInt8]? = nil, password: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.password = password
        }
    }

    package var followsRedirects = false
    /// Whether credentials go on to other hosts.
    package var trustsRedirects = false
    /// Nil where there's no limit but the carrier's own.
    package var mostRedirects: Int? = 50
    package var version = Version.any
    package var addressFamily = AddressFamily.any
    /// Asks for a compressed answer. What comes compressed is decoded either way.
    package var isCompressed = false
    /// `NAME:PASSWORD`
    package var user: String?
    package var scheme = Scheme.basic
    /// Whether the server's certificate isn't checked.
    package var isInsecure = false
    /// PEM, in place of the system's.
    package var authorities: [UInt8]?
    package var identity = Identity()
    /// `sha256//…` and more of them, separated by `;`.
    package var pinnedKeys: String?
    /// Nil for none: the environment's isn't looked at.
    package var proxy: String?
    /// `HOST:PORT:ADDRESS`
    package var resolve: [String] = []
    /// `HOST1:PORT1:HOST2:PORT2`
    package var connectTo: [String] = []
    package var unixSocket: String?
    package var keepsPathAsIs = false
    /// In milliseconds; nil for the carrier's own, 0 for none.
    package var connectTimeout: Int64?
    package var timeout: Int64?
    /// Bytes a second; 0 for no limit.
    package var rateLimit: Int64 = 0
    /// Of an answer, both as it came and decoded.
    package var mostBodyBytes = 64 << 20
    package var userAgent = "glovebox"

    package init() {}
}
