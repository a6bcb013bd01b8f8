import NIOCore

/// Follows both directions of a session after sign-in, so that each row and each piece of COPY data is known by its
/// columns, each statement is seen before it is sent, and a refusal comes out in its order (PostgreSQL manual,
/// "Message Flow").
///
/// Invariants:
/// - `expectations` holds, in order, what was sent and isn't answered. The server answers in order; an error in the
///   extended protocol drops all up to the next Sync, and what the dropped messages would have changed is undone.
/// - A DataRow is only ever given out with the columns that the server described for that very result; a row that has
///   none is an error. To be sure of that, the machine asks for a portal's description (and swallows the answer)
///   before an Execute for which nobody has.
/// - A description of a statement is reused while only *inert* statements ran since (see ``SQLLexer/isInert(_:)``):
///   anything else may, by SQL, put another statement or cursor under the same name, or change the search path. The
///   run between two such statements is an epoch, and a text is trusted to be inert only in the epoch of its Parse. The
///   unnamed portal can't be reached from SQL.
/// - A message that names a statement or portal whose making isn't answered yet, beyond a Sync, is held: if the making
///   failed, the name would mean something else than the record says.
/// - A refused message is replaced by one that the server answers with an error, which is replaced by ours: order,
///   transaction and the skipping up to Sync are then the server's own.
///
/// - Where the connection is shared with others between transactions (behind a pooler), a name, and the unnamed statement of
///   an earlier group, may be anybody's: what is reached so hides all.
///
/// After a thrown error the machine stays failed, and the session must end: nothing may pass any more.
package struct SessionMachine: ~Copyable {
    enum Copying {
        case none
        case out
        /// The server reads COPY data up to CopyDone or CopyFail.
        case into
    }

    enum Phase {
        case open
        /// The server said why it ends the connection.
        case ending
        case failed(PostgresWireError)
    }

    let bounds: SessionBounds
    let isShared: Bool
    var phase = Phase.open
    var expectations = CircularBuffer<Expectation>()
    /// Columns of the rows that come now.
    var current: RowFields?
    var copying = Copying.none
    /// An error came and no Sync yet: the server skips all.
    var isSkipping = false
    /// Syncs that were answered though the server may have skipped them: as many answers may be owed to nobody.
    var doubtfulSyncsAnswered = 0

    var statements: [String: PreparedStatement] = [:]
    var unnamedStatement: PreparedStatement?
    var statementBytes = 0
    var portals: [String: BoundPortal] = [:]
    var unnamedPortal: BoundPortal?

    var group: UInt64 = 0
    /// Messages were sent since the last Sync.
    var isGroupOpen = false
    /// Something that isn't inert ran since the last Sync: what it set for its transaction may end there.
    var isEpochEndingAtSync = false
    var epoch: UInt64 = 0
    var serial: UInt64 = 0
    var copyNames: UInt64 = 0
    var namedBySQL = NamedStatements()
    var namedByProtocol = NamedStatements()

    /// The last that the server said.
    package private(set) var status: TransactionStatus

    package init(
        status: TransactionStatus = .idle, bounds: SessionBounds = SessionBounds(), isShared: Bool = false
    ) {
        self.status = status
        self.bounds = bounds
        self.isShared = isShared
        self.namedBySQL = NamedStatements(isHiding: isShared, isPriced: isShared)
        self.namedByProtocol = self.namedBySQL
    }

    /// Everything that was sent is answered.
    package var isQuiet: Bool { self.expectations.isEmpty && !self.isSkipping }

    mutating func setStatus(_ status: TransactionStatus) { self.status = status }

    mutating func failed(_ error: PostgresWireError) -> PostgresWireError {
        self.phase = .failed(error)
        self.expectations.removeAll()
        self.current = nil
        return error
    }

    // MARK: Names

    func statement(_ name: String) -> PreparedStatement? {
        name.isEmpty ? self.unnamedStatement : self.statements[name]
    }

    mutating func setStatement(_ name: String, _ entry: PreparedStatement?) {
        if name.isEmpty {
            self.unnamedStatement = entry
            return
        }
        let previous = self.statements[name]
        self.statementBytes += (entry?.text?.utf8.count ?? 0) - (previous?.text?.utf8.count ?? 0)
        self.statements[name] = entry
    }

    func portal(_ name: String) -> BoundPortal? {
        name.isEmpty ? self.unnamedPortal : self.portals[name]
    }

    mutating func setPortal(_ name: String, _ entry: BoundPortal?) {
        if name.isEmpty {
            self.unnamedPortal = entry
        } else {
            self.portals[name] = entry
        }
    }

    /// A transaction ended: portals from before it are gone.
    mutating func dropPortals(before serial: UInt64) {
        if let portal = self.unnamedPortal, portal.serial < serial { self.unnamedPortal = nil }
        if self.portals.isEmpty { return }
        self.portals = self.portals.filter { $0.value.serial >= serial }
    }

    // MARK: Errors

    /// The server answered an extended message with an error: what follows up to the next Sync gets no answer.
    mutating func dropUpToSync() {
        var dropped: [Expectation] = []
        var isFirst = true
        search: while let next = self.expectations.first {
            switch next.answer {
            case .sync, .doubtfulSync:
                if !isFirst { break search }
            default: break
            }
            isFirst = false
            dropped.append(self.expectations.removeFirst())
        }
        if self.expectations.isEmpty { self.isSkipping = true }
        for index in dropped.indices.reversed() { self.undo(dropped[index].answer, wasTried: index == 0) }
        self.current = nil
        self.copying = .none
    }

    /// Takes back what a message that came to nothing would have changed.
    ///
    /// - Parameter wasTried: the server tried it and failed, rather than skipping it.
    private mutating func undo(_ answer: Expectation.Answer, wasTried: Bool) {
        switch answer {
        case .parse(let entry):
            // A failing Parse has dropped the unnamed statement already.
            if wasTried && entry.name.isEmpty { entry.previous = nil }
            self.undo(entry)
        case .closeStatement(let entry): self.undo(entry)
        case .bind(let entry), .closePortal(let entry): self.undo(entry)
        case .query(let query), .refusedQuery(let query, _):
            if let entry = query.statement { self.undo(entry) }
            if let entry = query.portal { self.undo(entry) }
        case .describe(let result), .describeParameters(let result): result.state = .void
        case .execute, .refusedMessage, .sync, .doubtfulSync, .copyEnd, .parseCopy, .describeCopyParameters,
            .describeCopy,
            .closeCopy:
            break
        }
    }

    private mutating func undo(_ entry: PreparedStatement) {
        entry.isVoid = true
        if self.statement(entry.name) === entry { self.setStatement(entry.name, entry.standing) }
    }

    private mutating func undo(_ entry: BoundPortal) {
        entry.isVoid = true
        if self.portal(entry.name) === entry { self.setPortal(entry.name, entry.standing) }
    }

    /// The server did it: what was before is gone for good.
    mutating func settle(_ entry: PreparedStatement) {
        entry.isSettled = true
        entry.previous = nil
        if entry.text == nil, self.statement(entry.name) === entry { self.setStatement(entry.name, nil) }
    }

    mutating func settle(_ entry: BoundPortal) {
        entry.isSettled = true
        entry.previous = nil
        if entry.isRemoval, self.portal(entry.name) === entry { self.setPortal(entry.name, nil) }
    }
}
