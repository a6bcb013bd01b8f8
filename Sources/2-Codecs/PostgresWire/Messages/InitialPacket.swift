package import NIOCore

/// The first packet of a connection: it has a length, but no kind.
package enum InitialPacket: Hashable, Sendable {
    case tlsRequest
    /// Encryption by GSSAPI, which we don't do.
    case gssRequest
    case cancel(CancelKey)
    case startup(ProtocolVersion, StartupParameters)

    private static let requestCodeMajor: UInt16 = 1234

    /// Takes one packet from `buffer`; nil when it isn't whole yet.
    ///
    /// - Throws: `message_too_long` above ``MessageDecoder/signInLimit`` bytes, `malformed_message`, `not_utf8`.
    package static func read(from buffer: inout ByteBuffer) throws(PostgresWireError) -> InitialPacket? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length >= 8 else { throw .malformed("its length is below 8") }
        guard length <= MessageDecoder.signInLimit else {
            throw PostgresWireError(.messageTooLong, "the first packet of the connection isn't PostgreSQL's")
        }
        guard var packet = buffer.readSlice(length: Int(length)) else { return nil }
        packet.moveReaderIndex(forwardBy: 4)
        let major = try packet.field(UInt16.self, "the version")
        let minor = try packet.field(UInt16.self, "the version")
        switch (major, minor) {
        case (Self.requestCodeMajor, 5678):
            guard (8...260).contains(packet.readableBytes) else {
                throw .malformed("a cancel request's key has no such length")
            }
            let processID = try packet.field(UInt32.self, "the process id")
            return .cancel(CancelKey(processID: processID, secret: Array(packet.readableBytesView)))
        case (Self.requestCodeMajor, 5679):
            try packet.finished("a request for TLS")
            return .tlsRequest
        case (Self.requestCodeMajor, 5680):
            try packet.finished("a request for GSSAPI")
            return .gssRequest
        case (3, _):
            return .startup(ProtocolVersion(major: major, minor: minor), try StartupParameters(reading: packet))
        default:
            // The parameters of other major versions have another form.
            return .startup(ProtocolVersion(major: major, minor: minor), StartupParameters([]))
        }
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeLengthed { buffer in
            switch self {
            case .tlsRequest: buffer.writeMultipleIntegers(Self.requestCodeMajor, UInt16(5679))
            case .gssRequest: buffer.writeMultipleIntegers(Self.requestCodeMajor, UInt16(5680))
            case .cancel(let key):
                buffer.writeMultipleIntegers(Self.requestCodeMajor, UInt16(5678), key.processID)
                buffer.writeBytes(key.secret)
            case .startup(let version, let parameters):
                buffer.writeMultipleIntegers(version.major, version.minor)
                for parameter in parameters.all {
                    buffer.writeCString(parameter.name)
                    buffer.writeCString(parameter.value)
                }
                buffer.writeInteger(UInt8(0))
            }
        }
    }
}

/// The version of the protocol that a client asks for.
package struct ProtocolVersion: Hashable, Sendable {
    package var major: UInt16
    package var minor: UInt16

    package init(major: UInt16, minor: UInt16) {
        self.major = major
        self.minor = minor
    }

    /// The newest that we speak.
    package static let supported = Self(major: 3, minor: 0)
}

/// What names a session to be cancelled. 4 bytes of secret in protocol 3.0, up to 256 in 3.2.
package struct CancelKey: Hashable, Sendable {
    package var processID: UInt32
    package var secret: [UInt8]

    package init(processID: UInt32, secret: [UInt8]) {
        self.processID = processID
        self.secret = secret
    }
}

/// The parameters of a startup packet, in their order.
package struct StartupParameters: Hashable, Sendable {
    package struct Parameter: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var all: [Parameter]

    package init(_ all: [Parameter]) {
        self.all = all
    }

    package init(_ pairs: KeyValuePairs<String, String>) {
        self.all = pairs.map { Parameter(name: $0.key, value: $0.value) }
    }

    init(reading packet: ByteBuffer) throws(PostgresWireError) {
        var packet = packet
        self.all = []
        while true {
            let name = try packet.text("a parameter's name")
            if name.isEmpty { break }
            self.all.append(Parameter(name: name, value: try packet.text("a parameter's value")))
        }
        try packet.finished("the startup packet")
    }

    /// The last one wins, as in PostgreSQL.
    package subscript(_ name: String) -> String? {
        self.all.last { $0.name == name }?.value
    }

    package var user: String { self["user"] ?? "" }
    /// The user's name where none is given.
    package var database: String {
        guard let database = self["database"], !database.isEmpty else { return self.user }
        return database
    }
    /// Asks for the replication protocol; false only where absent or a spelling of false.
    package var isReplication: Bool {
        guard let value = self["replication"]?.lowercased() else { return false }
        return !["false", "fals", "fal", "fa", "f", "off", "of", "no", "n", "0"].contains(value)
    }
    /// Protocol options (`_pq_.…`), none of which we know.
    package var protocolOptions: [String] {
        self.all.map(\.name).filter { $0.hasPrefix("_pq_.") }
    }
}
