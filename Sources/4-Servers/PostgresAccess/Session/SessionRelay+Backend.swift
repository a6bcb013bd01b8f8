import GloveboxCore
import NIOCore
import PostgresWire
import Statements

extension SessionRelay {
    /// Takes all whole messages that the server has sent, masked, into `out`.
    func processBackend() {
        do {
            while case .open = self.phase,
                let part = try self.backendDecoder.nextPart(keepingUpTo: ResultMasking.longestValue)
            {
                switch part {
                case .whole(let frame): try self.treat(frame)
                case .start(let frame, let rest): try self.begin(frame, rest)
                case .piece(let bytes, let isLast): try self.goOn(bytes, isLast: isLast)
                }
            }
        } catch {
            return self.fail(error)
        }
        if self.held != nil {
            self.processClient()
            self.backend.flush()
            self.clientHandler?.resume()
        }
    }

    /// Nothing of what failed is in `out`: only what was judged before.
    private func fail(_ error: any Error) {
        let error = GloveboxError(showing: error)
        switch error.code {
        case .limitReached: self.end(error, sqlState: "53400")
        default: self.end(error)
        }
    }

    private func treat(_ frame: Frame) throws {
        let start = self.out.writerIndex
        switch try self.machine.received(fromBackend: frame) {
        case .swallow, .described: break
        case .forward, .copyIn: self.pass(frame.bytes)
        case .rowDescription(let fields):
            try self.results.write(description: frame, fields, into: &self.out)
            try self.account(from: start)
        case .parameterStatus(let name, let value):
            try self.results.parameter(name, value).write(into: &self.out)
            try self.account(from: start)
        case .replace(let bytes): self.pass(bytes)
        case .row(let fields):
            try self.results.write(row: frame, fields, into: &self.out)
            try self.account(rows: 1, from: start)
        case .copyOut(let copy):
            self.copy = try CopyMasking(copy, self.results)
            self.pass(frame.bytes)
        case .copyData:
            try self.copyData(frame.body)
        case .copyDone:
            try self.copyDone()
            self.pass(frame.bytes)
        case .error(let fields):
            self.copy = nil
            if fields.isFatal { self.isBackendLeaving = true }
            try self.chargeViolation(fields)
            try self.chargePlace(fields)
            try self.results.mask(fields).writeError(into: &self.out)
            self.statementEnded()
            // Whatever it sends after its last word, and whether or not it closes.
            if fields.isFatal {
                self.end(reason: "the target closed the connection", telling: nil, grace: .seconds(5))
            }
        // That there's one, and between which rows, tells of a value: `to_tsquery` says so of each stop word.
        case .notice(let fields) where fields.mayQuoteHidden: break
        case .notice(let fields):
            try self.results.mask(fields).writeNotice(into: &self.out)
            try self.account(from: start)
        case .notification(let processID, let channel, let payload):
            try self.results.notification(processID: processID, channel: channel, payload: payload).write(
                into: &self.out)
            try self.account(from: start)
        case .commandComplete, .portalSuspended:
            self.pass(frame.bytes)
            self.statementEnded()
        case .ready:
            self.pass(frame.bytes)
            self.statementEnded()
        }
    }

    /// That a written value is there already, in a unique column that is classified, is an answer about it.
    private func chargeViolation(_ fields: ErrorFields) throws(GloveboxError) {
        guard self.request.capability != .read, ["23505", "23P01"].contains(fields.sqlState),
            let table = fields["t"], let key = fields.detail?.firstMatch(of: #/\((.*?)\)=\(/#)?.1
        else { return }
        // `(lower(email), id)`: any word of it may be a column.
        let words = key.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
        let relations = self.judge.rules.relations
        guard words.contains(where: { relations.isClassified($0, of: table, schema: fields["s"]) }) else { return }
        var refusal: StatementRefusal?
        guard self.charge(1, &refusal) != nil, let refusal else { return }
        throw GloveboxError(.limitReached, refusal.message)
    }

    /// After how many rows a statement over classified values fails is more than one answer.
    private func chargePlace(_ fields: ErrorFields) throws(GloveboxError) {
        let rows = self.rows - self.rowsBefore
        guard fields.mayQuoteHidden, !fields.isOfText, rows > 0 else { return }
        var refusal: StatementRefusal?
        guard self.charge(Int64.bitWidth - rows.leadingZeroBitCount, &refusal) != nil, let refusal else { return }
        throw GloveboxError(.limitReached, refusal.message)
    }

    // MARK: Long messages

    private func begin(_ frame: Frame, _ rest: Int) throws {
        switch try self.machine.received(fromBackend: frame) {
        case .row(let fields):
            let (meter, limits) = (self.meter, self.limits)
            self.long = .row(
                self.results.longRow(fields, rest: rest) { bytes in
                    try meter.take(rows: 1, bytes: Int64(bytes), limits)
                })
        case .copyData: self.long = .copyData
        default: throw PostgresWireError.unexpected(frame.kind, "in pieces")
        }
    }

    private func goOn(_ bytes: ByteBuffer, isLast: Bool) throws {
        switch self.long {
        case .row(let row)?:
            let start = self.out.writerIndex
            try row.take(bytes, self.results, into: &self.out)
            if isLast {
                try row.finish(into: &self.out)
                self.rows += 1
            }
            self.wrote(self.out.writerIndex - start)
        case .copyData?: try self.copyData(bytes)
        case nil: throw GloveboxError(.redactionFailed, "a piece came of no message")
        }
        if isLast { self.long = nil }
    }

    // MARK: COPY

    private func copyData(_ data: ByteBuffer) throws {
        guard var copy = self.copy.take() else {
            throw GloveboxError(.redactionFailed, "COPY data came before their description")
        }
        let start = self.out.writerIndex
        do {
            let rows = try copy.write(data, &self.results, into: &self.out)
            try self.account(rows: rows, from: start)
        } catch {
            self.out.moveWriterIndex(to: start)
            throw error
        }
        self.copy = copy
    }

    private func copyDone() throws {
        guard let copy = self.copy.take() else { return }
        try copy.finish()
    }

    /// Counts what was just written, against the lease; takes it back if the lease doesn't allow it. An error's text
    /// counts for nothing: there is one for each statement, which is recorded.
    private func account(rows: Int64 = 0, from start: Int) throws(GloveboxError) {
        let bytes = Int64(self.out.writerIndex - start)
        do {
            try self.meter.take(rows: rows, bytes: bytes, self.limits)
        } catch {
            self.out.moveWriterIndex(to: start)
            throw error
        }
        self.rows += rows
        self.wrote(Int(bytes))
    }

    private func wrote(_ bytes: Int) {
        self.bytes += Int64(bytes)
        if self.out.readableBytes >= Self.copyLimit * 4 { self.writeOut() }
    }

    private func pass(_ bytes: ByteBuffer) {
        self.out.writeImmutableBuffer(bytes)
    }

    private func statementEnded() {
        self.rowsBefore = self.rows
        self.runningSince = self.machine.isQuiet ? nil : .now()
    }

    private func writeOut() {
        guard self.out.readableBytes > 0, let client = self.client else { return }
        client.write(self.out, promise: nil)
        self.out = ByteBuffer()
    }

    func flushClient() {
        guard case .open = self.phase else { return }
        self.writeOut()
        // Also where there's nothing to write now: what a long chunk wrote before waits for this.
        self.client?.flush()
    }
}
