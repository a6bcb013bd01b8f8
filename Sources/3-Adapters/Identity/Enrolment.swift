package import Contracts
package import GloveboxCore

/// Who gets a certificate, and whether one still counts: invitations, enrolment, renewal, sign-out.
///
/// What happened is for the caller to record. Nothing here says why a code was refused: a guess, a used code, one that
/// ran out and one for somebody disabled all look the same (`invite_invalid`).
package struct Enrolment: Sendable {
    /// How long an invitation lasts unless told otherwise: 1 hour.
    package static let inviteLifetime = Duration.seconds(3600)

    package let authority: CertificateAuthority
    private let storage: any Storage
    private let time: any TimeSource
    private let certificateLifetime: Duration

    package init(
        storage: any Storage, authority: CertificateAuthority, time: any TimeSource,
        certificateLifetime: Duration = CertificateAuthority.clientLifetime
    ) {
        self.storage = storage
        self.authority = authority
        self.time = time
        self.certificateLifetime = certificateLifetime
    }

    // MARK: Invitations

    /// A code for `guest`, to be shown once. Somebody who is there already may be invited again (after losing a
    /// certificate, say), but not into another role.
    ///
    /// - Throws: `conflict` when the guest is there in another role, or disabled.
    package func invite(
        _ guest: InviteEntry.Guest, by inviter: IdentityName?, lasts: Duration = Self.inviteLifetime
    ) async throws -> InvitedGuest {
        let kind: InviteCode.Guest
        switch guest {
        case .person(let name, let role):
            kind = .person
            if let there = try await self.storage.identity(name) {
                guard !there.isDisabled else {
                    throw GloveboxError(
                        .conflict, "identity \(name) is disabled: enable it before inviting it again")
                }
                guard there.role == role else {
                    throw GloveboxError(
                        .conflict,
                        "identity \(name) is there already, as \(there.role.rawValue): invite them in that role")
                }
            }
        case .agent:
            kind = .agent
        }
        let code = InviteCode.random(for: kind, authority: self.authority.fingerprint)
        let expiresAt = self.time.wall.advanced(by: lasts)
        try await self.storage.insert(
            InviteEntry(codeHash: code.hash, guest: guest, invitedBy: inviter, expiresAt: expiresAt))
        return InvitedGuest(subject: guest.subject, code: code, expiresAt: expiresAt)
    }

    /// A certificate for whoever has a code. A bad request is refused before the code is looked at and doesn't use
    /// it up.
    ///
    /// - Throws: `invite_invalid`, whatever is wrong with the code; `invalid_argument` for a bad request.
    package func redeem(code text: Secret<String>, request: String) async throws -> EnrolledGuest {
        let request = try CertificateRequest(pem: request)
        guard let code = try? InviteCode(text), code.isPinned(to: self.authority.fingerprint),
            let invite = try await self.storage.redeemInvite(codeHash: code.hash, at: self.time.wall)
        else { throw Self.invalidCode }
        switch invite.guest {
        case .person(let name, let role):
            let entry = IdentityEntry(name: name, role: role, createdAt: self.time.wall)
            let there = try await self.present(
                read: { try await self.storage.identity(name) }, insert: { try await self.storage.insert(entry) })
            guard there?.isDisabled != true else { throw Self.invalidCode }
        case .agent(let name):
            let entry = AgentEntry(name: name, createdAt: self.time.wall)
            _ = try await self.present(
                read: { try await self.storage.agent(name) }, insert: { try await self.storage.insert(entry) })
        }
        return try await self.issue(request, to: invite.guest.subject, invitedBy: invite.invitedBy)
    }

    // MARK: Certificates

    /// Another certificate for the holder of one that still counts. The old one stays valid to its end, since the
    /// holder may fail to store the new one.
    ///
    /// - Throws: what ``authenticate(_:)`` throws; `invalid_argument` for a bad request.
    package func renew(_ certificate: CertificateDetails, request: String) async throws -> EnrolledGuest {
        let request = try CertificateRequest(pem: request)
        return try await self.renew(try await self.authenticate(certificate), request)
    }

    /// The same, for a peer that ``authenticate(_:)`` has just let in.
    package func renew(_ peer: AuthenticatedPeer, request: String) async throws -> EnrolledGuest {
        try await self.renew(peer, CertificateRequest(pem: request))
    }

    private func renew(_ peer: AuthenticatedPeer, _ request: CertificateRequest) async throws -> EnrolledGuest {
        try await self.issue(request, to: peer.subject, invitedBy: nil)
    }

    /// Ends a certificate before its time. Returns whether there was one to end.
    @discardableResult
    package func revoke(serial: String) async throws -> Bool {
        try await self.storage.revokeCertificate(serial: serial)
    }

    /// Whom a certificate that TLS has verified speaks for, now.
    ///
    /// - Throws: `certificate_invalid` when it has run out, was revoked, or isn't one that this store knows;
    ///   `unauthenticated` when its subject is disabled or gone.
    package func authenticate(_ certificate: CertificateDetails) async throws -> AuthenticatedPeer {
        guard let subject = certificate.subject else {
            throw GloveboxError(.certificateInvalid, "the certificate speaks for nobody: sign in with 'glovebox login'")
        }
        let now = self.time.wall
        guard certificate.notAfter > now else {
            throw GloveboxError(
                .certificateInvalid, "the certificate of \(subject) has run out: enrol again with a new invitation")
        }
        guard certificate.notBefore <= now else {
            throw GloveboxError(
                .certificateInvalid, "the certificate of \(subject) isn't valid yet: check the clocks of both machines")
        }
        guard let entry = try await self.storage.certificate(serial: certificate.serial), entry.subject == subject
        else {
            throw GloveboxError(
                .certificateInvalid, "this gateway's store doesn't know the certificate of \(subject): enrol again")
        }
        guard !entry.isRevoked else {
            throw GloveboxError(
                .certificateInvalid, "the certificate of \(subject) was revoked: enrol again with a new invitation")
        }
        let role: Role?
        switch subject {
        case .identity(let name):
            guard let identity = try await self.storage.identity(name), !identity.isDisabled else {
                throw Self.disabled(subject)
            }
            role = identity.role
        case .agent(let name):
            guard try await self.storage.agent(name) != nil else { throw Self.disabled(subject) }
            role = nil
        }
        return AuthenticatedPeer(
            subject: subject, role: role, serial: certificate.serial, notAfter: certificate.notAfter)
    }

    /// The same, for a certificate in DER form.
    package func authenticate(der: [UInt8]) async throws -> AuthenticatedPeer {
        try await self.authenticate(CertificateReader.read(der: der))
    }

    // MARK: Steps

    /// The stored row; `nil` after inserting the first one. Somebody else may insert it in between.
    private func present<Row>(
        read: () async throws -> Row?, insert: () async throws -> Void
    ) async throws -> Row? {
        if let row = try await read() { return row }
        do {
            try await insert()
            return nil
        } catch let error as GloveboxError where error.code == .conflict {
            return try await read()
        }
    }

    private func issue(
        _ request: CertificateRequest, to subject: CertificateSubject, invitedBy: IdentityName?
    ) async throws -> EnrolledGuest {
        let certificate = try self.authority.issueClient(request, subject: subject, lasts: self.certificateLifetime)
        try await self.storage.insert(
            CertificateEntry(serial: certificate.serial, subject: subject, notAfter: certificate.notAfter))
        return EnrolledGuest(
            subject: subject, certificate: certificate, authority: self.authority.pem, invitedBy: invitedBy)
    }

    private static var invalidCode: GloveboxError {
        GloveboxError(
            .inviteInvalid, "this code opens nothing: it was used, has run out or isn't one; ask for a new invitation")
    }

    private static func disabled(_ subject: CertificateSubject) -> GloveboxError {
        GloveboxError(.unauthenticated, "\(subject) is disabled or was removed: ask an administrator")
    }
}

/// What an invitation yields: its code is shown this once.
package struct InvitedGuest: Sendable {
    package var subject: CertificateSubject
    package var code: InviteCode
    package var expiresAt: WallTime
}

/// What an enrolment or a renewal yields.
package struct EnrolledGuest: Sendable {
    package var subject: CertificateSubject
    package var certificate: LeafCertificate
    /// The CA's certificate, PEM.
    package var authority: String
    /// Who made the invitation; `nil` for a renewal and for the first administrator.
    package var invitedBy: IdentityName?
}

/// Whom a connection speaks for, as its client certificate and the store say at this moment.
package struct AuthenticatedPeer: Hashable, Sendable {
    package var subject: CertificateSubject
    /// `nil` for an agent.
    package var role: Role?
    /// Lower-case hexadecimal.
    package var serial: String
    package var notAfter: WallTime

    package init(subject: CertificateSubject, role: Role?, serial: String, notAfter: WallTime) {
        self.subject = subject
        self.role = role
        self.serial = serial
        self.notAfter = notAfter
    }
}

extension InviteEntry.Guest {
    /// Whom the invitation's certificate will speak for.
    package var subject: CertificateSubject {
        switch self {
        case .person(let name, _): .identity(name)
        case .agent(let name): .agent(name)
        }
    }
}
