import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

/// What a command needs to know that opens a lease for itself.
struct LeaseOptions: ParsableArguments {
    @Argument(help: "The target's name.", transform: argument { try TargetName($0) })
    var target: TargetName
    @Option(
        name: .customLong("for"), help: .init("How long: 90s, 15m, 1h30m.", valueName: "duration"),
        transform: argument(DurationText.parse))
    var duration = Duration.seconds(900)
    @Option(help: "Why, for the record. (default: the command's name)")
    var reason: String?
    @Flag(help: "Also allow writing.")
    var write = false
    @Flag(help: "Without waiting for approval, where a rule lets you: briefly, loudly, and reviewed afterwards.")
    var breakGlass = false

    func request(command: String) -> LeaseRequest {
        LeaseRequest(
            target: self.target, capabilities: self.write ? [.read, .write] : [.read], duration: self.duration,
            purpose: self.reason ?? "glovebox \(command)", breakGlass: self.breakGlass)
    }
}

/// A lease that a command has opened for itself and ends when it's done.
struct OwnLease: Sendable {
    var opened: OpenedLease
    var address: PostgresAddress
    /// The path of the CA's certificate.
    var rootCertificate: String

    /// Opens a lease, hands it to `body`, and ends it however that goes.
    static func with<Value: Sendable>(
        _ request: LeaseRequest, _ body: (OwnLease, ControlClient) async throws -> Value
    ) async throws -> Value {
        try await SignedIn.call { client, place in
            let opened = try await LeaseWaiting.open(request, client)
            do {
                guard let address = opened.postgres else {
                    throw GloveboxError(.invalidArgument, "\(request.target) is not a PostgreSQL database")
                }
                let lease = OwnLease(
                    opened: opened, address: address, rootCertificate: absolute(place.authorityPath))
                let value = try await body(lease, client)
                await Self.end(opened.lease.id, client)
                return value
            } catch {
                await Self.end(opened.lease.id, client)
                throw error
            }
        }
    }

    /// A lease that has ended already is as good; one that can't be ended now runs out by itself, and its holder is told.
    private static func end(_ id: LeaseID, _ client: ControlClient) async {
        do {
            _ = try await client.endLease(id)
        } catch let error as GloveboxError where error.code == .leaseNotActive {
        } catch {
            Terminal.complain("lease \(id) couldn't be ended and stays open until its time is up: \(error)")
        }
    }
}
