import GloveboxCore
import LogFormats
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Standard input, a file that's read to its end, or a FIFO, which is opened again when its writers have gone.
struct DescriptorInput: Sendable {
    private static let chunk = 64 << 10
    private static let pollMilliseconds: Int32 = 100

    private enum Piece: Sendable {
        case bytes(ByteBuffer)
        case nothingYet
        case end
    }

    private let descriptor: Descriptor
    private let isFIFO: Bool
    private let makeReading: @Sendable () -> ByteReading

    /// - Throws: `configuration_invalid` when the file can't be read.
    init(
        _ source: PipelineConfiguration.TextSource, _ makeReading: @escaping @Sendable () -> ByteReading
    ) throws(GloveboxError) {
        self.makeReading = makeReading
        guard case .file(let path) = source else {
            self.descriptor = Descriptor(STDIN_FILENO)
            self.isFIFO = false
            return
        }
        var status = stat()
        let isThere = stat(path, &status) == 0
        self.isFIFO = isThere && status.st_mode & S_IFMT == S_IFIFO
        // A FIFO that we could write to, too, has no end when its writers go.
        let number = open(path, (self.isFIFO ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else {
            throw GloveboxError(.configurationInvalid, "\(path) can't be read: \(systemReason(errno))")
        }
        self.descriptor = Descriptor(number)
    }

    /// Returns at the end of what it reads, or when the task is cancelled.
    /// - Throws: `protocol_violation` where what it reads isn't in its format; what ``LogIntake`` throws.
    func run(_ name: String, _ intake: LogIntake, _ threads: NIOThreadPool) async throws {
        let lane = await intake.openLane(name)
        var reading = self.makeReading()
        do {
            while let piece = try? await threads.runIfActive({ [descriptor] in Self.read(descriptor) }) {
                switch piece {
                case .bytes(let bytes): try await reading.take(bytes, lane: lane, input: name, intake)
                case .nothingYet: continue
                case .end:
                    try await reading.finish(lane: lane, input: name, intake)
                    await intake.closeLane(lane)
                    return
                }
            }
        } catch let error as LogFormatError {
            intake.drop(1, .malformed, name)
            throw GloveboxError(.protocolViolation, "the input '\(name)' isn't in its format: \(error.reason)")
        }
        // It's stopped: what has no end yet can't be taken.
        do {
            try await reading.finish(lane: lane, input: name, intake)
        } catch is LogFormatError {
            intake.drop(1, .stopped, name)
        }
    }

    private static func read(_ descriptor: Descriptor) -> Piece {
        guard descriptor.isReady(Int32(POLLIN), milliseconds: Self.pollMilliseconds) else { return .nothingYet }
        var bytes = ByteBuffer()
        var number: Int32 = 0
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.chunk) { space in
            let count = systemRead(descriptor.number, space.baseAddress, Self.chunk)
            if count < 0 { number = errno }
            return max(0, count)
        }
        if number == EINTR || number == EAGAIN { return .nothingYet }
        return bytes.readableBytes > 0 ? .bytes(bytes) : .end
    }
}
