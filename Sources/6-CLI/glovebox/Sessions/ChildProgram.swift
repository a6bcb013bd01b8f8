import Dispatch
import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension GloveboxError.Code {
    static let programMissing = Self("program_missing")
}

/// A program that takes over the terminal while this one waits.
struct ChildProgram: Sendable {
    private let pid: pid_t

    /// Starts `arguments[0]`, looked up in `PATH`, in this program's process group: what's typed on the terminal,
    /// Ctrl-C included, is the child's. It begins with the usual signal handling, whatever this program ignores.
    ///
    /// - Throws: `program_missing`, `unavailable`.
    init(_ arguments: [String], environment: [String: String]) throws(GloveboxError) {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let name = arguments.first ?? ""
        let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        let envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, name, nil, &attributes, argv, envp)
        guard failure == 0 else {
            if failure == ENOENT {
                throw GloveboxError(
                    .programMissing, "there is no program '\(name)' here: install it (Debian: postgresql-client)")
            }
            throw GloveboxError(.unavailable, "can't start \(name): \(String(cString: strerror(failure)))")
        }
        self.pid = pid
    }

    func send(_ signal: Int32) {
        kill(self.pid, signal)
    }

    /// Its exit status, or 128 + n if signal n ended it. To be asked once.
    func status() async -> Int32 {
        let pid = self.pid
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
                let signal = status & 0x7F
                continuation.resume(returning: signal == 0 ? (status >> 8) & 0xFF : 128 + signal)
            }
        }
    }
}
