import GloveboxCore
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells of a role over HTTP/1.1, on loopback: `/metrics` (Prometheus' text format), `/healthz` (200 while the process
/// answers), `/readyz` (200 while the role can serve, else 503, and one line for each thing that it needs).
package struct TelemetryServer: Service {
    /// Most connections at once.
    private static let mostConnections = 64
    private static let idleLimit = TimeAmount.seconds(30)

    private let place: TelemetryPlace
    private let source: any TelemetrySource
    private let logger: Logger

    package init(place: TelemetryPlace, source: any TelemetrySource, logger: Logger) {
        self.place = place
        self.source = source
        self.logger = logger
    }

    /// Returns when the process is asked to stop.
    /// - Throws: `port_taken`; `configuration_invalid` for an address that can't be listened on.
    package func run() async throws {
        let source = self.source
        let open = Connections()
        let group = MultiThreadedEventLoopGroup.singleton
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard open.add(channel, most: Self.mostConnections) else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: Self.idleLimit))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(TelemetryHandler(source))
                }
            }
        let listener: any Channel
        do {
            listener = try await bootstrap.bind(host: self.place.host, port: self.place.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw GloveboxError(
                .portTaken, "another program listens on \(self.place): stop it, or set another place for 'telemetry'",
                cause: error)
        } catch {
            throw GloveboxError(
                .configurationInvalid,
                "can't listen on \(self.place), which 'telemetry' says: is it an address of this machine, and allowed?",
                cause: error)
        }
        self.logger.info("metrics and health are served", metadata: ["at": "\(self.place)"])
        try? await gracefulShutdown()
        try? await listener.close()
        for channel in open.all { channel.close(promise: nil) }
    }
}

/// The connections of a server, which are closed with it.
private final class Connections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    var all: [any Channel] { self.channels.withLock { Array($0.values) } }

    func add(_ channel: any Channel, most: Int) -> Bool {
        let key = ObjectIdentifier(channel)
        let isAdded = self.channels.withLock { channels in
            guard channels.count < most else { return false }
            channels[key] = channel
            return true
        }
        if isAdded { channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[key] = nil } } }
        return isAdded
    }
}
