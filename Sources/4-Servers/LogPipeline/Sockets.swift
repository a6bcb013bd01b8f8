import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A descriptor of the system's that is closed with the value.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    deinit {
        if self.number > 2 { close(self.number) }
    }

    /// Whether something can be read or, else, written within `milliseconds`.
    func isReady(_ events: Int32, milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: self.number, events: Int16(events), revents: 0)
        return poll(&wanted, 1, milliseconds) > 0
    }
}

/// Addresses of sockets as the system calls take them.
enum SocketAddressBytes {
    static func of(path: String) -> (family: Int32, bytes: [UInt8]) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return (AF_UNIX, withUnsafeBytes(of: &address) { Array($0) })
    }

    static func of(_ place: LoopbackPlace) -> (family: Int32, bytes: [UInt8]) {
        let port = in_port_t(place.port).bigEndian
        if place.host == "::1" {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port
            address.sin6_addr = in6addr_loopback
            return (AF_INET6, withUnsafeBytes(of: &address) { Array($0) })
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port
        inet_pton(AF_INET, place.host, &address.sin_addr)
        return (AF_INET, withUnsafeBytes(of: &address) { Array($0) })
    }
}

/// What a call with an address gives.
func withAddress<Result>(
    _ bytes: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result? {
    bytes.withUnsafeBytes { bytes in
        bytes.baseAddress.map { body($0.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) }
    }
}

/// The system's words for an error number.
func systemReason(_ number: Int32) -> String { String(cString: strerror(number)) }

/// Removes a socket that a process that's gone has left; anything else stays.
/// - Throws: `port_taken` where somebody listens there; `configuration_invalid` where something else is in the way.
func removeStaleSocket(_ path: String, type: Int32) throws(GloveboxError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw GloveboxError(.configurationInvalid, "\(path) is there and isn't a socket: name another path")
    }
    let probe = Descriptor(openSocket(AF_UNIX, type))
    let isTaken = withAddress(SocketAddressBytes.of(path: path).bytes) { connect(probe.number, $0, $1) } == 0
    guard !isTaken else {
        throw GloveboxError(.portTaken, "another program listens on \(path): stop it, or name another path")
    }
    unlink(path)
}

#if canImport(Glibc)
    let datagramType = Int32(SOCK_DGRAM.rawValue)
    let streamType = Int32(SOCK_STREAM.rawValue)

    /// A socket that no other program inherits.
    func openSocket(_ family: Int32, _ type: Int32) -> Int32 { socket(family, type | Int32(SOCK_CLOEXEC.rawValue), 0) }
#else
    let datagramType = SOCK_DGRAM
    let streamType = SOCK_STREAM

    func openSocket(_ family: Int32, _ type: Int32) -> Int32 { socket(family, type, 0) }
#endif

/// `read(2)`, by a name that methods don't hide.
func systemRead(_ descriptor: Int32, _ space: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, space, count)
}
