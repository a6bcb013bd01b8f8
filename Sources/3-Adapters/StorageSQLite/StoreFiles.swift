import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The files of a store, before SQLite sees them.
enum StoreFiles {
    /// In bytes (SQLite's file format, section 1.3).
    private static let headerSize = 100

    /// Whether there's no store at `path` yet.
    /// - Throws: `store_corrupt` when there was one, and its content is gone.
    static func isNew(_ path: String) throws(GloveboxError) -> Bool {
        let size = Self.size(path)
        switch size {
        case nil:
            // SQLite would write what's in it over a store that's new.
            guard (Self.size("\(path)-wal") ?? 0) == 0 else {
                throw StoreFailure.corrupt(
                    path: path, "it is missing, and what was to be written to it is there", cause: nil)
            }
            return true
        case .some(..<Self.headerSize):
            // SQLite takes some of these for new databases.
            throw StoreFailure.corrupt(path: path, size == 0 ? "it is empty" : "it was cut", cause: nil)
        default:
            return false
        }
    }

    /// Removes what an earlier attempt to make a store left behind.
    static func clear(_ path: String) throws(GloveboxError) {
        for file in [path, "\(path)-wal", "\(path)-shm"] where unlink(file) != 0 && errno != ENOENT {
            throw Self.unavailable(path)
        }
    }

    /// Gives a closed store its name, durably.
    static func name(_ unfinished: String, _ path: String) throws(GloveboxError) {
        for file in [unfinished, Self.folder(of: path)] {
            if file != unfinished, rename(unfinished, path) != 0 { throw Self.unavailable(path) }
            let descriptor = open(file, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.unavailable(path) }
            defer { close(descriptor) }
            guard fsync(descriptor) == 0 else { throw Self.unavailable(path) }
        }
    }

    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func unavailable(_ path: String) -> GloveboxError {
        let reason = String(cString: strerror(errno))
        return GloveboxError(.unavailable, "can't make \(path): \(reason); make room, and let this user write there")
    }
}
