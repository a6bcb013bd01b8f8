import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A password file for libpq that exists in memory alone: an anonymous file (memfd_create(2)) that a program started
/// from here inherits and finds under `/proc/self/fd`. The password reaches no disk, command line or environment.
struct PasswordFile: ~Copyable {
    private let descriptor: Int32

    /// What goes into `PGPASSFILE`.
    var path: String { "/proc/self/fd/\(self.descriptor)" }

    init(host: String, port: Int, user: String, password: Secret<String>) throws(GloveboxError) {
        // Not close-on-exec, since it's there to be inherited.
        self.descriptor = Self.anonymousFile("glovebox-password", 0)
        guard self.descriptor >= 0 else {
            throw GloveboxError(
                .unavailable, "this system has no files in memory (memfd_create): use 'glovebox connect' instead")
        }
        let fields = [host, String(port), "*", user, password.exposeSecret()]
        let line = fields.map { $0 == "*" ? $0 : Self.escaped($0) }.joined(separator: ":") + "\n"
        // libpq insists that nobody else may read it.
        guard fchmod(self.descriptor, 0o600) == 0, Self.write(line, to: self.descriptor) else {
            throw GloveboxError(.unavailable, "can't write a file in memory: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    /// memfd_create(2). Swift's Glibc module hides it (it's declared under `_GNU_SOURCE`), so it's looked up by name.
    private static func anonymousFile(_ name: String, _ flags: UInt32) -> Int32 {
        typealias Function = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
        guard let symbol = dlsym(nil, "memfd_create") else { return -1 }
        return unsafeBitCast(symbol, to: Function.self)(name, flags)
    }

    /// A colon or backslash inside a field has a backslash before it (PostgreSQL, "The Password File").
    private static func escaped(_ field: String) -> String {
        String(field.flatMap { $0 == ":" || $0 == "\\" ? ["\\", $0] : [$0] })
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        let bytes = Array(text.utf8)
        #if canImport(Glibc)
            return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
        #else
            return Darwin.write(descriptor, bytes, bytes.count) == bytes.count
        #endif
    }
}
