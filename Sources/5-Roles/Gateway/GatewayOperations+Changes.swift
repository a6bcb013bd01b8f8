import Changes
import Contracts
import ControlAPI
import ControlServer
import FlagRules
import GloveboxCore
import Leases
import Policy
import TestContextToken

/// Changes and flags.
extension GatewayOperations {
    func applyChanges(_ request: ChangeRequest, _ call: Call) async throws -> ChangeStatus {
        var grants: [LeaseGrant] = []
        for id in [request.lease] + request.moreLeases { grants.append(try await self.changeGrant(id, call)) }
        try self.checkKinds(request, grants)
        let edits = try request.changes.map { item -> ChangePlan in
            if let flag = item.flag { return .flag(try FlagChangePlan(flag)) }
            if let route = item.route { return try .route(route) }
            if let run = item.testRun { return .testRun(run, leases: request.moreLeases) }
            let target = item.target ?? grants[0].target
            guard let grant = grants.first(where: { $0.target == target }) else {
                throw GloveboxError(
                    .invalidArgument,
                    "changes: none of the leases is on '\(target)': name one that is under 'moreLeases'")
            }
            guard let action = item.action else { throw ChangeItem.empty }
            return .host(HostChange(target: target, lease: grant.lease, action: action))
        }
        for case .host(let change) in edits {
            guard try self.fleet.server(of: change.target).target.kind == Self.hostKind else {
                throw GloveboxError(
                    .invalidArgument,
                    "changes: '\(change.target)' is no host, so that no \(change.action.title) can be run there: name the host's target"
                )
            }
        }
        return await self.status(
            try await self.changes.apply(
                edits, guards: request.conditions(), rollout: request.steps(), title: request.title,
                for: request.scope, under: grants[0]))
    }

    /// What a lease of the caller's lets them change.
    private func changeGrant(_ id: LeaseID, _ call: Call) async throws -> LeaseGrant {
        guard let lease = try await self.storage.lease(id), call.reach.includes(lease.holder),
            lease.holder == call.caller.identity
        else {
            throw GloveboxError(.notFound, "there is no lease '\(id)' of yours")
        }
        return try await self.leases.grant(id)
    }

    /// What a lease allows, and what its target is: flags are changed where services ask for them, routes and test runs where
    /// edges are told of them.
    private func checkKinds(_ request: ChangeRequest, _ grants: [LeaseGrant]) throws(GloveboxError) {
        let (main, rest) = (grants[0], grants.dropFirst())
        let isRun = request.changes.contains { $0.testRun != nil }
        let isMore = request.changes.contains { $0.testRun == nil }
        for grant in (isMore ? [main] : []) + rest where !grant.capabilities.contains(.change) {
            throw GloveboxError(
                .policyDenied,
                "lease \(grant.lease) doesn't allow to change anything: open one with '--capability change'")
        }
        guard !isRun || main.capabilities.contains(.test) else {
            throw GloveboxError(
                .policyDenied, "lease \(main.lease) allows no test run: open one with '--capability test'")
        }
        let isEdge = self.isEdge(main.target)
        for item in request.changes {
            if item.flag != nil, isEdge {
                throw GloveboxError(
                    .invalidArgument,
                    "changes: '\(main.target)' is an edge, which has routes and test runs and no flags: take a lease on a target with flags"
                )
            }
            if item.route != nil || item.testRun != nil, !isEdge {
                throw GloveboxError(
                    .invalidArgument,
                    "changes: '\(main.target)' is no edge: take a lease on one that gateway.yaml names under 'edges'")
            }
        }
        guard !isRun || request.scope == nil, !isRun || request.rollout == nil else {
            throw GloveboxError(.invalidArgument, "a test run has neither a scope nor a rollout: leave them out")
        }
        for run in request.changes.compactMap(\.testRun) {
            for route in run.routes { _ = try TestContextRoute(host: route.host, path: route.path) }
        }
    }

    /// Of targets on which agents run runbooks, write files and send calls.
    private static let hostKind = "host"

    func changes(_ query: ChangeQuery, _ call: Call) async throws -> Page<ChangeStatus> {
        var filter = ChangeFilter(openOnly: query.openOnly)
        if case .own = call.reach { filter.holder = call.caller.identity }
        // Newest first; the cursor is the last set of the page before. A set may be under more leases than its first.
        var found = try await self.storage.changeSets(filter).filter { set in
            query.lease.map { set.leases.contains($0) } ?? true
        }[...]
        if let after = query.page.after {
            guard let index = found.firstIndex(where: { $0.id.rawValue == after }) else {
                throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
            }
            found = found[found.index(after: index)...]
        }
        let page = found.prefix(query.page.limit)
        var items: [ChangeStatus] = []
        for set in page { items.append(await self.status(try await self.changes.changeSet(set.id))) }
        return Page(items: items, next: page.count < found.count ? page.last?.id.rawValue : nil)
    }

    func change(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        await self.status(try await self.within(call.reach, id))
    }

    /// One's own where the rule of the lease lets, others' by one's role: whoever changes something doesn't decide alone
    /// that it stays.
    func keepChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        let set = try await self.within(call.reach, id)
        guard let identity = call.caller.identity else { throw GloveboxError(.forbidden, "agents keep no changes") }
        if set.holder == identity {
            // Whatever it's under has to let: a host's rule counts beside a flag's.
            for lease in set.leases.sorted(by: { $0.rawValue < $1.rawValue }) {
                let rule = try await self.storage.lease(lease).map(\.rule)
                guard let rule, self.policy.current.rule(named: rule)?.mayKeep == true else {
                    throw GloveboxError(
                        .policyDenied,
                        "rule '\(rule ?? "")' doesn't let its holder keep a change ('keep: true'): ask an approver to"
                    )
                }
            }
        }
        return await self.status(try await self.changes.keep(id, by: identity))
    }

    func undoChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        _ = try await self.within(call.reach, id)
        guard let identity = call.caller.identity else { throw GloveboxError(.forbidden, "agents undo no changes") }
        return await self.status(try await self.changes.undo(id, by: identity))
    }

    func rollBack(_ request: RollbackRequest, _ call: Call) async throws -> Rollback {
        guard let identity = call.caller.identity else { throw GloveboxError(.forbidden, "agents undo no changes") }
        var sets = await self.changes.openSets.filter { call.reach.includes($0.holder) }
        if let id = request.change {
            // One that's over is refused with why.
            _ = try await self.within(call.reach, id)
            sets = sets.filter { $0.id == id }
            if sets.isEmpty, !request.preview { _ = try await self.changes.undo(id, by: identity) }
        } else if let lease = request.lease {
            sets = sets.filter { $0.leases.contains(lease) }
        } else if let since = request.since?.wall {
            sets = sets.filter { $0.plannedAt >= since }
        } else if !request.all {
            sets = Array(sets.prefix(1))
        }
        if request.preview {
            let conflicts = await self.changes.conflicts(sets)
            var shown: [ChangeStatus] = []
            for set in sets { shown.append(await self.status(set, conflicts: conflicts[set.id])) }
            return Rollback(isPreview: true, changes: shown)
        }
        var done: [ChangeStatus] = []
        for set in sets {
            do {
                done.append(await self.status(try await self.changes.undo(set.id, by: identity)))
            } catch let error as GloveboxError where error.code == .changeNotOpen {
                // It has gone back by itself meanwhile, or was kept.
                done.append(await self.status(try await self.changes.changeSet(set.id)))
            }
        }
        return Rollback(isPreview: false, changes: done)
    }

    private func within(_ reach: Reach, _ id: ChangeSetID) async throws -> ChangeSet {
        let set = try await self.changes.changeSet(id)
        guard reach.includes(set.holder) else {
            throw GloveboxError(.notFound, "there is no change '\(id)' that you may see")
        }
        return set
    }

    /// - Parameter conflicts: where they're known; otherwise what they are now, or were when it went back.
    private func status(_ set: ChangeSet, conflicts: [ChangeConflict]? = nil) async -> ChangeStatus {
        let machine = ChangeMachine(set)
        var found = conflicts ?? set.conflicts
        if found.isEmpty, set.state.isOpen {
            found = await self.changes.states[set.target]?.conflicts(of: set.id) ?? []
        }
        let since = Dictionary(found.map { ($0.change, $0) }) { $1 }
        let items = set.changes.enumerated().map { index, change -> ChangeStatus.Item in
            switch change {
            case .flag(let flag): Self.item(flag, changedSinceBy: since[index]?.by)
            case .host(let host):
                ChangeStatus.Item(host, isChangedSince: since[index] != nil, by: since[index]?.by)
            }
        }
        var status = ChangeStatus(set, changes: items)
        if !set.guards.isEmpty {
            let machines = await self.changes.guards(of: set.id)
            status.guards = set.guards.enumerated().map { index, condition in
                var shown = ChangeStatus.Guard(condition)
                if machines.indices.contains(index) { shown.show(machines[index]) }
                return shown
            }
        }
        if let rollout = set.rollout {
            status.rollout = rollout.steps.map { RolloutItem(percent: $0.percent, holds: Seconds($0.holds)) }
            if [.applied, .kept].contains(set.state) { status.percent = machine.percent }
        }
        status.epoch = (try? self.flagHouse.epoch(of: set.target))?.number
        status.clients = self.flagHouse.clients(of: set.target)
        status.keptBy = machine.keptBy
        status.cause = machine.cause?.summary
        if let failure = set.lastFailure, set.state == .stuck {
            status.failure = .init(
                attempts: machine.failedAttempts, code: failure.code.rawValue, message: failure.message)
        }
        if [.intent, .applied].contains(set.state) {
            // It goes back with the first of its leases.
            let active = await self.leases.active
            let now = self.time.reading
            status.remaining = set.leases.compactMap { active[$0]?.lease.expiry.remaining(at: now) }.min()
                .map { Seconds($0) }
        }
        return status
    }

    private static func item(_ flag: FlagChange, changedSinceBy other: ChangeSetID?) -> ChangeStatus.Item {
        func value(_ definition: String?) -> JSONValue? {
            definition.flatMap { try? EdgeState.value($0, of: flag.key) }
        }
        return switch EdgeState.Entry(key: flag.key) {
        case .route(let service)?:
            ChangeStatus.Item(
                kind: "route", key: service, definition: value(flag.definition), former: value(flag.former),
                changedSinceBy: other)
        case .run(let id)?:
            ChangeStatus.Item(
                kind: "testRun", key: id, definition: value(flag.definition), former: nil, changedSinceBy: other)
        case nil:
            ChangeStatus.Item(
                kind: "flag", key: flag.key, definition: Self.shown(flag.definition), former: Self.shown(flag.former),
                changedSinceBy: other)
        }
    }

    private static func shown(_ definition: String?) -> JSONValue? {
        definition.flatMap { try? JSONForm.decode(JSONValue.self, from: Array($0.utf8)) }
    }

    // MARK: Flags

    func followFlags(_ target: TargetName, having tag: String?, _ call: Call) async throws -> FlagFollowing {
        _ = try self.flagHouse.epoch(of: target)
        let follower = FlagFollower(self.flagHouse, target, having: tag, time: self.time)
        return FlagFollowing(
            events: AsyncThrowingStream { await follower.next() }, acknowledge: { follower.acknowledge($0) })
    }

    func flags(_ query: FlagQuery, _ call: Call) async throws -> Page<FlagStatus> {
        let targets = try query.target.map { [try self.flagHouse.epoch(of: $0).state.target] } ?? self.flagHouse.targets
        let flags = try targets.flatMap { target in
            let epoch = try self.flagHouse.epoch(of: target)
            return epoch.definitions.sorted { $0.key < $1.key }.map { key, definition in
                FlagStatus(
                    target: target, key: key, definition: JSONValue(definition),
                    fault: epoch.flags.flags[key]?.fault?.message, changes: epoch.state.sets(on: key))
            }
        }
        return query.page.of(flags, by: { "\($0.target) \($0.key)" }, { $0 })
    }

    func explainFlag(_ key: String, _ question: FlagQuestion, _ call: Call) async throws -> FlagExplanation {
        let epoch = try self.flagHouse.epoch(of: question.target)
        let context = try FlagContext(try FlagValue(.object(question.context)))
        guard epoch.flags.flag(key, context) != nil else {
            throw GloveboxError(
                .notFound,
                "the target '\(epoch.state.target)' has no flag '\(key.prefix(80))': see 'glovebox flag list'")
        }
        let result = epoch.flags.resolve(key, context, timestamp: self.time.wall.nanoseconds / 1_000_000_000)
        var explanation = FlagExplanation(
            target: epoch.state.target, key: key, epoch: epoch.number, reason: result.reason.rawValue,
            changes: epoch.state.sets(on: key))
        explanation.value = result.value.map(JSONValue.init)
        explanation.variant = result.variant
        explanation.errorCode = result.fault?.rawValue
        explanation.detail = result.detail
        return explanation
    }
}

extension ChangeStatus.Guard {
    fileprivate mutating func show(_ machine: GuardMachine) {
        self.value = machine.lastValue
        self.verdict =
            switch machine.verdict {
            case .holds: "holds"
            case .unknown: "unknown"
            case .tripped: "tripped"
            }
    }
}
