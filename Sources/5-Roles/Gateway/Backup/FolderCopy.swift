import Crypto
import GloveboxCore
import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Copies files of a gateway's state, for their owner alone, and durably.
enum FolderCopy {
    private static let pieceSize = 1 << 20

    /// Copies one file, which has to be a plain one, and says what was copied.
    /// - Throws: `not_found` when it isn't there (any more); `file_unusable`.
    @discardableResult
    static func copy(_ source: String, to target: String) throws(GloveboxError) -> (size: Int, digest: String) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw Self.failure("read", source) }
        defer { close(input) }
        let output = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { throw Self.failure("write", target) }
        defer { close(output) }
        var status = stat()
        // What others may read in the source, such as a CA's certificate, they may read in the copy.
        guard fstat(input, &status) == 0, fchmod(output, 0o600 | status.st_mode & 0o044) == 0 else {
            throw Self.failure("write", target)
        }
        let read = try Self.read(input, source) { piece throws(GloveboxError) in
            var rest = piece
            while !rest.isEmpty {
                let count = write(output, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno != EINTR {
                    throw Self.failure("write", target)
                }
            }
        }
        guard fsync(output) == 0 else { throw Self.failure("write", target) }
        return read
    }

    static func digest(_ path: String) throws(GloveboxError) -> (size: Int, digest: String) {
        let input = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard input >= 0 else { throw Self.failure("read", path) }
        defer { close(input) }
        return try Self.read(input, path) { _ throws(GloveboxError) in }
    }

    private static func read(
        _ input: Int32, _ path: String, _ body: (UnsafeRawBufferPointer) throws(GloveboxError) -> Void
    ) throws(GloveboxError) -> (size: Int, digest: String) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 16)
        defer { piece.deallocate() }
        var hash = SHA256()
        var size = 0
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(input, piece.baseAddress, piece.count)
            #else
                let count = Darwin.read(input, piece.baseAddress, piece.count)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read", path) }
            if count == 0 { break }
            let bytes = UnsafeRawBufferPointer(rebasing: piece[..<count])
            hash.update(bufferPointer: bytes)
            size += count
            try body(bytes)
        }
        let digits = Array("0123456789abcdef".utf8)
        let text = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return (size, String(decoding: text, as: UTF8.self))
    }

    /// Names in `folder`, sorted; those of folders end with `/`.
    static func names(in folder: String) throws(GloveboxError) -> [String] {
        guard let stream = opendir(folder) else { throw Self.failure("read", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            var status = stat()
            guard lstat("\(folder)/\(name)", &status) == 0 else { continue }
            names.append(status.st_mode & S_IFMT == S_IFDIR ? "\(name)/" : name)
        }
        return names.sorted()
    }

    /// Every file under `folder`, relative to it.
    static func files(under folder: String) throws(GloveboxError) -> [String] {
        var files: [String] = []
        for name in try Self.names(in: folder) {
            if name.hasSuffix("/") {
                files += try Self.files(under: "\(folder)/\(name.dropLast())").map { name + $0 }
            } else {
                files.append(name)
            }
        }
        return files
    }

    static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Removes a file, or a folder with all that's in it.
    static func remove(_ path: String) throws(GloveboxError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in try Self.names(in: path) {
                try Self.remove("\(path)/\(name.hasSuffix("/") ? String(name.dropLast()) : name)")
            }
            guard rmdir(path) == 0 else { throw Self.failure("remove", path) }
        } else {
            guard unlink(path) == 0 else { throw Self.failure("remove", path) }
        }
    }

    /// Gives a folder its name, durably, with the names of all that's in it.
    static func name(_ unfinished: String, _ path: String) throws(GloveboxError) {
        try Self.synchronise(unfinished)
        guard rename(unfinished, path) == 0 else { throw Self.failure("make", path) }
        let above = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        try Self.synchroniseFolder(above.isEmpty ? "/" : above)
    }

    private static func synchronise(_ folder: String) throws(GloveboxError) {
        for name in try Self.names(in: folder) where name.hasSuffix("/") {
            try Self.synchronise("\(folder)/\(name.dropLast())")
        }
        try Self.synchroniseFolder(folder)
    }

    private static func synchroniseFolder(_ folder: String) throws(GloveboxError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("write", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("write", folder) }
    }

    /// Call it before anything else sets `errno`.
    private static func failure(_ verb: String, _ path: String) -> GloveboxError {
        let code = errno
        let message = "can't \(verb) \(path): \(String(cString: strerror(code)))"
        return code == ENOENT ? GloveboxError(.notFound, message) : GloveboxError(.fileUnusable, message)
    }
}
