import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells systemd how a role is, where systemd has started it and waits for that (sd_notify(3)); nothing happens elsewhere.
enum SystemdNotice: String {
    case ready = "READY=1"
    case stopping = "STOPPING=1"

    func send() {
        guard let path = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"], let first = path.utf8.first else {
            return
        }
        var name = Array(path.utf8)
        // An abstract socket's name begins with a zero, which the environment can't hold.
        if first == UInt8(ascii: "@") { name[0] = 0 }
        var address = sockaddr_un()
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        #if canImport(Glibc)
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = MemoryLayout<sa_family_t>.size + name.count + (first == UInt8(ascii: "/") ? 1 : 0)
        let text = Array(self.rawValue.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = sendto(descriptor, text, text.count, 0, generic, socklen_t(length))
            }
        }
    }
}
