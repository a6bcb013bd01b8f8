import Contracts
import ControlAPI
import FlagRules
import GloveboxCore
import Logging
import NIOSSL
import OutboundHTTP
import Synchronization

/// A client's line to its gateway: what comes is taken, what runs is acknowledged, and a line that breaks is made anew.
struct FlagLine {
    private static let firstPause = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(30)

    private let client: FlagClient
    private let time: any TimeSource

    init(_ client: FlagClient) {
        self.client = client
        self.time = client.time
    }

    /// Whether anything came over a line.
    private final class Heard: Sendable {
        let isSet = Atomic(false)
    }

    /// The gateway says no.
    private struct Refusal: Error {
        var reason: String
    }

    func run() async {
        guard let outbound = self.outbound() else { return }
        var failures = 0
        while !Task.isCancelled {
            let heard = Heard()
            do {
                try await self.follow(outbound, heard)
                failures = 0
            } catch {
                guard !Task.isCancelled else { break }
                failures = heard.isSet.load(ordering: .relaxed) ? 1 : failures + 1
                self.lost(error)
            }
            let pause = min(Self.longestPause, Self.firstPause * (1 << min(failures, 10)))
            // Not all at one moment, though they may have been cut off so.
            let wait = failures == 0 ? .milliseconds(50) : pause * Double.random(in: 0.5...1)
            try? await self.time.sleep(until: self.time.boot.advanced(by: wait))
        }
        // Over HTTP/2, a request that was refused stays half open until the gateway lets go of it after a minute, and the
        // connection with it: nobody is to wait for that.
        Task { await outbound.shutdown() }
    }

    private func outbound() -> OutboundClient? {
        let configuration = self.client.configuration
        guard TargetName(rawValue: configuration.target) != nil else {
            self.client.tell(.error("'\(configuration.target.prefix(80))' is no target's name"))
            return nil
        }
        guard configuration.gateway.hasPrefix("https://") else {
            self.client.tell(.error("the gateway's address begins with https://"))
            return nil
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        if let certificates = configuration.certificates {
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(certificates))
            } catch {
                self.client.tell(.error("\(certificates) has no certificates that can be read"))
                return nil
            }
        }
        return OutboundClient(tls: tls, timeout: .seconds(10), mostBytes: 65_536, allowsHTTP2: true)
    }

    private func lost(_ error: any Error) {
        let reason: String
        switch error {
        case let error as Refusal: reason = error.reason
        case let error as GloveboxError: reason = error.message
        case OutboundFailure.untrusted: reason = "the gateway's certificate isn't of those that are trusted"
        case OutboundFailure.unresolved: reason = "the gateway's name can't be resolved"
        case OutboundFailure.unreachable(let why, _): reason = why
        default: reason = "\(error)"
        }
        self.client.logger.warning(
            "flags aren't followed, which is tried again",
            metadata: ["gateway": "\(self.client.configuration.gateway)", "reason": "\(reason)"])
        let isRefused = error is Refusal
        self.client.tell(self.client.snapshot == nil || isRefused ? .error(reason) : .stale)
    }

    /// One connection, until it ends.
    private func follow(_ outbound: OutboundClient, _ heard: Heard) async throws {
        let configuration = self.client.configuration
        var headers = [
            ("authorization", "Bearer \(configuration.token)"), ("accept", ServerEvent.contentType),
            ("content-type", "text/plain"),
        ]
        let (says, say) = AsyncStream.makeStream(of: [UInt8].self)
        defer { say.finish() }
        if let tag = self.client.tag {
            headers.append(("last-event-id", tag))
            say.yield(Array("\(tag)\n".utf8))
        }
        let url = "\(configuration.gateway)\(Endpoint.followFlags.path(id: configuration.target))"
        let alarm = Alarm(self.time)
        let sent = headers
        // Whichever ends first ends the other.
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await Self.watch(alarm, self.time, self.client.patience) }
            tasks.addTask {
                var reader = ServerEventReader()
                let refusal = try await outbound.converse(url, headers: sent, says: says, stop: { say.finish() }) {
                    bytes in
                    alarm.ring()
                    heard.isSet.store(true, ordering: .relaxed)
                    try await self.take(bytes, &reader, say)
                }
                if let refusal { throw Refusal(reason: Self.reason(refusal)) }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private static func watch(_ alarm: Alarm, _ time: any TimeSource, _ longest: Duration) async throws {
        while !Task.isCancelled {
            let patience = time.boot.advanced(by: longest)
            await alarm.wait(until: patience)
            if time.boot >= patience { throw GloveboxError(.unavailable, "the gateway has fallen silent") }
        }
    }

    private func take(
        _ bytes: [UInt8], _ reader: inout ServerEventReader, _ say: AsyncStream<[UInt8]>.Continuation
    ) async throws {
        guard let events = reader.feed(bytes) else {
            throw GloveboxError(.flagsInvalid, "the gateway sent a line without an end")
        }
        // A gateway lets go of whoever says nothing for a minute, as they'd hold a half-sent request open.
        if events.isEmpty { say.yield(Array("\(self.client.tag ?? "")\n".utf8)) }
        for event in events {
            guard let notice = try FlagNotice(name: event.name, tag: event.id, data: event.data) else { continue }
            if notice == .end {
                say.finish()
                continue
            }
            do {
                try self.client.take(notice)
            } catch {
                self.client.doubt()
                throw error
            }
            self.client.tell(.ready)
            await self.client.settle()
            if let tag = notice.tag { say.yield(Array("\(tag)\n".utf8)) }
        }
    }

    /// A problem's own words.
    private static func reason(_ answer: OutboundClient.Answer) -> String {
        let problem = try? JSONForm.decode(Problem.self, from: answer.body)
        return problem.map { "\($0.detail) [\($0.code)]" } ?? "the gateway answers with status \(answer.status)"
    }
}
