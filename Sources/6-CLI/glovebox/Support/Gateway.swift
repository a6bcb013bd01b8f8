import ControlAPI
import ControlClient
import Foundation
import GloveboxCore

/// The gateway that the caller is signed in to: with a profile, or, for a machine, with a token from the environment or a
/// file. A token is never taken from the command line, where others can read it.
enum SignedIn {
    /// How other programs find the gateway.
    struct Place: Sendable {
        var gateway: GatewayAddress
        /// Its CA's certificate.
        var authorityPath: String
        /// What the caller has seen of its log.
        var log: LogWatch
    }

    static var folder: String {
        get throws { try Profile.standardFolder(environment: ProcessInfo.processInfo.environment) }
    }

    /// Calls the API as the owner of the profile or the token.
    /// - Throws: `not_signed_in`, `certificate_expired`, and what `body` throws.
    static func call<Value: Sendable>(
        _ body: (_ client: ControlClient, _ place: Place) async throws -> Value
    ) async throws -> Value {
        let (client, place) = try await self.client()
        do {
            let value = try await body(client, place)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private static func client() async throws -> (ControlClient, Place) {
        let folder = try self.folder
        if let token = try SecretInput.machineToken(environment: ProcessInfo.processInfo.environment) {
            let machine = try await MachineAccess(
                token: token, gateway: try self.gateway(nil, folder: folder), folder: folder)
            let place = Place(
                gateway: machine.gateway, authorityPath: machine.authorityPath,
                log: LogWatch(folder: folder, isMachine: true))
            return (try ControlClient(machine), place)
        }
        let profile = try Profile.load(folder: folder)
        let place = Place(
            gateway: profile.gateway, authorityPath: profile.authorityPath, log: LogWatch(folder: profile.folder))
        return (try ControlClient(profile), place)
    }

    /// Which gateway to enrol with: what's given, what's set, or the one of the profile in `folder`.
    static func gateway(_ given: String?, folder: String) throws -> GatewayAddress {
        if let text = given ?? Settings.current.gateway {
            return try GatewayAddress(text)
        }
        guard let profile = try? Profile.load(folder: folder) else {
            throw GloveboxError(
                .invalidArgument, "say which gateway: --gateway https://HOST:PORT, or GLOVEBOX_GATEWAY")
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

/// All items of a list, whatever its length.
func allItems<Item>(_ page: (PageRequest) async throws -> Page<Item>) async throws -> [Item] {
    var items: [Item] = []
    try await allPages(page) { items += $0 }
    return items
}

/// `path` without symbolic links and from the root, for other programs.
func absolute(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
}
