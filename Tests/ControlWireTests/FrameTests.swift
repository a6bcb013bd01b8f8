import ControlWire
import GloveboxCore
import NIOCore
import Testing

@Suite struct FrameTests {
    @Test("every message comes out as it went in, wherever the bytes are split")
    func splitAtEveryByte() throws {
        try self.split(Samples.control)
        try self.split(Samples.pool)
    }

    private func split<Message: WireMessage & Equatable>(_ messages: [Message]) throws {
        let bytes = try Samples.bytes(messages)
        for cut in 0...bytes.count {
            var decoder = FrameDecoder<Message>()
            #expect(try decoder.all(of: [Array(bytes[..<cut]), Array(bytes[cut...])]) == messages, "cut at \(cut)")
        }
        var decoder = FrameDecoder<Message>()
        #expect(try decoder.all(of: bytes.map { [$0] }) == messages)
    }

    @Test("a length over the limit is refused at once, before its bytes come, and the decoder stays failed")
    func tooLong() throws {
        var decoder = FrameDecoder<PoolMessage>()
        decoder.feed(ByteBuffer(bytes: [0, 4, 0, 1]))
        for _ in 0..<2 {
            let error = #expect(throws: GloveboxError.self) { try decoder.next() }
            #expect(error?.code == .frameTooLarge)
            decoder.feed(ByteBuffer(bytes: try Samples.bytes([PoolMessage.taken])))
        }
    }

    @Test("a message over the limit isn't encoded, and leaves the buffer as it was")
    func tooLongToSend() throws {
        var buffer = ByteBuffer(string: "x")
        let record = SequencedRecord(sequence: 1, bytes: Array(repeating: 0, count: ControlMessage.longestFrame))
        let error = #expect(throws: GloveboxError.self) { try ControlMessage.records([record]).encode(into: &buffer) }
        #expect(error?.code == .frameTooLarge)
        #expect(buffer == ByteBuffer(string: "x"))
    }

    @Test(
        "what is no message is a protocol violation",
        arguments: [
            [0, 0, 0, 0],  // no type
            Samples.frame(type: 99),  // a type that must be known
            Samples.frame(type: 4),  // a ping without its number
            Samples.frame(type: 12) { $0.write(1, "NOT-AN-ID") },
            Samples.frame(type: 3) { $0.write(1, bytes: [0xFF]) },  // text that isn't UTF-8
            [0, 0, 0, 3, 4, 2, 1],  // a payload that isn't in canonical form
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) throws {
        var decoder = FrameDecoder<ControlMessage>()
        let error = #expect(throws: GloveboxError.self) { try decoder.all(of: [bytes]) }
        #expect(error?.code == .protocolViolation)
    }

    @Test("an unknown optional message is passed over, and so are unknown fields of a known one")
    func newerPeer() throws {
        let bytes =
            Samples.frame(type: 200) { $0.write(1, "from the future") }
            + Samples.frame(type: 4) { writer in
                writer.write(1, 9)
                writer.write(77, "from the future")
            }
        var decoder = FrameDecoder<ControlMessage>()
        #expect(try decoder.all(of: [bytes]) == [.ping(9)])
    }

    @Test("a capability that isn't known isn't granted; a lease whose end has an unknown reason has ended")
    func unknownWords() throws {
        var known = Samples.hello()
        known.targets = [known.targets[0]]
        let inventory = Samples.frame(type: 13) { writer in
            writer.write(1, list: ["shop-db"]) { target, name in
                target.write(1, name)
                target.write(2, "postgres")
                target.write(3, strings: [String: String]())
                target.write(4, strings: ["fly", "read"])
            }
        }
        let ended = Samples.frame(type: 10) { writer in
            writer.write(1, Samples.lease.rawValue)
            writer.write(2, "eclipse")
        }
        var decoder = FrameDecoder<ControlMessage>()
        #expect(
            try decoder.all(of: [inventory, ended]) == [
                .inventory([
                    TargetAnnouncement(
                        name: TargetName(unchecked: "shop-db"), kind: "postgres", labels: [:], capabilities: [.read])
                ]), .leaseEnded(Samples.lease, .admin),
            ])
    }

    @Test("what follows the last message is given back whole")
    func rest() throws {
        var decoder = FrameDecoder<PoolMessage>()
        decoder.feed(ByteBuffer(bytes: try Samples.bytes([PoolMessage.accepted]) + [1, 2, 3]))
        #expect(try decoder.next() == .accepted)
        #expect(decoder.takeRest() == ByteBuffer(bytes: [1, 2, 3]))
        #expect(decoder.takeRest().readableBytes == 0)
    }

    @Test("a pace that can't find a dead peer, and a pool beyond all bounds, are refused")
    func bounds() {
        #expect(throws: GloveboxError.self) {
            try LivenessPace(pingEvery: .seconds(5), deadAfter: .seconds(5), grace: .zero)
        }
        #expect(throws: GloveboxError.self) {
            try LivenessPace(pingEvery: .zero, deadAfter: .seconds(5), grace: .zero)
        }
        #expect(throws: GloveboxError.self) { try PoolBounds(least: 2, most: 1) }
        #expect(throws: GloveboxError.self) { try PoolBounds(least: 0, most: PoolBounds.largest + 1) }
        #expect(throws: GloveboxError.self) { try ProtocolVersions(lowest: 2, highest: 1) }
        #expect(throws: GloveboxError.self) { try ProtocolVersions(lowest: 0, highest: 1) }
    }
}
