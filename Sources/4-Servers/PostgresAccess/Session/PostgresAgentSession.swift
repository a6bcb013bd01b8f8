package import GloveboxCore
package import NIOCore

/// One session at the agent: the target is signed in to and prepared, and it waits for the pipe, or runs.
///
/// Every method may be called from any thread. A session that is never begun must be ended.
package final class PostgresAgentSession: Sendable {
    package let request: SessionRequest
    package let eventLoop: any EventLoop
    /// Succeeds when both connections are closed and the receipt is durable in the journal, or can't be.
    package let closed: EventLoopFuture<Void>
    private let relay: NIOLoopBound<SessionRelay>

    /// On the event loop.
    init(_ relay: SessionRelay) {
        self.request = relay.request
        self.eventLoop = relay.eventLoop
        self.closed = relay.closed
        self.relay = NIOLoopBound(relay, eventLoop: relay.eventLoop)
    }

    /// Joins the pipe to the gateway with the target, and greets the client.
    ///
    /// - Parameter pipe: carries plain bytes, on ``eventLoop``, reading or not; the session reads, writes and closes
    ///   it from now on.
    /// - Returns: fails when the session has ended meanwhile; then the client is told why, and the pipe closes.
    package func begin(on pipe: any Channel) -> EventLoopFuture<Void> {
        guard pipe.eventLoop === self.eventLoop else {
            self.end(GloveboxError(.internal, "the session's pipe is on another event loop"))
            pipe.close(promise: nil)
            return self.eventLoop.makeFailedFuture(
                GloveboxError(.internal, "the session's pipe is on another event loop"))
        }
        return self.eventLoop.submit { try self.relay.value.begin(on: pipe) }
    }

    /// Cancels what the session runs in the database, and nothing else of the database's.
    package func cancel() {
        self.eventLoop.execute { self.relay.value.cancel() }
    }

    /// Ends the session: the client gets `error` as its last message, what runs in the database is cancelled.
    ///
    /// - Parameter sqlState: `57P01` (the server shuts down) unless told otherwise, so that clients don't retry.
    package func end(_ error: GloveboxError, sqlState: String = "57P01") {
        self.eventLoop.execute { self.relay.value.end(error, sqlState: sqlState) }
    }
}
