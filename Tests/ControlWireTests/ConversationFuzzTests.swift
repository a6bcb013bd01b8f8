import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import ControlWire

/// Agent and gateway in conversation, with faults in some of their bytes, split anywhere.
@Suite("Spoiled tunnels", .timeLimit(.minutes(10)))
struct ConversationFuzzTests {
    @Test("250,000 conversations of agent and gateway neither trap nor hang nor grow, and most get beyond the greeting")
    func conversations() throws {
        let fuzzing = Fuzzing("tunnels")
        let toGateway = Samples.control.filter {
            switch $0 {
            case .records, .sessionEnded, .inventory, .ping, .pong, .goodbye: true
            default: false
            }
        }
        let toAgent = Samples.control.filter {
            switch $0 {
            case .acknowledged, .leaseExtended, .leaseEnded, .cancel, .dial, .ping, .pong: true
            default: false
            }
        }
        var (joined, read) = (0, 0)
        try fuzzing.run(250_000) { generator in
            var agent = ControlAgentMachine()
            var gateway = ControlGatewayMachine(agent: Samples.agent)
            var (atGateway, atAgent) = (FrameDecoder<ControlMessage>(), FrameDecoder<ControlMessage>())
            func spoiled(_ messages: [ControlMessage]) throws -> [[UInt8]] {
                var all = try Samples.bytes(messages)
                if generator.once(in: 6) { all = generator.spoiled(all) }
                return generator.pieces(all)
            }
            do {
                var welcome: ControlMessage?
                for piece in try spoiled([agent.start(Samples.hello())]) {
                    atGateway.feed(ByteBuffer(bytes: piece))
                    while let message = try atGateway.next() {
                        guard case .judge = gateway.received(message) else { continue }
                        welcome = gateway.admit(
                            gateway: Samples.instance, pace: .standard, pool: .standard, lastSequence: 0,
                            wall: WallTime(nanoseconds: 0)
                        ).map { .welcome($0) }
                    }
                }
                guard let welcome else { return }
                let answers = (0..<4).map { _ in toAgent[generator.place(in: toAgent.count)] }
                for piece in try spoiled([welcome] + answers) {
                    atAgent.feed(ByteBuffer(bytes: piece))
                    while let message = try atAgent.next() {
                        if case .joined = agent.received(message) { joined += 1 }
                        read += 1
                    }
                }
                let reports = (0..<4).map { _ in toGateway[generator.place(in: toGateway.count)] }
                for piece in try spoiled(reports) {
                    atGateway.feed(ByteBuffer(bytes: piece))
                    while let message = try atGateway.next() {
                        _ = gateway.received(message)
                        read += 1
                    }
                }
            } catch let error as GloveboxError {
                guard [.protocolViolation, .frameTooLarge].contains(error.code) else { throw error }
            }
        }
        print("joined: \(joined), messages read: \(read)")
        guard !fuzzing.isSingle else { return }
        #expect(joined > 166_000)
        #expect(read > 1_000_000)
    }
}
