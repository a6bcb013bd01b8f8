import Contracts
import ControlAPI
import Foundation
import GloveboxCore
import GloveboxKit
import HTTPProxy
import Identity
import Logging
import NIOSSL
import OutboundHTTP
import ServiceLifecycle
import Synchronization
import TestContextToken
import YAMLDocument

/// Which gateway tells an edge of weights, test runs and the keys that sign marks.
///
///     gateway:
///       url: https://gateway.example:8443
///       target: shop-edge                  # as gateway.yaml names it under 'edges'; marks name it, too
///       token: edge.token                  # a machine token's file; its scope has followFlags and markKeys
///       authority: ca.pem                  # whose certificate the gateway's is of
///       state: state                       # a folder: what's in force is known after a restart without a gateway, too
struct GatewayLinkConfiguration: Hashable, Sendable {
    var url: String
    var target: TargetName
    var token: String
    var authority: String?
    var state: String?

    init(_ node: YAMLNode, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("url", "target", "token", "authority", "state")
        let url = try fields.required("url")
        self.url = try url.string
        guard self.url.hasPrefix("https://"), !self.url.hasSuffix("/") else {
            throw url.error("\(url.label) is an address such as https://gateway.example:8443, without a path")
        }
        self.target = try fields.required("target").name()
        self.token = EdgeConfiguration.path(try fields.required("token").string, folder)
        self.authority = try fields["authority"]?.string.inFolder(folder)
        self.state = try fields["state"]?.string.inFolder(folder)
    }
}

extension String {
    fileprivate func inFolder(_ folder: String) -> String { EdgeConfiguration.path(self, folder) }
}

/// What's in force at an edge beside its own file: told by a gateway, and gone when its lease ends, whether that can be heard
/// or not.
final class GatewayLink: Service {
    /// A gateway that's silent for so long is lost, and no test's mark counts then. It says something every 3 s.
    private static let patience = Duration.seconds(9)
    /// How often keys are asked for: the next one is told an hour before it signs.
    private static let keyInterval = Duration.seconds(300)
    private static let keyRetry = Duration.seconds(2)

    private let configuration: GatewayLinkConfiguration
    private let token: String
    private let time: any TimeSource
    private let logger: Logger
    private let flags: FlagClient
    private let current = Mutex(EdgeState())
    private let settle = Mutex<(@Sendable (EdgeState) async -> Void)?>(nil)
    private let takeKeys = Mutex<(@Sendable ([TestContextKey]) -> Void)?>(nil)

    /// - Throws: `not_found`, `file_exposed`, `file_unusable` for the token's file.
    init(_ configuration: GatewayLinkConfiguration, time: any TimeSource, logger: Logger) throws {
        self.configuration = configuration
        self.time = time
        self.logger = logger
        let token = String(decoding: try PrivateFile.read(configuration.token), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        self.token = token
        if let state = configuration.state { try PrivateFile.makeFolder(state) }
        let box = SettleBox()
        self.flags = FlagClient(
            .init(
                gateway: configuration.url, target: configuration.target.rawValue, token: token,
                certificates: configuration.authority, folder: configuration.state),
            logger: logger, time: time, patience: Self.patience, settle: { await box.call() })
        box.set { [weak self] in await self?.bringInForce() }
    }

    /// Whether a gateway is heard.
    var isFollowing: Bool { self.flags.isFollowing }

    var state: EdgeState { self.current.withLock { $0 } }

    /// - Parameters:
    ///   - settle: brings a state in force; the gateway is told that it is once this returns.
    ///   - keys: takes the keys that sign marks now.
    func tell(
        _ settle: @escaping @Sendable (EdgeState) async -> Void, keys: @escaping @Sendable ([TestContextKey]) -> Void
    ) {
        self.settle.withLock { $0 = settle }
        self.takeKeys.withLock { $0 = keys }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await self.flags.run() }
                tasks.addTask { await self.followKeys() }
                await tasks.waitForAll()
            }
        }
    }

    private func bringInForce() async {
        guard let definitions = self.flags.definitions else { return }
        let state: EdgeState
        do {
            state = try EdgeState(flags: definitions)
        } catch {
            // Of what isn't understood nothing is in force that may have ended with it: no run. Weights stay as they are.
            self.logger.error("what the gateway tells isn't understood", metadata: ["error": "\(error)"])
            var known = self.state
            known.runs = [:]
            state = known
        }
        guard
            self.current.withLock({ current in
                defer { current = state }
                return current != state
            })
        else { return }
        await self.settle.withLock { $0 }?(state)
    }

    // MARK: Keys

    private func followKeys() async {
        guard let client = self.client() else { return }
        while !Task.isCancelled {
            var pause = Self.keyInterval
            do {
                let keys = try await self.keys(client)
                self.takeKeys.withLock { $0 }?(keys)
            } catch {
                guard !Task.isCancelled else { break }
                pause = Self.keyRetry
                self.logger.warning(
                    "keys of marks can't be asked for, which is tried again", metadata: ["reason": "\(error)"])
            }
            try? await self.time.sleep(until: self.time.boot.advanced(by: pause))
        }
        await client.shutdown()
    }

    private func keys(_ client: OutboundClient) async throws -> [TestContextKey] {
        let path = Endpoint.markKeys.path(id: self.configuration.target.rawValue)
        let answer = try await client.send(
            "GET", self.configuration.url + path,
            headers: [("authorization", "Bearer \(self.token)"), ("accept", "application/json")], body: nil)
        guard answer.status == 200 else {
            let problem = try? JSONForm.decode(Problem.self, from: answer.body)
            throw GloveboxError(
                .unavailable, problem.map { "\($0.detail) [\($0.code)]" } ?? "status \(answer.status)")
        }
        return try JSONForm.decode(MarkKeys.self, from: answer.body).keys.map { key in
            try TestContextKey(
                publicKey: Array(Data(base64Encoded: key.publicKey) ?? Data()), audience: .ingress,
                validFrom: key.validFrom.wall, validUntil: key.validUntil.wall)
        }
    }

    private func client() -> OutboundClient? {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        if let authority = self.configuration.authority {
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
            } catch {
                self.logger.error("\(authority) has no certificates that can be read")
                return nil
            }
        }
        return OutboundClient(tls: tls, timeout: .seconds(10), mostBytes: 65_536)
    }
}

/// Calls what's known only after whoever calls it was made.
private final class SettleBox: Sendable {
    private let body = Mutex<(@Sendable () async -> Void)?>(nil)

    func set(_ body: @escaping @Sendable () async -> Void) { self.body.withLock { $0 = body } }
    func call() async { await self.body.withLock { $0 }?() }
}

extension ProxyRoutes {
    /// With the weights that a gateway has told of: versions that it doesn't name get none. What this edge has no service or
    /// no version of is passed by.
    func weighted(by weights: [String: [String: Int]]) -> ProxyRoutes {
        var routes = self
        for (place, service) in self.services.enumerated() {
            guard let told = weights[service.name],
                service.versions.contains(where: { told[$0.name] ?? 0 > 0 })
            else { continue }
            for version in service.versions.indices {
                routes.services[place].versions[version].weight = told[service.versions[version].name] ?? 0
            }
        }
        return routes
    }
}
