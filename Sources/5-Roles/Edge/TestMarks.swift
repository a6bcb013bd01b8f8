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
        var memory: NonceMemory
        var refusals: [TestContextRefusal: UInt64] = [:]
        var admitted: UInt64 = 0
    }

    private let state: Mutex<State>
    private let time: any TimeSource

    init(_ configuration: MarkConfiguration, time: any TimeSource) {
        self.time = time
        // What a process before this one had let in isn't known: nothing is, until none of that can come again.
        self.state = Mutex(State(configuration: configuration, memory: NonceMemory(since: time.wall)))
    }

    /// Keys may change while it runs; what was used is remembered.
    func take(_ configuration: MarkConfiguration) { self.state.withLock { $0.configuration = configuration } }

    /// No mark of this run counts from now on.
    func revoke(_ run: String, until end: WallTime) {
        let now = self.time.wall
        self.state.withLock { $0.memory.revoke(run, until: end, at: now) }
    }

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
            let configuration = self.state.withLock { $0.configuration }
            guard
                let context = try configuration.keys.ingress(baggage.mark, edge: configuration.edge, at: now)
            else { return .ordinary }
            let method = request.method
            try context.check(method: method, host: request.host, path: request.path)
            let isWriting = IngressContext.isWriting(method)
            let token = try Self.token(context, isWriting: isWriting, configuration, now)
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
            baggage.removeMarks()
            return .edited(Self.edit(baggage))
        }
    }

    private static func token(
        _ context: IngressContext, isWriting: Bool, _ configuration: MarkConfiguration, _ now: WallTime
    ) throws(TestContextRefusal) -> String {
        do throws(GloveboxError) {
            return try configuration.signer.token(
                InternalContext(
                    run: context.run, testCase: context.testCase, issuedAt: now, lifetime: configuration.validity,
                    declaresSyntheticWrites: isWriting, flagScope: context.run))
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
