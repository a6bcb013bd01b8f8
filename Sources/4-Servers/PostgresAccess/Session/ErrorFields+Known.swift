import PostgresWire

/// What an error or a notice says in words and numbers of PostgreSQL's own; anything else in their place may be a value.
extension ErrorFields {
    private static let severities: Set<String> = [
        "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "DEBUG", "INFO", "LOG",
    ]

    var knownSeverity: String {
        Self.severities.contains(self.severity) ? self.severity : self.isFatal ? "FATAL" : "ERROR"
    }

    /// Five digits or capitals (manual, appendix A); otherwise that of an internal error.
    var knownState: String {
        let state = self.sqlState.utf8
        let isOne = state.count == 5 && state.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
        return isOne ? self.sqlState : "XX000"
    }

    /// Whether a field of this code may say so as it is: a severity in English, a number of a character or a line.
    static func isKnown(_ value: String, of code: UInt8) -> Bool {
        switch Unicode.Scalar(code) {
        case "S": self.severities.contains(value)
        case "P", "p", "L": value.utf8.count < 8 && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
        default: false
        }
    }

    /// What has a place in the statement was found before any row was read: it quotes what the client wrote.
    var isOfText: Bool {
        guard let place = self["P"] else { return false }
        return Self.isKnown(place, of: UInt8(ascii: "P")) && self["W"] == nil
    }

    /// In place of what PostgreSQL says of a statement that works with classified values: it may be one of these, in any
    /// words. What is about locks, resources and cancelling is said in ours.
    var concealed: ErrorFields {
        let state = self.knownState
        if let message = Self.ownWords[state] {
            return ErrorFields(severity: self.knownSeverity, sqlState: state, message: message)
        }
        let isTold = Self.toldClasses.contains(String(state.prefix(2))) || state == "42501"
        let isError = self.knownSeverity == "ERROR" || self.isFatal
        return ErrorFields(
            severity: self.knownSeverity, sqlState: isTold ? state : "22000",
            message: isError
                ? "the statement failed; what PostgreSQL says of it may quote a classified value, and is hidden"
                : "what PostgreSQL says of the statement may quote a classified value, and is hidden",
            hint: isError ? "Leave the classified columns out to see why." : nil)
    }

    /// What isn't about values, or (23: constraints) is paid for. Which of the others it is would be more than one answer.
    private static let toldClasses: Set<String> = [
        "08", "23", "25", "26", "34", "40", "53", "55", "57", "58",
    ]
    private static let ownWords = [
        "25006": "the transaction is read-only",
        "25P02": "the transaction has failed: commands are ignored until its end",
        "25P03": "the transaction was idle for too long", "26000": "there is no such prepared statement",
        "34000": "there is no such cursor", "40001": "the transaction collided with another: run it again",
        "40P01": "the transaction and another waited for each other: run it again",
        "53100": "the database's disk is full", "53200": "the database has too little memory",
        "53300": "the database has too many connections", "53400": "a limit of the database's settings is reached",
        "55P03": "a lock is held by another: try again", "57014": "the statement was cancelled",
        "57P01": "the database's administrator ended the connection", "57P02": "the database crashed",
        "57P03": "the database can't be connected to now",
    ]
}
