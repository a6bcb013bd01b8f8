import Contracts
import Dispatch
import Foundation
import GloveboxCore
import HTTPProxy
import Identity
import Logging
import Redaction
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes a line of JSON for each request, masked: on a thread of its own, so that no event loop masks or waits for a disk.
/// What comes faster than it can be written is dropped, and counted.
final class AccessLog: Sendable {
    /// Lines that may wait.
    private static let mostWaiting = 20_000

    private struct State {
        var waiting: [AccessEvent] = []
        var dropped: UInt64 = 0
        var failed: UInt64 = 0
        var isOver = false
    }

    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let place: EdgeConfiguration.AccessLogPlace
    private let logger: Logger

    /// - Throws: `file_unusable`, `redaction_failed`.
    init(
        _ place: EdgeConfiguration.AccessLogPlace, detectors: Detectors, time: any TimeSource, logger: Logger
    ) throws {
        self.place = place
        self.logger = logger
        let descriptor = try Self.open(place)
        // Whoever asks twice from one address is seen as one, as long as this process runs.
        let masker = try Masker(detectors: detectors, pseudonyms: Pseudonyms(linkable: true))
        let writer = Writer(masker: masker, wall: time.wall, boot: DispatchTime.now().uptimeNanoseconds)
        let thread = Thread { [self] in
            self.write(to: descriptor, by: writer)
            self.ended.signal()
        }
        thread.name = "access-log"
        thread.start()
    }

    var counts: (dropped: UInt64, failed: UInt64) { self.state.withLock { ($0.dropped, $0.failed) } }

    func take(_ event: AccessEvent) {
        let isFirst = self.state.withLock { state in
            guard !state.isOver, state.waiting.count < Self.mostWaiting else {
                state.dropped += 1
                return false
            }
            state.waiting.append(event)
            return state.waiting.count == 1
        }
        if isFirst { self.news.signal() }
    }

    /// Returns when all that was taken is written.
    func close() async {
        let wasOver = self.state.withLock { state in
            defer { state.isOver = true }
            return state.isOver
        }
        guard !wasOver else { return }
        self.news.signal()
        await withCheckedContinuation { done in
            Thread { [self] in
                self.ended.wait()
                done.resume()
            }.start()
        }
    }

    // MARK: On its thread

    private static func open(_ place: EdgeConfiguration.AccessLogPlace) throws(GloveboxError) -> Int32 {
        guard case .file(let path) = place else { return STDOUT_FILENO }
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw GloveboxError(
                .fileUnusable,
                "\(path) can't be written (\(String(cString: strerror(errno)))): name another in 'access'"
            )
        }
        return descriptor
    }

    private func write(to first: Int32, by writer: Writer) {
        var descriptor = first
        while true {
            self.news.wait()
            let (events, isOver) = self.state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isOver)
            }
            var bytes: [UInt8] = []
            for event in events {
                do {
                    bytes += Array(try writer.line(event).utf8) + [0x0A]
                } catch {
                    // What can't be masked isn't written.
                    let count = self.state.withLock { state in
                        state.failed += 1
                        return state.failed
                    }
                    if count == 1 { self.logger.critical("a request can't be masked, and is in no access log") }
                }
            }
            if !bytes.isEmpty, !Self.writeAll(bytes, to: descriptor) {
                self.state.withLock { $0.dropped += UInt64(events.count) }
                // A file that was moved away, or whose disk was full.
                if case .file = self.place, let again = try? Self.open(self.place) {
                    Glibc.close(descriptor)
                    descriptor = again
                }
            }
            if isOver {
                if case .file = self.place { Glibc.close(descriptor) }
                return
            }
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Makes lines. Used on one thread.
    private final class Writer: @unchecked Sendable {
        private let masker: Masker
        private let wall: WallTime
        private let boot: UInt64
        private let encoder = JSONEncoder()
        private let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

        private struct Line: Encodable {
            var time: String
            var client: String
            var method: String
            var host: String
            var target: String
            var version: String
            var status: Int
            var milliseconds: Double
            var requestBytes: UInt64
            var responseBytes: UInt64
            var route: String?
            var service: String?
            var serviceVersion: String?
            var upstream: String?
            var attempts: Int?
            var mark: String?
            var refusal: String?
        }

        init(masker: Masker, wall: WallTime, boot: UInt64) {
            self.masker = masker
            self.wall = wall
            self.boot = boot
            self.encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        }

        func line(_ event: AccessEvent) throws -> String {
            let began = self.wall.advanced(by: .nanoseconds(Int64(event.began) - Int64(self.boot)))
            let line = Line(
                time: self.style.format(Date(timeIntervalSince1970: Double(began.nanoseconds) / 1e9)),
                client: try self.masker.maskText(event.client), method: event.method,
                host: try self.masker.maskText(event.host), target: try self.masker.maskText(event.target),
                version: event.version, status: event.status,
                milliseconds: (Double(event.duration) / 1000).rounded() / 1000, requestBytes: event.requestBytes,
                responseBytes: event.responseBytes, route: event.route, service: event.service,
                serviceVersion: event.serviceVersion, upstream: event.upstream,
                attempts: event.attempts > 1 ? event.attempts : nil, mark: event.mark, refusal: event.refusal)
            return String(decoding: try self.encoder.encode(line), as: UTF8.self)
        }
    }
}
