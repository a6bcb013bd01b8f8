import HTTPWire
import NIOCore

/// Who is at the other end of a client's connection, in the forms that requests from there need: made once a connection.
final class ClientOrigin {
    let address: String
    let isTrusted: Bool
    private let isSecure: Bool
    private let addressBytes: [UInt8]
    /// The lines that are the same for all requests, for an untrusted peer.
    private let lines: [UInt8]
    private let forwarded: [UInt8]

    init(_ address: SocketAddress?, isSecure: Bool, trusted: [AddressRange]) {
        let text = address?.ipAddress ?? "unknown"
        self.address = text
        self.isSecure = isSecure
        self.isTrusted = address.map { address in trusted.contains { $0.contains(address) } } ?? false
        self.addressBytes = Array(text.utf8)
        let scheme = isSecure ? "https" : "http"
        // RFC 7239, 6: an IPv6 address is in brackets and quotes.
        let node = text.utf8.contains(UInt8(ascii: ":")) ? "\"[\(text)]\"" : text
        self.lines = Array("X-Forwarded-For: \(text)\r\nX-Forwarded-Proto: \(scheme)\r\n".utf8)
        self.forwarded = Array("Forwarded: for=\(node);proto=\(scheme)".utf8)
    }

    /// The fields of a request that say where it comes from, and are dropped for those that this writes.
    func dropped(from head: RequestHead) -> FieldSet {
        self.isTrusted ? FieldSet(.forwardedFor) : .forwarding
    }

    /// How many bytes `write` writes at most.
    func size(for head: RequestHead) -> Int {
        self.lines.count + self.forwarded.count + 2 * head.authority.length + 96
    }

    func write(for head: RequestHead, _ bytes: UnsafeRawBufferPointer, to writer: inout HeadWriter) {
        if self.isTrusted {
            self.writeChain(head, bytes, to: &writer)
        } else {
            writer.write(self.lines)
        }
        if head.authority.length > 0, !self.isTrusted || !head.seen.contains(.forwardedHost) {
            writer.write("X-Forwarded-Host: ")
            writer.write(bytes, head.authority)
            writer.write("\r\n")
        }
        writer.write(self.forwarded)
        if head.authority.length > 0 {
            // An authority has no character that would have to be escaped there.
            writer.write(";host=\"")
            writer.write(bytes, head.authority)
            writer.write("\"\r\n")
        } else {
            writer.write("\r\n")
        }
    }

    /// The peer's word stands, and the peer itself is added to it.
    private func writeChain(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, to writer: inout HeadWriter) {
        writer.write("X-Forwarded-For: ")
        for line in head.fields where line.known == .forwardedFor && line.valueLength > 0 {
            writer.write(bytes, RequestHead.Place(Int(line.value), Int(line.valueLength)))
            writer.write(", ")
        }
        writer.write(self.addressBytes)
        writer.write("\r\n")
        if !head.seen.contains(.forwardedProto) {
            writer.write(self.isSecure ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n")
        }
    }
}
