package import GloveboxCore

/// What becomes of a value of a kind.
package enum Treatment: Hashable, Sendable {
    /// A pseudonym: equal for equal values of a stored column where the lease's are linkable, unless that's refused here.
    case pseudonym(linkable: Bool)
    /// What tells one from another at a glance: `j…@example.com`, `…1111`.
    case partial
    /// What is left when the exact is taken away: the year of a date, the network of an address.
    case general
    /// Nothing: JSON's null, or an empty text.
    case null
    /// A fixed word that says only that something was there.
    case drop
    /// As it is.
    case show
}

/// The rules by which kinds of value are shown, masked or dropped.
///
/// A kind without a rule becomes a pseudonym. Two findings of different kinds that overlap do, too, and so does what a
/// stream masks before its end is known.
package struct MaskingProfile: Hashable, Sendable {
    /// A value that may be seen although a detector finds it, until a day.
    package struct Allowance: Hashable, Sendable {
        package var value: String
        package var reason: String
        /// From when on it's masked again.
        package var until: WallTime
    }

    /// A stored column of a database, by its names as the database folds them.
    package struct ColumnName: Hashable, Sendable {
        package var schema: String
        package var table: String
        package var column: String

        package init(schema: String, table: String, column: String) {
            self.schema = schema
            self.table = table
            self.column = column
        }
    }

    package var name: String
    package var treatments: [Kind: Treatment] = [:]
    /// Of classified columns; their kind's, if there's none.
    package var columns: [ColumnName: Treatment] = [:]
    /// A rule for a name.
    struct NameRule: Hashable, Sendable {
        /// The name as the profile has it.
        var name: String
        /// What the name's segments say, if anything.
        var kind: Kind?
        var treatment: Treatment
        /// Why it's shown.
        var reason: String?
    }

    /// Why kinds are shown that are.
    var reasons: [Kind: String] = [:]
    /// By the name's letters and digits in small.
    var names: [[UInt8]: NameRule] = [:]
    package var allowances: [Allowance] = []
    /// Kinds of which not a character is told, whatever a rule says.
    var untold: Set<Kind> = Self.secrets

    /// Every finding becomes a pseudonym.
    package static let `default` = Self(name: "default")

    /// A name's letters and digits in small: `E-Mail`, `e_mail` and `eMail` are one.
    static func folded(_ name: some Sequence<UInt8>) -> [UInt8] { name.filter(\.isAlphanumeric).map(\.lowercased) }

    /// What becomes of a value under a name; nil where the profile says nothing of it.
    ///
    /// - Parameter judged: what the name's segments say. That of a secret isn't lifted by a rule for a name that only folds
    ///   to the same.
    func treatment(under name: UnsafeBufferPointer<UInt8>, judged: Kind?) -> Treatment? {
        guard let treatment = self.rule(under: name)?.treatment else { return nil }
        if let judged, self.untold.contains(judged), treatment == .show || treatment == .partial {
            return .pseudonym(linkable: true)
        }
        return treatment
    }

    func rule(under name: UnsafeBufferPointer<UInt8>) -> NameRule? {
        self.names.isEmpty ? nil : self.names[Self.folded(name)]
    }

    /// Kinds of what was worked out from classified columns, comes from nobody knows where, or is too long to be looked at.
    static let workedOut: Set<Kind> = [Kind("classified"), Kind("unknown_origin"), Kind("too_long")]

    /// What becomes of a value of a classified column. A kind that's shown doesn't lift a classification.
    package func treatment(ofClassified kind: Kind, _ column: ColumnName?) -> Treatment {
        let treatment = column.flatMap { self.columns[$0] } ?? self.treatments[kind]
        switch treatment {
        case .show, nil: return .pseudonym(linkable: true)
        case .partial where self.untold.contains(kind): return .pseudonym(linkable: true)
        // Whoever asks chooses what is worked out, and so which part would be told.
        case .partial where Self.workedOut.contains(kind), .general where Self.workedOut.contains(kind):
            return .pseudonym(linkable: true)
        case let treatment?: return treatment
        }
    }

    /// What becomes of a finding.
    ///
    /// - Parameter now: what the clock says; without one nothing is allowed any more.
    func treatment(of kind: Kind, _ value: UnsafeRawBufferPointer, now: WallTime?) -> Treatment {
        if let now, !self.allowances.isEmpty,
            self.allowances.contains(where: { now < $0.until && $0.value.utf8.elementsEqual(value) })
        {
            return .show
        }
        return self.treatments[kind] ?? .pseudonym(linkable: true)
    }

    /// Why a finding that is shown may be: the allowance's reason, else its kind's.
    func reason(of kind: Kind, _ value: UnsafeRawBufferPointer, now: WallTime?) -> String {
        let allowance = now.flatMap { now in
            self.allowances.first { now < $0.until && $0.value.utf8.elementsEqual(value) }
        }
        return allowance?.reason ?? self.reasons[kind] ?? ""
    }

    /// Whether every finding becomes a pseudonym, so that none has to be looked at.
    var isPlain: Bool { self.treatments.isEmpty && self.allowances.isEmpty && self.names.isEmpty }
}

extension Treatment {
    /// The word that `drop` leaves.
    static let dropped = Array("‹dropped›".utf8)

    /// What a value becomes where that is neither a pseudonym nor the value itself; nil where nothing of it may be told,
    /// so that it becomes a pseudonym after all.
    func replacement(of value: UnsafeRawBufferPointer, kind: Kind) -> [UInt8]? {
        switch self {
        case .pseudonym, .show: nil
        case .null: []
        case .drop: Self.dropped
        case .partial: kind == .email ? Self.partialAddress(value) : Self.lastFour(value)
        case .general: Self.year(value) ?? Self.network(value)
        }
    }

    private static let ellipsis: [UInt8] = [0xE2, 0x80, 0xA6]

    /// The first character and the host, of what is an address and nothing else: a classified text may be a whole sentence.
    private static func partialAddress(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let at = value.firstIndex(of: UInt8(ascii: "@")), at >= 3, value[0].isAlphanumeric,
            value[..<at].allSatisfy({ $0 > 0x20 && $0 != 0x22 && $0 != UInt8(ascii: "\\") }),
            value[(at + 1)...].contains(UInt8(ascii: ".")),
            value[(at + 1)...].allSatisfy({ $0.isAlphanumeric || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else { return nil }
        return [value[0]] + Self.ellipsis + value[at...]
    }

    /// The last four letters or digits of twelve and more.
    private static func lastFour(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        let letters = value.filter(\.isAlphanumeric)
        return letters.count >= 12 ? Self.ellipsis + letters.suffix(4) : nil
    }

    /// The one row of four digits that a date has.
    private static func year(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        let rows = value.split { !$0.isDigit }
        let years = rows.filter { $0.count == 4 && ($0.starts(with: "19".utf8) || $0.starts(with: "20".utf8)) }
        guard rows.count == 3, years.count == 1, rows.allSatisfy({ $0.count <= 4 }), let year = years.first else {
            return nil
        }
        return Array(year)
    }

    /// Of IPv4 the first 24 bits, of IPv6 the first 48.
    private static func network(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
        let four = value.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if four.count == 4, four.allSatisfy({ (1...3).contains($0.count) && $0.allSatisfy(\.isDigit) }) {
            return Array(four[0]) + [0x2E] + four[1] + [0x2E] + four[2] + Array(".0/24".utf8)
        }
        let groups = value.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard groups.count > 3, groups.allSatisfy({ $0.count <= 4 && $0.allSatisfy(\.isHexDigit) }),
            groups.prefix(3).allSatisfy({ !$0.isEmpty })
        else { return nil }
        return Array(groups[0]) + [0x3A] + groups[1] + [0x3A] + groups[2] + Array("::/48".utf8)
    }
}
