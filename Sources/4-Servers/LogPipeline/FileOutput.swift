import GloveboxCore
import LogFormats
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file for its owner alone, which is rotated by its size: `app.log` becomes `app.log.1`, that one `app.log.2`, and so on.
/// What is delivered is on disk. A batch is in the file whole, or not at all.
final class FileOutput: LogOutput {
    private struct State {
        var file: Descriptor?
        var size = 0
    }

    private let settings: PipelineConfiguration.FileSettings
    private let threads: NIOThreadPool
    private let state = Mutex(State())

    init(_ settings: PipelineConfiguration.FileSettings, _ threads: NIOThreadPool) {
        self.settings = settings
        self.threads = threads
    }

    func deliver(_ records: [LogRecord]) async throws -> Int {
        let bytes = records.flatMap { self.settings.format.bytes(of: $0) }
        try await self.threads.runIfActive {
            try self.state.withLock { state in try self.write(bytes, &state) }
        }
        return 0
    }

    func close() async {
        self.state.withLock { $0.file = nil }
    }

    private func failure() -> DeliveryFailure {
        .later("\(self.settings.path) can't be written: \(systemReason(errno))", after: nil)
    }

    private func write(_ bytes: [UInt8], _ state: inout State) throws(DeliveryFailure) {
        if state.file == nil { try self.open(&state) }
        if state.size > 0, state.size + bytes.count > self.settings.size {
            state.file = nil
            try self.rotate()
            try self.open(&state)
        }
        guard let file = state.file else { return }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { space in
                pwrite(file.number, space.baseAddress?.advanced(by: done), space.count - done, off_t(state.size + done))
            }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                let failure = self.failure()
                ftruncate(file.number, off_t(state.size))
                state.file = nil
                throw failure
            }
        }
        guard fsync(file.number) == 0 else {
            let failure = self.failure()
            state.file = nil
            throw failure
        }
        state.size += bytes.count
    }

    private func open(_ state: inout State) throws(DeliveryFailure) {
        let number = openPrivate(self.settings.path)
        guard number >= 0 else { throw self.failure() }
        let file = Descriptor(number)
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .later("\(self.settings.path) isn't a file: name another path", after: nil)
        }
        // Made by somebody else, with what others may read.
        guard fchmod(number, 0o600) == 0 else { throw self.failure() }
        state.size = Int(status.st_size)
        var last: UInt8 = 0x0A
        // What a process that was killed has left of a line doesn't become a part of ours.
        if state.size > 0, pread(number, &last, 1, off_t(state.size - 1)) == 1, last != 0x0A {
            last = 0x0A
            guard pwrite(number, &last, 1, off_t(state.size)) == 1 else { throw self.failure() }
            state.size += 1
        }
        state.file = file
    }

    private func rotate() throws(DeliveryFailure) {
        let path = self.settings.path
        guard self.settings.keep > 0 else {
            guard unlink(path) == 0 else { throw self.failure() }
            return
        }
        for number in stride(from: self.settings.keep - 1, through: 0, by: -1) {
            let from = number == 0 ? path : "\(path).\(number)"
            guard rename(from, "\(path).\(number + 1)") == 0 || errno == ENOENT else { throw self.failure() }
        }
    }
}

private func openPrivate(_ path: String) -> Int32 { open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }

/// Standard output. Somebody who has stopped reading is waited for.
struct StandardOutput: LogOutput {
    let format: PipelineConfiguration.Format
    let threads: NIOThreadPool

    func deliver(_ records: [LogRecord]) async throws -> Int {
        let bytes = records.flatMap { self.format.bytes(of: $0) }
        let output = Descriptor(STDOUT_FILENO)
        var done = 0
        while done < bytes.count {
            let rest = bytes[done...]
            done += try await self.threads.runIfActive { () throws(DeliveryFailure) in
                guard output.isReady(Int32(POLLOUT), milliseconds: 100) else { return 0 }
                // No more than a pipe takes at once without waiting.
                let count = rest.prefix(4096).withUnsafeBytes { writeSome(output.number, $0) }
                guard count < 0 else { return count }
                if errno == EINTR || errno == EAGAIN { return 0 }
                throw .later("standard output can't be written: \(systemReason(errno))", after: nil)
            }
        }
        return 0
    }

    func close() async {}
}

private func writeSome(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
