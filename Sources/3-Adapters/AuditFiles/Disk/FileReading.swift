#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads of files whose writer is somebody else, or ourselves on another thread.
package enum FileReading {
    /// All of a file.
    package static func whole(_ path: String) throws(FileError) -> [UInt8] {
        try Self.opened(path) { file throws(FileError) in
            var status = stat()
            guard fstat(file, &status) == 0 else { throw FileError("read", errno) }
            return try Self.range(0..<Int(status.st_size), of: file)
        }
    }

    /// Some of a file; fewer bytes where it ends before.
    package static func range(_ range: Range<Int>, of path: String) throws(FileError) -> [UInt8] {
        try Self.opened(path) { file throws(FileError) in try Self.range(range, of: file) }
    }

    /// The names in a folder, sorted.
    package static func names(in folder: String) throws(FileError) -> [String] {
        guard let stream = opendir(folder) else { throw FileError("read", errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { unsafe in
                String(decoding: unsafe.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    private static func opened(
        _ path: String, _ body: (Int32) throws(FileError) -> [UInt8]
    ) throws(FileError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw FileError("open", errno) }
        defer { close(file) }
        return try body(file)
    }

    private static func range(_ range: Range<Int>, of file: Int32) throws(FileError) -> [UInt8] {
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            while filled < range.count {
                let count = pread(
                    file, buffer.baseAddress?.advanced(by: filled), range.count - filled,
                    off_t(range.lowerBound + filled))
                if count > 0 {
                    filled += count
                } else if count == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if let failure { throw FileError("read", failure) }
        return bytes
    }
}
