import Contracts
import GloveboxCore
import NIOCore
import PostgresWire
import Statements

/// Messages that go to the target as soon as their records are durable.
struct PendingSend {
    var bytes: ByteBuffer
    var isDurable: Bool
    /// The client says goodbye in it.
    var terminates: Bool
}

extension SessionRelay {
    /// Takes all whole messages that the client has sent; one journal entry and one write for all of them.
    func processClient() {
        guard case .open = self.phase, !self.isJudging else { return }
        var bytes = ByteBuffer()
        var records: [Record] = []
        var terminates = false
        do {
            while !terminates, let frame = try self.held.take() ?? self.clientDecoder.next() {
                var refusal: StatementRefusal?
                let action = try self.machine.received(
                    fromFrontend: frame, judging: { self.rule(on: $0, frame, &refusal) },
                    charging: { self.charge($0, &refusal) })
                switch action {
                case .forward(let recording, let before):
                    if let recording {
                        records.append(self.record(try self.recording.event(recording)))
                        self.statements += 1
                    }
                    if let before { self.append(before, to: &bytes) }
                    self.append(frame.bytes, to: &bytes)
                case .refuse(let error, let sending):
                    records.append(self.record(try self.recording.refusal(error, refusal?.code, of: frame)))
                    self.append(sending, to: &bytes)
                case .drop: break
                case .hold: self.held = frame
                case .terminate:
                    self.append(frame.bytes, to: &bytes)
                    terminates = true
                }
                if self.held != nil { break }
            }
        } catch {
            return self.end(GloveboxError(showing: error))
        }
        guard bytes.readableBytes > 0 || !records.isEmpty else { return }
        self.send(PendingSend(bytes: bytes, isDurable: records.isEmpty, terminates: terminates), after: records)
    }

    /// What the lease's rules say of a text.
    private func rule(on text: String, _ frame: Frame, _ refusal: inout StatementRefusal?) -> StatementRuling {
        let functions = self.judge.rules.functions
        if self.request.capability == .read, functions.hasVolatileTypes,
            case .parse(let parse)? = try? FrontendMessage(frame), functions.mayWrite(parameters: parse.parameterTypes)
        {
            let reason = StatementRefusal(
                .function,
                "making a value of a parameter's type may do more than read: a function that it's made or checked by is marked VOLATILE"
            )
            refusal = reason
            return .refuse(ErrorFields(reason))
        }
        guard let verdict = self.judged.take() ?? self.judge.verdict(of: text) else {
            self.isJudging = true
            let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
            let eventLoop = self.eventLoop
            self.judge.judge(text) { verdict in
                eventLoop.execute { bound.value.judged(verdict) }
            }
            return .wait
        }
        switch verdict {
        case .allowed(let outputs):
            return .allow(
                hiding: HiddenColumns(outputs.hidden), naming: outputs.areNamed, charge: outputs.disclosures)
        case .refused(let reason):
            refusal = reason
            if [.unknownFunction, .unknownRelation].contains(reason.code) { self.whenUnknown() }
            return .refuse(ErrorFields(reason))
        }
    }

    /// Takes answers about masked values from the holder's budget.
    func charge(_ count: Int, _ refusal: inout StatementRefusal?) -> ErrorFields? {
        let (grant, most) = (self.request.grant, self.target.disclosures)
        let isPaid = self.disclosures.take(
            count, of: most, holder: grant.holder, target: grant.target, at: self.time.wall)
        if isPaid { return nil }
        let reason = StatementRefusal.budgetSpent(most, self.target.name)
        refusal = reason
        return ErrorFields(reason)
    }

    /// The message that was held for it comes next.
    private func judged(_ verdict: StatementJudge.Verdict) {
        self.isJudging = false
        self.judged = verdict
        self.processClient()
        guard case .open = self.phase else { return }
        self.backend.flush()
        self.clientHandler?.resume()
    }

    /// A message that goes by itself isn't copied; the second one makes room for all that are there.
    private func append(_ piece: ByteBuffer, to bytes: inout ByteBuffer) {
        if bytes.readableBytes == 0 {
            bytes = piece
            return
        }
        if bytes.writableBytes < piece.readableBytes {
            var joined = ByteBuffer()
            joined.reserveCapacity(bytes.readableBytes + piece.readableBytes + self.clientDecoder.unreadBytes)
            joined.writeImmutableBuffer(bytes)
            bytes = joined
        }
        bytes.writeImmutableBuffer(piece)
    }

    private func send(_ send: PendingSend, after records: [Record]) {
        if send.isDurable && self.sends.isEmpty { return self.write(send) }
        let number = self.firstSend + self.sends.count
        self.sends.append(send)
        self.waitingBytes += send.bytes.readableBytes
        guard !records.isEmpty else { return }
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let eventLoop = self.eventLoop
        self.journal.append(records) { result in
            eventLoop.execute { bound.value.recorded(number, result) }
        }
    }

    private func recorded(_ number: Int, _ result: Result<Void, GloveboxError>) {
        guard case .open = self.phase else { return }
        if case .failure(let error) = result {
            return self.end(
                GloveboxError(
                    .journalUnavailable, "the statement can't be recorded, so it isn't run; the session ends",
                    cause: error))
        }
        self.sends[self.sends.index(self.sends.startIndex, offsetBy: number - self.firstSend)].isDurable = true
        while let next = self.sends.first, next.isDurable {
            self.sends.removeFirst()
            self.firstSend += 1
            self.waitingBytes -= next.bytes.readableBytes
            self.write(next)
        }
        guard case .open = self.phase else { return }
        self.backend.flush()
        self.clientHandler?.resume()
    }

    private func write(_ send: PendingSend) {
        self.backend.write(send.bytes, promise: nil)
        if self.runningSince == nil {
            self.runningSince = .now()
            self.startTimer()
        }
        guard send.terminates else { return }
        self.backend.flush()
        // Otherwise the server finishes what it runs, and closes.
        if self.machine.isQuiet { self.end(reason: "the client ended the session", telling: nil) }
    }

    // MARK: Time

    /// `statement_timeout` cancels a statement in the database; a client could switch that off, so this ends the session.
    private func startTimer(_ delay: TimeAmount? = nil) {
        guard let seconds = self.limits.seconds, self.timer == nil else { return }
        let limit = TimeAmount.seconds(min(seconds, 1_000_000_000)) + .seconds(1)
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.timer = self.eventLoop.scheduleTask(in: delay ?? limit) { bound.value.timeIsUp(limit, seconds) }
    }

    private func timeIsUp(_ limit: TimeAmount, _ seconds: Int64) {
        self.timer = nil
        guard case .open = self.phase, let since = self.runningSince else { return }
        let left = since + limit - .now()
        if left > .zero { return self.startTimer(left) }
        self.end(.secondsReached(seconds), sqlState: "57014")
    }
}

extension HiddenColumns {
    init(_ outputs: HiddenOutputs) {
        self =
            switch outputs {
            case .none: .none
            case .all: .all
            case .columns(let columns): .columns(columns)
            case .named: .named
            }
    }
}
