import GloveboxCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a client keeps what flags were last. Written beside it and put into its place, so that there's always a whole one.
struct FlagFile: Sendable {
    let path: String

    init(folder: String, target: TargetName) {
        self.path = "\(folder)/\(target).flags.json"
    }

    /// Longer than any that a gateway tells of.
    private static let mostBytes = 64 << 20

    /// - Returns: `nil` where there's none.
    /// - Throws: `unavailable`.
    func read() throws(GloveboxError) -> [UInt8]? {
        guard let file = fopen(self.path, "rb") else {
            if errno == ENOENT { return nil }
            throw self.failure("read")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < Self.mostBytes {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        guard ferror(file) == 0 else { throw self.failure("read") }
        return bytes
    }

    /// - Throws: `unavailable`.
    func write(_ bytes: [UInt8]) throws(GloveboxError) {
        let beside = "\(self.path).new"
        guard let file = fopen(beside, "wb") else { throw self.failure("written") }
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, isWritten, rename(beside, self.path) == 0 else {
            let failure = self.failure("written")
            unlink(beside)
            throw failure
        }
    }

    private func failure(_ what: String) -> GloveboxError {
        let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return GloveboxError(.unavailable, "\(self.path) can't be \(what): \(reason)")
    }
}
