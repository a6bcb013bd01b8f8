import Contracts
import GloveboxCore
import NIOCore
import PostgresWire
import Redaction
import Statements

/// One session: moves bytes between the pipe to the gateway and the connection to the target, both on one event loop.
///
/// It decides nothing of the protocol (``PostgresWire/SessionMachine`` does) and nothing of masking (``ResultMasking``).
/// What it holds to: a statement goes to the target only once its record is durable; only whole, masked messages go to
/// the client; after any error nothing more passes. Belongs to its event loop.
final class SessionRelay {
    enum Phase {
        /// The target is ready; the pipe isn't there yet.
        case waiting
        case open
        case ended
    }

    /// A message of the server's that is too long to be kept.
    enum LongMessage {
        case row(LongRow)
        case copyData
    }

    /// Everything that a session is made of.
    struct Parts {
        var request: SessionRequest
        var target: PostgresTarget
        var backend: OpenedBackend
        var columns: ClassifiedColumns
        /// A pooler stands before the server.
        var isPooled = false
        /// Startup parameters of the client's that the session doesn't have.
        var leftParameters: [String]
        var meter: LeaseMeter
        var judge: StatementJudge
        var disclosures: DisclosureBudget
        var journal: any RecordJournal
        var time: any TimeSource
        /// Called when a statement names what the catalogue didn't have when it was read.
        var whenUnknown: @Sendable () -> Void = {}
        var resultMasker: any SessionMasking
        var recordMasker: any SessionMasking
    }

    let eventLoop: any EventLoop
    let request: SessionRequest
    let target: PostgresTarget
    let backend: any Channel
    let backendSession: BackendSession
    let meter: LeaseMeter
    let judge: StatementJudge
    let disclosures: DisclosureBudget
    let journal: any RecordJournal
    let time: any TimeSource
    let whenUnknown: @Sendable () -> Void
    let leftParameters: [String]
    private let isPooled: Bool

    var phase = Phase.waiting
    var client: (any Channel)?
    var clientHandler: RelayHandler?
    var backendHandler: RelayHandler?

    var machine: SessionMachine
    var results: ResultMasking
    let recording: StatementRecording
    var copy: CopyMasking?
    var clientDecoder = MessageDecoder(.frontend, limit: 16 << 20)
    /// What carries no rows is never as long as this.
    var backendDecoder = MessageDecoder(.backend, limit: 16 << 20)
    /// What comes in pieces now.
    var long: LongMessage?

    /// Offered again after the next message from the server, or once it's judged.
    var held: Frame?
    /// Whether what's held waits for its verdict.
    var isJudging = false
    /// The verdict on what's held.
    var judged: StatementJudge.Verdict?
    /// What waits for its records to be durable, in order.
    var sends = CircularBuffer<PendingSend>()
    var firstSend = 0
    var waitingBytes = 0
    /// Whole messages for the client, of the chunk that is being read.
    var out = ByteBuffer()

    var statements: Int64 = 0
    var rows: Int64 = 0
    /// Of those, before the statement whose rows come now.
    var rowsBefore: Int64 = 0
    var bytes: Int64 = 0
    /// Why the session ended, for a client whose pipe comes after that.
    private var unsaid: ErrorFields?
    /// The server said why it ends the connection.
    var isBackendLeaving = false
    /// When the statement that runs began; nil while none does.
    var runningSince: NIODeadline?
    var timer: Scheduled<Void>?

    /// Called once, when the pipe is there.
    var whenBegun: (() -> Void)?

    private let startedAt: BootInstant
    private let closedPromise: EventLoopPromise<Void>

    /// Above this many bytes that wait for the journal, the client isn't read.
    static let waitingLimit = 1 << 20
    /// Pieces at least this long are written as they are instead of being copied together.
    static let copyLimit = 65_536

    init(_ parts: Parts, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.request = parts.request
        self.target = parts.target
        self.backend = parts.backend.channel
        self.backendSession = parts.backend.session
        self.meter = parts.meter
        self.judge = parts.judge
        self.disclosures = parts.disclosures
        self.journal = parts.journal
        self.time = parts.time
        self.whenUnknown = parts.whenUnknown
        self.leftParameters = parts.leftParameters
        self.machine = SessionMachine(
            status: parts.backend.session.status, isShared: parts.isPooled && parts.target.pooling == .transaction)
        self.isPooled = parts.isPooled
        self.results = ResultMasking(
            masker: parts.resultMasker, classified: parts.columns, isLinkable: parts.meter.isLinkable)
        self.recording = StatementRecording(masker: parts.recordMasker)
        self.startedAt = parts.time.boot
        self.closedPromise = eventLoop.makePromise()
    }

    var limits: Limits { self.request.grant.limits }
    /// Succeeds when both connections are closed and the receipt is durable, or can't be.
    var closed: EventLoopFuture<Void> { self.closedPromise.futureResult }

    // MARK: Beginning

    /// Takes over the pipe: greets the client and begins to read.
    func begin(on pipe: any Channel) throws {
        guard case .waiting = self.phase else {
            let error = GloveboxError(.unavailable, "the session ended before it began")
            self.close(pipe, telling: self.unsaid ?? ErrorFields(fatal: error), .milliseconds(500))
            throw error
        }
        self.client = pipe
        self.phase = .open
        self.whenBegun.take()?()
        let (client, backend) = (RelayHandler(.client, of: self), RelayHandler(.backend, of: self))
        (self.clientHandler, self.backendHandler) = (client, backend)
        do {
            try pipe.pipeline.syncOperations.addHandler(client)
            try self.backend.pipeline.syncOperations.addHandler(backend)
            pipe.writeAndFlush(try self.greeting(), promise: nil)
            // What the server has sent meanwhile comes now.
            if let opening = try? self.backend.pipeline.syncOperations.context(handlerType: BackendOpeningHandler.self)
            {
                self.backend.pipeline.syncOperations.removeHandler(context: opening, promise: nil)
            }
        } catch {
            self.end(GloveboxError(showing: error))
            throw error
        }
        guard pipe.isActive else { return self.closed(.client) }
        guard self.backend.isActive else { return self.closed(.backend) }
        for channel in [pipe, self.backend] {
            channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
        }
    }

    /// What a server says between AuthenticationOk and the first statement.
    private func greeting() throws(GloveboxError) -> ByteBuffer {
        var greeting = ByteBuffer()
        for parameter in self.backendSession.parameters {
            try self.results.parameter(parameter.name, parameter.value).write(into: &greeting)
        }
        let key = self.request.cancelKey
        var secret = ByteBuffer()
        secret.writeInteger(key.secret)
        BackendMessage.backendKeyData(
            PostgresWire.CancelKey(
                processID: UInt32(bitPattern: key.processID), secret: Array(secret.readableBytesView))
        ).write(into: &greeting)
        if !self.leftParameters.isEmpty {
            let names = self.leftParameters.map { "'\($0.prefix(63))'" }.joined(separator: ", ")
            ErrorFields(
                severity: "WARNING", sqlState: "01000",
                message: "Glovebox doesn't pass these startup parameters on: \(names)"
            ).writeNotice(into: &greeting)
        }
        BackendMessage.readyForQuery(self.backendSession.status).write(into: &greeting)
        return greeting
    }

    // MARK: Events

    func received(_ bytes: ByteBuffer, from side: RelayHandler.Side) {
        guard case .open = self.phase else { return }
        switch side {
        case .client:
            self.clientDecoder.append(bytes)
            self.processClient()
        case .backend:
            self.backendDecoder.append(bytes)
            self.out.reserveCapacity(minimumWritableBytes: min(bytes.readableBytes + 1024, Self.copyLimit * 4))
            self.processBackend()
        }
    }

    func readCompleted(_ side: RelayHandler.Side) {
        switch side {
        case .client: self.backend.flush()
        case .backend: self.flushClient()
        }
    }

    func mayRead(_ side: RelayHandler.Side) -> Bool {
        guard case .open = self.phase else { return false }
        return switch side {
        case .client: self.held == nil && self.waitingBytes < Self.waitingLimit && self.backend.isWritable
        case .backend: self.client?.isWritable ?? false
        }
    }

    func becameWritable(_ side: RelayHandler.Side) {
        switch side {
        case .client: self.backendHandler?.resume()
        case .backend: self.clientHandler?.resume()
        }
    }

    func closed(_ side: RelayHandler.Side) {
        switch side {
        case .client: self.end(reason: "the client went away", telling: nil)
        case .backend:
            let error = GloveboxError(.targetUnreachable, "'\(self.target.name)' closed the connection")
            self.end(
                reason: "the target closed the connection",
                telling: self.isBackendLeaving ? nil : ErrorFields(fatal: error, sqlState: "08006"), grace: .seconds(5))
        }
    }

    // MARK: Ending

    /// Ends the session for a reason that the client is told.
    func end(_ error: GloveboxError, sqlState: String? = nil) {
        self.end(reason: error.description, telling: ErrorFields(fatal: error, sqlState: sqlState))
    }

    /// Ends the session: nothing passes any more, what runs in the database is cancelled, both connections close.
    ///
    /// - Parameters:
    ///   - error: the last message that the client gets.
    ///   - grace: how long the client's end may take to accept what was written before.
    func end(reason: String, telling error: ErrorFields?, grace: TimeAmount = .milliseconds(50)) {
        if case .ended = self.phase { return }
        let wasOpen = if case .open = self.phase { true } else { false }
        self.phase = .ended
        self.timer?.cancel()
        self.sends.removeAll()
        self.waitingBytes = 0
        self.held = nil
        if wasOpen, !self.machine.isQuiet, !self.isBackendLeaving, let key = self.backendSession.cancelKey {
            // A request to cancel is a connection of its own: whoever else ends now is told before it's made.
            self.eventLoop.assumeIsolated().execute { self.closeBackend(cancelling: key) }
        } else {
            self.backend.close(promise: nil)
        }
        if let client = self.client { self.close(client, telling: error, grace) } else { self.unsaid = error }
        let recorded = self.eventLoop.makePromise(of: Void.self)
        self.journal.append([self.record(.sessionEnded(self.receipt(), reason: reason))]) { _ in recorded.succeed() }
        self.meter.closeSession()
        let closing =
            [self.backend.closeFuture, recorded.futureResult] + (self.client.map { [$0.closeFuture] } ?? [])
        EventLoopFuture.andAllComplete(closing, on: self.eventLoop).assumeIsolated().whenComplete { _ in
            // The handlers and this object hold each other.
            self.clientHandler = nil
            self.backendHandler = nil
            self.closedPromise.succeed()
        }
    }

    /// A pooler knows of a request to cancel whose it is for as long as the connection is open: it's closed behind that.
    private func closeBackend(cancelling key: PostgresWire.CancelKey) {
        let (backend, cancelled) = (self.backend, self.target.cancel(key, on: self.eventLoop))
        guard self.isPooled else {
            cancelled.whenFailure { _ in }
            return backend.close(promise: nil)
        }
        let overdue = self.eventLoop.scheduleTask(in: .seconds(2)) { backend.close(promise: nil) }
        cancelled.whenComplete { _ in
            overdue.cancel()
            backend.close(promise: nil)
        }
    }

    /// It was never registered: only the promise is left to keep.
    func abandon() {
        self.phase = .ended
        self.closedPromise.succeed()
    }

    private func close(_ client: any Channel, telling error: ErrorFields?, _ grace: TimeAmount) {
        var last = self.out
        self.out = ByteBuffer()
        // Inside a row it would be read as a part of it.
        let isInside = if case .row(let row)? = self.long { row.isCommitted } else { false }
        if !isInside { error?.writeError(into: &last) }
        guard client.isActive else { return client.close(promise: nil) }
        client.writeAndFlush(last).whenComplete { _ in client.close(promise: nil) }
        let overdue = self.eventLoop.scheduleTask(in: grace) { client.close(promise: nil) }
        client.closeFuture.whenComplete { _ in overdue.cancel() }
    }

    /// The client asks to cancel what it runs.
    func cancel() {
        guard case .open = self.phase, let key = self.backendSession.cancelKey else { return }
        let (target, eventLoop) = (self.target, self.eventLoop)
        self.journal.append([self.record(.cancelRequested)]) { result in
            guard case .success = result else { return }
            target.cancel(key, on: eventLoop).whenFailure { _ in }
        }
    }

    func record(_ event: RecordEvent) -> Record {
        Record(
            time: self.time.wall, identity: self.request.grant.holder, target: self.request.grant.target,
            lease: self.request.grant.lease, session: self.request.session, event: event)
    }

    private func receipt() -> SessionReceipt {
        var masked: [String: Int64] = [:]
        for (kind, count) in self.results.masker.counts { masked[kind.rawValue] = Int64(count) }
        return SessionReceipt(
            statements: self.statements, rows: self.rows, bytes: self.bytes, valuesSeen: self.results.valuesSeen,
            valuesMasked: masked,
            valuesShown: self.results.masker.shown.sorted { $0.key < $1.key }.map {
                SessionReceipt.Shown(kind: $0.key.kind.rawValue, reason: $0.key.reason, count: Int64($0.value))
            }, lasted: self.startedAt.duration(to: self.time.boot))
    }
}
