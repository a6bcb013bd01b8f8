package import GloveboxCore

/// `POST /v1/enrolments`: a single-use code for a certificate, for people and agents alike. Whatever is wrong with the
/// code (unknown, used, run out), the refusal is `invite_invalid`.
package struct EnrolmentRequest: RequestContent {
    package static let fields: Set<String> = ["code", "certificateRequest"]

    package var code: OneTimeSecret
    /// PKCS #10, PEM. Only its public key is taken; whom the certificate speaks for is what the invitation says.
    package var certificateRequest: String

    package init(code: OneTimeSecret, certificateRequest: String) {
        self.code = code
        self.certificateRequest = certificateRequest
    }
}

/// `POST /v1/certificates`: a new certificate for the holder of the one that the request is made with.
package struct CertificateRenewal: RequestContent {
    package static let fields: Set<String> = ["certificateRequest"]

    /// PKCS #10, PEM.
    package var certificateRequest: String

    package init(certificateRequest: String) {
        self.certificateRequest = certificateRequest
    }
}

package struct IssuedCertificate: Sendable, Codable {
    /// PEM.
    package var certificate: String
    /// The gateway's CA, PEM.
    package var authority: String
    package var subject: Subject
    package var expiresAt: Timestamp

    package init(certificate: String, authority: String, subject: CertificateSubject, expiresAt: WallTime) {
        self.certificate = certificate
        self.authority = authority
        self.subject = Subject(subject)
        self.expiresAt = Timestamp(expiresAt)
    }
}

/// Whom a certificate speaks for.
package struct Subject: Hashable, Sendable, Codable, CustomStringConvertible {
    package enum Kind: String, Sendable, Codable {
        case identity, agent
    }

    package var kind: Kind
    package var name: String

    package init(_ subject: CertificateSubject) {
        switch subject {
        case .identity(let name):
            self.kind = .identity
            self.name = name.rawValue
        case .agent(let name):
            self.kind = .agent
            self.name = name.rawValue
        }
    }

    package var description: String { "\(self.kind.rawValue) \(self.name)" }
}

/// `GET /v1/whoami`
package struct WhoAmI: Sendable, Codable {
    package struct Certificate: Sendable, Codable {
        package var serial: String
        package var expiresAt: Timestamp

        package init(serial: String, expiresAt: WallTime) {
            self.serial = serial
            self.expiresAt = Timestamp(expiresAt)
        }
    }

    package struct Token: Sendable, Codable {
        package var name: TokenName
        package var scope: TokenScope
        package var expiresAt: Timestamp

        package init(name: TokenName, scope: TokenScope, expiresAt: WallTime) {
            self.name = name
            self.scope = scope
            self.expiresAt = Timestamp(expiresAt)
        }
    }

    package var subject: Subject
    /// Agents have none.
    package var role: Role?
    package var groups: [String]
    /// What the request was made with: a certificate or a token.
    package var certificate: Certificate?
    package var token: Token?

    package init(
        subject: CertificateSubject, role: Role?, groups: [String], certificate: Certificate? = nil,
        token: Token? = nil
    ) {
        self.subject = Subject(subject)
        self.role = role
        self.groups = groups
        self.certificate = certificate
        self.token = token
    }
}

/// `POST /v1/identities/invites`
package struct IdentityInviteRequest: RequestContent {
    package static let fields: Set<String> = ["name", "role"]

    package var name: IdentityName
    package var role: Role

    package init(name: IdentityName, role: Role) {
        self.name = name
        self.role = role
    }

    package func validate() throws(GloveboxError) { try Endpoint.checkFree(self.name) }
}

/// `POST /v1/agents/invites`
package struct AgentInviteRequest: RequestContent {
    package static let fields: Set<String> = ["name"]

    package var name: AgentName

    package init(name: AgentName) {
        self.name = name
    }

    package func validate() throws(GloveboxError) {
        try Endpoint.checkFree(self.name)
        guard self.name.rawValue != "gateway" else {
            throw GloveboxError(
                .invalidArgument, "'gateway' is who serves the gateway's own targets: choose another name")
        }
    }
}

/// The answer to both: the code is shown this once.
package struct Invitation: Sendable, Codable {
    package var subject: Subject
    package var code: OneTimeSecret
    package var expiresAt: Timestamp

    package init(subject: CertificateSubject, code: Secret<String>, expiresAt: WallTime) {
        self.subject = Subject(subject)
        self.code = OneTimeSecret(code)
        self.expiresAt = Timestamp(expiresAt)
    }
}

/// `GET /v1/health`
package struct Health: Sendable, Codable {
    package enum Status: String, Sendable, Codable {
        case ok
        /// It runs, but refuses new access; `reason` says why.
        case degraded
    }

    package var status: Status
    package var reason: String?
    package var version: String

    package init(status: Status, reason: String? = nil, version: String) {
        self.status = status
        self.reason = reason
        self.version = version
    }
}
