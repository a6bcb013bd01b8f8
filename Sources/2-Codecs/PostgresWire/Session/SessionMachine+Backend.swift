import NIOCore

extension SessionMachine {
    /// What to do with a message from the server.
    ///
    /// Throws `unexpected_message` where it answers nothing that was asked, or a row comes without known columns;
    /// `encoding_changed`; `malformed_message`.
    package mutating func received(fromBackend frame: Frame) throws(PostgresWireError) -> BackendAction {
        if case .failed(let error) = self.phase { throw error }
        do throws(PostgresWireError) {
            if frame.kind == BackendMessage.Kind.dataRow.rawValue { return try self.row(frame) }
            guard let kind = BackendMessage.Kind(rawValue: frame.kind) else {
                throw PostgresWireError(
                    .unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(frame.kind)")
            }
            return try self.judge(kind, frame)
        } catch {
            throw self.failed(error)
        }
    }

    private mutating func judge(_ kind: BackendMessage.Kind, _ frame: Frame) throws(PostgresWireError) -> BackendAction
    {
        switch kind {
        // These come at any time and answer nothing.
        case .noticeResponse:
            var fields = try ErrorFields(body: frame.body)
            fields.mayQuoteHidden = self.expectations.contains { self.hasHidden($0.answer) }
            return .notice(fields)
        case .notificationResponse, .parameterStatus:
            switch try BackendMessage(frame) {
            case .notificationResponse(let processID, let channel, let payload):
                return .notification(processID: processID, channel: channel, payload: payload)
            case .parameterStatus(let name, let value):
                // Text in another encoding can't be judged.
                guard name != "client_encoding" || value == "UTF8" else {
                    throw PostgresWireError(
                        .encodingChanged, "client_encoding must stay UTF8 in a session through Glovebox")
                }
                return .parameterStatus(name: name, value: value)
            default: throw .unexpected(frame.kind, "now")
            }
        case .errorResponse: return try self.error(ErrorFields(body: frame.body))
        case .readyForQuery: return try self.ready(TransactionStatus(body: frame.body))
        case .authentication, .backendKeyData, .negotiateProtocolVersion, .functionCallResponse, .copyBothResponse:
            throw .unexpected(frame.kind, "in this session")
        default: break
        }
        self.skipMarkers()
        guard let next = self.expectations.first else { throw .unexpected(frame.kind, "unasked") }
        if case .sync = next.answer, self.doubtfulSyncsAnswered > 0 {
            // The server had skipped the doubtful one, so the answer was to this.
            self.doubtfulSyncsAnswered -= 1
            self.expectations.removeFirst()
            return try self.judge(kind, frame)
        }
        switch kind {
        case .rowDescription, .noData, .parameterDescription: return try self.described(next, kind, frame)
        case .commandComplete, .emptyQueryResponse, .portalSuspended: return try self.complete(next, kind, frame)
        case .copyInResponse, .copyOutResponse, .copyData, .copyDone: return try self.copy(next, kind, frame)
        case .parseComplete:
            switch next.answer {
            case .parse(let entry): self.settle(entry)
            case .parseCopy: break
            default: throw .unexpected(frame.kind, "now")
            }
        case .bindComplete:
            guard case .bind(let entry) = next.answer else { throw .unexpected(frame.kind, "now") }
            self.settle(entry)
        case .closeComplete:
            switch next.answer {
            case .closeStatement(let entry): self.settle(entry)
            case .closePortal(let entry): self.settle(entry)
            case .closeCopy: break
            default: throw .unexpected(frame.kind, "now")
            }
        default: throw .unexpected(frame.kind, "now")
        }
        try frame.body.finished("an acknowledgement")
        self.expectations.removeFirst()
        return next.origin == .client ? .forward : .swallow
    }

    // MARK: Rows

    private mutating func row(_ frame: Frame) throws(PostgresWireError) -> BackendAction {
        if self.current == nil {
            self.skipMarkers()
            if case .execute(let portal, let result, _)? = self.expectations.first?.answer {
                self.current = result?.fields(portal.resultFormats)
            }
        }
        guard let fields = self.current else { throw .unexpected(frame.kind, "without known columns") }
        guard frame.bytes.getInteger(at: frame.bytes.readerIndex + 5, as: UInt16.self) == UInt16(clamping: fields.count)
        else {
            throw .malformed("a row has another number of cells than its description")
        }
        return .row(fields)
    }

    private mutating func described(
        _ next: Expectation, _ kind: BackendMessage.Kind, _ frame: Frame
    ) throws(PostgresWireError) -> BackendAction {
        let isInjected = next.origin != .client
        // What stands behind a message's end would pass with it.
        if kind != .rowDescription { _ = try BackendMessage(frame) }
        switch (next.answer, kind) {
        case (.describeParameters(let result), .parameterDescription):
            self.expectations[self.expectations.startIndex].answer = .describe(result)
            return .forward
        case (.describeCopyParameters(let copies), .parameterDescription):
            self.expectations[self.expectations.startIndex].answer = .describeCopy(copies)
            return .swallow
        case (.describe(let result), .noData):
            result.state = .known(nil)
            self.expectations.removeFirst()
            return isInjected ? .swallow : .forward
        case (.describe(let result), .rowDescription):
            let fields = try RowFields(body: frame.body, hiding: result.hidden)
            result.state = .known(fields)
            self.expectations.removeFirst()
            return isInjected ? .described(fields) : .rowDescription(fields)
        case (.describeCopy, .noData):
            self.expectations.removeFirst()
            return .swallow
        case (.describeCopy(let copies), .rowDescription):
            let fields = try RowFields(body: frame.body, hiding: copies.hidden)
            copies.columns = fields
            self.expectations.removeFirst()
            return .described(fields)
        case (.query(let query), .rowDescription):
            guard case .none = self.copying else { throw .unexpected(frame.kind, "during COPY") }
            let fields = try RowFields(body: frame.body, hiding: query.hidden)
            self.current = fields
            return .rowDescription(fields)
        default: throw .unexpected(frame.kind, "now")
        }
    }

    private mutating func complete(
        _ next: Expectation, _ kind: BackendMessage.Kind, _ frame: Frame
    ) throws(PostgresWireError) -> BackendAction {
        switch next.answer {
        case .query where kind != .portalSuspended: self.endCopy()
        case .execute:
            self.endCopy()
            self.expectations.removeFirst()
        default: throw .unexpected(frame.kind, "now")
        }
        self.current = nil
        switch try BackendMessage(frame) {
        case .commandComplete(let tag):
            // A command's name and counts, and nothing that could be a value.
            guard tag.utf8.count <= 64, tag.utf8.allSatisfy(Self.isOfTag) else {
                throw .malformed("a command's tag is none of PostgreSQL's")
            }
            return .commandComplete(tag)
        case .portalSuspended: return .portalSuspended
        default: return .forward
        }
    }

    /// Capitals, digits, spaces.
    private static func isOfTag(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x20
    }

    // MARK: COPY

    private mutating func copy(
        _ next: Expectation, _ kind: BackendMessage.Kind, _ frame: Frame
    ) throws(PostgresWireError) -> BackendAction {
        let copies: SessionCopies?
        switch next.answer {
        case .query(let query): copies = query.copies
        case .execute(_, _, let known): copies = known
        default: throw .unexpected(frame.kind, "now")
        }
        switch (kind, self.copying) {
        case (.copyInResponse, .none):
            let response = try BackendMessage.CopyResponse(body: frame.body)
            self.copying = .into
            self.doubtSyncs()
            return .copyIn(response.format)
        case (.copyOutResponse, .none):
            let response = try BackendMessage.CopyResponse(body: frame.body)
            self.copying = .out
            return .copyOut(Self.copyOut(response, copies))
        case (.copyData, .out): return .copyData
        case (.copyDone, .out):
            try frame.body.finished("a CopyDone")
            self.copying = .none
            return .copyDone
        default: throw .unexpected(frame.kind, "now")
        }
    }

    private static func copyOut(_ response: BackendMessage.CopyResponse, _ copies: SessionCopies?) -> CopyOut {
        let statement = copies?.statements.statement(copies?.next ?? 0)
        let isOnly = copies?.statements.only != nil
        copies?.next += 1
        let format: CopyFormat =
            switch (response.format, statement?.format) {
            case (.binary, _): .binary
            case (.text, .text(let options)?): .text(options)
            case (.text, .csv(let options)?): .csv(options)
            case (.text, _): .unrecognised
            }
        let columns = isOnly ? copies?.columns : nil
        return CopyOut(columns: columns, columnCount: response.columns.count, format: format)
    }

    /// COPY IN begins: the server ignores each Sync up to CopyDone or CopyFail, unless it fails before it reads them.
    private mutating func doubtSyncs() {
        for index in self.expectations.indices.dropFirst() {
            switch self.expectations[index].answer {
            case .copyEnd: return
            case .sync(let serial): self.expectations[index].answer = .doubtfulSync(serial: serial)
            default: break
            }
        }
    }

    /// A COPY IN has succeeded: its Syncs weren't answered, and its end is no other's.
    private mutating func endCopy() {
        guard case .into = self.copying else {
            self.copying = .none
            return
        }
        self.copying = .none
        var kept = CircularBuffer<Expectation>()
        var isEndSeen = false
        for (offset, expectation) in self.expectations.enumerated() {
            switch expectation.answer {
            case .copyEnd where offset > 0 && !isEndSeen: isEndSeen = true
            case .doubtfulSync where offset > 0 && !isEndSeen: break
            default: kept.append(expectation)
            }
        }
        self.expectations = kept
    }

    private mutating func skipMarkers() {
        while let next = self.expectations.first, next.isCopyEnd { self.expectations.removeFirst() }
    }

    // MARK: Ends

    private mutating func error(_ fields: ErrorFields) throws(PostgresWireError) -> BackendAction {
        if fields.isFatal {
            self.phase = .ending
            return .error(fields)
        }
        self.skipMarkers()
        if self.doubtfulSyncsAnswered > 0, case .sync? = self.expectations.first?.answer {
            self.doubtfulSyncsAnswered -= 1
            self.expectations.removeFirst()
            return try self.error(fields)
        }
        self.current = nil
        guard let next = self.expectations.first else { return .error(fields) }
        var fields = fields
        fields.mayQuoteHidden = self.hasHidden(next.answer)
        switch next.answer {
        case .query(let query):
            // ReadyForQuery follows.
            self.copying = .none
            // That the transaction had failed is only what our asking for its columns has left of the error.
            if fields.sqlState == "25P02", var failure = query.copies?.failure {
                failure.mayQuoteHidden = fields.mayQuoteHidden
                return .error(failure)
            }
            return .error(fields)
        case .refusedQuery(_, let refusal): return Self.replacement(refusal)
        case .sync, .doubtfulSync:
            // The end of the transaction failed; ReadyForQuery follows.
            return next.origin == .client ? .error(fields) : .swallow
        default: break
        }
        self.dropUpToSync()
        if case .refusedMessage(let refusal) = next.answer { return Self.replacement(refusal) }
        switch next.answer {
        case .parseCopy(let copies), .describeCopyParameters(let copies), .describeCopy(let copies):
            fields = copies.failed(fields)
        default: break
        }
        return next.origin == .injectedGroup ? .swallow : .error(fields)
    }

    /// Whether what fails has a price, and so works with what is hidden.
    private func hasHidden(_ answer: Expectation.Answer) -> Bool {
        switch answer {
        case .query(let query): return query.price > 0
        case .execute(let portal, _, _): return self.terms(of: portal.statement, through: portal).price > 0
        default: return false
        }
    }

    private static func replacement(_ refusal: ErrorFields) -> BackendAction {
        var buffer = ByteBuffer()
        refusal.writeError(into: &buffer)
        return .replace(buffer)
    }

    private mutating func ready(_ status: TransactionStatus) throws(PostgresWireError) -> BackendAction {
        let kind = BackendMessage.Kind.readyForQuery.rawValue
        self.skipMarkers()
        guard let next = self.expectations.first else { throw .unexpected(kind, "unasked") }
        let serial: UInt64
        switch next.answer {
        case .query(let query), .refusedQuery(let query, _):
            if let statement = query.statement { self.settle(statement) }
            if let portal = query.portal { self.settle(portal) }
            serial = query.serial
        case .sync(let syncSerial):
            self.doubtfulSyncsAnswered = 0
            serial = syncSerial
        case .doubtfulSync(let syncSerial):
            self.doubtfulSyncsAnswered += 1
            serial = syncSerial
        default: throw .unexpected(kind, "now")
        }
        self.expectations.removeFirst()
        self.current = nil
        self.copying = .none
        if next.origin != .client { return .swallow }
        self.setStatus(status)
        if status == .idle { self.dropPortals(before: serial) }
        return .ready(status)
    }
}
