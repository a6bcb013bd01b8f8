package import ControlAPI
package import GloveboxCore

/// What the API does, one method an endpoint. The server has parsed and validated the request, authenticated the caller
/// and checked the authorisation table before it calls one; a `GloveboxError` becomes the problem of its code, any
/// other error `internal`, logged and not shown.
///
/// `call.reach` says whose things the caller may see or change; an operation that finds something out of reach answers
/// as if it weren't there (`not_found`).
package protocol ControlOperations: Sendable {
    /// The CA's certificate, PEM.
    func authority() async throws -> String
    func health() async throws -> Health
    /// - Throws: `invite_invalid`, the same for whatever is wrong with the code.
    func enrol(_ request: EnrolmentRequest, from origin: RequestOrigin) async throws -> IssuedCertificate

    func renewCertificate(_ request: CertificateRenewal, _ call: Call) async throws -> IssuedCertificate
    /// Revokes the certificate that the call is made with.
    func revokeCurrentCertificate(_ call: Call) async throws
    func whoAmI(_ call: Call) async throws -> WhoAmI

    func inviteIdentity(_ request: IdentityInviteRequest, _ call: Call) async throws -> Invitation
    func inviteAgent(_ request: AgentInviteRequest, _ call: Call) async throws -> Invitation

    /// By name, as agents, tokens and targets are.
    func identities(_ page: PageRequest, _ call: Call) async throws -> Page<IdentityStatus>
    func identity(_ name: IdentityName, _ call: Call) async throws -> Versioned<IdentityStatus>
    /// Ends everything that the identity holds.
    func disableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus>
    func enableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus>

    func agents(_ page: PageRequest, _ call: Call) async throws -> Page<AgentStatus>
    func agent(_ name: AgentName, _ call: Call) async throws -> Versioned<AgentStatus>
    func quarantineAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus>
    func releaseAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus>
    func removeAgent(_ name: AgentName, if precondition: Precondition, _ call: Call) async throws

    func createToken(_ request: TokenRequest, _ call: Call) async throws -> CreatedToken
    func tokens(_ page: PageRequest, _ call: Call) async throws -> Page<TokenStatus>
    func revokeToken(_ name: TokenName, _ call: Call) async throws

    func targets(_ page: PageRequest, _ call: Call) async throws -> Page<TargetStatus>

    func openLease(_ request: LeaseRequest, _ call: Call) async throws -> LeaseAnswer
    /// Newest first.
    func leases(_ query: LeaseQuery, _ call: Call) async throws -> Page<LeaseStatus>
    func lease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus
    func extendLease(_ id: LeaseID, _ request: LeaseExtension, _ call: Call) async throws -> LeaseStatus
    func endLease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus

    /// Oldest first.
    func records(_ query: RecordQuery, _ call: Call) async throws -> Page<RecordEntry>
    func record(_ id: RecordID, _ call: Call) async throws -> RecordEntry
    /// That a record is in the log.
    func proof(of id: RecordID, _ call: Call) async throws -> RecordProofAnswer
    /// Records as they come in: events named `record`, whose data is a ``RecordEntry``, whose ids are cursors. They may
    /// end at any time; the caller goes on from its last id.
    func follow(_ query: RecordQuery, _ call: Call) async throws -> AsyncThrowingStream<ServerEvent, any Error>
    /// The log's last checkpoint, with a proof from the tree of `size` records.
    func checkpoint(since size: UInt64, _ call: Call) async throws -> CheckpointAnswer

    /// Newest first.
    func approvals(_ query: ApprovalQuery, _ call: Call) async throws -> Page<ApprovalStatus>
    func approval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus
    func grantApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus
    func denyApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus
    func withdrawApproval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus
    func reviewApproval(_ id: ApprovalID, _ review: ApprovalReview, _ call: Call) async throws -> ApprovalStatus

    /// Those that are open, newest first.
    func sessions(_ page: PageRequest, _ call: Call) async throws -> Page<SessionStatus>
    /// Oldest first, also those of one that has ended lately.
    func sessionRecords(_ id: SessionID, _ page: PageRequest, _ call: Call) async throws -> SessionRecords
    func endSession(_ id: SessionID, _ call: Call) async throws -> SessionStatus

    func applyChanges(_ request: ChangeRequest, _ call: Call) async throws -> ChangeStatus
    /// Newest first.
    func changes(_ query: ChangeQuery, _ call: Call) async throws -> Page<ChangeStatus>
    func change(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus
    func keepChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus
    func undoChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus
    func rollBack(_ request: RollbackRequest, _ call: Call) async throws -> Rollback
    /// Says that whoever runs a test run is still there; one that nobody attends to goes back.
    func attendRun(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus
    /// - Throws: `run_over`.
    func issueMarks(_ id: ChangeSetID, _ request: MarkRequest, _ call: Call) async throws -> Marks
    func markKeys(_ edge: TargetName, _ call: Call) async throws -> MarkKeys
    /// By target and key.
    func flags(_ query: FlagQuery, _ call: Call) async throws -> Page<FlagStatus>
    func explainFlag(_ key: String, _ question: FlagQuestion, _ call: Call) async throws -> FlagExplanation
    /// The target's flags, whole, and each epoch that follows, for who evaluates them alone.
    /// - Parameter tag: of the epoch that the caller has.
    func followFlags(_ target: TargetName, having tag: String?, _ call: Call) async throws -> FlagFollowing
}

/// A stream of a target's epochs, and whom to tell which one the caller runs.
package struct FlagFollowing: Sendable {
    package var events: AsyncThrowingStream<ServerEvent, any Error>
    /// Takes an epoch's tag.
    package var acknowledge: @Sendable (String) -> Void

    package init(
        events: AsyncThrowingStream<ServerEvent, any Error>, acknowledge: @escaping @Sendable (String) -> Void
    ) {
        self.events = events
        self.acknowledge = acknowledge
    }
}

/// What somebody may change who has seen it, with the version that `If-Match` names then.
package struct Versioned<Value: Sendable>: Sendable {
    package var value: Value
    package var version: Int64

    package init(_ value: Value, version: Int64) {
        self.value = value
        self.version = version
    }
}

/// What a change expects of what it changes (`If-Match`: RFC 9110, section 13.1.1).
package enum Precondition: Hashable, Sendable {
    case any
    case versions(Set<Int64>)

    /// - Throws: `precondition_failed` when somebody else was there first.
    package func check(_ version: Int64) throws(GloveboxError) {
        if case .versions(let versions) = self, !versions.contains(version) {
            throw GloveboxError(
                .preconditionFailed, "somebody else changed this since it was read: read it again, and decide anew")
        }
    }
}

/// Where a request came from.
package struct RequestOrigin: Hashable, Sendable {
    /// Also in the answer, and in the log.
    package var requestID: String
    /// The peer's address.
    package var address: String?

    package init(requestID: String, address: String?) {
        self.requestID = requestID
        self.address = address
    }
}

/// An authenticated and authorised request.
package struct Call: Hashable, Sendable {
    package var caller: Caller
    package var reach: Reach
    package var origin: RequestOrigin

    package init(caller: Caller, reach: Reach, origin: RequestOrigin) {
        self.caller = caller
        self.reach = reach
        self.origin = origin
    }
}

/// Whose things a call may see or change.
package enum Reach: Hashable, Sendable {
    case all
    /// Only what the caller itself holds.
    case own(CertificateSubject)

    /// Whether something that `holder` holds is within reach.
    package func includes(_ holder: IdentityName?) -> Bool {
        switch self {
        case .all: true
        case .own(let subject): holder.map { subject == .identity($0) } ?? false
        }
    }
}
