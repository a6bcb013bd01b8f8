package import Contracts
import ControlAPI
import Foundation
import GloveboxCore
import HTTPProxy
package import Logging
import NIOCore
import NIOSSL
import Redaction
package import ServiceLifecycle
import Synchronization
package import Telemetry
import YAMLDocument

/// Serves users' and tests' requests until the process is asked to stop, without a lost one.
package final class EdgeRole: Service {
    private let file: String
    private let proxy: ProxyServer
    private let certificates: [Certificate]
    private let marks: TestMarks?
    private let link: GatewayLink?
    /// What its own file says, without what a gateway has told.
    private let ownRoutes: Mutex<ProxyRoutes>
    private let accessLog: AccessLog?
    private let reloads = ReloadState()
    private let drain: Duration
    private let gateway: GatewayLinkConfiguration?
    private let ready: @Sendable ([String]) -> Void
    private let logger: Logger
    /// `nil` where the configuration names none.
    package let telemetry: TelemetryServer?

    /// - Parameters:
    ///   - file: the configuration's, read again by `reload`.
    ///   - ready: is told the addresses once it listens.
    /// - Throws: `configuration_invalid`, `file_unusable`, `redaction_failed`.
    package init(
        file: String, time: any TimeSource, logger: Logger, ready: @escaping @Sendable ([String]) -> Void
    ) throws {
        let configuration = try Self.configuration(file)
        self.file = file
        self.logger = logger
        self.drain = configuration.drain
        self.gateway = configuration.gateway
        self.ready = ready
        var (certificates, listeners) = ([Certificate](), [ProxyListener]())
        for listener in configuration.listeners {
            var tls: (@Sendable () -> NIOSSLContext)?
            if let chain = listener.certificate, let key = listener.key {
                let certificate = try Certificate(chain: chain, key: key)
                certificates.append(certificate)
                tls = { certificate.context }
            }
            listeners.append(
                ProxyListener(
                    host: listener.place.host, port: listener.place.port, tls: tls,
                    mostConnections: listener.mostConnections))
        }
        self.certificates = certificates
        var settings = ProxySettings(listeners: listeners)
        settings.limits = configuration.limits
        settings.timeouts = configuration.timeouts
        settings.retries = configuration.retries
        settings.trusted = configuration.trusted
        let link = try configuration.gateway.map { try GatewayLink($0, time: time, logger: logger) }
        self.link = link
        var isFollowing: (@Sendable () -> Bool)?
        if let link { isFollowing = { link.isFollowing } }
        let heard = isFollowing
        self.marks = configuration.marks.map { TestMarks($0, time: time, isFollowing: heard) }
        self.ownRoutes = Mutex(configuration.routes)
        self.accessLog = try configuration.accessLog.map { place in
            try AccessLog(place, detectors: Detectors(), time: time, logger: logger)
        }
        let log = self.accessLog
        var write: (@Sendable (AccessEvent) -> Void)?
        if let log { write = { log.take($0) } }
        let judge: (any RequestJudge)? = self.marks
        self.proxy = ProxyServer(
            settings, routes: configuration.routes, judge: judge, accessLog: write, drainLimit: configuration.drain,
            logger: logger)
        let source = EdgeTelemetry(
            proxy: self.proxy, marks: self.marks, accessLog: log, reloads: self.reloads,
            common: RoleMetrics(role: "edge", startedAt: time.wall, folders: []))
        self.telemetry = configuration.telemetry.map { TelemetryServer(place: $0, source: source, logger: logger) }
    }

    package static func configuration(_ file: String) throws -> EdgeConfiguration {
        guard let bytes = FileManager.default.contents(atPath: file) else {
            throw GloveboxError(.notFound, "\(file) can't be read: name a file that this user may read")
        }
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        return try EdgeConfiguration(try YAMLNode(bytes: Array(bytes), file: file), folder: folder)
    }

    /// Follows the gateway; `nil` where the file names none. To be run beside this one.
    package var following: (any Service)? { self.link }

    package func run() async throws {
        let addresses = try await self.proxy.start()
        if let link {
            link.tell(
                { [weak self] state in await self?.bringInForce(state) },
                keys: { [marks = self.marks] in marks?.take(keys: $0) })
            // What was known before anybody was told of it: of a run before this one, for example.
            await self.bringInForce(link.state)
        }
        self.ready(
            addresses.compactMap { address in
                guard let host = address.ipAddress, let port = address.port else { return nil }
                return SocketPlace(host: host, port: port).description
            })
        try? await gracefulShutdown()
        await self.proxy.stop(within: self.drain)
        await self.accessLog?.close()
    }

    /// Takes on the routes, services, marks' keys and certificates that the file has now, all or nothing.
    package func reload() async {
        do {
            let configuration = try Self.configuration(self.file)
            guard (configuration.marks == nil) == (self.marks == nil) else {
                throw GloveboxError(
                    .configurationInvalid, "\(self.file): 'marks' can't come or go while the edge runs: start it again")
            }
            let contexts = try self.certificates.map { try $0.read() }
            guard configuration.gateway == self.gateway else {
                throw GloveboxError(
                    .configurationInvalid, "\(self.file): 'gateway' can't change while the edge runs: start it again")
            }
            try await self.apply(configuration.routes, self.link?.state.weights ?? [:])
            self.ownRoutes.withLock { $0 = configuration.routes }
            for (certificate, context) in zip(self.certificates, contexts) { certificate.take(context) }
            if let marks = configuration.marks { self.marks?.take(marks) }
            self.reloads.refusal = nil
        } catch {
            let error = (error as? GloveboxError) ?? GloveboxError(.configurationInvalid, "\(self.file): \(error)")
            self.reloads.refusal = error
            self.logger.error(
                "the edge's file is refused, and what was read before stays in force",
                metadata: ["error": "\(error)"])
        }
    }
}

extension EdgeRole {
    /// Runs first: a run that's over is over before anything else happens.
    private func bringInForce(_ state: EdgeState) async {
        self.marks?.take(runs: Set(state.runs.keys))
        do {
            try await self.apply(self.ownRoutes.withLock { $0 }, state.weights)
        } catch {
            self.logger.error("routes of a gateway are refused", metadata: ["error": "\(error)"])
        }
    }

    private func apply(_ own: ProxyRoutes, _ weights: [String: [String: Int]]) async throws {
        for (service, versions) in weights {
            let known = own.services.first { $0.name == service }?.versions.map(\.name) ?? []
            for version in versions.keys where !known.contains(version) {
                self.logger.warning(
                    "a route names a version that this edge doesn't have",
                    metadata: ["service": "\(service)", "version": "\(version)"])
            }
        }
        var routes = own.weighted(by: weights)
        routes.epoch = self.proxy.routes.epoch + 1
        guard routes.services != self.proxy.routes.services || routes.routes != self.proxy.routes.routes else { return }
        try await self.proxy.apply(routes)
    }
}

/// Why the file that was read last isn't in force.
final class ReloadState: Sendable {
    private let error = Mutex<GloveboxError?>(nil)

    var refusal: GloveboxError? {
        get { self.error.withLock { $0 } }
        set { self.error.withLock { $0 = newValue } }
    }
}

/// A listener's certificate, renewed by a reload.
private final class Certificate: Sendable {
    private let chain: String
    private let key: String
    private let current: Mutex<NIOSSLContext>

    init(chain: String, key: String) throws {
        self.chain = chain
        self.key = key
        self.current = Mutex(try Self.read(chain, key))
    }

    var context: NIOSSLContext { self.current.withLock { $0 } }

    func read() throws -> NIOSSLContext { try Self.read(self.chain, self.key) }
    func take(_ context: NIOSSLContext) { self.current.withLock { $0 = context } }

    private static func read(_ chain: String, _ key: String) throws -> NIOSSLContext {
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(chain).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            // HTTP/2 where the client speaks it (RFC 9113, section 3.2).
            configuration.applicationProtocols = ["h2", "http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GloveboxError(
                .configurationInvalid, "the certificate in \(chain) or the key in \(key) can't be used: \(error)",
                cause: error)
        }
    }
}
