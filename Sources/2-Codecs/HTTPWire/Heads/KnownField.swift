/// The fields that a proxy itself reads, replaces or drops; each is known by its place in a `FieldSet`.
package enum KnownField: UInt8, Hashable, Sendable, CaseIterable {
    case other
    case host
    case contentLength
    case transferEncoding
    case connection
    case keepAlive
    case proxyConnection
    case te
    case trailer
    case upgrade
    case expect
    case via
    case forwarded
    case forwardedFor
    case forwardedHost
    case forwardedProto
    case forwardedPort
    case realIP
    case proxyAuthorization
    case proxyAuthenticate
    case baggage
    case cacheControl
    case date
    case server

    /// In lower case.
    package var name: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .expect: "expect"
        case .via: "via"
        case .forwarded: "forwarded"
        case .forwardedFor: "x-forwarded-for"
        case .forwardedHost: "x-forwarded-host"
        case .forwardedProto: "x-forwarded-proto"
        case .forwardedPort: "x-forwarded-port"
        case .realIP: "x-real-ip"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyAuthenticate: "proxy-authenticate"
        case .baggage: "baggage"
        case .cacheControl: "cache-control"
        case .date: "date"
        case .server: "server"
        }
    }

    /// Which one the bytes name. Few names are compared, by length and first letter.
    /// - Throws: for a name that has underscores in place of hyphens: to a server that hands fields on as variables, such as
    ///   CGI's, it's the known field, and none of what's done about that has been done about this.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ length: Int) throws(HTTPRefusal) {
        let candidate: KnownField
        switch (length, bytes[at].lowercased) {
        case (2, 0x74): candidate = .te
        case (3, 0x76): candidate = .via
        case (4, 0x68): candidate = .host
        case (4, 0x64): candidate = .date
        case (6, 0x65): candidate = .expect
        case (6, 0x73): candidate = .server
        case (7, 0x62): candidate = .baggage
        case (7, 0x74): candidate = .trailer
        case (7, 0x75): candidate = .upgrade
        case (9, 0x66): candidate = .forwarded
        case (9, 0x78): candidate = .realIP
        case (10, 0x63): candidate = .connection
        case (10, 0x6B): candidate = .keepAlive
        case (13, 0x63): candidate = .cacheControl
        case (14, 0x63): candidate = .contentLength
        case (15, 0x78): candidate = .forwardedFor
        case (16, 0x70): candidate = .proxyConnection
        case (16, 0x78):
            candidate = bytes[at &+ 12].lowercased == 0x68 ? .forwardedHost : .forwardedPort
        case (17, 0x78): candidate = .forwardedProto
        case (17, 0x74): candidate = .transferEncoding
        case (18, 0x70): candidate = .proxyAuthenticate
        case (19, 0x70): candidate = .proxyAuthorization
        default:
            self = .other
            return
        }
        if ByteScan.isSame(bytes, at, length, candidate.name) {
            self = candidate
        } else {
            guard !candidate.isFeigned(bytes, at, length) else { throw HTTPRefusal(.fieldNameInvalid) }
            self = .other
        }
    }

    /// Whether a name of the same length differs by nothing but underscores.
    private func isFeigned(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ length: Int) -> Bool {
        let name = self.name.utf8Start
        return (0..<length).allSatisfy { index in
            let byte = bytes[at + index] == UInt8(ascii: "_") ? UInt8(ascii: "-") : bytes[at + index].lowercased
            return byte == name[index]
        }
    }
}

/// Which of the known fields: in a head, or to be dropped from one.
package struct FieldSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package init(_ fields: KnownField...) {
        self.init(rawValue: fields.reduce(0) { $0 | 1 << UInt32($1.rawValue) })
    }

    @inline(__always)
    package func contains(_ field: KnownField) -> Bool {
        self.rawValue & (1 << UInt32(field.rawValue)) != 0
    }

    @inline(__always)
    mutating func insert(_ field: KnownField) {
        self = FieldSet(rawValue: self.rawValue | 1 << UInt32(field.rawValue))
    }

    /// What ends at each hop (RFC 9110, 7.6.1), and the fields that frame a message, which are written anew.
    package static let hopByHop = FieldSet(
        .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .contentLength, .upgrade,
        .proxyAuthorization,
        .proxyAuthenticate, .expect)
    /// What says who the client is, and how it came here: only a trusted peer's word counts.
    package static let forwarding = FieldSet(
        .forwarded, .forwardedFor, .forwardedHost, .forwardedProto, .forwardedPort, .realIP)
}
