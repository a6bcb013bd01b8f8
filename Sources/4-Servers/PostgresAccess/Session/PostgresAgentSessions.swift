package import Contracts
package import GloveboxCore
package import NIOCore
import PostgresWire
package import Redaction
import Statements
import Synchronization

/// All sessions of an agent's PostgreSQL targets, by lease: opens them, cancels in them, ends them.
///
/// A lease's counts and its key for pseudonyms live here until ``endLease(_:_:)``.
package final class PostgresAgentSessions: Sendable {
    private struct State {
        var meters: [LeaseID: LeaseMeter] = [:]
        var sessions: [SessionID: PostgresAgentSession] = [:]
        /// Leases that have ended, so that none comes back by an opening that began before.
        var ended = EndedLeases()
        /// Why no session opens any more: each cause is lifted by itself.
        var refusals: [Cause: GloveboxError] = [:]

        var refusal: GloveboxError? { self.refusals.min { $0.key < $1.key }?.value }
    }

    /// What may keep sessions from opening.
    package enum Cause: Int, Comparable, Sendable {
        case closing, journal, log, masking

        package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    private let parser: StatementParser
    private let knowledge = KnowledgeKeeper()
    private let disclosures = DisclosureBudget()
    private let journal: any RecordJournal
    private let time: any TimeSource
    /// Makes a masker by the name of a profile and a lease's pseudonyms.
    package typealias MaskerMaker = @Sendable (String, Pseudonyms) throws -> any SessionMasking

    private let makeMasker: MaskerMaker
    private let state = Mutex(State())

    private let onOverflow: @Sendable (LeaseGrant) -> Void
    private let openingLimit: TimeAmount
    /// How long an opened session waits for its pipe.
    private static let beginLimit = TimeAmount.seconds(30)

    /// - Parameters:
    ///   - rules: what sessions are masked by that open now.
    ///   - onOverflow: told once of a lease that has masked more secrets than can be known again.
    package convenience init(
        rules: @escaping @Sendable () -> RedactionRules, journal: any RecordJournal, time: any TimeSource,
        onOverflow: @escaping @Sendable (LeaseGrant) -> Void = { _ in }
    ) throws(GloveboxError) {
        try self.init(journal: journal, time: time, onOverflow: onOverflow) { profile, pseudonyms in
            try rules().masker(profile: profile, pseudonyms: pseudonyms, now: { time.wall })
        }
    }

    /// - Parameters:
    ///   - openingLimit: how long connecting, signing in and preparing may take together.
    ///   - makeMasker: called for each session, once for its results and once for its records.
    package init(
        journal: any RecordJournal, time: any TimeSource, openingLimit: TimeAmount = .seconds(10),
        onOverflow: @escaping @Sendable (LeaseGrant) -> Void = { _ in },
        makeMasker: @escaping MaskerMaker
    ) throws(GloveboxError) {
        self.parser = try StatementParser()
        self.journal = journal
        self.time = time
        self.openingLimit = openingLimit
        self.onOverflow = onOverflow
        self.makeMasker = makeMasker
    }

    package var count: Int { self.state.withLock { $0.sessions.count } }

    // MARK: Opening

    /// Connects to the target, signs in, prepares, and records that the session starts.
    ///
    /// - Parameters:
    ///   - request: already held against the ceiling; its limits are those that are enforced.
    ///   - eventLoop: the pipe's.
    /// - Returns: a session to begin or to end. Fails with a ``GloveboxError`` that the client may see.
    package func open(
        _ request: SessionRequest, target: PostgresTarget, on eventLoop: any EventLoop
    ) -> EventLoopFuture<PostgresAgentSession> {
        eventLoop.makeFutureWithTask {
            do {
                return try await self.opening(request, target, eventLoop)
            } catch {
                let error = GloveboxError(showing: error)
                self.journal.append([
                    self.record(request, .sessionRefused(code: error.code.rawValue, message: error.message))
                ]) { _ in }
                throw error
            }
        }
    }

    private func opening(
        _ request: SessionRequest, _ target: PostgresTarget, _ eventLoop: any EventLoop
    ) async throws -> PostgresAgentSession {
        let grant = request.grant
        guard grant.capabilities.contains(request.capability) else {
            throw GloveboxError(.policyDenied, "the lease doesn't allow '\(request.capability.rawValue)'")
        }
        guard let signIn = target.signIns[request.capability] else {
            throw GloveboxError(
                .ceilingDenied, "the agent has no role for '\(request.capability.rawValue)' on '\(target.name)'")
        }
        let meter = try self.meter(for: grant)
        // A profile that isn't there is refused before anything is dialled.
        _ = try self.makeMasker(grant.maskingProfile, meter.pseudonyms)
        try meter.openSession(grant.limits)
        do {
            let (backend, knowledge, left) = try await self.backend(request, target, signIn, eventLoop)
            do {
                try await self.journal.append([
                    self.record(
                        request,
                        .sessionStarted(application: try self.application(request, meter), client: request.client))
                ])
                let (keeper, key) = (self.knowledge, Self.key(request, target))
                let maker = self.makeMasker
                return try await eventLoop.submit {
                    let parts = SessionRelay.Parts(
                        request: request, target: target, backend: backend, columns: knowledge.columns,
                        isPooled: Preparation.isPooled(backend.answers, backend.session),
                        leftParameters: left, meter: meter, judge: knowledge.judge, disclosures: self.disclosures,
                        journal: self.journal, time: self.time, whenUnknown: { keeper.expire(key) },
                        resultMasker: try maker(grant.maskingProfile, meter.pseudonyms),
                        recordMasker: try maker(grant.maskingProfile, meter.pseudonyms))
                    return try self.register(SessionRelay(parts, on: eventLoop), meter)
                }.get()
            } catch {
                backend.channel.close(promise: nil)
                throw error
            }
        } catch {
            meter.closeSession()
            throw error
        }
    }

    /// Where the agent keeps its passwords is for its own log.
    private func password(_ signIn: PostgresTarget.SignIn, _ target: PostgresTarget) async throws -> Secret<String>? {
        do {
            return try await signIn.credential?.read()
        } catch {
            throw GloveboxError(
                .targetCredential, "the agent can't read its password for '\(target.name)': see the agent's log",
                cause: error)
        }
    }

    /// What the client calls itself, which is anything that it likes.
    private func application(_ request: SessionRequest, _ meter: LeaseMeter) throws -> String? {
        guard let name = request.startup["application_name"] else { return nil }
        return try self.makeMasker(request.grant.maskingProfile, meter.pseudonyms).maskText(String(name.prefix(63)))
    }

    private static func key(_ request: SessionRequest, _ target: PostgresTarget) -> KnowledgeKeeper.Key {
        KnowledgeKeeper.Key(target: target.name, capability: request.capability)
    }

    /// A connection that is ready, and what the catalogue says of its target, which is read on it if nobody has of late.
    private func backend(
        _ request: SessionRequest, _ target: PostgresTarget, _ signIn: PostgresTarget.SignIn, _ eventLoop: any EventLoop
    ) async throws -> (OpenedBackend, TargetKnowledge, left: [String]) {
        var preparation = Preparation(
            target: target, capability: request.capability, lease: request.grant.lease, limits: request.grant.limits)
        // What it refuses of a client's is that client's alone.
        _ = try preparation.startup(user: signIn.user, client: request.startup)
        let password = try await self.password(signIn, target)
        let (user, client) = (signIn.user, request.startup)
        let key = Self.key(request, target)
        if let known = await self.knowledge.knowledge(key, at: self.time.boot) {
            let (backend, left) = try await self.connect(
                target, user: user, client: client, password, preparation, eventLoop)
            return (try self.judged(backend, preparation), known, left)
        }
        preparation.readsCatalogue = true
        do {
            let (opened, left) = try await self.connect(
                target, user: user, client: client, password, preparation, eventLoop)
            let backend = try self.judged(opened, preparation)
            do {
                let read = try await TargetKnowledge(preparation, backend.answers, parser: self.parser)
                return (backend, self.knowledge.settle(key, read, at: self.time.boot) ?? read, left)
            } catch {
                backend.channel.close(promise: nil)
                throw error
            }
        } catch {
            self.knowledge.settle(key, nil, at: self.time.boot)
            throw error
        }
    }

    /// Closes the connection of a role that the ceiling doesn't allow.
    private func judged(_ backend: OpenedBackend, _ preparation: Preparation) throws(GloveboxError) -> OpenedBackend {
        do throws(GloveboxError) {
            try preparation.judgeRole(backend.answers)
            return backend
        } catch {
            backend.channel.close(promise: nil)
            throw error
        }
    }

    private func meter(for grant: LeaseGrant) throws(GloveboxError) -> LeaseMeter {
        let found = self.state.withLock { state -> Result<LeaseMeter, GloveboxError> in
            if let refusal = state.refusal { return .failure(refusal) }
            if let error = state.ended[grant.lease] { return .failure(error) }
            if let meter = state.meters[grant.lease] { return .success(meter) }
            let meter = LeaseMeter(grant) { [journal, time, onOverflow] in
                let event = RecordEvent.taintOverflow(kept: UInt64(Pseudonyms.mostKept))
                journal.append([
                    Record(
                        time: time.wall, identity: grant.holder, target: grant.target, lease: grant.lease, event: event)
                ]) { _ in }
                onOverflow(grant)
            }
            state.meters[grant.lease] = meter
            return .success(meter)
        }
        return try found.get()
    }

    /// - Returns: also the names of the client's parameters that the session doesn't have.
    private func connect(
        _ target: PostgresTarget, user: String, client: [String: String], _ password: Secret<String>?,
        _ preparation: Preparation, _ eventLoop: any EventLoop
    ) async throws -> (OpenedBackend, left: [String]) {
        let (parameters, left) = try preparation.startup(user: user, client: client)
        do {
            return (try await self.connect(target, parameters, password, preparation, eventLoop).get(), left)
        } catch is UnknownToPooler {
            let (parameters, left) = try preparation.startup(user: user, client: client, isPlain: true)
            do {
                return (try await self.connect(target, parameters, password, preparation, eventLoop).get(), left)
            } catch is UnknownToPooler {
                throw GloveboxError(
                    .targetRefused,
                    "the pooler before '\(target.name)' doesn't take startup parameters that it must: application_name, client_encoding, standard_conforming_strings"
                )
            }
        }
    }

    private func connect(
        _ target: PostgresTarget, _ parameters: StartupParameters, _ password: Secret<String>?,
        _ preparation: Preparation, _ eventLoop: any EventLoop
    ) -> EventLoopFuture<OpenedBackend> {
        let promise = eventLoop.makePromise(of: OpenedBackend.self)
        let connected = target.connect(on: eventLoop) { channel in
            try channel.pipeline.syncOperations.addHandler(
                BackendOpeningHandler(
                    target: target, parameters: parameters, password: password, nonce: Base32.random(length: 32),
                    preparation: preparation, promise: promise))
        }
        let overdue = eventLoop.scheduleTask(in: self.openingLimit) {
            promise.fail(GloveboxError(.targetUnreachable, "'\(target.name)' didn't answer in time"))
        }
        connected.whenFailure { promise.fail($0) }
        promise.futureResult.whenComplete { result in
            overdue.cancel()
            if case .failure = result { connected.whenSuccess { $0.close(promise: nil) } }
        }
        return promise.futureResult
    }

    private func register(_ relay: SessionRelay, _ meter: LeaseMeter) throws(GloveboxError) -> PostgresAgentSession {
        let session = PostgresAgentSession(relay)
        // The lease may have ended, and the agent closed, since the opening began.
        let refusal = self.state.withLock { state -> GloveboxError? in
            if let refusal = state.refusal ?? meter.ended { return refusal }
            guard state.sessions[session.request.session] == nil else {
                return GloveboxError(.conflict, "a session of this name is open already")
            }
            state.sessions[session.request.session] = session
            return nil
        }
        if let refusal {
            relay.abandon()
            throw refusal
        }
        let overdue = session.eventLoop.scheduleTask(in: Self.beginLimit) {
            session.end(GloveboxError(.unavailable, "the gateway didn't begin the session"))
        }
        relay.whenBegun = { overdue.cancel() }
        session.closed.whenComplete { _ in
            overdue.cancel()
            self.state.withLock { $0.sessions[session.request.session] = nil }
        }
        return session
    }

    private func record(_ request: SessionRequest, _ event: RecordEvent) -> Record {
        Record(
            time: self.time.wall, identity: request.grant.holder, target: request.grant.target,
            lease: request.grant.lease,
            session: request.session, event: event)
    }

    // MARK: Cancelling and ending

    /// Cancels what a session runs; nothing happens if it has ended.
    package func cancel(_ session: SessionID) {
        self.state.withLock { $0.sessions[session] }?.cancel()
    }

    /// Ends one session; nothing happens if it has ended.
    package func end(_ session: SessionID, _ error: GloveboxError) {
        self.state.withLock { $0.sessions[session] }?.end(error)
    }

    /// Ends all sessions of a lease, those being opened too, and forgets what it has received.
    package func endLease(_ lease: LeaseID, _ error: GloveboxError) {
        let sessions = self.state.withLock { state -> [PostgresAgentSession] in
            state.ended.add(lease, error)
            state.meters.removeValue(forKey: lease)?.end(error)
            return state.sessions.values.filter { $0.request.grant.lease == lease }
        }
        for session in sessions { session.end(error) }
    }

    /// Ends every session.
    ///
    /// - Parameter cause: none opens until it's lifted by ``admit(_:)``; without one others may open at once.
    package func endAll(_ error: GloveboxError, refusing cause: Cause? = nil) {
        let sessions = self.state.withLock { state -> [PostgresAgentSession] in
            if let cause { state.refusals[cause] = error }
            return Array(state.sessions.values)
        }
        for session in sessions { session.end(error) }
    }

    /// Ends every session and opens none any more; returns when all are closed and their receipts are with the journal.
    package func close(_ error: GloveboxError) async {
        self.endAll(error, refusing: .closing)
        for session in self.state.withLock({ Array($0.sessions.values) }) { try? await session.closed.get() }
    }

    /// Lifts a cause of ``endAll(_:refusing:)``; sessions open again once none is left.
    package func admit(_ cause: Cause) {
        self.state.withLock { $0.refusals[cause] = nil }
    }

    /// Why no session may open; nil when sessions may.
    package var refusal: GloveboxError? { self.state.withLock { $0.refusal } }
}
