import Foundation
package import Glibc
import Synchronization

/// A program that runs beside the test. Killed with its process group when the value goes away.
package final class RunningProcess: Sendable {
    private struct State {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var openStreams = 2
        var status: Int32?
        var input: Int32 = -1
        var nextWaiter = 0
        var waiters: [Int: Waiter] = [:]

        var finished: Bool { self.openStreams == 0 && self.status != nil }
    }

    private struct Waiter {
        var holds: @Sendable (borrowing Snapshot) -> Bool
        var continuation: CheckedContinuation<Bool, Never>
    }

    /// What a waiting test looks at.
    package struct Snapshot: Sendable {
        package var output: [UInt8]
        package var errors: [UInt8]
        /// Nil while it runs.
        package var status: Int32?
        /// Exited, and both streams are at their end.
        package var finished: Bool
    }

    package let pid: pid_t
    private let shared: Shared

    /// Outlives the process value for as long as its threads run.
    private final class Shared: Sendable {
        let state = Mutex(State())

        /// Changes the state and wakes those whose condition now holds.
        func update(_ change: (inout sending State) -> Void) {
            let woken = self.state.withLock { state -> [CheckedContinuation<Bool, Never>] in
                change(&state)
                if state.waiters.isEmpty { return [] }
                let snapshot = Self.snapshot(state)
                let ready = state.waiters.filter { $0.value.holds(snapshot) }
                for key in ready.keys { state.waiters[key] = nil }
                return ready.values.map(\.continuation)
            }
            for continuation in woken { continuation.resume(returning: true) }
        }

        static func snapshot(_ state: State) -> Snapshot {
            Snapshot(output: state.output, errors: state.errors, status: state.status, finished: state.finished)
        }
    }

    package init(
        _ arguments: [String], environment: [String: String]? = nil, input: Subprocess.Input = .none,
        descriptors: [Int32: Int32] = [:], folder: String? = nil
    ) throws {
        Glibc.signal(SIGPIPE, SIG_IGN)
        let output = try Pipe()
        let errors = try Pipe()
        let standardInput: Pipe? = if case .none = input { nil } else { try Pipe() }
        let request = SpawnRequest(
            // The signal follows the thread that starts the program; that thread waits for the program's end below.
            arguments: ["setpriv", "--pdeathsig", "KILL", "--"] + (folder.map { ["env", "--chdir=\($0)"] } ?? [])
                + arguments,
            environment: environment,
            descriptors: descriptors.merging([
                0: standardInput?.reader ?? -1, 1: output.writer, 2: errors.writer,
            ]) { _, standard in standard })

        let shared = Shared()
        self.shared = shared
        let started = Started()
        Thread.detachNewThread {
            let pid = request.spawn()
            started.finish(pid)
            guard pid > 0 else { return }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            let signal = status & 0x7F
            shared.update { $0.status = signal == 0 ? (status >> 8) & 0xFF : 128 + signal }
        }
        self.pid = started.wait()
        close(output.writer)
        close(errors.writer)
        if let standardInput { close(standardInput.reader) }
        guard self.pid > 0 else {
            close(output.reader)
            close(errors.reader)
            if let standardInput { close(standardInput.writer) }
            throw TestSupportError("can't start \(arguments.first ?? "?"): error \(-self.pid)")
        }

        Thread.detachNewThread {
            while let bytes = readSome(output.reader) { shared.update { $0.output += bytes } }
            close(output.reader)
            shared.update { $0.openStreams -= 1 }
        }
        Thread.detachNewThread {
            while let bytes = readSome(errors.reader) { shared.update { $0.errors += bytes } }
            close(errors.reader)
            shared.update { $0.openStreams -= 1 }
        }
        guard let standardInput else { return }
        switch input {
        case .none: break
        case .open: shared.state.withLock { $0.input = standardInput.writer }
        case .bytes(let bytes):
            Thread.detachNewThread {
                _ = writeAll(standardInput.writer, bytes)
                close(standardInput.writer)
            }
        }
    }

    deinit {
        self.closeInput()
        if !self.snapshot.finished { self.signalGroup(SIGKILL) }
    }

    package var snapshot: Snapshot { self.shared.state.withLock { Shared.snapshot($0) } }
    package var output: String { String(decoding: self.snapshot.output, as: UTF8.self) }
    package var errors: String { String(decoding: self.snapshot.errors, as: UTF8.self) }

    /// What there is so far; the status is -1 while it runs.
    package var result: Subprocess.Result {
        let now = self.snapshot
        return Subprocess.Result(status: now.status ?? -1, standardOutput: now.output, standardError: now.errors)
    }

    /// Writes to a standard input that was left open. Blocks while the pipe is full.
    package func write(_ text: String) throws {
        let descriptor = self.shared.state.withLock { $0.input }
        guard descriptor >= 0, writeAll(descriptor, Array(text.utf8)) else {
            throw TestSupportError("process \(self.pid) takes no input")
        }
    }

    package func closeInput() {
        let descriptor = self.shared.state.withLock { state -> Int32 in
            defer { state.input = -1 }
            return state.input
        }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Sends a signal, unless the program has ended.
    package func signal(_ number: Int32) {
        if self.snapshot.status == nil { kill(self.pid, number) }
    }

    /// Sends a signal to the program and all that it started in its process group.
    package func signalGroup(_ number: Int32) {
        kill(-self.pid, number)
    }

    /// Waits until the program has ended and its output is complete; false once `timeout` has passed.
    package func finished(timeout: Duration = .seconds(30)) async -> Bool {
        await self.wait(timeout: timeout) { $0.finished }
    }

    /// Waits until the output or the errors contain `text`; throws once `timeout` has passed or the program ends without.
    package func printed(_ text: String, timeout: Duration = .seconds(30)) async throws {
        let sought = Array(text.utf8)
        let held = await self.wait(timeout: timeout) { now in
            now.finished || now.output.contains(sought) || now.errors.contains(sought)
        }
        let now = self.snapshot
        guard held, now.output.contains(sought) || now.errors.contains(sought) else {
            throw TestSupportError(
                "process \(self.pid) didn't print “\(text)”; status \(now.status.map(String.init) ?? "running"), "
                    + "output: \(self.output.suffix(2000)), errors: \(self.errors.suffix(2000))")
        }
    }

    /// Asks it to end (SIGTERM), and kills it if it hasn't after `grace`.
    @discardableResult
    package func stop(grace: Duration = .seconds(10)) async -> Subprocess.Result {
        self.signal(SIGTERM)
        if await !self.finished(timeout: grace) {
            self.signalGroup(SIGKILL)
            _ = await self.finished(timeout: .seconds(10))
        }
        return self.result
    }

    /// Waits for a condition on what the program did so far; false once `timeout` has passed.
    package func wait(timeout: Duration, until holds: @escaping @Sendable (borrowing Snapshot) -> Bool) async -> Bool {
        let shared = self.shared
        let key = shared.state.withLock { state -> Int in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let (timer, start) = AsyncStream<Void>.makeStream()
        let expiry = Task.detached {
            for await _ in timer {}
            guard (try? await ContinuousClock().sleep(for: timeout)) != nil else { return }
            shared.state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume(returning: false)
        }
        defer { expiry.cancel() }
        return await withCheckedContinuation { continuation in
            let already = shared.state.withLock { state -> Bool in
                if holds(Shared.snapshot(state)) { return true }
                state.waiters[key] = Waiter(holds: holds, continuation: continuation)
                return false
            }
            if already { continuation.resume(returning: true) }
            start.finish()
        }
    }
}

/// Hands a process's number from the thread that starts it.
private final class Started: Sendable {
    private let number = Mutex<pid_t>(0)
    private let semaphore = DispatchSemaphore(value: 0)

    func finish(_ pid: pid_t) {
        self.number.withLock { $0 = pid }
        self.semaphore.signal()
    }

    func wait() -> pid_t {
        self.semaphore.wait()
        return self.number.withLock { $0 }
    }
}

/// A pipe that no other program inherits.
struct Pipe {
    var reader: Int32
    var writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let made = startingPrograms.withLock { _ in
            pipe(&ends) == 0 && ends.allSatisfy { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }
        }
        guard made else { throw TestSupportError("can't make a pipe: errno \(errno)") }
        self.reader = ends[0]
        self.writer = ends[1]
    }
}

/// Held while a pipe is made and while a program is started, so that none gets an end that isn't closed to it yet.
private let startingPrograms = Mutex(())

/// What posix_spawn is asked for.
private struct SpawnRequest: Sendable {
    var arguments: [String]
    var environment: [String: String]?
    /// The program's descriptors by number; -1 stands for `/dev/null`.
    var descriptors: [Int32: Int32]

    /// The process's number, or an errno below zero.
    func spawn() -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, source) in self.descriptors.sorted(by: { $0.key < $1.key }) {
            if source < 0 {
                posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDONLY, 0)
            } else {
                posix_spawn_file_actions_adddup2(&actions, source, number)
            }
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var restored = sigset_t()
        sigemptyset(&restored)
        for number in [SIGPIPE, SIGINT, SIGTERM] { sigaddset(&restored, number) }
        posix_spawnattr_setsigdefault(&attributes, &restored)
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let environment = self.environment ?? ProcessInfo.processInfo.environment
        var argv: [UnsafeMutablePointer<CChar>?] = self.arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let failure = startingPrograms.withLock { _ in
            posix_spawnp(&pid, "setpriv", &actions, &attributes, &argv, &envp)
        }
        return failure == 0 ? pid : -failure
    }
}

extension [UInt8] {
    /// Whether `sought` occurs in these bytes.
    package func contains(_ sought: [UInt8]) -> Bool {
        if sought.isEmpty { return true }
        return self.withUnsafeBytes { all in
            sought.withUnsafeBytes { part in
                var start = 0
                while start + part.count <= all.count, let base = all.baseAddress {
                    // To the next place where the first byte stands, then the whole.
                    guard let hit = memchr(base + start, Int32(part[0]), all.count - part.count - start + 1) else {
                        return false
                    }
                    let offset = UnsafeRawPointer(hit) - base
                    if let wanted = part.baseAddress, memcmp(hit, wanted, part.count) == 0 { return true }
                    start = offset + 1
                }
                return false
            }
        }
    }
}
