import Foundation
import Glibc
import GloveboxCore
import NIOCore

/// A file that grows, by its path: another file under the path is read from its start once the old one is at its end, and
/// so is a file that became shorter than what was read of it.
struct FollowedFile: ~Copyable {
    enum Step {
        case bytes(ByteBuffer)
        /// Nothing more for now.
        case idle
        /// What comes next is from another file, or from the start of one that was cut.
        case began
    }

    /// Which file it is, whatever it's called.
    private struct Identity: Equatable {
        var device: Int?
        var number: Int?

        /// Nil while there's no file under the path.
        init?(_ path: String) {
            let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: file) else { return nil }
            self.device = attributes[.systemNumber] as? Int
            self.number = attributes[.systemFileNumber] as? Int
        }
    }

    private let path: String
    private var descriptor: Int32
    private var identity: Identity?
    private var offset = 0

    init(_ path: String) throws(GloveboxError) {
        self.path = path
        // Known before the file is opened: one that takes its place in between is read again, not left out.
        self.identity = Identity(path)
        self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else {
            throw GloveboxError(
                errno == ENOENT ? .notFound : .unavailable,
                errno == ENOENT
                    ? "there is no file \(path)" : "\(path) can't be read: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(self.descriptor)
    }

    mutating func next() throws(GloveboxError) -> Step {
        let bytes = try readChunk(self.descriptor, self.path)
        if bytes.readableBytes > 0 {
            self.offset += bytes.readableBytes
            return .bytes(bytes)
        }
        // Asked before the end is: what the old file gets until its name is taken is read.
        let identity = Identity(self.path)
        // A pipe has no end to compare with.
        let end = lseek(self.descriptor, 0, SEEK_END)
        guard end >= 0 else { return .idle }
        if end < self.offset {
            lseek(self.descriptor, 0, SEEK_SET)
            self.offset = 0
            return .began
        }
        lseek(self.descriptor, off_t(self.offset), SEEK_SET)
        // While nothing is under the path, a rotation is under way.
        guard end == self.offset, let identity, identity != self.identity else { return .idle }
        let descriptor = open(self.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .idle }
        close(self.descriptor)
        self.descriptor = descriptor
        self.identity = identity
        self.offset = 0
        return .began
    }
}

/// The next bytes of a descriptor, at most 64 KiB; none at its end.
func readChunk(_ descriptor: Int32, _ name: String) throws(GloveboxError) -> ByteBuffer {
    var chunk = ByteBuffer()
    while true {
        var failure: Int32 = 0
        chunk.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { space in
            let count = read(descriptor, space.baseAddress, min(space.count, 64 << 10))
            if count < 0 { failure = errno }
            return max(0, count)
        }
        switch failure {
        case 0: return chunk
        case EINTR: continue
        case EAGAIN:
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&wanted, 1, -1)
        default:
            throw GloveboxError(.unavailable, "\(name) can't be read: \(String(cString: strerror(failure)))")
        }
    }
}
