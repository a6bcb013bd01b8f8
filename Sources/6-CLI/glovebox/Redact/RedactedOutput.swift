import Glibc
import GloveboxCore
import NIOCore
import Redaction

/// Text on its way through a stream of the engine's to a descriptor. Nothing is written but what the engine let pass, and
/// nothing at all once a canary has come out: they're sent before the first byte, and at intervals where there is text.
struct RedactedOutput: ~Copyable {
    /// Nobody reads the output any more.
    struct ReaderGone: Error {}

    private let masker: Masker
    private let descriptor: Int32
    private var stream: RedactionStream
    private var out = ByteBuffer()
    /// Is told of the text, so that it can say where in it something stands.
    private let places: TextPlaces?
    /// How many bytes of the text were taken.
    private var taken = 0
    private let interval: Duration
    private var nextCanaries: ContinuousClock.Instant

    /// - Parameter canaries: how often they are sent.
    /// - Throws: `canary_leaked`, `redaction_failed`.
    init(_ masker: Masker, to descriptor: Int32, places: TextPlaces? = nil, canaries interval: Duration) throws {
        try Self.sendCanaries(by: masker)
        let stream = try RedactionStream(masker)
        self.interval = interval
        self.nextCanaries = .now.advanced(by: interval)
        self.masker = masker
        self.places = places
        self.descriptor = descriptor
        self.stream = stream
    }

    /// Takes the next bytes, and writes what may pass.
    mutating func pass(_ chunk: ByteBuffer) throws {
        if ContinuousClock.now >= self.nextCanaries {
            try Self.sendCanaries(by: self.masker)
            self.nextCanaries = .now.advanced(by: self.interval)
        }
        self.places?.take(chunk)
        self.taken += chunk.readableBytes
        try self.stream.write(chunk, into: &self.out)
        self.places?.forget(before: self.taken - self.stream.heldBack)
        try self.flush()
    }

    /// Ends the text and writes what was held back; what's passed from here on is another text.
    mutating func endText() throws {
        try self.stream.finish(into: &self.out)
        try self.flush()
        self.stream = try RedactionStream(self.masker)
        self.places?.reset()
        self.taken = 0
    }

    private static func sendCanaries(by masker: Masker) throws {
        try Canaries(mending: "nothing passes; run 'glovebox redact test', and repair what doesn't hold").sendText(
            by: masker)
    }

    private mutating func flush() throws {
        while self.out.readableBytes > 0 {
            let count = self.out.withUnsafeReadableBytes { write(self.descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                self.out.moveReaderIndex(forwardBy: count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var wanted = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wanted, 1, -1)
            case EPIPE: throw ReaderGone()
            default:
                throw GloveboxError(
                    .unavailable, "the output can't be written: \(String(cString: strerror(errno)))")
            }
        }
        self.out.clear()
    }
}
