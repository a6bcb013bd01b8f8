#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What journals and logs do to a disk, each step by itself, so that tests can make any of them fail.
package protocol FileWriting: Sendable {
    /// Makes a file that isn't there yet, for its owner alone, and opens it.
    func create(_ path: String) throws(FileError) -> Int32
    func open(_ path: String) throws(FileError) -> Int32
    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8], to file: Int32, at offset: Int) throws(FileError)
    /// Returns when what was written to the file is on disk.
    func synchronise(_ file: Int32) throws(FileError)
    func resize(_ file: Int32, to size: Int) throws(FileError)
    func rename(_ path: String, to new: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Returns when the names in a folder are on disk.
    func synchroniseFolder(_ path: String) throws(FileError)
    /// Makes a folder for its owner alone; the one above it is there.
    /// - Returns: whether it wasn't there before.
    func makeFolder(_ path: String) throws(FileError) -> Bool
    /// Removes an empty folder.
    func removeFolder(_ path: String) throws(FileError)
    func close(_ file: Int32)
}

/// A step that failed.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var step: String
    /// `errno`
    package var number: Int32

    package init(_ step: String, _ number: Int32) {
        self.step = step
        self.number = number
    }

    package var description: String { "\(self.step): \(String(cString: strerror(self.number)))" }
}

/// The machine's own files.
package struct SystemFiles: FileWriting {
    package init() {}

    package func create(_ path: String) throws(FileError) -> Int32 {
        try Self.check("make", Self.openFile(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW))
    }

    package func open(_ path: String) throws(FileError) -> Int32 {
        try Self.check("open", Self.openFile(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW))
    }

    package func write(_ bytes: [UInt8], to file: Int32, at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { unsafe in
                pwrite(file, unsafe.baseAddress?.advanced(by: done), unsafe.count - done, off_t(offset + done))
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw FileError("write", count == 0 ? EIO : errno)
            }
        }
    }

    package func synchronise(_ file: Int32) throws(FileError) {
        #if canImport(Glibc)
            try Self.check("synchronise", fdatasync(file))
        #else
            try Self.check("synchronise", fcntl(file, F_FULLFSYNC))
        #endif
    }

    package func resize(_ file: Int32, to size: Int) throws(FileError) {
        try Self.check("resize", ftruncate(file, off_t(size)))
    }

    package func rename(_ path: String, to new: String) throws(FileError) {
        #if canImport(Glibc)
            try Self.check("rename", Glibc.rename(path, new))
        #else
            try Self.check("rename", Darwin.rename(path, new))
        #endif
    }

    package func remove(_ path: String) throws(FileError) {
        try Self.check("remove", unlink(path))
    }

    package func synchroniseFolder(_ path: String) throws(FileError) {
        let folder = try Self.check("open", Self.openFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        defer { self.close(folder) }
        try Self.check("synchronise", fsync(folder))
    }

    package func makeFolder(_ path: String) throws(FileError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw FileError("make", errno) }
        return false
    }

    package func removeFolder(_ path: String) throws(FileError) {
        try Self.check("remove", rmdir(path))
    }

    package func close(_ file: Int32) {
        #if canImport(Glibc)
            _ = Glibc.close(file)
        #else
            _ = Darwin.close(file)
        #endif
    }

    private static func openFile(_ path: String, _ flags: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.open(path, flags, 0o600)
        #else
            Darwin.open(path, flags, 0o600)
        #endif
    }

    @discardableResult
    private static func check(_ step: String, _ result: Int32) throws(FileError) -> Int32 {
        guard result >= 0 else { throw FileError(step, errno) }
        return result
    }
}
