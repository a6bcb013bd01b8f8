import NIOCore

/// A prepared statement as the machine knows it. One object stands for one Parse: a later Parse of the same name makes
/// another, so that an answer can't be put down to the wrong one.
final class PreparedStatement {
    let name: String
    /// Nil for an entry that takes the name away (a Close, a simple query).
    let text: String?
    /// The run of messages, ended by Sync, that it came in.
    let group: UInt64
    let epoch: UInt64
    let copies: CopyStatements
    /// What had the name before; until the server has answered.
    var previous: PreparedStatement?
    /// The server has answered.
    var isSettled = false
    /// It came to nothing.
    var isVoid = false
    var result: DescribedResult?
    var hidden = HiddenColumns.none
    /// What each execution costs.
    var price = 0

    private(set) lazy var isInert = !self.name.isEmpty && (self.text.map { SQLLexer.isInert($0) } ?? false)

    init(name: String, text: String?, group: UInt64, epoch: UInt64, previous: PreparedStatement?) {
        self.name = name
        self.text = text
        self.group = group
        self.epoch = epoch
        self.previous = previous
        self.copies = text.map { CopyStatements(in: $0) } ?? .none
    }

    /// The latest that came, or may yet come, to something.
    var standing: PreparedStatement? {
        var entry: PreparedStatement? = self
        while let candidate = entry, candidate.isVoid { entry = candidate.previous }
        return entry
    }
}

/// A portal as the machine knows it; one object for one Bind.
final class BoundPortal {
    let name: String
    /// Nil where it was bound to what the machine doesn't know.
    let statement: PreparedStatement?
    let resultFormats: [ValueFormat]
    /// It takes the name away.
    let isRemoval: Bool
    let group: UInt64
    let epoch: UInt64
    /// Counts messages: portals from before a transaction's end are gone.
    let serial: UInt64
    var previous: BoundPortal?
    var isSettled = false
    var isVoid = false
    var result: DescribedResult?

    init(
        name: String, statement: PreparedStatement?, resultFormats: [ValueFormat], isRemoval: Bool = false,
        group: UInt64,
        epoch: UInt64, serial: UInt64, previous: BoundPortal?
    ) {
        self.name = name
        self.statement = statement
        self.resultFormats = resultFormats
        self.isRemoval = isRemoval
        self.group = group
        self.epoch = epoch
        self.serial = serial
        self.previous = previous
    }

    var standing: BoundPortal? {
        var entry: BoundPortal? = self
        while let candidate = entry, candidate.isVoid { entry = candidate.previous }
        return entry
    }
}

/// The answer to one Describe: a result's columns.
final class DescribedResult {
    enum State {
        case pending
        /// Nil: no rows.
        case known(RowFields?)
        /// The Describe came to nothing.
        case void
    }

    let group: UInt64
    let epoch: UInt64
    var hidden = HiddenColumns.none
    var state = State.pending

    init(group: UInt64, epoch: UInt64) {
        self.group = group
        self.epoch = epoch
    }

    /// An Execute sent in `group` can rely on it: it is known, or will be, or the Execute comes to nothing as well.
    func holds(inGroup group: UInt64) -> Bool {
        switch self.state {
        case .pending: self.group == group
        case .known: true
        case .void: false
        }
    }

    /// The columns in the formats that a portal asked for.
    func fields(_ formats: [ValueFormat]) -> RowFields? {
        guard case .known(let fields?) = self.state else { return nil }
        let formatted = fields.formatted(formats)
        // The next portal most often asks for the same.
        if formatted !== fields { self.state = .known(formatted) }
        return formatted
    }
}

/// The COPY … TO STDOUT of one message that runs, and the columns of the only one.
final class SessionCopies {
    let statements: CopyStatements
    var hidden = HiddenColumns.none
    var next = 0
    var columns: RowFields?
    /// Why they couldn't be learnt. In a transaction that ended it, and the COPY itself can't say why any more.
    private(set) var failure: ErrorFields?

    init(_ statements: CopyStatements) {
        self.statements = statements
    }

    /// Keeps an error about the query of ours, as the one about the client's COPY that it stands for.
    /// - Returns: the error with the place in the client's text; without one where that isn't known.
    @discardableResult
    func failed(_ error: ErrorFields) -> ErrorFields {
        var error = error
        let position = error["P"].flatMap { Int($0) }
        error.fields.removeAll { $0.code == UInt8(ascii: "P") }
        if let position, let offset = self.statements.only?.offset {
            error.fields.append(.init(code: UInt8(ascii: "P"), value: String(position + offset)))
        }
        self.failure = error
        return error
    }
}

/// What the server owes an answer for.
struct Expectation {
    /// What a simple query takes away, and when it came.
    struct Query {
        var copies: SessionCopies?
        var statement: PreparedStatement?
        var portal: BoundPortal?
        var serial: UInt64
        var hidden = HiddenColumns.none
        var price = 0
    }

    enum Answer {
        case query(Query)
        /// Error, then ReadyForQuery.
        case refusedQuery(Query, ErrorFields)
        case parse(PreparedStatement)
        case bind(BoundPortal)
        case closeStatement(PreparedStatement)
        case closePortal(BoundPortal)
        /// ParameterDescription, then as `describe`.
        case describeParameters(DescribedResult)
        case describe(DescribedResult)
        case execute(BoundPortal, DescribedResult?, SessionCopies?)
        case refusedMessage(ErrorFields)
        case sync(serial: UInt64)
        /// A Sync that the server may have skipped as part of a COPY IN (it ignores those).
        case doubtfulSync(serial: UInt64)
        /// CopyDone or CopyFail: no answer of its own.
        case copyEnd
        // Ours, to learn a COPY's columns.
        case parseCopy(SessionCopies)
        case describeCopyParameters(SessionCopies)
        case describeCopy(SessionCopies)
        case closeCopy
    }

    enum Origin {
        case client
        /// Put before a message of the client, in the client's own group: an error there is the client's.
        case injected
        /// In a group of ours: nobody's.
        case injectedGroup
    }

    var answer: Answer
    var origin = Origin.client
}
