import ControlAPI
import ControlClient
import Foundation
import GloveboxCore

/// The gateway that the caller is signed in to.
enum SignedIn {
    static var folder: String {
        get throws { try Profile.standardFolder(environment: ProcessInfo.processInfo.environment) }
    }

    /// Calls the API as the owner of the profile.
    /// - Throws: `not_signed_in`, `certificate_expired`, and what `body` throws.
    static func call<Value: Sendable>(
        _ body: (_ client: ControlClient, _ profile: Profile) async throws -> Value
    ) async throws -> Value {
        let profile = try Profile.load(folder: self.folder)
        let client = try ControlClient(profile)
        do {
            let value = try await body(client, profile)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Which gateway to enrol with: what's given, what's set, or the one of the profile in `folder`.
    static func gateway(_ given: String?, folder: String) throws -> GatewayAddress {
        if let text = given ?? Settings.current.gateway {
            return try GatewayAddress(text)
        }
        guard let profile = try? Profile.load(folder: folder) else {
            throw GloveboxError(.invalidArgument, "say which gateway: --gateway https://HOST:PORT")
        }
        return profile.gateway
    }
}

/// Follows a list's cursor to its end.
func allPages<Item>(
    _ page: (PageRequest) async throws -> Page<Item>, each: ([Item]) -> Void
) async throws {
    var request = PageRequest(limit: PageRequest.mostLimit)
    while true {
        let page = try await page(request)
        each(page.items)
        guard let next = page.next else { return }
        guard next != request.after else {
            throw GloveboxError(.gatewayUnexpected, "the gateway's list leads in circles: check both versions")
        }
        request.after = next
    }
}

/// `path` without symbolic links and from the root, for other programs.
func absolute(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
}
