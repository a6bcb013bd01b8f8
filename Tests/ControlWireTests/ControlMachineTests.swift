import ControlWire
import GloveboxCore
import Testing

@Suite struct ControlMachineTests {
    /// Runs both machines against each other until the agent has its answer.
    private func meet(
        agent agentVersions: ProtocolVersions, features agentFeatures: Set<String> = [],
        gateway gatewayVersions: ProtocolVersions, features gatewayFeatures: Set<String> = []
    ) -> ControlAgentMachine.Received {
        var agent = ControlAgentMachine()
        var gateway = ControlGatewayMachine(agent: Samples.agent, versions: gatewayVersions, features: gatewayFeatures)
        switch gateway.received(agent.start(Samples.hello(agentVersions, features: agentFeatures))) {
        case .judge:
            guard
                let welcome = gateway.admit(
                    gateway: Samples.instance, pace: .standard, pool: .standard, lastSequence: 3,
                    wall: WallTime(nanoseconds: 1))
            else { return .ignore }
            return agent.received(.welcome(welcome))
        case .refuse(let refusal): return agent.received(refusal)
        default: return .ignore
        }
    }

    @Test("a gateway older or newer by one version than its agent speaks the highest version that both know")
    func neighbours() throws {
        let (one, two) = (try ProtocolVersions(lowest: 1, highest: 1), try ProtocolVersions(lowest: 1, highest: 2))
        for (agent, gateway, version) in [(one, two, 1), (two, one, 1), (two, two, 2), (one, one, 1)]
            as [(ProtocolVersions, ProtocolVersions, UInt64)]
        {
            guard case .joined(let welcome) = self.meet(agent: agent, gateway: gateway) else {
                Issue.record("\(agent) and \(gateway) didn't meet")
                continue
            }
            #expect(welcome.version == version)
        }
    }

    @Test("without a version in common the agent is told both ranges")
    func strangers() throws {
        let result = self.meet(
            agent: try ProtocolVersions(lowest: 1, highest: 1), gateway: try ProtocolVersions(lowest: 2, highest: 3))
        guard case .refused(let code, let message) = result else {
            Issue.record("they met: \(result)")
            return
        }
        #expect(code == "version_unsupported")
        #expect(message.contains("2 to 3") && message.contains("1 to 1"))
    }

    @Test("only features that both know are used")
    func features() {
        let result = self.meet(
            agent: .current, features: ["a", "b"], gateway: .current, features: ["b", "c"])
        guard case .joined(let welcome) = result else {
            Issue.record("they didn't meet: \(result)")
            return
        }
        #expect(welcome.features == ["b"])
    }

    @Test("an agent isn't taken under another name than its certificate's")
    func impostor() {
        var gateway = ControlGatewayMachine(agent: AgentName(unchecked: "mallory"))
        guard case .refuse(.refused(let code, _)) = gateway.received(.hello(Samples.hello())) else {
            Issue.record("taken")
            return
        }
        #expect(code == "forbidden")
        #expect(gateway.received(.ping(1)) == .ignore)
    }

    @Test("an agent refuses a version or a feature that it didn't offer")
    func overreach() {
        for change in [{ $0.version = 3 }, { $0.features = ["z"] }] as [(inout Welcome) -> Void] {
            var agent = ControlAgentMachine()
            _ = agent.start(Samples.hello())
            var welcome = Samples.welcome
            change(&welcome)
            guard case .fail = agent.received(.welcome(welcome)) else {
                Issue.record("taken")
                continue
            }
            #expect(agent.isOpen == false)
        }
    }

    private func openGateway() -> ControlGatewayMachine {
        var gateway = ControlGatewayMachine(agent: Samples.agent)
        _ = gateway.received(.hello(Samples.hello()))
        _ = gateway.admit(
            gateway: Samples.instance, pace: .standard, pool: .standard, lastSequence: 0, wall: WallTime(nanoseconds: 0)
        )
        return gateway
    }

    @Test("a gateway takes from an agent what is an agent's to say, in its turn")
    func agentSays() {
        var gateway = self.openGateway()
        #expect(gateway.received(.ping(5)) == .send(.pong(5)))
        #expect(gateway.received(.pong(5)) == .ignore)
        #expect(gateway.received(.sessionEnded(Samples.session)) == .sessionEnded(Samples.session))
        let records = [SequencedRecord(sequence: 1, bytes: [1]), SequencedRecord(sequence: 2, bytes: [2])]
        #expect(gateway.received(.records(records)) == .records(records))
        #expect(gateway.received(.records([])) == .ignore)
        #expect(gateway.received(.goodbye(reason: "x")) == .goodbye("x"))
        #expect(gateway.received(.ping(6)) == .ignore)

        for message in Samples.control {
            var gateway = self.openGateway()
            switch message {
            case .hello, .welcome, .refused, .dial, .acknowledged, .leaseExtended, .leaseEnded, .cancel:
                guard case .fail = gateway.received(message) else {
                    Issue.record("\(message)")
                    continue
                }
                #expect(gateway.isOpen == false)
            default: break
            }
        }
        var hasty = ControlGatewayMachine(agent: Samples.agent)
        guard case .fail = hasty.received(.ping(1)) else { return #expect(Bool(false), "a ping before the hello") }
    }

    @Test("records out of order are a protocol violation")
    func order() {
        var gateway = self.openGateway()
        let records = [SequencedRecord(sequence: 2, bytes: []), SequencedRecord(sequence: 2, bytes: [])]
        guard case .fail = gateway.received(.records(records)) else { return #expect(Bool(false), "taken") }
    }

    @Test("an agent takes from a gateway what is a gateway's to say")
    func gatewaySays() {
        var agent = ControlAgentMachine()
        _ = agent.start(Samples.hello())
        #expect(agent.received(.welcome(Samples.welcome)) == .joined(Samples.welcome))
        #expect(agent.received(.ping(5)) == .send(.pong(5)))
        #expect(agent.received(.dial(count: .max)) == .dial(4096))
        #expect(agent.received(.acknowledged(sequence: 9)) == .acknowledged(9))
        #expect(agent.received(.leaseEnded(Samples.lease, .policy)) == .leaseEnded(Samples.lease, .policy))
        #expect(agent.received(.cancel(Samples.session)) == .cancel(Samples.session))
        guard case .fail = agent.received(.sessionEnded(Samples.session)) else {
            return #expect(Bool(false), "a gateway ended a session")
        }
        #expect(agent.received(.ping(6)) == .ignore)
    }

    @Test("nobody is admitted without a hello, or twice")
    func admission() {
        var gateway = ControlGatewayMachine(agent: Samples.agent)
        #expect(
            gateway.admit(
                gateway: Samples.instance, pace: .standard, pool: .standard, lastSequence: 0,
                wall: WallTime(nanoseconds: 0))
                == nil)
        #expect(gateway.received(.hello(Samples.hello())) == .ignore)
    }
}
