import GloveboxCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Room on the disk of log and store that's taken while there is some, and given up when an emergency needs it.
///
/// A file that holds nothing, with blocks of its own: whatever is written after ``giveUp()`` may use them. A file system
/// that writes elsewhere each time, or keeps a quota, has the same room. Blocks; each call is short.
package final class AuditReserve: Sendable {
    private let path: String
    private let size: Int
    private let filled: Mutex<Bool>

    /// - Parameter size: in bytes.
    package init(path: String, size: Int = 16 << 20) {
        self.path = path
        self.size = size
        self.filled = Mutex(false)
    }

    /// Whether the room is there to be given up.
    package var isFilled: Bool { self.filled.withLock { $0 } }

    /// Takes the room. Returns whether it's taken: not while the disk has too little.
    @discardableResult
    package func fill() -> Bool {
        self.filled.withLock { filled in
            let file = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0 else {
                filled = false
                return false
            }
            defer { close(file) }
            filled = Self.allocate(file, self.size) && fsync(file) == 0
            // What there was of it is better left to others than kept and useless.
            if !filled { _ = ftruncate(file, 0) }
            return filled
        }
    }

    /// Gives the room to whatever is written next.
    package func giveUp() {
        self.filled.withLock { filled in
            filled = false
            let file = open(self.path, O_RDWR | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            if ftruncate(file, 0) == 0 { _ = fsync(file) }
        }
    }

    private static func allocate(_ file: Int32, _ size: Int) -> Bool {
        #if canImport(Glibc)
            return posix_fallocate(file, 0, off_t(size)) == 0
        #else
            let zeros = [UInt8](repeating: 0, count: 65_536)
            for offset in stride(from: 0, to: size, by: zeros.count) {
                guard pwrite(file, zeros, min(zeros.count, size - offset), off_t(offset)) > 0 else { return false }
            }
            return true
        #endif
    }
}
