import HTTPWire
import NIOCore
import NIOHPACK

/// A request's head of HTTP/2 as one of HTTP/1.1, so that one reader judges both, and what's known of a request is the same
/// whichever way it came (RFC 9113, 8.3.1). nio-http2 has looked at names, pseudo-header fields and line ends by then.
enum HTTP2Request {
    /// - Parameter hasBody: the stream goes on behind the head.
    /// - Returns: the head's bytes.
    static func head(_ headers: HPACKHeaders, hasBody: Bool) throws(HTTPRefusal) -> ByteBuffer {
        var (method, path, authority, scheme) = ("", "", "", "")
        var rest = ByteBuffer()
        var hosts: [String] = []
        var cookies: [String] = []
        var hasLength = false
        for (name, value, _) in headers {
            // What would end a line would begin another.
            guard value.utf8.allSatisfy({ $0 != 0x0D && $0 != 0x0A && $0 != 0 }) else {
                throw HTTPRefusal(.controlCharacter)
            }
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": authority = value
            case ":scheme": scheme = value
            case "host": hosts.append(value)
            case "cookie": cookies.append(value)
            case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
                throw HTTPRefusal(.connectionInvalid)
            default:
                guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                    throw HTTPRefusal(.fieldNameInvalid)
                }
                if name == "content-length" { hasLength = true }
                rest.writeString("\(name): \(value)\r\n")
            }
        }
        guard method != "CONNECT" else { throw HTTPRefusal(.methodUnsupported) }
        guard scheme == "https" || scheme == "http", path.first == "/" || path == "*" else {
            throw HTTPRefusal(.targetInvalid)
        }
        if authority.isEmpty {
            guard hosts.count <= 1 else { throw HTTPRefusal(.hostRepeated) }
            authority = hosts.first ?? ""
            guard !authority.isEmpty else { throw HTTPRefusal(.hostMissing) }
        } else {
            guard hosts.allSatisfy({ $0.lowercased() == authority.lowercased() }) else {
                throw HTTPRefusal(.hostMismatch)
            }
        }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(rest.readableBytes + path.utf8.count + 128)
        buffer.writeString("\(method) \(path) HTTP/1.1\r\nhost: \(authority)\r\n")
        buffer.writeBuffer(&rest)
        // RFC 9113, 8.2.3: they may come in parts.
        if !cookies.isEmpty { buffer.writeString("cookie: \(cookies.joined(separator: "; "))\r\n") }
        if hasBody, !hasLength { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// Lower case, and nothing that could end a name; the reader judges the rest.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: ":") && !(0x41...0x5A).contains(byte)
    }
}
