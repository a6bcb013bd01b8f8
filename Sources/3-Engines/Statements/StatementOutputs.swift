/// Which columns of a result are hidden, where PostgreSQL doesn't say that they are stored ones: those that carry
/// something of a classified column.
package enum HiddenOutputs: Hashable, Sendable {
    case none
    case all
    /// By position.
    case columns([Bool])
    /// Whatever was given a name by SQL before: FETCH, EXECUTE.
    case named

    init(_ output: QueryOutput) {
        if output.isComplete {
            self = output.isTainted ? .columns(output.columns.map(\.isTainted)) : .none
        } else {
            // Which is where isn't known; stored columns are told by PostgreSQL.
            self = output.columns.contains { $0.isTainted && !$0.isStored } ? .all : .none
        }
    }
}

/// What the results of a text may show.
package struct StatementOutputs: Hashable, Sendable {
    package var hidden = HiddenOutputs.none
    /// Something hidden has a name now, by which SQL can reach it: a cursor, a prepared statement.
    package var areNamed = false
    /// How many answers about classified values each execution gives.
    package var disclosures = 0
}
