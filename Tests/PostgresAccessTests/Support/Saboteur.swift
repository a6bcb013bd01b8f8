import Glibc
import GloveboxCore
import NIOCore
import NIOPosix
import PostgresWire
import Synchronization
import TestSupport
import Testing

/// Stands before a real PostgreSQL and spoils what it says, at a message of the test's choice.
final class Saboteur: Sendable {
    /// What's done at the chosen message.
    enum Act: Sendable, CustomTestStringConvertible {
        /// These bytes come instead of it, and all goes on.
        case replace(String, [UInt8])
        /// These bytes come before it.
        case insert(String, [UInt8])
        /// It comes twice.
        case twice
        /// Half of it comes, and the connection's end.
        case half
        case close
        case reset

        var testDescription: String {
            switch self {
            case .replace(let what, _): "\(what) instead"
            case .insert(let what, _): "\(what) before"
            case .twice: "twice"
            case .half: "half"
            case .close: "close"
            case .reset: "reset"
            }
        }
    }

    private struct State {
        var act: Act?
        var place = 0
        /// Messages of the server on the newest connection.
        var seen: [UInt8] = []
    }

    let port: Int
    private let listener: any Channel
    private let state: Plan

    fileprivate final class Plan: Sendable {
        private let state = Mutex(State())
        func set(_ act: Act?, at place: Int) {
            self.state.withLock {
                $0.act = act
                $0.place = place
            }
        }
        func begin() { self.state.withLock { $0.seen = [] } }
        var seen: [UInt8] { self.state.withLock { $0.seen } }
        /// What to do with the next message.
        func next(_ kind: UInt8) -> Act? {
            self.state.withLock { state in
                defer { state.seen.append(kind) }
                return state.seen.count == state.place ? state.act : nil
            }
        }
    }

    static func start(before server: PostgresServer) async throws -> Saboteur {
        let plan = Plan()
        let listener = try await serverProxy(before: server) { agent, server in
            plan.begin()
            try agent.pipeline.syncOperations.addHandler(
                ProxySide(to: server) { bytes, _ in server.writeAndFlush(bytes, promise: nil) })
            try server.pipeline.syncOperations.addHandler(
                ProxySide(to: agent, from: .backend) { plan.pass($0, $1, to: agent) })
        }
        return Saboteur(listener, plan)
    }

    private init(_ listener: any Channel, _ plan: Plan) {
        self.listener = listener
        self.port = listener.localAddress?.port ?? 0
        self.state = plan
    }

    /// At message `place` (from 0) of the next connection; nil: never.
    func set(_ act: Act?, at place: Int = 0) { self.state.set(act, at: place) }

    /// The kinds of the server's messages on the newest connection.
    var seen: [UInt8] { self.state.seen }

    func stop() async throws { try await self.listener.close() }
}

extension Saboteur.Plan {
    /// Passes one of the server's messages on, or does to it what is planned; whether the connection goes on.
    fileprivate func pass(_ frame: Frame, _ context: ChannelHandlerContext, to agent: any Channel) -> Bool {
        switch self.next(frame.kind) {
        case nil: agent.write(frame.bytes, promise: nil)
        case .replace(_, let bytes): agent.write(ByteBuffer(bytes: bytes), promise: nil)
        case .insert(_, let bytes):
            agent.write(ByteBuffer(bytes: bytes), promise: nil)
            agent.write(frame.bytes, promise: nil)
        case .twice:
            agent.write(frame.bytes, promise: nil)
            agent.write(frame.bytes, promise: nil)
        case .half:
            var bytes = frame.bytes
            let half = bytes.readSlice(length: bytes.readableBytes / 2) ?? ByteBuffer()
            agent.writeAndFlush(half).assumeIsolated().whenComplete { _ in agent.close(promise: nil) }
            context.close(promise: nil)
            return false
        case .close:
            agent.close(promise: nil)
            context.close(promise: nil)
            return false
        case .reset:
            _ = (agent as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                .always { _ in agent.close(promise: nil) }
            context.close(promise: nil)
            return false
        }
        return true
    }
}
