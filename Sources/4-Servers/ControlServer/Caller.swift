package import ControlAPI
package import GloveboxCore

/// Who makes a request, as its client certificate or its token proves.
package struct Caller: Hashable, Sendable {
    package enum Credential: Hashable, Sendable {
        /// By its serial number, lower-case hexadecimal.
        case certificate(serial: String, expiresAt: WallTime)
        case token(TokenName, scope: TokenScope, expiresAt: WallTime)
    }

    package var subject: CertificateSubject
    /// `nil` for an agent.
    package var role: Role?
    package var credential: Credential

    package init(subject: CertificateSubject, role: Role?, credential: Credential) {
        self.subject = subject
        self.role = role
        self.credential = credential
    }

    package init(subject: CertificateSubject, role: Role?, serial: String, certificateExpiresAt: WallTime) {
        self.init(
            subject: subject, role: role,
            credential: .certificate(serial: serial, expiresAt: certificateExpiresAt))
    }

    /// The caller's name, unless it's an agent.
    package var identity: IdentityName? {
        switch self.subject {
        case .identity(let name): name
        case .agent: nil
        }
    }

    /// What a token leaves of what its holder may; everything for a certificate.
    package var scope: TokenScope {
        switch self.credential {
        case .certificate: .all
        case .token(_, let scope, _): scope
        }
    }
}

extension TokenScope {
    /// Who it speaks for may always be asked.
    package func includes(_ endpoint: Endpoint) -> Bool {
        switch self {
        case .all: true
        // What a flag comes to, and what flags there are, is asked with a body, and changes nothing.
        case .read: endpoint.method == .get || [.explainFlag, .followFlags].contains(endpoint)
        case .operations(let names): names.contains(endpoint.rawValue) || endpoint == .whoAmI
        }
    }

    /// Whether another scope allows nothing that this one doesn't.
    package func includes(_ other: TokenScope) -> Bool {
        Endpoint.allCases.allSatisfy { !other.includes($0) || self.includes($0) }
    }
}
