import GloveboxCore
package import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs a program to its end: no shell, an environment of its own, as another user where that's asked for, in a process
/// group of its own that's killed when its time is up.
package final class CommandRun: Sendable {
    package struct Outcome: Sendable {
        /// Of the program; `nil` where it was killed.
        package var status: Int32?
        /// What it wrote to both of its outputs, up to the limit.
        package var output: [UInt8]
        package var isCut: Bool
        /// For people: `exit 0`, `signal 9`, `killed after 60s`.
        package var text: String
    }

    /// It couldn't be run at all.
    package struct Failure: Error, Hashable, CustomStringConvertible {
        /// For people, in one line that says what to do where that's known.
        package let description: String
    }

    /// A variable of the environment by which a process is found again.
    package struct Mark: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    private struct State {
        var group: pid_t?
        var isInterrupted = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Kills what runs, and whatever would be run after it.
    package func interrupt() {
        self.state.withLock { state in
            state.isInterrupted = true
            if let group = state.group { kill(-group, SIGKILL) }
        }
    }

    /// - Parameters:
    ///   - arguments: the program's path, and what it's given.
    ///   - user: whose rights it has, by name; those of this process where it's nil.
    ///   - limit: how many bytes of its output are kept.
    ///   - mark: what its processes, and those that they start, are known by.
    /// - Throws: ``Failure`` where it can't be run at all.
    package func run(
        _ arguments: [String], user: String? = nil, timeout: Duration, limit: Int, mark: Mark? = nil,
        on threads: NIOThreadPool
    ) async throws -> Outcome {
        try await threads.runIfActive {
            try self.runBlocking(
                try Self.asUser(user, arguments), timeout: timeout, limit: limit, mark: mark)
        }
    }

    private static func asUser(_ user: String?, _ arguments: [String]) throws(Failure) -> [String] {
        guard let user else { return arguments }
        guard let entry = getpwnam(user) else {
            throw Failure(description: "this host has no user '\(user)': correct 'user' in the configuration")
        }
        let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        if uid == geteuid() { return arguments }
        guard geteuid() == 0 else {
            throw Failure(
                description: "this process may run nothing as '\(user)': run it as root, or as that user")
        }
        return ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--"] + arguments
    }

    private func runBlocking(
        _ arguments: [String], timeout: Duration, limit: Int, mark: Mark?
    ) throws(Failure) -> Outcome {
        var ends: [Int32] = [-1, -1]
        // A pair of sockets, since other programs that start at this moment mustn't inherit its ends.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Self.failure(arguments, errno)
        }
        let (reader, writer) = (ends[0], ends[1])
        defer { close(reader) }
        let child: pid_t
        do {
            defer { close(writer) }
            child = try self.spawn(arguments, writer, mark)
        }
        return self.follow(child, reader, timeout: timeout, limit: limit)
    }

    private func spawn(_ arguments: [String], _ output: Int32, _ mark: Mark?) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        if let mark { environment.append("\(mark.name)=\(mark.value)") }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        let result = self.state.withLock { state -> Result<pid_t, Failure> in
            guard !state.isInterrupted else { return .failure(Self.interrupted) }
            var child: pid_t = 0
            let failure = posix_spawn(&child, arguments[0], &actions, &attributes, &argv, &envp)
            guard failure == 0 else { return .failure(Self.failure(arguments, failure)) }
            state.group = child
            return .success(child)
        }
        return try result.get()
    }

    /// Until the program itself has ended; what it leaves running may keep its output open.
    private func follow(_ child: pid_t, _ reader: Int32, timeout: Duration, limit: Int) -> Outcome {
        let deadline = ContinuousClock.now.advanced(by: timeout)
        var (bytes, isCut, isOpen, isLate) = ([UInt8](), false, true, false)
        var chunk = [UInt8](repeating: 0, count: 16_384)
        func take(waiting milliseconds: Int32) {
            guard isOpen else {
                // It has closed its output and runs on: only `waitpid` tells of its end, and can't wait with a deadline.
                usleep(5000)
                return
            }
            var wait = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, milliseconds) > 0 else { return }
            let count = chunk.withUnsafeMutableBytes { Glibc.read(reader, $0.baseAddress, $0.count) }
            if count > 0 {
                let room = limit - bytes.count
                bytes += chunk[..<min(count, max(0, room))]
                if count > room { isCut = true }
            } else if count == 0 || errno != EINTR {
                isOpen = false
            }
        }
        var status: Int32 = 0
        while true {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child || (ended < 0 && errno != EINTR) { break }
            if !isLate, ContinuousClock.now >= deadline {
                isLate = true
                kill(-child, SIGKILL)
            }
            take(waiting: 20)
        }
        let wasInterrupted = self.state.withLock { state in
            state.group = nil
            return state.isInterrupted
        }
        var spare = limit / chunk.count + 2
        while isOpen, spare > 0 {
            let before = bytes.count
            take(waiting: 0)
            if bytes.count == before { break }
            spare -= 1
        }
        let signal = status & 0x7F
        if isLate {
            return Outcome(status: nil, output: bytes, isCut: isCut, text: "killed after \(timeout.written)")
        }
        guard signal == 0 else {
            return Outcome(
                status: nil, output: bytes, isCut: isCut,
                text: wasInterrupted ? "broken off" : "ended by signal \(signal)")
        }
        let code = (status >> 8) & 0xFF
        return Outcome(status: code, output: bytes, isCut: isCut, text: "exit \(code)")
    }

    private static var interrupted: Failure { Failure(description: "it was broken off") }

    private static func failure(_ arguments: [String], _ number: Int32) -> Failure {
        Failure(description: "can't run \(arguments[0]): \(String(cString: strerror(number)))")
    }

    // MARK: What a dead process left

    /// Kills what an earlier run of this program had started under a mark and left running. What has begun a session of
    /// its own, as services do, isn't part of it any more.
    package static func killLeftovers(_ mark: Mark) {
        let sought = Array("\(mark.name)=\(mark.value)".utf8) + [0]
        guard let folder = opendir("/proc") else { return }
        defer { closedir(folder) }
        var marked: [pid_t: pid_t] = [:]
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = pid_t(name), process != getpid() else { continue }
            let file = open("/proc/\(process)/environ", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            guard count > 0,
                bytes[..<count].split(separator: 0).contains(where: { $0.elementsEqual(sought.dropLast()) })
            else { continue }
            marked[process] = getsid(process)
        }
        for (process, session) in marked where marked[session] == nil { kill(process, SIGKILL) }
    }
}
