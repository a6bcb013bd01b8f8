import GloveboxCore
import LogFormats
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A socket for connections whose bytes are records: on a Unix socket or on loopback. A connection is read as fast as its
/// records are taken; one that breaks the format is closed, and no other.
struct StreamInput: Sendable {
    private static let mostConnections = 256
    private static let readSize = 64 << 10

    typealias Connection = NIOAsyncChannel<ByteBuffer, Never>

    private let listener: NIOAsyncChannel<Connection, Never>
    private let path: String?
    private let makeReading: @Sendable () -> ByteReading
    private let logger: Logger

    /// - Throws: `port_taken`, `configuration_invalid`.
    init(
        path: String, logger: Logger, _ makeReading: @escaping @Sendable () -> ByteReading
    ) async throws {
        try removeStaleSocket(path, type: streamType)
        self.listener = try await listening(path) {
            try await Self.bootstrap.bind(unixDomainSocketPath: path) { Self.wrapped($0) }
        }
        // Any service of this host may log, as on /dev/log.
        chmod(path, 0o666)
        self.path = path
        self.makeReading = makeReading
        self.logger = logger
    }

    init(
        _ place: LoopbackPlace, logger: Logger, _ makeReading: @escaping @Sendable () -> ByteReading
    ) async throws {
        self.listener = try await listening("\(place)") {
            try await Self.bootstrap.bind(host: place.host, port: place.port) { Self.wrapped($0) }
        }
        self.path = nil
        self.makeReading = makeReading
        self.logger = logger
    }

    private static var bootstrap: ServerBootstrap {
        ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readSize))
    }

    private static func wrapped(_ channel: any Channel) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
    }

    /// Returns when the task is cancelled.
    func run(_ name: String, _ intake: LogIntake) async throws {
        defer { if let path = self.path { unlink(path) } }
        try await serve(self.listener, most: Self.mostConnections) { connection in
            try await self.read(connection, name, intake)
        }
    }

    private func read(_ connection: Connection, _ name: String, _ intake: LogIntake) async throws {
        let lane = await intake.openLane(name)
        var reading = self.makeReading()
        do {
            try await connection.executeThenClose { inbound in
                for try await bytes in inbound {
                    try await reading.take(bytes, lane: lane, input: name, intake)
                }
                try await reading.finish(lane: lane, input: name, intake)
            }
        } catch let error as LogFormatError {
            intake.drop(1, .malformed, name)
            self.logger.warning("a connection is closed: \(error.reason)", metadata: ["input": "\(name)"])
        } catch let error as GloveboxError where error.code == .redactionFailed {
            throw error
        } catch {
            // The connection broke, or the pipeline stops.
            self.logger.debug("a connection ended", metadata: ["input": "\(name)"])
        }
        await intake.closeLane(lane)
    }
}

/// Binds a listener, and says what keeps it from it.
func listening<Listener>(
    _ place: String, _ bind: () async throws -> Listener
) async throws -> Listener {
    do {
        return try await bind()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
        throw GloveboxError(
            .portTaken, "another program listens on \(place): stop it, or name another place", cause: error)
    } catch let error as IOError {
        throw GloveboxError(
            .configurationInvalid, "can't listen on \(place): \(systemReason(error.errnoCode))", cause: error)
    }
}

/// Serves connections beside each other, at most so many: one more waits until another has ended.
func serve<Inbound: Sendable, Outbound: Sendable>(
    _ listener: NIOAsyncChannel<NIOAsyncChannel<Inbound, Outbound>, Never>, most: Int,
    _ body: @escaping @Sendable (NIOAsyncChannel<Inbound, Outbound>) async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { connections in
        try await listener.executeThenClose { inbound in
            var open = 0
            for try await connection in inbound {
                if open == most {
                    try await connections.next()
                    open -= 1
                }
                connections.addTask { try await body(connection) }
                open += 1
            }
        }
        try await connections.waitForAll()
    }
}
