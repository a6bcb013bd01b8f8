import NIOCore

extension SessionMachine {
    /// What to do with a message from the client. Offer messages one by one, in order; after ``FrontendAction/hold``
    /// the same one again once the server has sent something.
    ///
    /// - Parameters:
    ///   - judge: rules on the text of a query or a Parse that would reach the server.
    ///   - charge: asked before each execution of what has a price; refuses it when it can't be paid.
    package mutating func received(
        fromFrontend frame: Frame, judging judge: (String) -> StatementRuling = { _ in .allow() },
        charging charge: (Int) -> ErrorFields? = { _ in nil }
    ) throws(PostgresWireError) -> FrontendAction {
        switch self.phase {
        case .open: break
        case .ending: return .drop
        case .failed(let error): throw error
        }
        do throws(PostgresWireError) {
            return try self.take(frame, judge, charge)
        } catch {
            throw self.failed(error)
        }
    }

    private mutating func take(
        _ frame: Frame, _ judge: (String) -> StatementRuling, _ charge: (Int) -> ErrorFields?
    ) throws(PostgresWireError) -> FrontendAction {
        guard let kind = FrontendMessage.Kind(rawValue: frame.kind) else {
            throw PostgresWireError(
                .unknownMessage, "a PostgreSQL message has a kind that doesn't exist: \(frame.kind)")
        }
        switch kind {
        case .copyData: return self.isSkipping ? .drop : .forward(recording: nil, after: nil)
        case .copyDone, .copyFail: return try self.copyEnd(frame)
        case .terminate: return .terminate
        case .password: throw .unexpected(frame.kind, "after sign-in")
        case .query, .parse, .bind, .describe, .execute, .close, .sync, .flush, .functionCall: break
        }
        if case .into = self.copying, !self.expectations.contains(where: { $0.isCopyEnd }) {
            // The server reads COPY data: it ignores these two, and loses the connection over anything else.
            guard kind == .sync || kind == .flush else { throw .unexpected(frame.kind, "during COPY IN") }
            return .forward(recording: nil, after: nil)
        }
        if self.isSkipping {
            guard kind == .sync else { return .drop }
            self.isSkipping = false
        }
        guard self.expectations.count < self.bounds.outstanding else { return .hold }
        self.serial += 1
        let message: FrontendMessage
        do {
            message = try FrontendMessage(frame)
        } catch  where error.code == .notUTF8 && (kind == .query || kind == .parse) {
            return self.refuse(kind, .notUTF8)
        }
        switch message {
        case .query(let text):
            switch judge(text) {
            case .allow(let hidden, let isNaming, let price):
                let terms = self.terms(ofQuery: hidden, price)
                if terms.price > 0, let refusal = charge(terms.price) { return self.refuse(kind, refusal) }
                if isNaming { self.namedBySQL.add(hidden, price) }
                return self.query(text, terms.hidden, terms.price)
            case .refuse(let refusal): return self.refuse(kind, refusal)
            case .wait: return .hold
            }
        case .parse(let parse):
            switch judge(parse.text) {
            case .allow(let hidden, let isNaming, let price):
                if isNaming { self.namedBySQL.add(hidden, price) }
                return self.parse(parse, hidden, price)
            case .refuse(let refusal): return self.refuse(kind, refusal)
            case .wait: return .hold
            }
        case .bind(let bind): return self.bind(bind, charge)
        case .execute(let portal, _): return self.execute(portal)
        case .describe(let object, let name): return self.describe(object, name)
        case .close(let object, let name): return self.close(object, name)
        case .sync:
            self.expect(.sync(serial: self.serial))
            self.group += 1
            self.isGroupOpen = false
            if self.isEpochEndingAtSync { self.epoch += 1 }
            self.isEpochEndingAtSync = false
            return .forward(recording: nil, after: nil)
        case .flush: return .forward(recording: nil, after: nil)
        case .functionCall: return self.refuse(kind, .functionCallRefused)
        case .copyData, .copyDone, .copyFail, .password, .terminate: return .drop
        }
    }

    // MARK: Messages

    private mutating func query(_ text: String, _ hidden: HiddenColumns, _ price: Int) -> FrontendAction {
        let copies = CopyStatements(in: text)
        var before: ByteBuffer?
        var running: SessionCopies?
        if copies.mayCopyOut {
            let session = SessionCopies(copies)
            session.hidden = hidden
            // In an open group a Sync of ours would end the client's transaction.
            if let describing = copies.only?.describing, !self.isGroupOpen {
                var buffer = ByteBuffer()
                FrontendMessage.parse(.init(text: describing)).write(into: &buffer)
                FrontendMessage.describe(.statement, "").write(into: &buffer)
                FrontendMessage.sync.write(into: &buffer)
                before = buffer
                self.expect(.parseCopy(session), .injectedGroup)
                self.expect(.describeCopyParameters(session), .injectedGroup)
                self.expect(.sync(serial: 0), .injectedGroup)
            }
            running = session
        }
        var query = self.startQuery(running)
        query.hidden = hidden
        query.price = price
        self.expect(.query(query))
        return .forward(recording: .query(text), after: before)
    }

    /// A simple query drops the unnamed statement and portal, and may do anything else.
    private mutating func startQuery(_ copies: SessionCopies?) -> Expectation.Query {
        var query = Expectation.Query(copies: copies, serial: self.serial)
        if let statement = self.unnamedStatement {
            let removal = PreparedStatement(
                name: "", text: nil, group: self.group, epoch: self.epoch, previous: statement)
            query.statement = removal
            self.unnamedStatement = removal
        }
        if let portal = self.unnamedPortal {
            let removal = self.portalRemoval("", portal)
            query.portal = removal
            self.unnamedPortal = removal
        }
        self.epoch += 1
        return query
    }

    private mutating func parse(
        _ parse: FrontendMessage.Parse, _ hidden: HiddenColumns, _ price: Int
    ) -> FrontendAction {
        if !parse.statement.isEmpty && self.statements[parse.statement] == nil {
            guard self.statements.count < self.bounds.statements,
                self.statementBytes + parse.text.utf8.count <= self.bounds.statementBytes
            else { return self.refuse(.parse, .tooManyStatements) }
        }
        let entry = PreparedStatement(
            name: parse.statement, text: parse.text, group: self.group, epoch: self.epoch,
            previous: self.statement(parse.statement))
        entry.hidden = hidden
        entry.price = price
        // SQL's EXECUTE reaches it by its name.
        if !parse.statement.isEmpty { self.namedByProtocol.add(hidden, price) }
        self.setStatement(parse.statement, entry)
        self.expect(.parse(entry))
        self.isGroupOpen = true
        return .forward(recording: nil, after: nil)
    }

    private mutating func bind(
        _ bind: FrontendMessage.Bind, _ charge: (Int) -> ErrorFields?
    ) -> FrontendAction {
        let statement = self.statement(bind.statement)
        if self.isUnsure(statement) { return .hold }
        let terms = self.terms(of: statement)
        if terms.price > 0, let refusal = charge(terms.price) { return self.refuse(.bind, refusal) }
        if !bind.portal.isEmpty && self.portals[bind.portal] == nil && self.portals.count >= self.bounds.portals {
            return self.refuse(.bind, .tooManyPortals)
        }
        // SQL's FETCH reaches it by its name.
        if !bind.portal.isEmpty { self.namedByProtocol.add(terms.hidden, terms.price) }
        let known = statement?.text == nil ? nil : statement
        let entry = BoundPortal(
            name: bind.portal, statement: known, resultFormats: bind.resultFormats, group: self.group,
            epoch: self.epoch,
            serial: self.serial, previous: self.portal(bind.portal))
        self.setPortal(bind.portal, entry)
        self.expect(.bind(entry))
        self.isGroupOpen = true
        return .forward(recording: .bind(text: known?.text, bind), after: nil)
    }

    private mutating func describe(_ object: FrontendMessage.Object, _ name: String) -> FrontendAction {
        let result = DescribedResult(group: self.group, epoch: self.epoch)
        switch object {
        case .statement:
            let statement = self.statement(name)
            if self.isUnsure(statement) { return .hold }
            result.hidden = self.terms(of: statement).hidden
            statement?.result = result
            self.expect(.describeParameters(result))
        case .portal:
            let portal = self.portal(name)
            if self.isUnsure(portal) { return .hold }
            result.hidden = self.terms(of: portal?.statement, through: portal).hidden
            if let portal { self.attach(result, to: portal) }
            self.expect(.describe(result))
        }
        self.isGroupOpen = true
        return .forward(recording: nil, after: nil)
    }

    private mutating func execute(_ name: String) -> FrontendAction {
        let found = self.portal(name)
        if self.isUnsure(found) { return .hold }
        let portal: BoundPortal
        var recording: SessionStatement?
        if let found, !found.isRemoval {
            portal = found
        } else {
            portal = BoundPortal(
                name: name, statement: nil, resultFormats: [], group: self.group, epoch: self.epoch,
                serial: self.serial,
                previous: nil)
            recording = .cursor(portal: name)
        }
        var before: ByteBuffer?
        var copies: SessionCopies?
        var result: DescribedResult?
        if let statement = portal.statement, statement.copies.mayCopyOut {
            let session = SessionCopies(statement.copies)
            session.hidden = statement.hidden
            copies = session
            if let describing = statement.copies.only?.describing { before = self.describeCopy(describing, session) }
        } else if let known = self.result(for: portal) {
            result = known
        } else {
            let asked = DescribedResult(group: self.group, epoch: self.epoch)
            asked.hidden = self.terms(of: portal.statement, through: portal).hidden
            self.attach(asked, to: portal)
            self.expect(.describe(asked), .injected)
            var buffer = ByteBuffer()
            FrontendMessage.describe(.portal, name).write(into: &buffer)
            before = buffer
            result = asked
        }
        self.expect(.execute(portal, result, copies))
        self.isGroupOpen = true
        if !self.isInert(portal.statement) {
            self.epoch += 1
            self.isEpochEndingAtSync = true
        }
        return .forward(recording: recording, after: before)
    }

    /// In the client's own group: if describing the COPY fails, so would the COPY.
    private mutating func describeCopy(_ describing: String, _ copies: SessionCopies) -> ByteBuffer {
        self.copyNames += 1
        let name = "glovebox copy \(self.copyNames)"
        var buffer = ByteBuffer()
        FrontendMessage.parse(.init(statement: name, text: describing)).write(into: &buffer)
        FrontendMessage.describe(.statement, name).write(into: &buffer)
        FrontendMessage.close(.statement, name).write(into: &buffer)
        self.expect(.parseCopy(copies), .injected)
        self.expect(.describeCopyParameters(copies), .injected)
        self.expect(.closeCopy, .injected)
        return buffer
    }

    private mutating func close(_ object: FrontendMessage.Object, _ name: String) -> FrontendAction {
        switch object {
        case .statement:
            let removal = PreparedStatement(
                name: name, text: nil, group: self.group, epoch: self.epoch, previous: self.statement(name))
            if removal.previous != nil { self.setStatement(name, removal) }
            self.expect(.closeStatement(removal))
        case .portal:
            let removal = self.portalRemoval(name, self.portal(name))
            if removal.previous != nil { self.setPortal(name, removal) }
            self.expect(.closePortal(removal))
        }
        self.isGroupOpen = true
        return .forward(recording: nil, after: nil)
    }

    private mutating func copyEnd(_ frame: Frame) throws(PostgresWireError) -> FrontendAction {
        if self.isSkipping { return .drop }
        if !self.expectations.isEmpty {
            guard self.expectations.count < 2 * self.bounds.outstanding else {
                throw PostgresWireError(
                    .tooManyOutstanding, "the client ended COPY too often without waiting for an answer")
            }
            self.expect(.copyEnd)
        }
        return .forward(recording: nil, after: nil)
    }

    // MARK: Parts

    /// Puts a message in the place of a refused one that the server answers with an error.
    private mutating func refuse(_ kind: FrontendMessage.Kind, _ error: ErrorFields) -> FrontendAction {
        var buffer = ByteBuffer()
        if kind == .query || kind == .functionCall {
            FrontendMessage.query("glovebox_refused_a_statement").write(into: &buffer)
            self.expect(.refusedQuery(self.startQuery(nil), error))
        } else {
            FrontendMessage.describe(.portal, "glovebox refused a statement").write(into: &buffer)
            self.expect(.refusedMessage(error))
            self.isGroupOpen = true
        }
        return .refuse(error, sending: buffer)
    }

    private mutating func expect(_ answer: Expectation.Answer, _ origin: Expectation.Origin = .client) {
        self.expectations.append(Expectation(answer: answer, origin: origin))
    }

    /// Whether its making may yet fail without this group's failing too.
    private func isUnsure(_ entry: PreparedStatement?) -> Bool {
        guard let entry else { return false }
        return !entry.isSettled && entry.group != self.group
    }

    private func isUnsure(_ entry: BoundPortal?) -> Bool {
        guard let entry else { return false }
        return !entry.isSettled && entry.group != self.group
    }

    /// Its text counts only in the epoch of its Parse: later, SQL may have put another statement under the name.
    private func isInert(_ statement: PreparedStatement?) -> Bool {
        guard let statement, statement.epoch == self.epoch else { return false }
        return statement.isInert
    }

    private func portalRemoval(_ name: String, _ previous: BoundPortal?) -> BoundPortal {
        BoundPortal(
            name: name, statement: nil, resultFormats: [], isRemoval: true, group: self.group, epoch: self.epoch,
            serial: self.serial, previous: previous)
    }

    private func attach(_ result: DescribedResult, to portal: BoundPortal) {
        portal.result = result
        // What was bound in another epoch may differ from what the statement means now.
        if portal.epoch == self.epoch { portal.statement?.result = result }
    }

    /// A description that rows of this portal are sure to have.
    private func result(for portal: BoundPortal) -> DescribedResult? {
        if let result = portal.result {
            // SQL can't reach the unnamed portal; any other may have been closed and declared anew.
            let isCurrent = portal.name.isEmpty || result.epoch == self.epoch
            return isCurrent && result.holds(inGroup: self.group) ? result : nil
        }
        // A statement of another group may be somebody else's by now.
        guard !self.isShared else { return nil }
        guard let result = portal.statement?.result, portal.epoch == self.epoch, result.epoch == self.epoch,
            result.holds(inGroup: self.group)
        else { return nil }
        return result
    }
}

extension Expectation {
    var isCopyEnd: Bool {
        if case .copyEnd = self.answer { true } else { false }
    }
}

extension ErrorFields {
    static let functionCallRefused = ErrorFields(
        sqlState: "0A000", message: "the function call sub-protocol isn't supported [function_call_refused]",
        hint: "Call the function in a SELECT.")
    static let notUTF8 = ErrorFields(
        sqlState: "22021", message: "the statement isn't UTF-8 [not_utf8]", hint: "Set the client's encoding to UTF8.")
    static let tooManyStatements = ErrorFields(
        sqlState: "53400",
        message: "this session has as many prepared statements as Glovebox keeps [too_many_statements]",
        hint: "Close some, or use the unnamed statement.")
    static let tooManyPortals = ErrorFields(
        sqlState: "53400", message: "this session has as many portals as Glovebox keeps [too_many_portals]",
        hint: "Close some, or use the unnamed portal.")
}
