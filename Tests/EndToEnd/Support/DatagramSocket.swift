import Glibc
import TestSupport

/// A Unix socket that takes datagrams, as systemd has one for what it starts.
final class DatagramSocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(path: String) throws {
        self.path = path
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        guard self.descriptor >= 0, path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw TestSupportError("can't make a socket at \(path)")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(self.descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        guard bound == 0,
            setsockopt(
                self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size)) == 0
        else { throw TestSupportError("can't bind \(path): errno \(errno)") }
    }

    /// Waits for the next datagram.
    func receive() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(self.descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw TestSupportError("nothing came to \(self.path): errno \(errno)") }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    deinit { close(self.descriptor) }
}
