import NIOCore
import TestSupport
import Testing

@testable import HTTPProxy

@Suite("What's decided about a request")
struct ExchangeMachineTests {
    private func machine(isSafe: Bool = true, hasBody: Bool = false, retries: Int = 2) -> ExchangeMachine {
        ExchangeMachine(isSafe: isSafe, hasBody: hasBody, retries: retries)
    }

    /// What's done about these failures, each of an attempt that was sent.
    private func outcomes(
        _ machine: ExchangeMachine, _ failures: [ExchangeMachine.Failure], mayTryAgain: Bool = true
    ) -> [ExchangeMachine.AfterFailure] {
        var machine = machine
        return failures.map { failure in
            machine.sent()
            return machine.failed(failure, mayTryAgain: mayTryAgain)
        }
    }

    @Test("a safe request without a body is tried again while nothing has come back, and as often as may be")
    func again() {
        #expect(
            self.outcomes(self.machine(), [.closed, .unreachable, .closed, .closed])
                == [.again, .again, .answer(.closed), .nothing])
    }

    @Test("beyond the budget nothing is tried again, nor is what may still be answered")
    func notAgain() {
        #expect(self.outcomes(self.machine(), [.timedOut]) == [.answer(.timedOut)])
        #expect(self.outcomes(self.machine(), [.invalid]) == [.answer(.invalid)])
        #expect(self.outcomes(self.machine(), [.closed], mayTryAgain: false) == [.answer(.closed)])
        #expect(self.outcomes(self.machine(retries: 0), [.closed]) == [.answer(.closed)])
    }

    @Test(
        "what isn't safe, or has a body, is tried again only if not a byte was sent",
        arguments: [(false, false), (false, true), (true, true)])
    func unsafe(_ isSafe: Bool, _ hasBody: Bool) {
        var machine = self.machine(isSafe: isSafe, hasBody: hasBody)
        let unreachable = machine.failed(.unreachable, mayTryAgain: true)
        #expect(unreachable == .again)
        #expect(self.outcomes(machine, [.closed]) == [.answer(.closed)])
    }

    @Test("behind a response's head a failure can't be put right")
    func cut() {
        var machine = self.machine()
        machine.sent()
        _ = machine.answered(isUpstreamPersistent: true, isClientPersistent: true)
        let failures = (0..<2).map { _ in machine.failed(.closed, mayTryAgain: true) }
        let end = machine.responseEnded()
        #expect(failures == [.cut, .nothing] && end == .wait)
    }

    @Test("connections stay open where both sides want it, and nothing is left on the way")
    func keeps() {
        func end(
            isSafe: Bool, hasBody: Bool, isWhole: Bool, up: Bool = true, down: Bool = true
        ) -> ExchangeMachine.AfterEnd {
            var machine = self.machine(isSafe: isSafe, hasBody: hasBody)
            machine.sent()
            if isWhole { machine.requestEnded() }
            _ = machine.answered(isUpstreamPersistent: up, isClientPersistent: down)
            // What comes of the request behind the response's head changes nothing for its client.
            machine.requestEnded()
            return machine.responseEnded()
        }
        #expect(end(isSafe: true, hasBody: false, isWhole: true) == .finish(keepsUpstream: true, keepsClient: true))
        #expect(end(isSafe: false, hasBody: true, isWhole: true) == .finish(keepsUpstream: true, keepsClient: true))
        #expect(end(isSafe: false, hasBody: true, isWhole: false) == .finish(keepsUpstream: true, keepsClient: false))
        #expect(end(isSafe: true, hasBody: true, isWhole: true) == .finish(keepsUpstream: false, keepsClient: true))
        #expect(
            end(isSafe: true, hasBody: false, isWhole: true, up: false)
                == .finish(keepsUpstream: false, keepsClient: true))
        #expect(
            end(isSafe: true, hasBody: false, isWhole: true, down: false)
                == .finish(keepsUpstream: true, keepsClient: false))
    }

    @Test("an upstream that answers while the request goes on isn't used again, nor is the client's connection")
    func early() {
        var machine = self.machine(isSafe: false, hasBody: true)
        machine.sent()
        let keepsClient = machine.answered(isUpstreamPersistent: true, isClientPersistent: true)
        let end = machine.responseEnded()
        #expect(keepsClient == false && end == .finish(keepsUpstream: false, keepsClient: false))
    }

    @Test("a request is answered once")
    func once() {
        var machine = self.machine()
        let refusals = [machine.refused(), machine.refused()]
        let answer = machine.answered(isUpstreamPersistent: true, isClientPersistent: true)
        #expect(refusals == [true, false] && answer == nil)
        var other = self.machine()
        other.sent()
        _ = other.answered(isUpstreamPersistent: true, isClientPersistent: true)
        let again = other.answered(isUpstreamPersistent: true, isClientPersistent: true)
        let isRefused = other.refused()
        #expect(again == nil && !isRefused)
    }

    @Test("an endpoint is ejected behind failures in a row, longer each time, and one that serves starts over")
    func ejection() {
        let endpoint = Endpoint(UpstreamAddress("127.0.0.1", 1), number: 0)
        let rule = EjectionRule(failures: 3, duration: .seconds(10))
        let second: UInt64 = 1_000_000_000
        #expect(!endpoint.failed(rule, at: 0) && !endpoint.failed(rule, at: 0))
        endpoint.served()
        #expect(!endpoint.failed(rule, at: 0) && !endpoint.failed(rule, at: 0))
        #expect(endpoint.failed(rule, at: 0))
        #expect(endpoint.isEjected(at: 9 * second) && !endpoint.isEjected(at: 10 * second))
        // One failure is enough now, and costs twice as much.
        #expect(endpoint.failed(rule, at: 10 * second))
        #expect(endpoint.isEjected(at: 29 * second) && !endpoint.isEjected(at: 30 * second))
        for _ in 0..<10 { _ = endpoint.failed(rule, at: 1000 * second) }
        #expect(!endpoint.isEjected(at: 1100 * second))
        #expect(!endpoint.failed(nil, at: 2000 * second))
    }

    @Test("a latency falls into the first bucket that takes it")
    func buckets() {
        #expect(
            ProxyCounters.bucket(0) == 0 && ProxyCounters.bucket(250_000) == 0 && ProxyCounters.bucket(250_001) == 1)
        for (index, bound) in ProxyCounters.latencyBounds.enumerated() {
            #expect(ProxyCounters.bucket(bound) == index && ProxyCounters.bucket(bound + 1) == index + 1)
        }
    }

    @Test(
        "an address is in a range by its first bits",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/9", "10.128.0.0", false),
            ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "127.0.0.2", false), ("0.0.0.0/0", "8.8.8.8", true),
            ("::1", "::1", true), ("fd00::/8", "fd12::1", true), ("fd00::/8", "fe80::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("::/0", "10.0.0.1", false),
        ])
    func ranges(_ range: String, _ address: String, _ isIn: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try .init(ipAddress: address, port: 1)) == isIn)
        for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0", "::/129", "a/8", "10.0.0.0/"] {
            #expect(AddressRange(bad) == nil)
        }
    }
}
