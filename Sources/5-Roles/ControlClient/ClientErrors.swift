import AsyncHTTPClient
package import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension GloveboxError.Code {
    /// What answers can't prove to be the gateway that this client knows.
    package static let gatewayUntrusted = Self("gateway_untrusted")
    /// What answers isn't a Glovebox gateway, or not one that this client understands.
    package static let gatewayUnexpected = Self("gateway_unexpected")
    package static let notSignedIn = Self("not_signed_in")
    package static let certificateExpired = Self("certificate_expired")
    package static let profileInvalid = Self("profile_invalid")
}

/// Turns what goes wrong on the way to a gateway into something that says what to do.
func explained(_ error: any Error, reaching gateway: GatewayAddress) -> any Error {
    func unreachable(_ why: String) -> GloveboxError {
        GloveboxError(
            .gatewayUnreachable,
            "can't reach the gateway at \(gateway): \(why); check that it runs, that the address is right and that no firewall is in between",
            cause: error)
    }
    let untrusted = GloveboxError(
        .gatewayUntrusted,
        "what answers at \(gateway) can't prove to be your gateway (its certificate isn't for this name, or not from the CA that you enrolled with); if the gateway was set up anew, run 'glovebox login' with a new code",
        cause: error)
    switch error {
    case is GloveboxError, is CancellationError: return error
    case let error as HTTPClientError:
        switch error {
        case .cancelled: return CancellationError()
        case .connectTimeout, .deadlineExceeded, .readTimeout, .writeTimeout, .tlsHandshakeTimeout,
            .getConnectionFromPoolTimeout:
            return unreachable("it doesn't answer in time")
        default: return unreachable(error.shortDescription)
        }
    case let error as NIOSSLError:
        if case .handshakeFailed = error { return untrusted }
        return unreachable("the TLS connection broke")
    case let error as NIOSSLExtraError:
        return error == .failedToValidateHostname ? untrusted : unreachable("the TLS connection broke")
    case is BoringSSLError: return unreachable("the TLS connection broke")
    case let error as NIOConnectionError:
        if let failure = error.connectionErrors.first?.error as? IOError { return unreachable(failure.reason) }
        return unreachable("its name '\(gateway.host)' can't be resolved")
    case let error as IOError: return unreachable(error.reason)
    default: return unreachable("the connection failed")
    }
}

extension IOError {
    /// The system's words for the error number, such as "connection refused".
    fileprivate var reason: String {
        strerror(self.errnoCode).map { String(cString: $0).lowercased() } ?? "error \(self.errnoCode)"
    }
}
