import HTTPWire
import NIOCore
import NIOPosix

/// Asks endpoints whether they can serve, each at its service's interval, on one event loop.
final class HealthChecks {
    private final class Check {
        let endpoint: Endpoint
        let rule: HealthCheck
        let service: String
        /// Answers in a row that say otherwise than what's held of it.
        var streak = 0
        var task: RepeatedTask?

        init(_ endpoint: Endpoint, _ rule: HealthCheck, _ service: String) {
            self.endpoint = endpoint
            self.rule = rule
            self.service = service
        }
    }

    private let eventLoop: any EventLoop
    private let changed: (Endpoint, Bool) -> Void
    private var checks: [Int: Check] = [:]
    private var table = 0

    /// - Parameter changed: is told of each endpoint that's found up, or down, and wasn't before.
    init(_ eventLoop: any EventLoop, changed: @escaping (Endpoint, Bool) -> Void) {
        self.eventLoop = eventLoop
        self.changed = changed
    }

    /// Checks what these routes need, and nothing else.
    func take(_ table: RouteTable) {
        guard table.number > self.table else { return }
        self.table = table.number
        var wanted: [Int: (Endpoint, HealthCheck, String)] = [:]
        for service in table.services {
            guard let rule = service.settings.health else { continue }
            for endpoint in service.versions.flatMap(\.endpoints) {
                wanted[endpoint.number] = (endpoint, rule, service.name)
            }
        }
        for (number, check) in self.checks where wanted[number]?.1 != check.rule {
            check.task?.cancel()
            self.checks[number] = nil
            // Whoever isn't checked any more isn't held to be down.
            if wanted[number] == nil { _ = check.endpoint.checked(isUp: true) }
        }
        for (number, (endpoint, rule, service)) in wanted where self.checks[number] == nil {
            let check = Check(endpoint, rule, service)
            self.checks[number] = check
            let bound = NIOLoopBound((self, check), eventLoop: self.eventLoop)
            check.task = self.eventLoop.scheduleRepeatedTask(
                initialDelay: .zero, delay: rule.interval.timeAmount, maximumAllowableJitter: .milliseconds(50),
                notifying: nil
            ) { _ in
                let (checks, check) = bound.value
                checks.ask(check)
            }
        }
    }

    func stop() {
        for check in self.checks.values { check.task?.cancel() }
        self.checks = [:]
    }

    private func ask(_ check: Check) {
        let bound = NIOLoopBound((self, check), eventLoop: self.eventLoop)
        let asked = HealthProbe(check.rule, host: check.service) { isUp in
            let (checks, check) = bound.value
            checks.answered(check, isUp: isUp)
        }
        let probe = NIOLoopBound(asked, eventLoop: self.eventLoop)
        let address = check.endpoint.address
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(check.rule.timeout.timeAmount)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(probe.value) }
            }
            .connect(host: address.host, port: address.port)
            .assumeIsolated()
            .whenFailure { _ in probe.value.end(isUp: false) }
    }

    private func answered(_ check: Check, isUp: Bool) {
        guard self.checks[check.endpoint.number] === check else { return }
        guard isUp != check.endpoint.isUpByCheck else {
            check.streak = 0
            return
        }
        check.streak += 1
        guard check.streak >= (isUp ? check.rule.untilUp : check.rule.untilDown) else { return }
        check.streak = 0
        if check.endpoint.checked(isUp: isUp) { self.changed(check.endpoint, isUp) }
    }
}

/// One question and its answer.
private final class HealthProbe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let rule: HealthCheck
    private let host: String
    private var ended: ((Bool) -> Void)?
    private var reader = ResponseHeadReader(HeadLimits())
    private var input = ByteBuffer()
    private var timeout: Scheduled<Void>?

    init(_ rule: HealthCheck, host: String, ended: @escaping (Bool) -> Void) {
        self.rule = rule
        self.host = host
        self.ended = ended
    }

    func end(isUp: Bool) {
        self.timeout?.cancel()
        let ended = self.ended
        self.ended = nil
        ended?(isUp)
    }

    func channelActive(context: ChannelHandlerContext) {
        let request =
            "GET \(self.rule.path) HTTP/1.1\r\nHost: \(self.host)\r\nUser-Agent: glovebox-health\r\nConnection: close\r\n\r\n"
        context.writeAndFlush(NIOAny(ByteBuffer(string: request)), promise: nil)
        self.timeout = context.eventLoop.assumeIsolated().scheduleTask(in: self.rule.timeout.timeAmount) {
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        self.input.writeBuffer(&buffer)
        do {
            guard try self.input.withUnsafeReadableBytes({ try self.reader.read($0) }) else { return }
            self.end(isUp: self.rule.statuses.contains(self.reader.head.status))
        } catch {
            self.end(isUp: false)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(isUp: false)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
