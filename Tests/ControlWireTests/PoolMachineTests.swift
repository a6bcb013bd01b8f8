import ControlWire
import GloveboxCore
import Testing

@Suite struct PoolMachineTests {
    private func idle() -> (gateway: Box<PoolGatewayMachine>, agent: Box<PoolAgentMachine>) {
        let (gateway, agent) = (Box(PoolGatewayMachine(agent: Samples.agent)), Box(PoolAgentMachine()))
        let hello = agent.value.start(agent: Samples.agent, instance: Samples.instance, demanded: true)
        #expect(gateway.value.received(hello) == .judge(instance: Samples.instance, demanded: true))
        #expect(gateway.value.admit() == .poolWelcome)
        #expect(agent.value.received(.poolWelcome) == .idle)
        return (gateway, agent)
    }

    @Test("a connection waits, is taken, and is handed over once the target is open")
    func takeOver() {
        let (gateway, agent) = self.idle()
        #expect(gateway.value.open(Samples.request) == .open(Samples.request))
        #expect(agent.value.received(.open(Samples.request)) == .open(Samples.request))
        #expect(gateway.value.received(.taken) == .taken)
        #expect(gateway.value.takingOverdue() == false)
        #expect(agent.value.accept() == .accepted)
        #expect(gateway.value.received(.accepted) == .handOver)
        #expect(agent.value.retire() == false)
        #expect(gateway.value.closed() == .unused)
        #expect(agent.value.closed() == .unused)
    }

    @Test("a refusal carries the agent's code")
    func refusal() {
        let (gateway, agent) = self.idle()
        _ = gateway.value.open(Samples.request)
        _ = agent.value.received(.open(Samples.request))
        _ = gateway.value.received(.taken)
        let refusal = agent.value.refuse(code: "ceiling_denied", message: "no")
        #expect(refusal == .refusedSession(code: "ceiling_denied", message: "no"))
        #expect(
            gateway.value.received(.refusedSession(code: "ceiling_denied", message: "no"))
                == .refused(code: "ceiling_denied", message: "no"))
    }

    @Test("a connection that isn't taken is given up, and another may be tried; once it's taken, none may")
    func retries() {
        let untaken = self.idle()
        _ = untaken.gateway.value.open(Samples.request)
        #expect(untaken.gateway.value.takingOverdue() == true)
        #expect(untaken.gateway.value.open(Samples.request) == nil)

        let broken = self.idle()
        _ = broken.gateway.value.open(Samples.request)
        #expect(broken.gateway.value.closed() == .retry)

        let lost = self.idle()
        _ = lost.gateway.value.open(Samples.request)
        _ = lost.gateway.value.received(.taken)
        #expect(lost.gateway.value.closed() == .lost)
    }

    @Test("an idle connection can be retired; one that opens a target can't")
    func retiring() {
        let waiting = self.idle()
        #expect(waiting.agent.value.retire() == true)
        let opening = self.idle()
        _ = opening.agent.value.received(.open(Samples.request))
        #expect(opening.agent.value.retire() == false)
        #expect(opening.agent.value.closed() == .abandoned)
        #expect(opening.agent.value.accept() == nil)
    }

    @Test("what comes out of turn is a protocol violation at both ends")
    func outOfTurn() {
        for message in Samples.pool {
            let fresh = Box(PoolGatewayMachine(agent: Samples.agent))
            if case .poolHello = message {
            } else if case .fail = fresh.value.received(message) {
            } else {
                Issue.record("\(message)")
            }
            let (gateway, agent) = self.idle()
            guard case .fail = gateway.value.received(message) else {
                Issue.record("an idle connection's gateway took \(message)")
                continue
            }
            if case .open = message { continue }
            guard case .fail = agent.value.received(message) else {
                Issue.record("an idle connection's agent took \(message)")
                continue
            }
        }
        let (_, agent) = self.idle()
        _ = agent.value.received(.open(Samples.request))
        guard case .fail = agent.value.received(.open(Samples.request)) else {
            return #expect(Bool(false), "opened twice")
        }
        #expect(agent.value.accept() == nil)
    }

    @Test("a connection of another agent's isn't taken")
    func impostor() {
        var gateway = PoolGatewayMachine(agent: AgentName(unchecked: "mallory"))
        guard
            case .fail = gateway.received(.poolHello(agent: Samples.agent, instance: Samples.instance, demanded: false))
        else { return #expect(Bool(false), "taken") }
        #expect(gateway.admit() == nil)
    }
}

/// Machines can't be copied, so tests pass them on in a box.
final class Box<Value: ~Copyable> {
    var value: Value

    init(_ value: consuming Value) {
        self.value = value
    }
}

@Suite struct PoolSizingTests {
    private func bounds(_ least: UInt64, _ most: UInt64) throws -> PoolBounds {
        try PoolBounds(least: least, most: most)
    }

    /// All that are being dialled succeed.
    private func settle(_ pool: inout PoolSizing) {
        while pool.dialling > 0 { _ = pool.dialled(succeeded: true) }
    }

    @Test("it dials no more at once than handshakes may run")
    func handshakes() throws {
        var pool = PoolSizing(try self.bounds(10, 20), handshakes: 4)
        #expect(pool.refill() == .init(replenishing: 4))
        #expect(pool.refill() == .none)
        #expect(pool.dialled(succeeded: true) == .init(replenishing: 1))
        self.settle(&pool)
        #expect(pool.idle == 10)
    }

    @Test("it grows with bursts, up to its bound, and shrinks again when connections wait in vain")
    func grows() throws {
        var pool = PoolSizing(try self.bounds(2, 7))
        _ = pool.refill()
        self.settle(&pool)
        #expect(pool.idle == 2)
        #expect(pool.taken(demanded: false) == true)
        #expect(pool.taken(demanded: false) == true)
        #expect(pool.idle == 0)
        _ = pool.refill()
        self.settle(&pool)
        #expect(pool.idle == 4)
        for _ in 0..<4 { _ = pool.taken(demanded: false) }
        _ = pool.refill()
        self.settle(&pool)
        #expect(pool.idle == 7)
        for _ in 0..<20 {
            if pool.closed(retired: true) {
                _ = pool.refill()
                self.settle(&pool)
            }
        }
        #expect(pool.idle == 2)
    }

    @Test("what was dialled on demand isn't replaced")
    func demanded() throws {
        var pool = PoolSizing(try self.bounds(0, 8))
        #expect(pool.refill() == .none)
        #expect(pool.demand(1).demanded == 1)
        self.settle(&pool)
        #expect(pool.taken(demanded: true) == false)
    }

    @Test("a demand beyond the handshakes waits for its turn")
    func demandWaits() throws {
        var pool = PoolSizing(try self.bounds(0, 0), handshakes: 2)
        #expect(pool.demand(3) == .init(demanded: 2))
        #expect(pool.dialled(succeeded: true) == .init(demanded: 1))
    }

    @Test("after a failed dial it waits to be told")
    func failure() throws {
        var pool = PoolSizing(try self.bounds(1, 1))
        #expect(pool.refill().replenishing == 1)
        #expect(pool.dialled(succeeded: false) == .none)
        #expect(pool.refill().replenishing == 1)
    }
}
