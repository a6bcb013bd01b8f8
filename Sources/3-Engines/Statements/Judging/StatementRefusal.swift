package import GloveboxCore

/// Why a statement isn't run. The session goes on.
package struct StatementRefusal: Error, Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// It can write, and the lease is for reading.
        case writes = "statement_writes"
        /// No lease allows this kind of statement.
        case kind = "statement_refused"
        case setting = "setting_refused"
        case function = "function_refused"
        case unknownFunction = "function_unknown"
        case unknownRelation = "relation_unknown"
        /// Which rows come, or in which order, would tell of a value that is masked.
        case predicate = "predicate_refused"
        /// A masked value would go to where it's shown.
        case copy = "copies_classified"
        /// The holder has had as many answers about masked values today as there are for one.
        case budgetSpent = "disclosure_budget_spent"
        /// PostgreSQL's parser doesn't take it, so nobody knows what it would do.
        case syntax = "statement_not_parsed"
        case tooLong = "statement_too_long"
    }

    package var code: Code
    /// What is refused, and what to do.
    package var message: String
    /// What it's about in the text: in characters, counted from 1.
    package var position: Int?
    /// The same in bytes, counted from 0, where the text isn't at hand.
    var offset: Int?

    package init(_ code: Code, _ message: String, position: Int? = nil) {
        self.code = code
        self.message = message
        self.position = position
    }

    package static func budgetSpent(_ most: Int64, _ target: TargetName) -> StatementRefusal {
        StatementRefusal(
            .budgetSpent,
            "this would be more than the \(most) answers about masked values of '\(target)' that you may have in a day (the ceiling's 'disclosures'): wait until midnight UTC, or ask without them"
        )
    }

    package init(_ failure: ParseFailure) {
        switch failure.reason {
        case .tooLong: self.init(.tooLong, failure.message)
        case .syntax: self.init(.syntax, failure.message, position: failure.position)
        }
    }

    /// The class of the error for a PostgreSQL client (manual, appendix A).
    package var sqlState: String {
        switch self.code {
        case .writes: "25006"
        case .kind, .setting, .function, .predicate, .copy: "42501"
        case .unknownFunction: "42883"
        case .unknownRelation: "42P01"
        case .syntax: "42601"
        case .tooLong: "54000"
        case .budgetSpent: "53400"
        }
    }
}
