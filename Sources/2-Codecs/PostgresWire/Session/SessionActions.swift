package import NIOCore

/// What an agent does with a message from the client.
package enum FrontendAction: Hashable, Sendable {
    /// Record `recording` (durably, before anything is sent), then send `after` if given, then the message as it is.
    case forward(recording: SessionStatement?, after: ByteBuffer?)
    /// Record the refusal; send `sending` to the server in the message's place. The server's error to it comes back as
    /// ``BackendAction/replace(_:)`` with `error`, in its order, and leaves the transaction as any error does.
    case refuse(ErrorFields, sending: ByteBuffer)
    /// The server would skip it (an error came, no Sync yet): send nothing.
    case drop
    /// Keep the message, and all after it, and offer it again after the next message from the server.
    case hold
    /// The client says goodbye: forward, then close.
    case terminate
}

/// What the caller's rules say of a statement's text.
package enum StatementRuling: Hashable, Sendable {
    /// - Parameters:
    ///   - hiding: columns of its results.
    ///   - naming: it gives SQL a name for something hidden or charged, so that from now on nothing that SQL reaches by
    ///     name is shown or free.
    ///   - charge: what each execution costs, in the caller's own coin.
    case allow(hiding: HiddenColumns = .none, naming: Bool = false, charge: Int = 0)
    case refuse(ErrorFields)
    /// It isn't known yet: the message is held, to be offered again.
    case wait
}

/// Which columns of a result are hidden where they aren't stored ones.
package enum HiddenColumns: Hashable, Sendable {
    case none
    case all
    /// By position; another number of columns than there are hides all.
    case columns([Bool])
    /// What was named by SQL before.
    case named
}

/// What is about to run, for the record.
package enum SessionStatement: Hashable, Sendable {
    /// A simple query: one or more statements.
    case query(String)
    /// A prepared statement with its values. `text` is nil where the statement wasn't prepared through the protocol
    /// (SQL's PREPARE, itself recorded).
    case bind(text: String?, FrontendMessage.Bind)
    /// A portal that wasn't bound through the protocol (SQL's DECLARE CURSOR, itself recorded).
    case cursor(portal: String)
}

/// What an agent does with a message from the server.
package enum BackendAction: Hashable, Sendable {
    /// Pass it on as it is: it carries no data of the target.
    case forward
    /// It answers something that the machine injected: the client must not see it.
    case swallow
    /// Write these bytes in its place.
    case replace(ByteBuffer)
    /// Pass it on; rows or a portal with these columns may follow.
    case rowDescription(RowFields)
    /// Not for the client (injected): columns that rows to come will have, for who wants to look up names early.
    case described(RowFields)
    /// A DataRow with these columns; as many cells as columns.
    case row(RowFields)
    /// COPY OUT begins: pass it on, and mask the CopyData that follow.
    case copyOut(CopyOut)
    /// A piece of COPY OUT data.
    case copyData
    /// COPY OUT data are complete: pass it on after what the rewriting still holds.
    case copyDone
    /// COPY IN begins: pass it on.
    case copyIn(ValueFormat)
    /// Mask its fields, then pass it on.
    case error(ErrorFields)
    /// Mask its fields, then pass it on.
    case notice(ErrorFields)
    /// Mask its payload, then pass it on.
    case notification(processID: UInt32, channel: String, payload: String)
    /// Pass it on.
    case parameterStatus(name: String, value: String)
    /// Pass it on. The tag counts rows.
    case commandComplete(String)
    /// Pass it on: a statement's end.
    case portalSuspended
    /// Pass it on.
    case ready(TransactionStatus)
}

/// A COPY … TO STDOUT that begins.
package struct CopyOut: Hashable, Sendable {
    /// Those of the table or query. COPY leaves a table's generated columns out: then they are more than `columnCount`. Nil
    /// where they aren't known: then every value must be masked.
    package var columns: RowFields?
    package var columnCount: Int
    package var format: CopyFormat

    package init(columns: RowFields?, columnCount: Int, format: CopyFormat) {
        self.columns = columns
        self.columnCount = columnCount
        self.format = format
    }
}

/// Bounds of what a session may keep in the agent's memory.
package struct SessionBounds: Hashable, Sendable {
    /// Messages without an answer yet; above it, ``FrontendAction/hold``.
    package var outstanding = 16_384
    /// Named prepared statements.
    package var statements = 10_000
    /// Bytes of the texts of named prepared statements.
    package var statementBytes = 64 << 20
    /// Named portals.
    package var portals = 10_000

    package init() {}
}
