/// What statements that have a name hide and cost.
///
/// SQL reaches by name what the protocol prepared (EXECUTE, FETCH), and the protocol what SQL prepared or declared. Which
/// of them a name means isn't followed: once anything with something to hide has a name, whatever may be reached by one
/// hides all, and costs something.
struct NamedStatements {
    var isHiding = false
    var isPriced = false

    mutating func add(_ hidden: HiddenColumns, _ price: Int) {
        // What only reads by name adds nothing of its own.
        if hidden != .none, hidden != .named { self.isHiding = true }
        if price > 0 { self.isPriced = true }
    }
}

extension SessionMachine {
    /// Whatever SQL or the protocol has given a name.
    private var anyNamed: NamedStatements {
        NamedStatements(
            isHiding: self.namedBySQL.isHiding || self.namedByProtocol.isHiding,
            isPriced: self.namedBySQL.isPriced || self.namedByProtocol.isPriced)
    }

    /// What stands for a ruling where the statement is whatever has a name.
    private func named(_ hidden: HiddenColumns) -> HiddenColumns {
        guard hidden == .named else { return hidden }
        return self.anyNamed.isHiding ? .all : .none
    }

    private func named(_ hidden: HiddenColumns, _ price: Int) -> Int {
        hidden == .named && self.anyNamed.isPriced ? max(price, 1) : price
    }

    /// Whether SQL may have put another under the name since.
    private func mayBeAnother(_ statement: PreparedStatement, _ portal: BoundPortal?) -> Bool {
        if self.isShared, statement.group != portal?.group ?? self.group || !statement.name.isEmpty { return true }
        if let portal, !portal.name.isEmpty, portal.epoch != self.epoch { return true }
        return !statement.name.isEmpty && statement.epoch != self.epoch
    }

    /// - Returns: what a query's rows hide, and what it costs.
    func terms(ofQuery hidden: HiddenColumns, _ price: Int) -> (hidden: HiddenColumns, price: Int) {
        (self.named(hidden), self.named(hidden, price))
    }

    /// - Parameters:
    ///   - statement: nil where it was prepared by SQL.
    ///   - portal: that it's run through, if there is one already.
    /// - Returns: what its rows hide, and what running it costs.
    func terms(
        of statement: PreparedStatement?, through portal: BoundPortal? = nil
    ) -> (hidden: HiddenColumns, price: Int) {
        guard let statement, statement.text != nil else { return self.terms(ofQuery: .named, 0) }
        var (hidden, price) = self.terms(ofQuery: statement.hidden, statement.price)
        if self.mayBeAnother(statement, portal) {
            if self.namedBySQL.isHiding { hidden = .all }
            if self.namedBySQL.isPriced { price = max(price, 1) }
        }
        return (hidden, price)
    }
}
