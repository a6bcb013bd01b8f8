/// Whom a client certificate speaks for; in the certificate it's the URI `glovebox://identity/NAME` or
/// `glovebox://agent/NAME` in the subject alternative name.
package enum CertificateSubject: Hashable, Sendable, Codable, CustomStringConvertible {
    case identity(IdentityName)
    case agent(AgentName)

    package var uri: String {
        switch self {
        case .identity(let name): "glovebox://identity/\(name)"
        case .agent(let name): "glovebox://agent/\(name)"
        }
    }

    package init?(uri: String) {
        if let name = uri.suffix(after: "glovebox://identity/").flatMap(IdentityName.init(rawValue:)) {
            self = .identity(name)
        } else if let name = uri.suffix(after: "glovebox://agent/").flatMap(AgentName.init(rawValue:)) {
            self = .agent(name)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .identity(let name): "identity \(name)"
        case .agent(let name): "agent \(name)"
        }
    }
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        self.hasPrefix(prefix) ? String(self.dropFirst(prefix.count)) : nil
    }
}
