package import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The right to write to a folder, held through the file `lock` by at most one holder on the machine, and given back
/// by the kernel if the holder dies.
package final class FolderLock: Sendable {
    private let file: Int32

    /// Makes the folder (0700) if it's missing, and locks it.
    /// - Throws: `store_locked`; `journal_unavailable` when the folder can't be used.
    package init(folder: String) throws(GloveboxError) {
        if mkdir(folder, 0o700) != 0 {
            guard errno == EEXIST else { throw Self.unusable(folder) }
            // What others could read is nothing that they should.
            guard chmod(folder, 0o700) == 0 else { throw Self.unusable(folder) }
        }
        let file = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Self.unusable(folder) }
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let failure =
                errno == EWOULDBLOCK
                ? GloveboxError(
                    .storeLocked,
                    "\(folder) is in use by another Glovebox process: stop that one, or name another folder")
                : Self.unusable(folder)
            close(file)
            throw failure
        }
        self.file = file
    }

    deinit {
        // A child process between its fork and its exec has the file open, too: closing alone wouldn't unlock it.
        flock(self.file, LOCK_UN)
        close(self.file)
    }

    private static func unusable(_ folder: String) -> GloveboxError {
        GloveboxError(.journalUnavailable, "can't use the folder \(folder): \(String(cString: strerror(errno)))")
    }
}
