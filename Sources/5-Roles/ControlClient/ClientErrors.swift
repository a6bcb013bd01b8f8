package import GloveboxCore
import OutboundHTTP

extension GloveboxError.Code {
    /// What answers can't prove to be the gateway that this client knows.
    package static let gatewayUntrusted = Self("gateway_untrusted")
    /// What answers isn't a Glovebox gateway, or not one that this client understands.
    package static let gatewayUnexpected = Self("gateway_unexpected")
    package static let notSignedIn = Self("not_signed_in")
    package static let profileInvalid = Self("profile_invalid")
}

/// Turns what goes wrong on the way to a gateway into something that says what to do.
func explained(_ error: any Error, reaching gateway: GatewayAddress) -> any Error {
    func unreachable(_ why: String, _ cause: any Error) -> GloveboxError {
        GloveboxError(
            .gatewayUnreachable,
            "can't reach the gateway at \(gateway): \(why); check that it runs, that the address is right and that no firewall is in between",
            cause: cause)
    }
    switch error {
    case let failure as OutboundFailure:
        switch failure {
        case .untrusted(let cause):
            return GloveboxError(
                .gatewayUntrusted,
                "what answers at \(gateway) can't prove to be your gateway (its certificate isn't for this name, or not from the CA that you enrolled with); if the gateway was set up anew, run 'glovebox login' with a new code",
                cause: cause)
        case .unresolved(let cause): return unreachable("its name '\(gateway.host)' can't be resolved", cause)
        case .unreachable(let why, let cause): return unreachable(why, cause)
        }
    case is GloveboxError, is CancellationError: return error
    default: return unreachable("the connection failed", error)
    }
}
