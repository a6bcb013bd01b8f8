import ControlAPI
import ControlClient
import GloveboxCore
import UnixSignals

/// Opens leases, and waits for those that take somebody else's approval.
enum LeaseWaiting {
    private static let interval = Duration.seconds(2)

    /// Opens what's asked for. Where it takes approval, says so on standard error, waits until it's granted, and takes it
    /// then; Ctrl-C leaves the approval as it is.
    ///
    /// - Throws: `approval_needed` when it's denied, withdrawn or runs out; `CancellationError` on Ctrl-C.
    static func open(_ request: LeaseRequest, _ client: ControlClient) async throws -> OpenedLease {
        switch try await client.openLease(request) {
        case .opened(let lease): return lease
        case .waits(let approval):
            Terminal.note(approval.waitingLine)
            try await self.wait(for: approval, client)
            return try await self.claim(approval.id, client)
        }
    }

    /// Takes what was approved: exactly that.
    static func claim(_ id: ApprovalID, _ client: ControlClient) async throws -> OpenedLease {
        let approval = try await client.approval(id)
        guard let lease = approval.lease else {
            throw GloveboxError(.invalidArgument, "approval \(id) is not about a lease")
        }
        let request = LeaseRequest(
            target: lease.target, capabilities: Set(lease.capabilities), duration: lease.duration.duration,
            purpose: lease.purpose, approval: id)
        switch try await client.openLease(request) {
        case .opened(let lease): return lease
        case .waits: throw GloveboxError(.approvalNeeded, "approval \(id) doesn't let this open: ask again")
        }
    }

    private static func wait(for approval: ApprovalStatus, _ client: ControlClient) async throws {
        // Of its own: a command that traps signals for what it runs later isn't kept from being interrupted now.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await _ in signals {
                    Terminal.note(
                        "approval \(approval.id) stays open: 'glovebox lease claim \(approval.id)' takes it when it's granted, 'glovebox approval withdraw \(approval.id)' ends it"
                    )
                    throw CancellationError()
                }
            }
            tasks.addTask { try await self.poll(approval, client) }
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    private static func poll(_ approval: ApprovalStatus, _ client: ControlClient) async throws {
        var seen = approval
        while true {
            try await Task.sleep(for: self.interval)
            let now = try await client.approval(approval.id)
            if now.votes.count > seen.votes.count, let vote = now.votes.last {
                Terminal.note(Terminal.harmless(vote.line))
            }
            seen = now
            switch now.state {
            case .pending: continue
            case .granted: return
            case .denied:
                let denial = now.votes.last { $0.verdict == .deny }
                let why = denial?.reason.map { ": \($0)" } ?? ""
                throw GloveboxError(
                    .approvalNeeded, "\(denial.map { "\($0.by)" } ?? "an approver") denied approval \(now.id)\(why)")
            case .expired, .withdrawn, .used, .unreviewed, .reviewed:
                throw GloveboxError(
                    .approvalNeeded, "approval \(now.id) is \(now.state.rawValue): ask again for what you need")
            }
        }
    }
}

extension ApprovalStatus {
    /// What whoever waits is told.
    var waitingLine: String {
        let needed = self.requirement.map { requirement in
            let who = requirement.from.isEmpty ? "approvers" : requirement.from.joined(separator: ", ")
            return "\(requirement.count) of \(who)"
        }
        let left = self.remaining.map { " within \(DurationText.show($0.duration))" } ?? ""
        return "waiting for approval \(self.id): it takes \(needed ?? "nobody")\(left)"
    }
}

extension ApprovalStatus.Vote {
    var line: String {
        "\(self.by) \(self.verdict == .grant ? "granted" : "denied") it\(self.reason.map { ": \($0)" } ?? "")"
    }
}
