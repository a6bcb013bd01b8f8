package import GloveboxCore
package import NIOCore

/// What a gateway's PostgreSQL port asks of the gateway: it knows leases, agents and records, the port knows none.
package protocol PostgresPortDecisions: Sendable {
    /// What proves the lease's token; nil where there's no such lease, or it isn't one of this target's. The port then
    /// goes on as if there were one, and refuses as for a wrong token.
    func verifier(target: TargetName, lease: LeaseID) async -> ScramVerifier?

    /// Has the agent open the session, and gives the way to it.
    ///
    /// - Parameter eventLoop: the client's.
    /// - Throws: a ``GloveboxError`` whose message and code the client is told.
    func open(_ opening: PostgresSessionOpening, on eventLoop: any EventLoop) async throws -> PostgresSessionWay

    /// A client asks to cancel what this session of its runs; returns when the agent was told.
    func cancel(_ opening: PostgresSessionOpening) async

    /// Somebody was refused; `claimed` is the user that they gave. Called for the record.
    func signInRefused(code: String, claimed: String?, client: String?)

    func sessionOpened(_ opening: PostgresSessionOpening)
    func sessionClosed(_ opening: PostgresSessionOpening)
}

/// A session that a client who has proved a lease asks for.
package struct PostgresSessionOpening: Hashable, Sendable {
    package var session: SessionID
    package var target: TargetName
    package var lease: LeaseID
    /// What the client's startup packet said; the last of each name.
    package var startup: [String: String]
    /// The client's address.
    package var client: String?
    /// What the client is to be told to cancel with.
    package var cancelKey: CancelKey

    package init(
        session: SessionID, target: TargetName, lease: LeaseID, startup: [String: String], client: String?,
        cancelKey: CancelKey
    ) {
        self.session = session
        self.target = target
        self.lease = lease
        self.startup = startup
        self.client = client
        self.cancelKey = cancelKey
    }
}

/// How a client reaches the session that was opened for it.
package enum PostgresSessionWay: Sendable {
    /// By a plain byte pipe to the agent's host, which reads nothing yet.
    case pipe(any Channel)
    /// The agent is in this process, and takes the client's connection.
    case near(PostgresAgentSession)

    /// No client takes it.
    package func abandon(_ error: GloveboxError) {
        switch self {
        case .pipe(let pipe): pipe.close(promise: nil)
        case .near(let session): session.end(error)
        }
    }
}
