import AuditFiles
import Contracts
import ControlWire
import GloveboxCore
import Logging
import ServiceLifecycle
import Synchronization
import TransparencyLog

/// Brings the log's checkpoints to the agents, each with the proof that the log is what that agent saw before: agents hold
/// the gateway to what it has signed (promise 8).
final class CheckpointCourier: Sendable {
    private struct State {
        /// Up to which size each connected agent was sent checkpoints.
        var sent: [AgentName: UInt64] = [:]
        var isConnected: Set<AgentName> = []
        var wake: AsyncStream<Void>.Continuation?
    }

    /// More often than this no agent is shown one: each is written to its disk.
    private static let pause = Duration.seconds(1)

    private let log: TiledLog
    private let time: any TimeSource
    private let deliver: @Sendable (LogCheckpoint, AgentName) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter deliver: sends to an agent, if it's connected.
    init(
        log: TiledLog, time: any TimeSource, logger: Logger,
        deliver: @escaping @Sendable (LogCheckpoint, AgentName) -> Void
    ) {
        self.log = log
        self.time = time
        self.logger = logger
        self.deliver = deliver
    }

    /// What an agent is told that saw `known` last.
    func greet(_ agent: AgentName, _ known: KnownLog?) async throws -> LogCheckpoint {
        let isSame = known?.origin == self.log.verifier.name
        let (checkpoint, proof) = try await self.log.consistency(from: isSame ? known?.size ?? 0 : 0)
        self.state.withLock { $0.sent[agent] = checkpoint.checkpoint.size }
        return LogCheckpoint(checkpoint, proof)
    }

    func joined(_ agent: AgentName) {
        self.state.withLock { state in
            state.isConnected.insert(agent)
            state.wake?.yield()
        }
    }

    func left(_ agent: AgentName) {
        self.state.withLock { _ = $0.isConnected.remove(agent) }
    }

    /// Runs until the gateway stops.
    func run() async {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.state.withLock { $0.wake = wake }
        let stop = self.log.follow { _ in wake.yield() }
        defer { stop() }
        await cancelWhenGracefulShutdown {
            for await _ in wakes {
                await self.deliverAll()
                try? await self.time.sleep(until: self.time.boot.advanced(by: Self.pause))
            }
        }
    }

    private func deliverAll() async {
        let agents = self.state.withLock { state in state.sent.filter { state.isConnected.contains($0.key) } }
        for (agent, size) in agents {
            do {
                let (checkpoint, proof) = try await self.log.consistency(from: size)
                guard checkpoint.checkpoint.size > size else { continue }
                let isCurrent = self.state.withLock { state in
                    guard state.sent[agent] == size else { return false }
                    state.sent[agent] = checkpoint.checkpoint.size
                    return true
                }
                // It may have joined anew meanwhile, and was told then.
                if isCurrent { self.deliver(LogCheckpoint(checkpoint, proof), agent) }
            } catch {
                self.logger.error(
                    "an agent can't be shown the log's checkpoint",
                    metadata: ["agent": "\(agent)", "error": "\(error)"])
            }
        }
    }
}

extension LogCheckpoint {
    fileprivate init(_ known: KnownCheckpoint, _ proof: [TreeHash]) {
        self.init(key: known.key.description, note: known.note, proof: proof.map(\.bytes))
    }
}
