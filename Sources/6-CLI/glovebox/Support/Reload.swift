import Contracts
import ServiceLifecycle

/// Reads anew what may be changed while a role runs, once for all that asked meanwhile.
struct Reload: Service {
    private let requests: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) {
        (self.requests, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.body = body
    }

    func ask() { self.continuation.yield() }

    /// Returns when the process is asked to stop.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.requests { await self.body() }
        }
    }
}
