import Contracts
import ControlAPI
import Crypto
import FlagRules
import GloveboxCore
import Synchronization

/// An epoch that's in force, and what of it isn't in the flags themselves.
struct ServedEpoch: Sendable {
    var epoch: FlagEpoch
    /// When each leased change goes back.
    var expiries: [ChangeSetID: LeaseExpiry]
    /// Counts what `expiries` have been.
    var terms: Int
    /// What leads to it from the epoch before, and which that was; written once for all who follow.
    var step: (after: String, event: ServerEvent)?
}

/// The flags in force, for whoever evaluates them: each target has one epoch at a time, swapped as a whole, so that nobody
/// sees half of a set. Reading takes no turn at ``ChangeService``.
final class FlagHouse: Sendable {
    private struct State {
        var epochs: [TargetName: ServedEpoch] = [:]
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var isClosed = false
    }

    private struct Watcher {
        var target: TargetName
        var news: AsyncStream<ServedEpoch>.Continuation
        /// Of one that evaluates by itself.
        var follower: Follower?
    }

    private struct Follower {
        /// The last ones that it was told of.
        var told: [(tag: String, number: Int64)] = []
        /// The one that it says it runs.
        var runs: Int64?
    }

    private static let mostTold = 16

    private let state = Mutex(State())
    /// Targets whose state is for edges: nobody asks for flags of theirs without naming them.
    private let edges: Set<TargetName>

    init(edges: Set<TargetName> = []) {
        self.edges = edges
    }

    /// - Parameters:
    ///   - expiries: of the leased changes in it.
    ///   - now: from when what remains of these counts.
    func publish(_ epoch: FlagEpoch, _ expiries: [ChangeSetID: LeaseExpiry], at now: ClockReading) {
        let target = epoch.state.target
        var epoch = epoch
        epoch.tag = epoch.state.tag
        let before = self.state.withLock { $0.epochs[target] }
        var served = ServedEpoch(epoch: epoch, expiries: expiries, terms: (before?.terms ?? 0) + 1)
        if let before, before.epoch.tag != epoch.tag {
            let notice = FlagNotice.step(
                FlagStep(from: before.epoch.state, to: epoch.state), after: before.epoch.tag, tag: epoch.tag,
                remaining: served.remaining(at: now))
            served.step = (before.epoch.tag, ServerEvent(notice))
        }
        let told = served
        let watchers = self.state.withLock { state in
            state.epochs[target] = told
            return state.watchers.values.filter { $0.target == target }
        }
        for watcher in watchers { watcher.news.yield(told) }
    }

    /// Leases of changes last longer or shorter than they did.
    func revise(_ target: TargetName, _ expiries: [ChangeSetID: LeaseExpiry]) {
        let (watchers, served) = self.state.withLock { state -> ([Watcher], ServedEpoch?) in
            guard state.epochs[target] != nil, state.epochs[target]?.expiries != expiries else { return ([], nil) }
            state.epochs[target]?.expiries = expiries
            state.epochs[target]?.terms += 1
            return (state.watchers.values.filter { $0.target == target }, state.epochs[target])
        }
        guard let served else { return }
        for watcher in watchers { watcher.news.yield(served) }
    }

    var targets: [TargetName] {
        self.state.withLock { $0.epochs.keys.filter { !self.edges.contains($0) }.sorted() }
    }

    /// - Parameter target: may be left out where there's only one.
    /// - Throws: `unknown_target`; `invalid_argument` where there are several to choose from.
    func epoch(of target: TargetName?) throws(GloveboxError) -> FlagEpoch {
        let epochs = self.state.withLock { $0.epochs }
        guard let target else {
            let epochs = epochs.filter { !self.edges.contains($0.key) }
            if epochs.count == 1, let only = epochs.values.first { return only.epoch }
            guard !epochs.isEmpty else {
                throw GloveboxError(
                    .unknownTarget, "this gateway serves no flags: name a target for them under 'flags' in gateway.yaml"
                )
            }
            let names = epochs.keys.sorted().map(\.rawValue).joined(separator: ", ")
            throw GloveboxError(.invalidArgument, "say which target's flags: \(names)")
        }
        guard let served = epochs[target] else {
            throw GloveboxError(
                .unknownTarget, "this gateway serves no flags by the name of '\(target)': see 'flags' in gateway.yaml")
        }
        return served.epoch
    }

    /// Each epoch from the one in force on; one that comes before the last was read replaces it.
    func epochs(of target: TargetName) -> AsyncStream<ServedEpoch> {
        self.watch(target, nil).stream
    }

    // MARK: Those who follow

    /// The same for one that evaluates by itself, and says what it runs by its number.
    /// - Parameter tag: of the epoch that it has.
    func follow(_ target: TargetName, having tag: String?) -> (number: Int, stream: AsyncStream<ServedEpoch>) {
        var follower = Follower()
        if let served = self.state.withLock({ $0.epochs[target] }), served.epoch.tag == tag {
            follower.told = [(served.epoch.tag, served.epoch.number)]
        }
        return self.watch(target, follower)
    }

    func tell(_ number: Int, _ epoch: FlagEpoch) {
        self.state.withLock { state in
            guard var follower = state.watchers[number]?.follower else { return }
            follower.told.append((epoch.tag, epoch.number))
            if follower.told.count > Self.mostTold { follower.told.removeFirst() }
            state.watchers[number]?.follower = follower
        }
    }

    /// It runs the epoch of that tag, as it says; one that it wasn't told of is none.
    func acknowledge(_ number: Int, _ tag: String) {
        self.state.withLock { state in
            guard let told = state.watchers[number]?.follower?.told.last(where: { $0.tag == tag }) else { return }
            state.watchers[number]?.follower?.runs = told.number
        }
    }

    /// How many run which epoch, newest first; those that haven't said yet are last.
    func clients(of target: TargetName) -> [ChangeStatus.Clients] {
        let runs = self.state.withLock { state in
            state.watchers.values.filter { $0.target == target }.compactMap(\.follower).map(\.runs)
        }
        let counts = Dictionary(runs.map { ($0, 1) }, uniquingKeysWith: +)
        return counts.sorted { ($0.key ?? .min) > ($1.key ?? .min) }
            .map { ChangeStatus.Clients(epoch: $0.key, count: $0.value) }
    }

    // MARK: Watchers

    private func watch(_ target: TargetName, _ follower: Follower?) -> (number: Int, stream: AsyncStream<ServedEpoch>) {
        let (stream, news) = AsyncStream.makeStream(of: ServedEpoch.self, bufferingPolicy: .bufferingNewest(1))
        let (number, served) = self.state.withLock { state in
            defer { state.nextWatcher += 1 }
            state.watchers[state.nextWatcher] = Watcher(target: target, news: news, follower: follower)
            return (state.nextWatcher, state.epochs[target])
        }
        news.onTermination = { [weak self] _ in self?.forget(number) }
        if let served { news.yield(served) }
        if self.state.withLock({ $0.isClosed }) { news.finish() }
        return (number, stream)
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
    func remind() { self.remind { _ in true } }

    /// The same for edges alone.
    func remindEdges() { self.remind { self.edges.contains($0) } }

    var hasEdges: Bool { !self.edges.isEmpty }

    private func remind(_ isMeant: (TargetName) -> Bool) {
        let (watchers, epochs) = self.state.withLock { state in
            (state.watchers.values.filter { isMeant($0.target) }, state.epochs)
        }
        for watcher in watchers {
            if let served = epochs[watcher.target] { watcher.news.yield(served) }
        }
    }

    /// How many wait for news.
    var watcherCount: Int { self.state.withLock { $0.watchers.count } }
}

extension ServedEpoch {
    /// What's left of each leased change. One whose lease nobody knows has nothing left.
    func remaining(at now: ClockReading) -> [ChangeSetID: Duration] {
        var remaining: [ChangeSetID: Duration] = [:]
        for layer in self.epoch.state.layers {
            remaining[layer.set] = self.expiries[layer.set]?.remaining(at: now) ?? .zero
        }
        return remaining
    }
}

extension ServerEvent {
    init(_ notice: FlagNotice) {
        self.init(id: notice.tag, name: notice.name, data: notice.json.json)
    }
}

extension FlagState {
    /// Names the flags as they are: the same after a restart, another for every change.
    var tag: String {
        var hash = SHA256()
        func add(_ text: String?) {
            let text = text ?? "-"
            hash.update(data: Array("\(text.utf8.count):\(text)".utf8))
        }
        for (key, definition) in self.base.sorted(by: { $0.key < $1.key }) {
            add(key)
            add(definition)
        }
        for layer in self.layers {
            add("layer \(layer.set) \(layer.scope?.description ?? "")")
            for entry in layer.entries {
                add(entry.key)
                add(entry.definition)
                add(entry.overtakenBy?.rawValue)
                if let share = entry.share { add("share \(share)") }
            }
        }
        return "\(self.epoch)-\(hexadecimal(Array(hash.finalize().prefix(8))))"
    }
}
