package import Contracts
import FlagRules
import GloveboxCore
public import Logging
import OutboundHTTP
import Synchronization

/// The feature flags of one target: followed at a gateway while ``run()`` runs, evaluated here.
///
/// ```swift
/// let flags = FlagClient(
///     .init(
///         gateway: "https://gateway.example:8443", target: "storefront-flags", token: token,
///         certificates: "/etc/storefront/ca.pem", folder: "/var/lib/storefront"), logger: logger)
/// async let following: Void = flags.run()
/// await flags.ready()
/// if flags.boolValue("new-checkout", default: false, .init(targetingKey: user)) { … }
/// ```
///
/// A change that's made under a lease goes back when that ends, here as well: the gateway says so, and a client that hears
/// nothing of it takes the change back by itself at the moment that it knows, by this machine's boot clock. After a restart
/// without a gateway the flags are as they were last, from ``Configuration/folder``.
public final class FlagClient: Sendable {
    public struct Configuration: Sendable {
        /// `https://gateway.example:8443`
        public var gateway: String
        /// Whose flags.
        public var target: String
        /// A machine token whose scope has `followFlags`.
        public var token: String
        /// A file with the certificates, PEM, that the gateway's is to be of; the system's without.
        public var certificates: String?
        /// Where the flags are kept for the next start, readable by whoever may read the folder: flags are no secrets. In
        /// memory alone without.
        public var folder: String?
        /// What's asked for where an evaluation's own context doesn't say.
        public var context: EvaluationContext
        public var hooks: [any EvaluationHook]

        public init(
            gateway: String, target: String, token: String, certificates: String? = nil, folder: String? = nil,
            context: EvaluationContext = .init(), hooks: [any EvaluationHook] = []
        ) {
            self.gateway = gateway
            self.target = target
            self.token = token
            self.certificates = certificates
            self.folder = folder
            self.context = context
            self.hooks = hooks
        }
    }

    /// What's evaluated: swapped as a whole.
    final class Snapshot: Sendable {
        let epoch: FlagEpoch

        init(_ epoch: FlagEpoch) {
            self.epoch = epoch
        }
    }

    /// What's known of the flags, and who waits for news of them.
    private struct State {
        var copy: FlagCopy?
        /// What came didn't fit to it: it counts until the whole comes again.
        var isDoubtful = false
        /// The last thing that happened, of those that last.
        var status: FlagEvent?
        var watchers: [Int: AsyncStream<FlagEvent>.Continuation] = [:]
        var nextWatcher = 0
    }

    let configuration: Configuration
    let time: any TimeSource
    let logger: Logger
    private let current = Mutex<Snapshot?>(nil)
    private let state = Mutex(State())
    /// Rung when another moment may be the next at which something goes back.
    private let alarm: Alarm
    private let file: FlagFile?
    /// Longest time without a word before the line is given up; the gateway says something every 15 s, to edges every 3 s.
    let patience: Duration
    /// Awaited when other flags are in force, before the gateway is told that they are.
    let settle: @Sendable () async -> Void

    public convenience init(_ configuration: Configuration, logger: Logger) {
        self.init(configuration, logger: logger, time: SystemTime())
    }

    package init(
        _ configuration: Configuration, logger: Logger, time: any TimeSource, patience: Duration = .seconds(45),
        settle: @escaping @Sendable () async -> Void = {}
    ) {
        self.configuration = configuration
        self.patience = patience
        self.settle = settle
        self.logger = logger
        self.time = time
        self.alarm = Alarm(time)
        self.file = configuration.folder.flatMap { folder in
            TargetName(rawValue: configuration.target).map { FlagFile(folder: folder, target: $0) }
        }
    }

    /// Follows the flags until the task is cancelled. What fails meanwhile is logged, told as an event, and tried again.
    public func run() async {
        self.remember()
        await self.settle()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.goBackInTime() }
            tasks.addTask { await FlagLine(self).run() }
            await tasks.waitForAll()
        }
    }

    // MARK: What's known

    var snapshot: Snapshot? { self.current.withLock { $0 } }

    /// Definitions as everyone sees them, by key; `nil` before any are known.
    package var definitions: [String: String]? { self.snapshot?.epoch.state.effective(for: nil) }

    /// Whether a gateway is heard.
    package var isFollowing: Bool { self.state.withLock { $0.status == .ready } }

    /// The epoch that evaluations are made by; `nil` before there's any.
    public var epoch: Int64? { self.snapshot?.epoch.number }

    /// The tag of the epoch that a gateway told of last; `nil` where the whole is wanted.
    var tag: String? { self.state.withLock { $0.isDoubtful ? nil : $0.copy?.tag } }

    /// Returns as soon as flags are known, from the gateway or from ``Configuration/folder``; at once if they are, or when
    /// the task is cancelled.
    public func ready() async {
        for await event in self.events {
            switch event {
            case .ready, .stale: if self.snapshot != nil { return }
            case .configurationChanged: return
            case .error: break
            }
        }
    }

    /// What happens from now on, after what holds now if something does. It ends with the task that reads it.
    public var events: AsyncStream<FlagEvent> {
        let (stream, events) = AsyncStream.makeStream(of: FlagEvent.self, bufferingPolicy: .bufferingNewest(100))
        let number = self.state.withLock { state in
            defer { state.nextWatcher += 1 }
            state.watchers[state.nextWatcher] = events
            if let status = state.status { events.yield(status) }
            return state.nextWatcher
        }
        events.onTermination = { [weak self] _ in self?.forget(number) }
        return stream
    }

    private func forget(_ number: Int) {
        _ = self.state.withLock { $0.watchers.removeValue(forKey: number) }
    }

    /// One that lasts is told once.
    func tell(_ event: FlagEvent) {
        self.state.withLock { state in
            if case .configurationChanged = event {
            } else {
                guard state.status != event else { return }
                state.status = event
            }
            for watcher in state.watchers.values { watcher.yield(event) }
        }
    }

    // MARK: News

    /// Takes what the gateway tells, and brings it in force.
    /// - Throws: `flags_invalid` for what doesn't fit to what's known: the whole has to be asked for again.
    func take(_ notice: FlagNotice) throws {
        let now = self.time.reading
        let changed = try self.state.withLock { state in
            var copy: FlagCopy
            switch (state.copy, notice) {
            case (let known?, _): copy = known
            case (nil, .epoch(let flags, let tag, let remaining)):
                copy = FlagCopy(flags, tag: tag, remaining: remaining, at: now)
            case (nil, _): throw GloveboxError(.flagsInvalid, "the first that came was no whole epoch")
            }
            try copy.take(notice, at: now)
            state.copy = copy
            if case .epoch = notice { state.isDoubtful = false }
            return try self.bringInForce(copy, at: now)
        }
        self.alarm.ring()
        if !changed.isEmpty { self.tell(.configurationChanged(changed)) }
        self.keep()
    }

    /// The whole has to be told again. What's known counts until then, and goes back in time.
    func doubt() {
        self.state.withLock { $0.isDoubtful = true }
    }

    /// Returns the keys of the flags that have changed.
    private func bringInForce(_ copy: FlagCopy, at now: ClockReading) throws -> [String] {
        let before = self.snapshot?.epoch
        let flags = copy.inForce(at: now)
        guard before?.state != flags else { return [] }
        let epoch = try FlagEpoch(flags, after: before)
        self.current.withLock { $0 = Snapshot(epoch) }
        return before.map { epoch.flags.difference(from: $0.flags) } ?? []
    }

    /// Takes leased changes back when their time is up, whether a gateway can be heard or not.
    private func goBackInTime() async {
        while !Task.isCancelled {
            let now = self.time.reading
            do {
                let changed = try self.state.withLock { try $0.copy.map { try self.bringInForce($0, at: now) } ?? [] }
                if !changed.isEmpty {
                    self.tell(.configurationChanged(changed))
                    await self.settle()
                }
            } catch {
                self.logger.error("flags can't be evaluated", metadata: ["error": "\(error)"])
            }
            let next = self.state.withLock { $0.copy?.nextExpiry(at: now) }
            await self.alarm.wait(until: next ?? now.boot.advanced(by: .seconds(3600)))
        }
    }

    // MARK: On disk

    private func keep() {
        guard let file, let copy = self.state.withLock({ $0.copy }) else { return }
        do {
            try file.write(copy.file(at: self.time.reading))
        } catch {
            self.logger.warning("flags can't be kept for the next start", metadata: ["error": "\(error)"])
        }
    }

    private func remember() {
        guard let file else { return }
        do {
            guard let bytes = try file.read() else { return }
            let copy = try FlagCopy(file: bytes)
            guard copy.state.target.rawValue == self.configuration.target else { return }
            try self.state.withLock { state in
                _ = try self.bringInForce(copy, at: self.time.reading)
                state.copy = copy
            }
            self.tell(.stale)
        } catch {
            self.logger.warning(
                "flags that were kept can't be taken; they're asked for anew",
                metadata: ["file": "\(file.path)", "error": "\(error)"])
        }
    }
}
