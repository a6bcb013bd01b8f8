import GloveboxCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Exclusive use of a store, for as long as the process lives: a write-ahead log alone would let two gateways in.
///
/// An advisory lock (flock(2)) on a file beside the store, which holds the process id of whoever has it. The kernel
/// takes the lock away when the process ends, however it ends; the file stays.
final class StoreLock: Sendable {
    /// -1 once released.
    private let descriptor: Mutex<Int32>

    init(path: String) throws(GloveboxError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unavailable(path, errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            var text = [UInt8](repeating: 0, count: 20)
            let count = pread(descriptor, &text, text.count, 0)
            close(descriptor)
            guard code == EWOULDBLOCK else { throw unavailable(path, code) }
            let holder = text.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
            let name = holder.isEmpty ? "" : " (process \(String(decoding: holder, as: UTF8.self)))"
            throw GloveboxError(
                .storeLocked,
                "another gateway is running on this folder\(name): stop it, or give this one a folder of its own")
        }
        let line = Array("\(getpid())\n".utf8)
        // Only for the message above; the lock holds without it.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, line, line.count, 0) }
        self.descriptor = Mutex(descriptor)
    }

    func release() {
        self.descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            // A child process between its fork and its exec has the file open, too: closing alone wouldn't unlock it.
            flock(descriptor, LOCK_UN)
            close(descriptor)
            descriptor = -1
        }
    }

    deinit {
        self.release()
    }
}

/// Makes the file at `path` if it isn't there, and takes it from everyone but its owner. SQLite gives the files that
/// it makes beside it the same permissions.
func makePrivate(_ path: String) throws(GloveboxError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unavailable(path, errno) }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw unavailable(path, errno) }
}

private func unavailable(_ path: String, _ code: Int32) -> GloveboxError {
    let reason = String(cString: strerror(code))
    return GloveboxError(.unavailable, "can't open \(path): \(reason); make its folder and let this user write there")
}
