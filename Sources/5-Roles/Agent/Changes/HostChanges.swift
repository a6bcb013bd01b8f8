import Changes
import Commands
import Contracts
import Foundation
import GloveboxCore
import Logging
import NIOPosix
import Policy

/// Makes changes on this host and takes them back: each with what undoes it in the journal, on disk, before it's made. What
/// was begun and isn't kept goes back when the gateway says so, and at the end of its time by itself.
actor HostChanges {
    /// What may be changed, and what stands in the way of it.
    struct Terms: Sendable {
        var targets: [TargetName: HostTarget]
        var ceiling: CeilingDocument
        /// Why nothing new may be made.
        var refusal: @Sendable () -> GloveboxError?
        /// Redacts what leaves this host.
        var mask: @Sendable (String) throws -> String
    }

    /// How long the gateway may take to order back what has run out, in the order of its set; one that's cut off gets none.
    private static let grace = Duration.seconds(5)

    private struct Act {
        var kind: any ChangeKind
        /// What it's about: one act at a time.
        var subject: String
    }

    let inbox: HostInbox
    private let terms: Terms
    private let journal: HostJournal
    private let seal: HostSeal
    private let records: any RecordJournal
    private let time: any TimeSource
    private let logger: Logger
    private let mostOpen: Int
    private let pool = NIOThreadPool(numberOfThreads: 8)

    private(set) var entries: [HostEntry.Key: HostEntry] = [:]
    /// Oldest first.
    private var order: [HostEntry.Key] = []
    /// Those that nothing was written down of yet.
    private var asked: [HostEntry.Key: ChangeOrder] = [:]
    /// What is being done, each by its change.
    private var acting: [HostEntry.Key: Act] = [:]
    private var isStopping = false

    /// - Parameter folder: of the agent's state.
    /// - Throws: `journal_corrupt`, `file_unusable`, `file_exposed`.
    init(
        folder: String, terms: Terms, inbox: HostInbox, records: any RecordJournal, time: any TimeSource,
        logger: Logger, mostOpen: Int = 1000
    ) throws {
        self.mostOpen = mostOpen
        self.terms = terms
        self.inbox = inbox
        self.records = records
        self.time = time
        self.logger = logger
        self.seal = try HostSeal(path: "\(folder)/changes.key")
        self.journal = try HostJournal(folder: "\(folder)/changes")
        for var entry in try self.journal.load() {
            CommandRun.killLeftovers(.change(entry.key.mark))
            let now = time.reading
            entry.expiry = entry.expiry.rebased(at: now)
            entry.bound = entry.bound.rebased(at: now)
            self.entries[entry.key] = entry
            self.order.append(entry.key)
        }
    }

    /// Until the task is cancelled; what runs then is broken off, and goes on when the agent runs again.
    func run() async {
        self.pool.start()
        await withDiscardingTaskGroup { tasks in
            while !Task.isCancelled {
                for event in self.inbox.take() { self.take(event) }
                self.expire()
                let now = self.time.boot
                for key in self.due(at: now) { tasks.addTask { await self.act(key) } }
                await self.inbox.alarm.wait(until: self.wake(after: now))
            }
            self.stop()
        }
        try? await self.pool.shutdownGracefully()
    }

    private func stop() {
        self.isStopping = true
        for act in self.acting.values { act.kind.interrupt() }
    }

    /// How many changes are here that aren't over, and how many of them are stuck.
    var counts: (open: Int, stuck: Int) {
        let states = self.entries.values.map(\.machine.state)
        return (states.count { $0.isOpen }, states.count { $0 == .stuck })
    }

    // MARK: What the gateway says

    private func take(_ event: HostInbox.Event) {
        switch event {
        case .order(let order): self.take(order)
        case .joined: for key in self.order { self.report(key) }
        case .leaseExtended(let lease, let remaining):
            let now = self.time.reading
            self.change(under: lease) { entry in
                entry.expiry = .after(min(remaining, entry.bound.remaining(at: now)), from: now)
            }
        case .leaseEnded(let lease):
            // The gateway goes back in the order of its set; if it doesn't get to it, this does.
            let now = self.time.reading
            self.change(under: lease) { $0.expiry = .after(.zero, from: now) }
        }
    }

    private func change(under lease: LeaseID, _ body: (inout HostEntry) -> Void) {
        for key in self.order {
            guard var entry = self.entries[key], entry.change.lease == lease, self.isRunningOut(entry) else { continue }
            body(&entry)
            self.put(entry)
        }
    }

    private func take(_ order: ChangeOrder) {
        let key = HostEntry.Key(set: order.set, number: order.number)
        guard var entry = self.entries[key] else { return self.takeUnknown(order, key) }
        switch order.verb {
        case .apply:
            if entry.isHeld {
                // It isn't kept after all.
                entry.isHeld = false
                self.put(entry)
            }
            self.report(key)
        case .undo:
            let cause = order.by.map(UndoCause.asked(by:)) ?? .told(order.cause ?? "the gateway said so")
            entry.isHeld = false
            let isNew = (try? entry.machine.undo(cause, at: self.time.wall)) ?? false
            if order.isUrgent { entry.due = nil }
            self.put(entry)
            if isNew { self.acting[key]?.kind.interrupt() }
            self.report(key)
        case .keep:
            if entry.machine.state == .applied, !entry.isHeld {
                guard self.terms.ceiling.targets[entry.change.target]?.mayKeep == true else {
                    var report = entry.report
                    report.failure = GloveboxFailure(
                        code: GloveboxError.Code.ceilingDenied.rawValue,
                        message:
                            "the agent's ceiling lets no change be kept (targets.\(entry.change.target).keep)")
                    return self.inbox.report(report)
                }
                entry.isHeld = true
                do {
                    try self.journal.store(entry)
                } catch {
                    return self.logger.error("a change can't be kept", metadata: ["error": "\(error)"])
                }
                self.entries[key] = entry
            }
            self.report(key)
        case .settle:
            guard entry.isHeld || !entry.machine.state.isOpen, self.acting[key] == nil else { return }
            do {
                if entry.isHeld { try self.overtake(by: entry) }
                try self.journal.remove(key)
            } catch {
                return self.logger.error("a change that's over can't be removed", metadata: ["error": "\(error)"])
            }
            self.entries[key] = nil
            self.order.removeAll { $0 == key }
        }
    }

    /// What was kept is nobody's to take back: an earlier change of the same stays as this one has it.
    private func overtake(by kept: HostEntry) throws(GloveboxError) {
        guard let subject = kept.subject, let place = self.order.firstIndex(of: kept.key) else { return }
        for key in self.order[..<place] where key.set != kept.key.set {
            guard var entry = self.entries[key], entry.subject == subject, entry.machine.state.isOpen else { continue }
            entry.overtaker = kept.key.set
            try self.journal.store(entry)
            self.entries[key] = entry
        }
    }

    private func takeUnknown(_ order: ChangeOrder, _ key: HostEntry.Key) {
        switch order.verb {
        case .apply: self.asked[key] = order
        case .undo:
            var report = ChangeReport(
                set: order.set, number: order.number, target: order.change.target, state: .undone)
            if self.asked.removeValue(forKey: key) == nil {
                report.failure = GloveboxFailure(GloveboxError(.notFound, "nothing is written down of it on its host"))
            }
            self.inbox.report(report)
        case .keep, .settle: break
        }
    }

    private func report(_ key: HostEntry.Key) {
        guard let entry = self.entries[key] else { return }
        self.inbox.report(entry.report)
    }

    /// Keeps it in mind, and on disk if that can be; what it tells of counts either way.
    private func put(_ entry: HostEntry) {
        self.entries[entry.key] = entry
        do {
            try self.journal.store(entry)
        } catch {
            self.logger.error(
                "a change's journal can't be written", metadata: ["change": "\(entry.key.mark)", "error": "\(error)"])
        }
    }

    // MARK: What's due

    private func isRunningOut(_ entry: HostEntry) -> Bool {
        !entry.isHeld && [.intent, .applied].contains(entry.machine.state)
    }

    private func expire() {
        let now = self.time.reading
        let grace = self.inbox.isConnected ? Self.grace : .zero
        for key in self.order.reversed() {
            guard var entry = self.entries[key], self.isRunningOut(entry) else { continue }
            let past = entry.expiry.deadline.duration(to: now.boot)
            guard entry.expiry.hasPassed(at: now), past >= grace else { continue }
            _ = try? entry.machine.undo(.leaseEnded(.expired), at: now.wall)
            self.put(entry)
            self.acting[key]?.kind.interrupt()
            self.logger.notice("a change's time is up: it goes back", metadata: ["change": "\(key.mark)"])
            self.report(key)
        }
    }

    /// - Parameter now: when what was due was begun; what was due then and wasn't waits for one that rings when it's over.
    private func wake(after now: BootInstant) -> BootInstant {
        let grace = self.inbox.isConnected ? Self.grace : .zero
        let ends = self.entries.values.filter(self.isRunningOut).map { $0.expiry.deadline.advanced(by: grace) }
        let tries = self.entries.values.compactMap(\.due).filter { $0 > now }
        return (ends + tries).min() ?? self.time.boot.advanced(by: .seconds(60))
    }

    /// What's to be done now, marked as being done.
    private func due(at now: BootInstant) -> [HostEntry.Key] {
        var due: [HostEntry.Key] = []
        let covered = self.covered
        for key in self.order where self.acting[key] == nil {
            guard let entry = self.entries[key], entry.due.map({ $0 <= now }) ?? true else { continue }
            switch entry.machine.next {
            case .wait, .none: continue
            case .undo where covered.contains(key): continue
            case .apply, .undo: break
            }
            if self.reserve(key, entry.plan, entry.change) { due.append(key) }
        }
        for (key, order) in self.asked.sorted(by: { $0.key.mark < $1.key.mark }) where self.acting[key] == nil {
            do throws(GloveboxError) {
                let plan = try self.plan(order)
                if self.reserve(key, plan, order.change) { due.append(key) }
            } catch {
                self.refuse(order, error)
            }
        }
        return due
    }

    /// Those over which another lies that's just being made, or goes back: they don't go back before it's seen how that ends.
    /// So it is with those under one lease that only take back what others have written, of which nobody knows how they hang
    /// together.
    private var covered: Set<HostEntry.Key> {
        var covered: Set<HostEntry.Key> = []
        var uppermost: [String: ChangeState] = [:]
        for key in self.order.reversed() {
            guard let entry = self.entries[key],
                let subject = entry.subject ?? (entry.plan.onlyTakesBack ? "lease \(entry.change.lease)" : nil)
            else { continue }
            let state = entry.machine.state
            guard state.isOpen else { continue }
            if let above = uppermost[subject], [.intent, .undoing].contains(above) { covered.insert(key) }
            uppermost[subject] = state
        }
        return covered
    }

    private func reserve(_ key: HostEntry.Key, _ plan: HostPlan, _ change: HostChange) -> Bool {
        let subject = plan.subject(on: change.target) ?? key.mark
        guard !self.acting.values.contains(where: { $0.subject == subject }) else { return false }
        self.acting[key] = Act(kind: plan.kind(self.tools(key, change)), subject: subject)
        return true
    }

    private func tools(_ key: HostEntry.Key, _ change: HostChange) -> HostTools {
        HostTools(
            mark: key.mark,
            ran: { what, outcome, output, isCut in
                await self.ran(key, change, what: what, outcome: outcome, output: output, isCut: isCut)
            },
            threads: ChangeThreads(pool: self.pool))
    }

    private func act(_ key: HostEntry.Key) async {
        guard let kind = self.acting[key]?.kind else { return }
        if let order = self.asked[key] {
            await self.begin(order, key, kind)
        } else if let entry = self.entries[key] {
            switch entry.machine.next {
            case .apply: await self.apply(key, kind)
            case .undo: await self.undo(key, kind)
            case .wait, .none: break
            }
        }
        self.acting[key] = nil
        self.inbox.alarm.ring()
    }

    // MARK: Applying

    /// - Throws: `ceiling_denied`, `not_found`, `invalid_argument`, and why nothing may be changed now.
    private func plan(_ order: ChangeOrder) throws(GloveboxError) -> HostPlan {
        if let refusal = self.terms.refusal() { throw refusal }
        guard let grant = order.grant, let target = self.terms.targets[order.change.target],
            let ceiling = self.terms.ceiling.targets[order.change.target]
        else {
            throw GloveboxError(.unknownTarget, "this agent serves no host '\(order.change.target)'")
        }
        if let denial = self.terms.ceiling.check(grant, capability: .change).error { throw denial }
        guard self.counts.open < self.mostOpen else {
            throw GloveboxError(
                .limitReached, "\(self.mostOpen) changes are open on this host: keep or undo some first")
        }
        switch order.change.action {
        case .runbook(let name, let parameters):
            guard ceiling.runbooks.contains(name) else {
                throw GloveboxError(
                    .ceilingDenied,
                    "the agent's ceiling doesn't allow runbook '\(name)' (targets.\(order.change.target).runbooks)")
            }
            guard let runbook = target.runbooks[name] else {
                throw GloveboxError(
                    .notFound, "'\(order.change.target)' has no runbook '\(name)': see 'runbooks' in its agent.yaml")
            }
            return .runbook(try runbook.plan(name: name, parameters))
        case .file(let path, let content):
            guard ceiling.files.contains(where: { PathPattern.matches($0, path) }) else {
                throw GloveboxError(
                    .ceilingDenied,
                    "the agent's ceiling doesn't allow to change \(path) (targets.\(order.change.target).files)")
            }
            return .file(FilePlan(path: path, content: content))
        case .call(let name, let parameters):
            guard ceiling.calls.contains(name) else {
                throw GloveboxError(
                    .ceilingDenied,
                    "the agent's ceiling doesn't allow call '\(name)' (targets.\(order.change.target).calls)")
            }
            guard let call = target.calls[name] else {
                throw GloveboxError(
                    .notFound, "'\(order.change.target)' has no call '\(name)': see 'calls' in its agent.yaml")
            }
            return .call(
                try call.plan(
                    name: name, parameters, allowed: ceiling.urls, rule: "targets.\(order.change.target).urls"))
        }
    }

    private func refuse(_ order: ChangeOrder, _ error: GloveboxError) {
        self.asked[HostEntry.Key(set: order.set, number: order.number)] = nil
        self.record(
            order.change, holder: order.grant?.holder,
            .changeRefused(code: error.code.rawValue, message: error.message))
        self.inbox.report(
            ChangeReport(
                set: order.set, number: order.number, target: order.change.target, state: .undone,
                failure: GloveboxFailure(error)))
    }

    /// Looks what is there, and writes down that it's to be changed, with what undoes that.
    private func begin(_ order: ChangeOrder, _ key: HostEntry.Key, _ kind: any ChangeKind) async {
        do {
            let plan = try self.plan(order)
            guard let grant = order.grant else { return }
            let former = try await kind.look()
            // Taken back meanwhile, or the agent stops.
            guard self.asked[key] != nil, !self.isStopping else { return }
            let now = self.time.reading
            let longest = self.terms.ceiling.targets[order.change.target]?.longest ?? .zero
            var machine = ChangeMachine(
                ChangeSet(
                    id: order.set, title: order.title, holder: grant.holder, lease: order.change.lease,
                    target: order.change.target, changes: [.host(order.change)], plannedAt: now.wall))
            _ = machine.begin(at: now.wall)
            var entry = HostEntry(
                machine: machine, number: order.number, change: order.change, plan: plan,
                former: try former.map { try self.seal.seal($0, place: key.mark) },
                expiry: .after(min(grant.remaining, longest), from: now), bound: .after(longest, from: now))
            entry.isUntouched = true
            try self.journal.store(entry)
            self.entries[key] = entry
            self.order.append(key)
            self.asked[key] = nil
            self.report(key)
        } catch {
            guard !self.isStopping else { return }
            self.refuse(order, Self.failure(error))
        }
    }

    private func apply(_ key: HostEntry.Key, _ kind: any ChangeKind) async {
        guard let entry = self.entries[key] else { return }
        do {
            if let refusal = self.terms.refusal() { throw refusal }
            let set = entry.machine.set
            // No record, no change.
            try await self.records.append([
                Record(
                    time: self.time.wall, identity: set.holder, target: set.target, lease: set.lease,
                    event: .changeApplied(
                        set.id, title: try self.terms.mask(set.title),
                        changes: [try self.terms.mask(entry.change.action.summary)]))
            ])
            if try await kind.isApplied() != true {
                if kind.isExact, let former = try self.former(entry), try await kind.look() != former {
                    throw GloveboxError(
                        .conflict, "\(entry.change.action.title) has changed since it was looked at: try again")
                }
                // Taken back meanwhile, or the agent stops.
                guard !self.isStopping, self.entries[key]?.machine.state == .intent else { return }
                self.entries[key]?.isUntouched = false
                try await kind.apply()
                if try await kind.isApplied() == false {
                    throw GloveboxError(
                        .changeFailed, "\(entry.change.action.title) was run, and its check says that it isn't applied")
                }
            }
            let left = await self.left(by: entry, kind)
            guard var applied = self.entries[key], case .apply(let step) = applied.machine.next else { return }
            applied.machine.applied(step: step, at: self.time.wall)
            // What stood so before isn't this one's to undo. Where it's known what stood there, that's what decides.
            applied.isUntouched = applied.isUntouched && applied.former == nil
            applied.left = left
            try self.journal.store(applied)
            self.entries[key] = applied
            self.report(key)
        } catch {
            guard !self.isStopping, var failed = self.entries[key], failed.machine.state == .intent else { return }
            let failure = Self.failure(error)
            failed.failure = GloveboxFailure(failure)
            _ = try? failed.machine.undo(
                .failed(code: failure.code.rawValue, message: failure.message), at: self.time.wall)
            self.put(failed)
            self.report(key)
        }
    }

    /// By what is known again what it made; `nil` where that can't be asked for, or isn't answered.
    private func left(by entry: HostEntry, _ kind: any ChangeKind) async -> String? {
        do {
            return try await kind.look().map { self.seal.digest($0, place: entry.key.mark) }
        } catch {
            self.logger.warning(
                "what a change has made can't be looked at: what others change afterwards may not be seen",
                metadata: ["change": "\(entry.key.mark)", "error": "\(error)"])
            return nil
        }
    }

    // MARK: Going back

    private func undo(_ key: HostEntry.Key, _ kind: any ChangeKind) async {
        guard let entry = self.entries[key], case .undo(let step, _) = entry.machine.next else { return }
        do {
            let conflict = try await self.goBack(entry, step, kind)
            guard var undone = self.entries[key] else { return }
            _ = undone.machine.begin(at: self.time.wall)
            undone.machine.undone(step: step, conflicts: conflict.map { [$0] } ?? [], at: self.time.wall)
            undone.due = nil
            undone.former = nil
            self.put(undone)
            self.tellUndone(undone, conflict)
            self.report(key)
        } catch {
            guard !self.isStopping, var failed = self.entries[key] else { return }
            let failure = Self.failure(error)
            _ = failed.machine.begin(at: self.time.wall)
            failed.machine.undoFailed(step: step, failure, at: self.time.wall)
            if case .undo(_, let after) = failed.machine.next { failed.due = self.time.boot.advanced(by: after) }
            self.put(failed)
            self.logger.critical(
                "a change can't be undone, and is tried again",
                metadata: [
                    "change": "\(key.mark)", "attempts": "\(failed.machine.failedAttempts)",
                    "error": "\(String(reflecting: failure))",
                ])
            if failed.machine.failedAttempts == 1 {
                self.record(
                    failed.change, holder: failed.machine.set.holder,
                    .changeStuck(
                        key.set, attempts: 1, code: failure.code.rawValue, message: failure.message))
            }
            self.report(key)
        }
    }

    /// - Returns: what has changed since, where it's left as it is.
    private func goBack(
        _ entry: HostEntry, _ step: Int, _ kind: any ChangeKind
    ) async throws -> ChangeConflict? {
        guard !entry.isUntouched else { return nil }
        if let overtaker = entry.overtaker { return ChangeConflict(change: 0, by: overtaker) }
        let wasApplied = entry.machine.hasApplied(step) && !entry.machine.hasBegunUndo(step)
        if let later = self.later(than: entry) {
            return try self.handDown(entry, to: later, kind, wasApplied: wasApplied)
        }
        let former = try self.former(entry)
        let isApplied = try await kind.isApplied()
        let now = try await kind.look()
        let digest = now.map { self.seal.digest($0, place: entry.key.mark) }
        switch UndoJudgement(
            wasApplied: wasApplied, isExact: kind.isExact,
            isFormer: former.flatMap { former in now.map { $0 == former } },
            isBeneath: digest.map { entry.beneath.contains($0) } ?? false, isApplied: isApplied,
            isAsLeft: entry.left.flatMap { left in digest.map { $0 == left } })
        {
        case .nothing: return nil
        case .conflict: return ChangeConflict(change: 0, by: nil)
        case .undo:
            if var begun = self.entries[entry.key] {
                _ = begun.machine.begin(at: self.time.wall)
                // Its undo is on disk since before it was made: one that can't be written now isn't kept waiting.
                self.put(begun)
            }
            try await kind.undo(former)
            return nil
        }
    }

    /// `later` lies over it: what that one goes back to is what this one would have gone back to, and that's on disk before
    /// this one is over.
    private func handDown(
        _ entry: HostEntry, to later: HostEntry, _ kind: any ChangeKind, wasApplied: Bool
    ) throws(GloveboxError) -> ChangeConflict {
        var later = later
        let (former, beneath) = (try self.former(entry), try self.former(later))
        if let beneath, beneath != former {
            let digest = self.seal.digest(beneath, place: entry.key.mark)
            let isOwn = kind.hasMade(beneath) != false && (!wasApplied || entry.left.map { $0 == digest } ?? true)
            // Somebody changed it before the later one did, which goes back to that.
            guard isOwn || (!wasApplied && entry.beneath.contains(digest)) else {
                return ChangeConflict(change: 0, by: nil)
            }
            later.beneath.append(self.seal.digest(beneath, place: later.key.mark))
        }
        later.former = try former.map { (former) throws(GloveboxError) in
            try self.seal.seal(former, place: later.key.mark)
        }
        try self.journal.store(later)
        self.entries[later.key] = later
        return ChangeConflict(change: 0, by: later.key.set)
    }

    /// The next change of the same thing that isn't over, which lies over it.
    private func later(than entry: HostEntry) -> HostEntry? {
        guard let subject = entry.subject, let place = self.order.firstIndex(of: entry.key) else { return nil }
        for key in self.order[(place + 1)...] {
            if let other = self.entries[key], other.subject == subject, other.machine.state.isOpen { return other }
        }
        return nil
    }

    private func former(_ entry: HostEntry) throws(GloveboxError) -> [UInt8]? {
        guard let former = entry.former else { return nil }
        return try self.seal.open(former, place: entry.key.mark)
    }

    // MARK: Records

    private func tellUndone(_ entry: HostEntry, _ conflict: ChangeConflict?) {
        let set = entry.machine.set
        var by: IdentityName?
        if case .asked(let identity) = entry.machine.cause { by = identity }
        let told = conflict.map { conflict in
            let who = conflict.by.map { "by \($0)" } ?? "without Glovebox"
            return ["\(entry.change.action.title) was changed since \(who), and stays so"]
        }
        self.record(
            entry.change, holder: set.holder,
            .changeUndone(set.id, cause: entry.machine.cause?.summary ?? "", by: by, conflicts: told ?? []))
    }

    private func ran(
        _ key: HostEntry.Key, _ change: HostChange, what: String, outcome: String, output: [UInt8], isCut: Bool
    ) {
        var bytes = output[...]
        // Half a secret has no form of its own.
        if isCut { bytes = bytes[..<(bytes.lastIndex(of: 0x0A) ?? bytes.startIndex)] }
        let text = String(decoding: bytes, as: UTF8.self)
        let masked = (try? self.terms.mask(text)) ?? "(it couldn't be redacted, and stays on its host)"
        self.record(
            change, holder: self.entries[key]?.machine.set.holder,
            .changeRan(key.set, what: what, outcome: outcome, output: isCut ? masked + "\n(cut here)" : masked))
    }

    private func record(_ change: HostChange, holder: IdentityName?, _ event: RecordEvent) {
        self.records.append([
            Record(time: self.time.wall, identity: holder, target: change.target, lease: change.lease, event: event)
        ]) { _ in }
    }

    private static func failure(_ error: any Error) -> GloveboxError {
        (error as? GloveboxError) ?? GloveboxError(.internal, "the agent failed at it: see its log", cause: error)
    }
}
