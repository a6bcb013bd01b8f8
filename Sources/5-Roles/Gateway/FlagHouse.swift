import Changes
import FlagRules
import GloveboxCore
import Synchronization

/// The flags in force, for whoever evaluates them: each target has one epoch at a time, swapped as a whole, so that nobody
/// sees half of a set. Reading takes no turn at ``ChangeService``.
final class FlagHouse: Sendable {
    private struct State {
        var epochs: [TargetName: FlagEpoch] = [:]
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var isClosed = false
    }

    private struct Watcher {
        var target: TargetName
        var news: AsyncStream<FlagEpoch>.Continuation
    }

    private let state = Mutex(State())

    func publish(_ epoch: FlagEpoch) {
        let target = epoch.state.target
        let watchers = self.state.withLock { state in
            state.epochs[target] = epoch
            return state.watchers.values.filter { $0.target == target }
        }
        for watcher in watchers { watcher.news.yield(epoch) }
    }

    var targets: [TargetName] { self.state.withLock { $0.epochs.keys.sorted() } }

    /// - Parameter target: may be left out where there's only one.
    /// - Throws: `unknown_target`; `invalid_argument` where there are several to choose from.
    func epoch(of target: TargetName?) throws(GloveboxError) -> FlagEpoch {
        let epochs = self.state.withLock { $0.epochs }
        guard let target else {
            if epochs.count == 1, let only = epochs.values.first { return only }
            guard !epochs.isEmpty else {
                throw GloveboxError(
                    .unknownTarget, "this gateway serves no flags: name a target for them under 'flags' in gateway.yaml"
                )
            }
            let names = epochs.keys.sorted().map(\.rawValue).joined(separator: ", ")
            throw GloveboxError(.invalidArgument, "say which target's flags: \(names)")
        }
        guard let epoch = epochs[target] else {
            throw GloveboxError(
                .unknownTarget, "this gateway serves no flags by the name of '\(target)': see 'flags' in gateway.yaml")
        }
        return epoch
    }

    /// Each epoch from the one in force on; one that comes before the last was read replaces it.
    func epochs(of target: TargetName) -> AsyncStream<FlagEpoch> {
        let (stream, news) = AsyncStream.makeStream(of: FlagEpoch.self, bufferingPolicy: .bufferingNewest(1))
        let (number, epoch) = self.state.withLock { state in
            defer { state.nextWatcher += 1 }
            state.watchers[state.nextWatcher] = Watcher(target: target, news: news)
            return (state.nextWatcher, state.epochs[target])
        }
        news.onTermination = { [weak self] _ in self?.forget(number) }
        if let epoch { news.yield(epoch) }
        if self.state.withLock({ $0.isClosed }) { news.finish() }
        return stream
    }

    /// The gateway stops: nobody waits for news any more.
    func close() {
        let watchers = self.state.withLock { state in
            state.isClosed = true
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.news.finish() }
    }

    private func forget(_ number: Int) {
        // Let go of outside the lock, since that may end the stream, which comes here again.
        let watcher = self.state.withLock { $0.watchers.removeValue(forKey: number) }
        watcher?.news.finish()
    }

    /// Gives everybody who waits the epoch that they have once more, as a sign of life.
    func remind() {
        let (watchers, epochs) = self.state.withLock { (Array($0.watchers.values), $0.epochs) }
        for watcher in watchers {
            if let epoch = epochs[watcher.target] { watcher.news.yield(epoch) }
        }
    }

    /// How many wait for news.
    var watcherCount: Int { self.state.withLock { $0.watchers.count } }
}
