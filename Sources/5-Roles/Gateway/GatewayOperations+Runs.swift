import Changes
import Contracts
import ControlAPI
import ControlServer
import GloveboxCore
import Leases
import TestContextToken

/// Test runs. A run is a change set whose change is the run itself: edges take its marks while that's in force, so that it
/// ends as every change does, by its guards, with its lease, by rollback, or because nobody attends to it any more.
extension GatewayOperations {
    func attendRun(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        let (set, _) = try await self.run(id, call)
        await self.changes.attend(set)
        return try await self.change(id, call)
    }

    func issueMarks(_ id: ChangeSetID, _ request: MarkRequest, _ call: Call) async throws -> Marks {
        let (set, run) = try await self.run(id, call)
        guard set.state == .applied else {
            let cause = ChangeMachine(set).cause.map { " (\($0.summary))" } ?? ""
            throw GloveboxError(.changeNotOpen, "test run \(id) is \(set.state.rawValue)\(cause): begin another")
        }
        guard run.writes > 0 || !request.methods.contains(where: IngressContext.isWriting) else {
            throw GloveboxError(
                .policyDenied, "test run \(id) has no write budget: begin one with 'writes' for its writing cases")
        }
        let now = self.time.wall
        var runLeft = Duration.seconds(86_400)
        for lease in set.leases { runLeft = min(runLeft, try await self.leases.grant(lease).remaining) }
        let left = min(MarkIssuer.lifetime, runLeft)
        guard left > .zero else { throw GloveboxError(.leaseNotActive, "the lease of test run \(id) is over") }
        let routes = try run.routes.map { try TestContextRoute(host: $0.host, path: $0.path) }
        let contexts = try (0..<request.count).map { _ in
            try IngressContext(
                run: id.rawValue, testCase: request.testCase, edge: set.target.rawValue, issuedAt: now,
                lifetime: left, runEndsAt: now.advanced(by: runLeft), routes: routes, methods: request.methods,
                writeBudget: UInt32(run.writes), version: request.version)
        }
        return Marks(
            marks: try self.markIssuer.sign(contexts), expiresAt: Timestamp(now.advanced(by: left)))
    }

    func markKeys(_ edge: TargetName, _ call: Call) async throws -> MarkKeys {
        guard self.isEdge(edge) else {
            throw GloveboxError(.unknownTarget, "there is no edge '\(edge)': name it under 'edges' in gateway.yaml")
        }
        return try self.markIssuer.publicKeys()
    }

    func isEdge(_ target: TargetName) -> Bool {
        self.fleet.announcement(of: target)?.kind == FlagTarget.edgeKind
    }

    /// One of the caller's.
    private func run(_ id: ChangeSetID, _ call: Call) async throws -> (ChangeSet, TestRunEdit) {
        let set = try await self.changes.changeSet(id)
        guard set.holder == call.caller.identity, call.reach.includes(set.holder) else {
            throw GloveboxError(.notFound, "there is no test run '\(id)' of yours")
        }
        for case .flag(let flag) in set.changes {
            guard case .run(id.rawValue)? = EdgeState.Entry(key: flag.key), let definition = flag.definition,
                let run = try EdgeState(flags: [flag.key: definition]).runs[id.rawValue]
            else { continue }
            return (set, run)
        }
        throw GloveboxError(.invalidArgument, "change \(id) is no test run")
    }
}
