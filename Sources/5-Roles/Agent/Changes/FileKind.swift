import Changes
import Foundation
import Glibc
import GloveboxCore
import Identity
import NIOPosix

/// A file's content, to be put in place of what is there.
struct FilePlan: Sendable, Codable {
    var path: String
    /// `nil` for a file that's to be no more.
    var content: String?

    var subject: String { "file \(self.path)" }
}

/// A whole file: replaced at one moment, with its permissions and its owner as they were. No symbolic link is followed, in
/// any part of its path.
struct FileKind: ChangeKind {
    /// What stood there; `nil` where there was nothing.
    private struct Former: Codable, Equatable {
        var content: Data
        var mode: UInt32
        var owner: UInt32
        var group: UInt32
    }

    static let longest = 4 << 20
    private let plan: FilePlan
    private let tools: HostTools

    init(_ plan: FilePlan, _ tools: HostTools) {
        self.plan = plan
        self.tools = tools
    }

    var subject: String? { self.plan.subject }
    var isExact: Bool { true }

    func look() async throws -> [UInt8]? { try await self.onThread { try Self.encode(try $0.read()) } }

    func isApplied() async throws -> Bool? {
        let wanted = self.plan.content.map { Data($0.utf8) }
        return try await self.onThread { try $0.read()?.content == wanted }
    }

    func hasMade(_ state: [UInt8]) -> Bool? {
        do {
            return try Self.decode(state)?.content == self.plan.content.map { Data($0.utf8) }
        } catch {
            return nil
        }
    }

    func apply() async throws {
        let wanted = self.plan.content.map { Data($0.utf8) }
        try await self.onThread { place in
            guard let wanted else { return try place.remove() }
            // What's new is for everybody to read, as configuration is; what was there stays as it was.
            let standing =
                try place.read()
                ?? Former(content: Data(), mode: 0o644, owner: UInt32(geteuid()), group: UInt32(getegid()))
            try place.write(Former(content: wanted, mode: standing.mode, owner: standing.owner, group: standing.group))
        }
        await self.tools.ran(
            "apply of file '\(self.plan.path)'", wanted.map { "\($0.count) bytes written" } ?? "removed", [], false)
    }

    func undo(_ former: [UInt8]?) async throws {
        guard let former else {
            throw GloveboxError(.changeFailed, "what stood in \(self.plan.path) isn't known: put it back by hand")
        }
        let standing = try Self.decode(former)
        try await self.onThread { place in
            if let standing { try place.write(standing) } else { try place.remove() }
        }
        await self.tools.ran(
            "undo of file '\(self.plan.path)'",
            standing.map { "\($0.content.count) bytes put back" } ?? "removed, as it wasn't there", [], false)
    }

    func interrupt() {}

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable (Place) throws -> Value) async throws -> Value {
        let (path, mark) = (self.plan.path, self.tools.mark)
        return try await self.tools.threads.pool.runIfActive {
            let place = try Place(path, mark: mark)
            defer { place.close() }
            return try body(place)
        }
    }

    private static func encode(_ former: Former?) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(try encoder.encode(former))
    }

    private static func decode(_ bytes: [UInt8]) throws -> Former? {
        try JSONDecoder().decode(Former?.self, from: Data(bytes))
    }

    /// A name in a folder that's open, so that nothing leads elsewhere between looking and writing.
    private struct Place: Sendable {
        let path: String
        let folder: Int32
        let name: String
        let temporary: String

        /// - Throws: `file_unusable`.
        init(_ path: String, mark: String) throws(GloveboxError) {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
            guard path.hasPrefix("/"), let name = parts.last, !parts.contains(where: { ["", ".", ".."].contains($0) })
            else { throw GloveboxError(.fileUnusable, "'\(path)' is no whole path without '.', '..' and '//'") }
            var folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard folder >= 0 else { throw Self.failure("open", "/") }
            for part in parts.dropLast() {
                let next = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                let number = errno
                Glibc.close(folder)
                guard next >= 0 else {
                    throw GloveboxError(
                        .fileUnusable,
                        number == ELOOP || number == ENOTDIR
                            ? "'\(part)' of \(path) is a link, or no folder: name the file by where it is"
                            : "can't open '\(part)' of \(path): \(String(cString: strerror(number)))")
                }
                folder = next
            }
            self.path = path
            self.folder = folder
            self.name = name
            self.temporary = ".\(name.prefix(100)).glovebox-\(mark)"
        }

        func close() { Glibc.close(self.folder) }

        func read() throws(GloveboxError) -> Former? {
            let file = openat(self.folder, self.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard file >= 0 else {
                if errno == ENOENT { return nil }
                if errno == ELOOP { throw self.notRegular }
                throw Self.failure("read", self.path)
            }
            defer { Glibc.close(file) }
            var status = stat()
            guard fstat(file, &status) == 0 else { throw Self.failure("read", self.path) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw self.notRegular }
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw Self.failure("read", self.path)
                }
                if count == 0 { break }
                bytes += chunk[..<count]
                guard bytes.count <= FileKind.longest else {
                    throw GloveboxError(.fileUnusable, "\(self.path) is longer than \(FileKind.longest >> 20) MiB")
                }
            }
            return Former(
                content: Data(bytes), mode: UInt32(status.st_mode & 0o7777), owner: UInt32(status.st_uid),
                group: UInt32(status.st_gid))
        }

        /// Durable when it returns; whoever reads meanwhile sees all of the one or all of the other.
        func write(_ former: Former) throws(GloveboxError) {
            // Of one that died.
            _ = unlinkat(self.folder, self.temporary, 0)
            let file = openat(
                self.folder, self.temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw Self.failure("write", self.path) }
            defer { Glibc.close(file) }
            let bytes = [UInt8](former.content)
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.write(file, $0.baseAddress?.advanced(by: done), bytes.count - done)
                }
                if count > 0 {
                    done += count
                } else if errno != EINTR {
                    throw self.discarded("write")
                }
            }
            let isOwn = former.owner == UInt32(geteuid()) && former.group == UInt32(getegid())
            guard isOwn || fchown(file, former.owner, former.group) == 0 else {
                throw self.discarded("give to its owner")
            }
            guard fchmod(file, mode_t(former.mode)) == 0, fsync(file) == 0,
                renameat(self.folder, self.temporary, self.folder, self.name) == 0
            else { throw self.discarded("write") }
            guard fsync(self.folder) == 0 else { throw Self.failure("write", self.path) }
        }

        func remove() throws(GloveboxError) {
            guard unlinkat(self.folder, self.name, 0) == 0 || errno == ENOENT else {
                throw Self.failure("remove", self.path)
            }
            guard fsync(self.folder) == 0 else { throw Self.failure("remove", self.path) }
        }

        private var notRegular: GloveboxError {
            GloveboxError(.fileUnusable, "\(self.path) is a link, or not a file: name the file itself")
        }

        private func discarded(_ verb: String) -> GloveboxError {
            let failure = Self.failure(verb, self.path)
            _ = unlinkat(self.folder, self.temporary, 0)
            return failure
        }

        /// Call it before anything else sets `errno`.
        private static func failure(_ verb: String, _ path: String) -> GloveboxError {
            GloveboxError(.fileUnusable, "can't \(verb) \(path): \(String(cString: strerror(errno)))")
        }
    }
}
