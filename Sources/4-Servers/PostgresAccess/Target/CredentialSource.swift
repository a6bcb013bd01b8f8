package import GloveboxCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where an agent finds a target's password. It's read anew for each session, so that a rotated one is used at once.
package enum CredentialSource: Hashable, Sendable {
    /// The file's content without its last line break; a file that others can read is refused.
    case file(String)
    /// An environment variable of the agent.
    case environment(String)
    /// What a program prints (its first argument is its path or name), without the last line break. No shell.
    case command([String])

    /// - Throws: `target_credential` when there is none, with where it was looked for and never with what was found.
    package func read() async throws -> Secret<String> {
        switch self {
        case .environment(let name):
            guard let value = getenv(name) else {
                throw GloveboxError(
                    .targetCredential, "the environment variable '\(name)' with the target's password isn't set")
            }
            return Secret(String(cString: value))
        case .file(let path):
            return try await NIOThreadPool.singleton.runIfActive { try Self.contents(of: path) }
        case .command(let arguments):
            return try await NIOThreadPool.singleton.runIfActive { try Self.output(of: arguments) }
        }
    }

    private static let limit = 65_536

    private static func contents(of path: String) throws(GloveboxError) -> Secret<String> {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw GloveboxError(.targetCredential, "can't read the password file '\(path)': \(reason(errno))")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw GloveboxError(.targetCredential, "the password file '\(path)' isn't a file")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw GloveboxError(.targetCredential, "the password file '\(path)' is open to everyone: chmod 600 it")
        }
        var bytes: [UInt8] = []
        guard Self.drain(file, into: &bytes, until: nil) else {
            throw GloveboxError(.targetCredential, "can't read the password file '\(path)': \(reason(errno))")
        }
        return try Self.secret(bytes, "the password file '\(path)'")
    }

    private static func output(of arguments: [String]) throws(GloveboxError) -> Secret<String> {
        guard let program = arguments.first else {
            throw GloveboxError(.targetCredential, "the command for the target's password is empty")
        }
        var ends: [Int32] = [-1, -1]
        // A pair of sockets, since other programs that start at this moment mustn't inherit its ends.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw GloveboxError(.targetCredential, "can't run '\(program)' for the target's password: \(reason(errno))")
        }
        let (reader, writer) = (ends[0], ends[1])
        defer { close(reader) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, writer, 1)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var child: pid_t = 0
        let failure = posix_spawnp(&child, program, &actions, nil, &argv, environ)
        close(writer)
        guard failure == 0 else {
            throw GloveboxError(
                .targetCredential, "can't run '\(program)' for the target's password: \(reason(failure))")
        }
        var bytes: [UInt8] = []
        let isWhole = Self.drain(reader, into: &bytes, until: .now() + .seconds(10))
        if !isWhole { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard isWhole else {
            throw GloveboxError(.targetCredential, "'\(program)' didn't give the target's password within 10 seconds")
        }
        guard status == 0 else {
            throw GloveboxError(
                .targetCredential, "'\(program)', asked for the target's password, failed (status \(status))")
        }
        return try Self.secret(bytes, "the output of '\(program)'")
    }

    /// Reads to the end; false on an error, past the limit, or when `deadline` passes first.
    private static func drain(_ file: Int32, into bytes: inout [UInt8], until deadline: NIODeadline?) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= Self.limit {
            if let deadline {
                let left = (deadline - .now()).nanoseconds / 1_000_000
                guard left > 0 else { return false }
                var wait = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
                let ready = poll(&wait, 1, Int32(clamping: left))
                if ready < 0 && errno == EINTR { continue }
                guard ready > 0 else { return false }
            }
            let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count == 0 { return true }
            if count > 0 {
                bytes += chunk[..<count]
            } else if errno != EINTR {
                return false
            }
        }
        return false
    }

    private static func secret(_ bytes: [UInt8], _ origin: String) throws(GloveboxError) -> Secret<String> {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            throw GloveboxError(.targetCredential, "\(origin) holds no password: it's empty or isn't UTF-8")
        }
        return Secret(text)
    }

    private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}

extension GloveboxError.Code {
    /// The agent doesn't have what it needs to sign in to a target.
    package static let targetCredential = Self("target_credential")
}
