import ControlWire
import GloveboxCore
import NIOCore
import TestSupport
import Testing

@Suite struct FuzzTests {
    @Test("100,000 damaged conversations neither trap nor grow, and what is read can be written again")
    func damaged() throws {
        var generator = SeededGenerator(seed: 4711)
        let control = try Samples.control.map { try Samples.bytes([$0]) }
        let pool = try Samples.pool.map { try Samples.bytes([$0]) }
        var read = 0
        for _ in 0..<50_000 {
            read += try self.run(ControlMessage.self, control, &generator)
            read += try self.run(PoolMessage.self, pool, &generator)
        }
        // Enough came through to have tried the machines.
        #expect(read > 50_000)
    }

    private func run<Message: WireMessage & Equatable>(
        _: Message.Type, _ samples: [[UInt8]], _ generator: inout SeededGenerator
    ) throws -> Int {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            if let sample = samples.randomElement(using: &generator) { bytes += sample }
        }
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes = generator.bytes(bytes.count)
        case 1: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
        case 2: bytes.insert(contentsOf: generator.bytes(3), at: Int.random(in: 0...bytes.count, using: &generator))
        default:
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            }
        }
        var decoder = FrameDecoder<Message>()
        var agent = ControlAgentMachine()
        _ = agent.start(Samples.hello())
        var gateway = ControlGatewayMachine(agent: Samples.agent)
        var poolAgent = PoolAgentMachine()
        _ = poolAgent.start(agent: Samples.agent, instance: Samples.instance, demanded: false)
        var poolGateway = PoolGatewayMachine(agent: Samples.agent)
        var read = 0
        for piece in generator.pieces(bytes) {
            decoder.feed(ByteBuffer(bytes: piece))
            do {
                while let message = try decoder.next() {
                    read += 1
                    var again = FrameDecoder<Message>()
                    #expect(try again.all(of: [Samples.bytes([message])]) == [message])
                    if let message = message as? ControlMessage {
                        _ = agent.received(message)
                        if case .judge = gateway.received(message) {
                            _ = gateway.admit(
                                gateway: Samples.instance, pace: .standard, pool: .standard, lastSequence: 0,
                                wall: WallTime(nanoseconds: 0))
                        }
                    } else if let message = message as? PoolMessage {
                        if case .open = poolAgent.received(message) { _ = poolAgent.accept() }
                        if case .judge = poolGateway.received(message) {
                            _ = poolGateway.admit()
                            _ = poolGateway.open(Samples.request)
                        }
                    }
                }
            } catch let error as GloveboxError {
                #expect([.protocolViolation, .frameTooLarge].contains(error.code))
            }
        }
        return read
    }
}
