package import NIOCore
import Synchronization

/// Two channels joined as one pipe: what one receives the other sends, with back pressure.
///
/// A side is read only while the other can take more, so that a stalled reader holds no more than about one write
/// buffer and one read (512 KiB and 256 KiB on the tunnel's sockets). When one side ends, what was read from it is
/// written out first. The channels may be on different event loops; on the same one, bytes don't wait for a hop.
package final class Relay: Sendable {
    /// What the end of one side's input means.
    package enum HalfClose: Sendable {
        /// The end of both ways, as in PostgreSQL's protocol.
        case ends
        /// The end of that way only. Needs `allowRemoteHalfClosure` on both channels.
        case passes
    }

    /// Bytes received from the first channel, so far.
    package var fromFirst: Int { self.counts.first.load(ordering: .relaxed) }
    /// Bytes received from the second channel, so far.
    package var fromSecond: Int { self.counts.second.load(ordering: .relaxed) }

    private let counts = RelayCounts()

    private init() {}

    /// Joins `first` and `second`, both connected, and begins to read both. Can be called on any thread; on the event loop of a channel,
    /// its handler is in place when this returns, behind those that are there already.
    ///
    /// - Parameter linger: how long a side that doesn't take what's left for it may hold the end up.
    @discardableResult
    package static func join(
        _ first: any Channel, _ second: any Channel, halfClose: HalfClose = .ends,
        linger: TimeAmount = .milliseconds(500)
    ) -> Relay {
        let relay = Relay()
        let counts = relay.counts
        let a = Self.install(on: first) { eventLoop in
            RelayEnd(on: eventLoop, halfClose, linger) { counts.first.add($0, ordering: .relaxed) }
        }
        let b = Self.install(on: second) { eventLoop in
            RelayEnd(on: eventLoop, halfClose, linger) { counts.second.add($0, ordering: .relaxed) }
        }
        a.and(b).whenComplete { result in
            switch result {
            case .success((let a, let b)):
                Self.on(a.eventLoop) { a.value.connect(to: b) }
                Self.on(b.eventLoop) { b.value.connect(to: a) }
            case .failure:
                first.close(promise: nil)
                second.close(promise: nil)
            }
        }
        return relay
    }

    private static func install(
        on channel: any Channel, _ make: @escaping @Sendable (any EventLoop) -> RelayEnd
    ) -> EventLoopFuture<NIOLoopBound<RelayEnd>> {
        let add: @Sendable () throws -> NIOLoopBound<RelayEnd> = {
            let end = make(channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(end)
            return NIOLoopBound(end, eventLoop: channel.eventLoop)
        }
        return channel.eventLoop.inEventLoop
            ? channel.eventLoop.makeCompletedFuture(withResultOf: add) : channel.eventLoop.submit(add)
    }

    private static func on(_ eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
        if eventLoop.inEventLoop { body() } else { eventLoop.execute(body) }
    }
}

final class RelayCounts: Sendable {
    let first = Atomic<Int>(0)
    let second = Atomic<Int>(0)
}
