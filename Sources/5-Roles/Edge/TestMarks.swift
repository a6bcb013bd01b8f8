import Contracts
import GloveboxCore
import HTTPProxy
import HTTPWire
import Synchronization
import TestContextToken

/// Says of each request that carries a mark whether it's a test's. A false mark is taken out, and the request is served as
/// an ordinary user's; a true one is replaced by what services behind the edge check.
final class TestMarks: RequestJudge {
    private struct State {
        var configuration: MarkConfiguration
        var keys: TestContextKeys
        /// Those that a gateway tells of.
        var toldKeys: [TestContextKey] = []
        /// Those that a gateway tells of; `nil` for an edge without a gateway, which takes whatever is signed.
        var runs: Set<String>?
        var memory: NonceMemory
        var refusals: [TestContextRefusal: UInt64] = [:]
        var admitted: UInt64 = 0
    }

    private let state: Mutex<State>
    private let time: any TimeSource
    /// Whether a gateway is heard: without, nobody knows which runs have ended.
    private let isFollowing: (@Sendable () -> Bool)?

    /// - Parameter isFollowing: `nil` for an edge without a gateway.
    init(_ configuration: MarkConfiguration, time: any TimeSource, isFollowing: (@Sendable () -> Bool)? = nil) {
        self.time = time
        self.isFollowing = isFollowing
        // What a process before this one had let in isn't known: nothing is, until none of that can come again.
        self.state = Mutex(
            State(
                configuration: configuration, keys: TestContextKeys(configuration.ownKeys),
                runs: isFollowing == nil ? nil : [], memory: NonceMemory(since: time.wall)))
    }

    /// Keys may change while it runs; what was used is remembered.
    func take(_ configuration: MarkConfiguration) {
        self.state.withLock { state in
            state.configuration = configuration
            state.keys = TestContextKeys(configuration.ownKeys + state.toldKeys)
        }
    }

    /// Those that a gateway's marks are signed by now.
    func take(keys: [TestContextKey]) {
        self.state.withLock { state in
            state.toldKeys = keys
            state.keys = TestContextKeys(state.configuration.ownKeys + keys)
        }
    }

    /// No marks but those of these runs count from now on.
    func take(runs: Set<String>) { self.state.withLock { $0.runs = runs } }

    var counts: (admitted: UInt64, refusals: [TestContextRefusal: UInt64]) {
        self.state.withLock { ($0.admitted, $0.refusals) }
    }

    func judge(_ request: borrowing RequestView) -> RequestVerdict {
        var mayHoldMark = false
        request.withValues(of: .baggage) { if BaggageLines.mayHoldMark($0) { mayHoldMark = true } }
        guard mayHoldMark else { return .ordinary }
        // An ordinary request's lines aren't copied.
        var lines: [[UInt8]] = []
        request.withValues(of: .baggage) { lines.append(Array($0)) }
        var baggage = BaggageLines(lines)
        let now = self.time.wall
        do throws(TestContextRefusal) {
            let (configuration, keys, runs) = self.state.withLock { ($0.configuration, $0.keys, $0.runs) }
            guard let context = try keys.ingress(baggage.mark, edge: configuration.edge, at: now) else {
                return baggage.wantsMark ? .refused : .ordinary
            }
            if let runs {
                guard self.isFollowing?() == true else { throw .cutOff }
                guard runs.contains(context.run) else { throw .revoked }
            }
            let method = request.method
            try context.check(method: method, host: request.host, path: request.path)
            let isWriting = IngressContext.isWriting(method)
            let token = try Self.token(context, configuration, now)
            let admitted = self.state.withLock { state -> Result<Void, TestContextRefusal> in
                do throws(TestContextRefusal) {
                    try state.memory.admit(context, writes: isWriting, at: now)
                    state.admitted += 1
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            try admitted.get()
            baggage.replaceMarks(with: token)
            return .marked(
                RequestMark(
                    edit: Self.edit(baggage), version: context.version, label: "\(context.run)/\(context.testCase)"))
        } catch {
            self.state.withLock { $0.refusals[error, default: 0] += 1 }
            // Whoever would rather be served not at all than as an ordinary user says so; that's a test's runner.
            if baggage.wantsMark { return .refused }
            baggage.removeMarks()
            return .edited(Self.edit(baggage))
        }
    }

    private static func token(
        _ context: IngressContext, _ configuration: MarkConfiguration, _ now: WallTime
    ) throws(TestContextRefusal) -> String {
        do throws(GloveboxError) {
            return try configuration.signer.token(
                InternalContext(
                    run: context.run, testCase: context.testCase, issuedAt: now, lifetime: configuration.validity,
                    // Of the case, whatever this request of it does.
                    declaresSyntheticWrites: context.methods.contains(where: IngressContext.isWriting),
                    flagScope: context.run))
        } catch {
            throw .malformed
        }
    }

    private static func edit(_ baggage: BaggageLines) -> HeadEdit {
        HeadEdit(
            removed: ["baggage"],
            added: baggage.lines.map { .init("baggage", String(decoding: $0, as: UTF8.self)) })
    }
}
