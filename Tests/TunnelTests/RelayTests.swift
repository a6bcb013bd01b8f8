import GloveboxCore
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Tunnel

@Suite("Relay", .timeLimit(.minutes(1)))
struct RelayTests {
    /// client ─ near ═relay═ far ─ server, on plain sockets.
    private struct Joined {
        var client: PipeClient
        var server: PipeClient
        var relay: Relay
    }

    private func join(sameLoop: Bool, halfClose: Relay.HalfClose = .ends) async throws -> Joined {
        let loops = MultiThreadedEventLoopGroup.singleton.makeIterator().map { $0 }
        let (one, two) = (loops[0], sameLoop ? loops[0] : loops[loops.count - 1])
        let (client, near) = try await self.pair(on: one, halfClosure: halfClose == .passes)
        let (server, far) = try await self.pair(on: two, halfClosure: halfClose == .passes)
        let relay = Relay.join(near, far, halfClose: halfClose)
        // Until its ends are in place, nobody keeps what a channel is given, and a channel that may be half-closed reads
        // when its peer ends, whether it's asked to or not. (The tunnel's own channels have a `PipeHold`.)
        for channel in [near, far] { try await channel.eventLoop.submit {}.get() }
        return Joined(client: client, server: server, relay: relay)
    }

    private func pair(on eventLoop: any EventLoop, halfClosure: Bool) async throws -> (PipeClient, any Channel) {
        let accepted = EventLog<any Channel>()
        let listener = try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: halfClosure)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Joiner { accepted.append(channel) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await PipeClient.connect(port: listener.localAddress?.port ?? 0, halfClosure: halfClosure)
        let near = try await accepted.first { _ in true }
        try await listener.close()
        return (client, near)
    }

    @Test("bytes arrive complete and in order, and then the end", arguments: [true, false])
    func order(sameLoop: Bool) async throws {
        let joined = try await self.join(sameLoop: sameLoop)
        var generator = SeededGenerator(seed: 7)
        var sent = ""
        for _ in 0..<50 {
            let text = String(
                (0..<Int.random(in: 1...9000, using: &generator)).map { _ in
                    "abcdefgh".randomElement(using: &generator) ?? "x"
                })
            sent += text
            try await joined.client.send(text)
        }
        joined.client.channel.close(promise: nil)
        try await joined.server.untilClosed()
        #expect(joined.server.text == sent)
        #expect(joined.relay.fromFirst == sent.utf8.count)
        #expect(joined.relay.fromSecond == 0)
    }

    @Test("a half-closed way ends alone where half-closing passes", arguments: [true, false])
    func halfClose(sameLoop: Bool) async throws {
        let joined = try await self.join(sameLoop: sameLoop, halfClose: .passes)
        try await joined.client.send("question")
        try await joined.client.channel.close(mode: .output)
        try await joined.server.log.first { $0 == .inputClosed }
        #expect(joined.server.text == "question")
        try await joined.server.send("answer")
        try await joined.server.channel.close(mode: .output)
        // Both ways have ended, and with them the connections.
        try await joined.client.untilClosed()
        #expect(joined.client.text == "answer")
        try await joined.server.untilClosed()
    }

    @Test("the end of one side's input ends both where it doesn't pass", arguments: [true, false])
    func ends(sameLoop: Bool) async throws {
        let joined = try await self.join(sameLoop: sameLoop)
        try await joined.client.send("last words")
        try await joined.client.channel.close(mode: .output)
        try await joined.server.untilClosed()
        #expect(joined.server.text == "last words")
        try await joined.client.untilClosed()
    }

    @Test("a side that takes nothing holds the end up no longer than the linger", arguments: [true, false])
    func linger(sameLoop: Bool) async throws {
        let joined = try await self.join(sameLoop: sameLoop)
        try await joined.server.channel.setOption(.autoRead, value: false).get()
        // More than the kernel's buffers take.
        let piece = ByteBuffer(repeating: 1, count: 1 << 20)
        for _ in 0..<64 { joined.client.channel.write(piece, promise: nil) }
        joined.client.channel.flush()
        try await eventually("a stalled relay") {
            let before = joined.relay.fromFirst
            try await ContinuousClock().sleep(for: .milliseconds(50))
            return before > 0 && before == joined.relay.fromFirst
        }
        #expect(joined.relay.fromFirst < 64 << 20)
        joined.client.channel.close(promise: nil)
        try await joined.server.channel.setOption(.autoRead, value: true).get()
        try await joined.server.untilClosed()
    }
}
