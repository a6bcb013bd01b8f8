import GloveboxCore
import Synchronization

/// The agents that this gateway has met since it started, and what they announced.
final class AgentFleet: Sendable {
    struct Member: Sendable {
        var name: AgentName
        var version: String
        var isOnline: Bool
        /// Since when it is connected, or when it was lost.
        var since: WallTime
        var targets: [TargetAnnouncement]
        /// How far its wall clock was ahead of ours when it connected.
        var skew: Duration
    }

    /// Who has enrolled, and whom this gateway hasn't met yet.
    private let awaited = Mutex<Set<AgentName>>([])
    /// These serve nothing.
    private let quarantined = Mutex<Set<AgentName>>([])
    /// Those that the gateway serves itself.
    private let own = Mutex<[TargetAnnouncement]>([])
    private let members = Mutex<[AgentName: Member]>([:])
    private let waiting = Mutex<[AgentName: [AsyncStream<Void>.Continuation]]>([:])

    /// Who serves what the gateway serves itself; no agent is called so.
    static let gateway = AgentName(unchecked: "gateway")

    /// The gateway serves these itself.
    func serve(_ targets: [TargetAnnouncement]) {
        self.own.withLock { $0 = targets }
    }

    func isOwn(_ target: TargetName) -> Bool {
        self.own.withLock { $0.contains { $0.name == target } }
    }

    /// These have enrolled with an earlier run of the gateway.
    func await(_ agents: [AgentName]) {
        self.awaited.withLock { $0.formUnion(agents) }
    }

    func quarantine(_ name: AgentName) {
        self.quarantined.withLock { _ = $0.insert(name) }
    }

    func release(_ name: AgentName) {
        self.quarantined.withLock { _ = $0.remove(name) }
    }

    /// It has been removed, and is a stranger if it comes again.
    func forget(_ name: AgentName) {
        self.awaited.withLock { _ = $0.remove(name) }
        self.members.withLock { _ = $0.removeValue(forKey: name) }
        self.release(name)
    }

    /// - Throws: `agent_quarantined`.
    func checkServing(_ name: AgentName) throws(GloveboxError) {
        guard self.quarantined.withLock({ $0.contains(name) }) else { return }
        throw GloveboxError(.agentQuarantined, "agent \(name) is quarantined and serves nothing: ask an administrator")
    }

    var agents: [AgentName: Member] { self.members.withLock { $0 } }

    /// Returns as soon as the agent is connected, or the task is cancelled.
    func untilConnected(_ name: AgentName) async {
        let (connected, continuation) = AsyncStream.makeStream(of: Void.self)
        self.members.withLock { members in
            guard members[name]?.isOnline != true else { return continuation.finish() }
            self.waiting.withLock { $0[name, default: []].append(continuation) }
        }
        for await _ in connected {}
    }

    /// By name of the target.
    var targets: [(target: TargetAnnouncement, agent: AgentName, isOnline: Bool)] {
        let quarantined = self.quarantined.withLock { $0 }
        let own = self.own.withLock { $0 }.map { (target: $0, agent: Self.gateway, isOnline: true) }
        return self.agents.values
            .flatMap { member in
                let isOnline = member.isOnline && !quarantined.contains(member.name)
                return member.targets.map { (target: $0, agent: member.name, isOnline: isOnline) }
            }
            .reduce(into: own) { $0.append($1) }
            .sorted { ($0.target.name, $0.agent) < ($1.target.name, $1.agent) }
    }

    func connected(
        _ name: AgentName, version: String, targets: [TargetAnnouncement], skew: Duration = .zero, at time: WallTime
    ) {
        self.awaited.withLock { _ = $0.remove(name) }
        self.members.withLock {
            $0[name] = Member(
                name: name, version: version, isOnline: true, since: time, targets: targets, skew: skew)
        }
        for continuation in self.waiting.withLock({ $0.removeValue(forKey: name) ?? [] }) { continuation.finish() }
    }

    func announced(_ name: AgentName, targets: [TargetAnnouncement]) {
        self.members.withLock { $0[name]?.targets = targets }
    }

    func lost(_ name: AgentName, at time: WallTime) {
        self.members.withLock {
            $0[name]?.isOnline = false
            $0[name]?.since = time
        }
    }

    /// Who serves a target: an agent that's connected before one that isn't, then by name.
    /// - Throws: `unknown_target` when no agent has announced it; `agent_offline` when none that has is connected, or when
    ///   one isn't that might.
    func server(of target: TargetName) throws(GloveboxError) -> (agent: AgentName, target: TargetAnnouncement) {
        let serving = self.targets.filter { $0.target.name == target }
        guard let online = serving.first(where: \.isOnline) else {
            guard let offline = serving.first else {
                let awaited = self.awaited.withLock { $0.sorted() }
                guard awaited.isEmpty else {
                    throw GloveboxError(
                        .agentOffline,
                        "no agent that's connected serves '\(target)', and \(awaited.map(\.rawValue).joined(separator: ", ")) hasn't connected since this gateway started: see the agent's log on its host"
                    )
                }
                throw GloveboxError(
                    .unknownTarget, "no agent serves a target '\(target)': 'glovebox target list' shows those there are"
                )
            }
            for other in serving { try self.checkServing(other.agent) }
            throw GloveboxError(
                .agentOffline,
                "agent \(offline.agent), which serves \(target), isn't connected: see its log on its host")
        }
        return (online.agent, online.target)
    }

    /// What a target was announced with, whether or not its agent is connected.
    func announcement(of target: TargetName) -> TargetAnnouncement? {
        self.targets.first { $0.target.name == target }?.target
    }
}
