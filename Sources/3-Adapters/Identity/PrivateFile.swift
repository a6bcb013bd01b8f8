package import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files that only their owner may read: keys, certificates, tokens' hashes.
///
/// A write is atomic and durable: a reader sees the whole old file or the whole new one, also after a power cut.
/// A symbolic link in place of the file is refused, since it would lead the write or the read elsewhere.
package enum PrivateFile {
    /// Replaces the file at `path`, or makes it. `mode` are its permissions, whatever the process's umask.
    /// - Throws: `file_unusable`.
    package static func write(
        _ bytes: some Collection<UInt8>, to path: String, mode: UInt32 = 0o600
    ) throws(GloveboxError) {
        try Self.refuseUnlessRegular(path)
        let temporary = try Self.writeTemporary(Array(bytes), beside: path, mode: mode)
        guard rename(temporary, path) == 0 else {
            let failure = Self.failure("write", path)
            unlink(temporary)
            throw failure
        }
        try Self.synchroniseFolder(of: path)
    }

    /// Makes the file at `path`, which must not be there yet: of two that try at once, one succeeds.
    /// - Throws: `conflict` when there is something at `path`; `file_unusable`.
    package static func create(
        _ bytes: some Collection<UInt8>, at path: String, mode: UInt32 = 0o600
    ) throws(GloveboxError) {
        let temporary = try Self.writeTemporary(Array(bytes), beside: path, mode: mode)
        defer { unlink(temporary) }
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { throw GloveboxError(.conflict, "\(path) is there already") }
            throw Self.failure("make", path)
        }
        try Self.synchroniseFolder(of: path)
    }

    /// What the file at `path` holds.
    /// - Parameter sharing: whether others may have the right to read it; nobody else may ever have the right to write.
    /// - Throws: `not_found`; `file_exposed` when others may read or write it (the message names the `chmod`);
    ///   `file_unusable`, also when it's longer than `limit` bytes.
    package static func read(
        _ path: String, sharing: Bool = false, limit: Int = 1 << 20
    ) throws(GloveboxError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw GloveboxError(.notFound, "there is no file \(path)")
            case ELOOP: throw Self.notRegular(path)
            default: throw Self.failure("read", path)
            }
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.notRegular(path) }
        guard status.st_mode & (sharing ? 0o022 : 0o077) == 0 else {
            throw GloveboxError(
                .fileExposed,
                "others on this machine can \(sharing ? "write" : "read") \(path): run 'chmod \(sharing ? "go-w" : "600") \(path)'; if somebody may have used that, replace what is in it"
            )
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw GloveboxError(.fileExposed, "\(path) belongs to another user: give it to the one who runs this")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { unsafe in
                #if canImport(Glibc)
                    Glibc.read(descriptor, unsafe.baseAddress, unsafe.count)
                #else
                    Darwin.read(descriptor, unsafe.baseAddress, unsafe.count)
                #endif
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.failure("read", path)
            }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else {
                throw GloveboxError(
                    .fileUnusable, "\(path) is longer than \(limit) bytes: it is not what belongs there")
            }
        }
    }

    /// Like ``read(_:sharing:limit:)``, but `nil` when there is no file.
    package static func readIfPresent(
        _ path: String, sharing: Bool = false, limit: Int = 1 << 20
    ) throws(GloveboxError) -> [UInt8]? {
        do {
            return try Self.read(path, sharing: sharing, limit: limit)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// Removes the file at `path`, durably; nothing happens if there is none.
    package static func remove(_ path: String) throws(GloveboxError) {
        guard unlink(path) == 0 else {
            if errno == ENOENT { return }
            throw Self.failure("remove", path)
        }
        try Self.synchroniseFolder(of: path)
    }

    /// Makes the folder at `path` and those above it that are missing, for the owner alone (0700). One that's there
    /// has to be a folder that nobody else can write to.
    package static func makeFolder(_ path: String) throws(GloveboxError) {
        if mkdir(path, 0o700) == 0 {
            try Self.synchroniseFolder(of: path)
            return
        }
        switch errno {
        case EEXIST:
            break
        case ENOENT:
            guard let above = Self.folder(of: path), above != path else { throw Self.failure("make the folder", path) }
            try Self.makeFolder(above)
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.failure("make the folder", path) }
            try Self.synchroniseFolder(of: path)
        default:
            throw Self.failure("make the folder", path)
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw Self.failure("use the folder", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw GloveboxError(.fileUnusable, "\(path) is not a folder: move it away, or name another one")
        }
        guard status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0 else {
            throw GloveboxError(.fileExposed, "others on this machine can write to \(path): run 'chmod go-w \(path)'")
        }
    }

    // MARK: Steps

    private static func writeTemporary(
        _ bytes: [UInt8], beside path: String, mode: UInt32
    ) throws(GloveboxError) -> String {
        let temporary = "\(path).\(Base32.random(length: 10)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("write", path) }
        defer { close(descriptor) }
        guard fchmod(descriptor, mode_t(mode)) == 0, Self.writeAll(descriptor, bytes), fsync(descriptor) == 0 else {
            let failure = Self.failure("write", path)
            unlink(temporary)
            throw failure
        }
        return temporary
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { unsafe in
                #if canImport(Glibc)
                    Glibc.write(descriptor, unsafe.baseAddress?.advanced(by: done), unsafe.count - done)
                #else
                    Darwin.write(descriptor, unsafe.baseAddress?.advanced(by: done), unsafe.count - done)
                #endif
            }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    private static func refuseUnlessRegular(_ path: String) throws(GloveboxError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Self.failure("write", path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.notRegular(path) }
    }

    /// A rename is durable once the folder that holds the name is.
    private static func synchroniseFolder(of path: String) throws(GloveboxError) {
        guard let folder = Self.folder(of: path) else { return }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("write", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("write", path) }
    }

    private static func folder(of path: String) -> String? {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    private static func notRegular(_ path: String) -> GloveboxError {
        GloveboxError(.fileUnusable, "\(path) is a link or not a file: put a file of its own there, or move it away")
    }

    /// Call it before anything else sets `errno`.
    private static func failure(_ verb: String, _ path: String) -> GloveboxError {
        GloveboxError(.fileUnusable, "can't \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}

extension GloveboxError.Code {
    /// A file of ours can't be read or written.
    package static let fileUnusable = Self("file_unusable")
    /// Others on the machine can read or write a file that is ours alone.
    package static let fileExposed = Self("file_exposed")
}
