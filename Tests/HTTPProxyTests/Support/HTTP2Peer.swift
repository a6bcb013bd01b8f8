import NIOCore
import NIOHPACK
import NIOSSL
import TestSupport

/// A client of HTTP/2 that writes frames by hand, those that no proper client would among them.
final class HTTP2Peer: Sendable {
    struct Frame: Hashable, Sendable {
        var type: UInt8
        var flags: UInt8
        var stream: Int
        var payload: [UInt8]
    }

    let raw: RawPeer

    private init(_ raw: RawPeer) {
        self.raw = raw
    }

    static func connect(_ port: Int) async throws -> HTTP2Peer {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["h2"]
        let context = try NIOSSLContext(configuration: configuration)
        let raw = try await RawPeer.connect(port) { channel in
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: "localhost"))
        }
        let peer = HTTP2Peer(raw)
        try await raw.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        try await peer.frame(type: 4, flags: 0, stream: 0, [])
        return peer
    }

    func frame(type: UInt8, flags: UInt8, stream: Int, _ payload: [UInt8]) async throws {
        var buffer = ByteBuffer()
        buffer.writeBytes([UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 0xFF), UInt8(payload.count & 0xFF)])
        buffer.writeBytes([type, flags])
        buffer.writeInteger(UInt32(stream))
        buffer.writeBytes(payload)
        try await self.raw.channel.writeAndFlush(buffer)
    }

    /// Literal fields without a table, so that nothing has to be remembered between heads.
    static func block(_ headers: [(String, String)]) -> [UInt8] {
        headers.flatMap { name, value in
            [0] + Self.text(name) + Self.text(value)
        }
    }

    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var rest = bytes.count - 127
        var length: [UInt8] = [127]
        while rest >= 128 {
            length.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    func request(_ headers: [(String, String)], stream: Int, endsStream: Bool = true) async throws {
        try await self.frame(type: 1, flags: endsStream ? 5 : 4, stream: stream, Self.block(headers))
    }

    func send(_ flood: HTTP2Flood, _ number: Int) async throws {
        let usual = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
        switch flood {
        case .rapidReset:
            try await self.request(usual, stream: 1 + 2 * number)
            try await self.frame(type: 3, flags: 0, stream: 1 + 2 * number, [0, 0, 0, 8])
        case .continuations:
            if number == 0 {
                try await self.frame(type: 1, flags: 1, stream: 1, Self.block(usual))
            } else {
                try await self.frame(type: 9, flags: 0, stream: 1, Self.block([("x\(number)", "y")]))
            }
        case .emptyContinuations:
            try await self.frame(type: number == 0 ? 1 : 9, flags: number == 0 ? 1 : 0, stream: 1, [])
        case .pings: try await self.frame(type: 6, flags: 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 1])
        case .settings: try await self.frame(type: 4, flags: 0, stream: 0, [])
        case .emptyData:
            if number == 0 {
                try await self.request(usual, stream: 1, endsStream: false)
            } else {
                try await self.frame(type: 0, flags: 0, stream: 1, [])
            }
        case .largeHead:
            let long = String(repeating: "a", count: 15_000)
            try await self.frame(
                type: number == 0 ? 1 : 9, flags: number == 0 ? 1 : 0, stream: 1,
                Self.block((number == 0 ? usual : []) + [("x\(number)", long)]))
        case .malformed:
            try await self.request(usual + [("Upper", "1")], stream: 1 + 2 * number)
        }
    }

    // MARK: What came

    func wait(_ condition: @escaping @Sendable ([Frame]) -> Bool) async throws {
        try await self.raw.waitForBytes { condition(Self.frames($0)) }
    }

    /// The status of the first head on a stream; `nil` if it's reset without one.
    func status(of stream: Int) async throws -> String? {
        try await self.wait { $0.contains { ($0.type == 1 || $0.type == 3) && $0.stream == stream } }
        // Heads are decoded in order, since they share a table.
        var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
        for frame in Self.frames(self.raw.bytes) where frame.type == 1 {
            var block = ByteBuffer(bytes: frame.payload)
            let headers = try decoder.decodeHeaders(from: &block)
            if frame.stream == stream { return headers.first(name: ":status") }
        }
        return nil
    }

    /// Until a stream is reset, or has ended, or the connection has.
    func waitForEnd(of stream: Int) async throws {
        try await self.raw.waitForBytes(orClosed: true) { bytes in
            Self.frames(bytes).contains { frame in
                frame.type == 7
                    || frame.stream == stream && (frame.type == 3 || frame.type <= 1 && frame.flags & 1 == 1)
            }
        }
    }

    private static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var at = 0
        while at + 9 <= bytes.count {
            let length = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            guard at + 9 + length <= bytes.count else { break }
            let stream = bytes[(at + 5)..<(at + 9)].reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF
            frames.append(
                Frame(
                    type: bytes[at + 3], flags: bytes[at + 4], stream: stream,
                    payload: Array(bytes[(at + 9)..<(at + 9 + length)])))
            at += 9 + length
        }
        return frames
    }
}

/// What a client may do to make a server work for nothing.
enum HTTP2Flood: CaseIterable, Sendable {
    case rapidReset
    case continuations
    case emptyContinuations
    case pings
    case settings
    case emptyData
    case largeHead
    case malformed
}
