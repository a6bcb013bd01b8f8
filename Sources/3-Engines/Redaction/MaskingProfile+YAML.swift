package import GloveboxCore
import SensitiveNames
package import YAMLDocument

extension MaskingProfile {
    /// The words of a file.
    private enum Word: String, CaseIterable {
        case pseudonym
        case unlinked
        case partial
        case general
        case nothing
        case drop
        case show
    }

    /// Kinds of which not a character may be told.
    static let secrets: Set<Kind> = [
        .password, .secret, .privateKey, .passwordHash, .urlPassword, .glovebox, .token, .apiKey, .jwt,
        Kind("credential"), Kind("cookie"), Kind("pin"), Kind("card_code"),
    ]

    /// Reads a profile.
    ///
    ///     version: 1
    ///     name: support
    ///     kinds:
    ///       email: partial
    ///       phone: {as: show, reason: callers read it out}
    ///     names:
    ///       nickname: drop
    ///     columns:
    ///       public.customers.birthday: general
    ///     allow:
    ///       - {value: test@example.com, reason: our own test account, until: 2027-01-31}
    ///
    /// - Parameters:
    ///   - found: the kinds that detectors find; those of secrets may not be told in part.
    ///   - known: all kinds that there are; any other is refused.
    /// - Throws: `configuration_invalid` with file, line and column.
    package init(_ document: YAMLNode, found: Set<Kind> = [], known: Set<Kind>? = nil) throws(GloveboxError) {
        let file = try document.mapping("version", "name", "kinds", "names", "columns", "allow")
        try file.checkVersion(1)
        self.init(name: try file.required("name").string)
        self.untold = Self.secrets.union(found.subtracting(Kind.personal))
        for entry in try file["kinds"]?.entries ?? [] {
            guard entry.key.utf8.count <= 32, entry.key.utf8.allSatisfy({ $0.isLower || $0.isDigit || $0 == 0x5F })
            else {
                throw entry.keyError("a kind is written in small letters, digits and '_', such as us_ssn")
            }
            let kind = Kind(entry.key)
            if let known, !known.contains(kind) { throw entry.keyError(Self.unknown(kind, known)) }
            let (treatment, reason) = try self.treatment(of: kind, entry.value)
            self.treatments[kind] = treatment
            self.reasons[kind] = reason
        }
        for entry in try file["names"]?.entries ?? [] {
            let name = Self.folded(entry.key.utf8)
            guard !name.isEmpty else {
                throw entry.keyError("a name has letters or digits: write one such as nickname")
            }
            let kind = NameSegments.judge(entry.key).map { Kind($0.kind.rawValue) }
            let (treatment, reason) = try self.treatment(of: kind ?? Kind("named"), entry.value)
            self.names[name] = NameRule(name: entry.key, kind: kind, treatment: treatment, reason: reason)
        }
        for entry in try file["columns"]?.entries ?? [] {
            let parts = entry.key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else {
                throw entry.keyError("a column is written SCHEMA.TABLE.COLUMN, such as public.customers.birthday")
            }
            let treatment = try self.treatment(of: Kind("column"), entry.value).0
            guard treatment != .show else {
                throw entry.keyError("a column is shown by the ceiling, not by a profile: write it there")
            }
            self.columns[ColumnName(schema: parts[0], table: parts[1], column: parts[2])] = treatment
        }
        for node in try file["allow"]?.list ?? [] {
            let entry = try node.mapping("value", "reason", "until")
            let day = try entry.required("until")
            guard let until = WallTime(day: try day.string) else { throw day.error("write a day such as 2027-01-31") }
            self.allowances.append(
                Allowance(
                    value: try entry.required("value").string, reason: try entry.required("reason").string,
                    until: until))
        }
    }

    /// Kinds that no detector's table names: of names, of what an engine makes up, and of what stands for no value.
    static let ofNames = Set(SensitiveName.Kind.allCases.map { Kind($0.rawValue) } + [Kind("named"), .secret, .token])
        .union(Self.workedOut).union(Self.secrets)

    private static func unknown(_ kind: Kind, _ known: Set<Kind>) -> String {
        let names = known.map(\.rawValue).sorted()
        let words = Set(kind.rawValue.split(separator: "_").filter { $0.utf8.count > 2 })
        var near = closest(to: kind.rawValue, among: names).map { [$0] } ?? []
        near += names.filter { name in
            !near.contains(name) && name.split(separator: "_").contains { words.contains($0) }
        }
        let hint =
            near.isEmpty
            ? "docs/detectors.md has all of them" : "near it are \(near.prefix(8).joined(separator: ", "))"
        return
            "no detector finds a kind '\(kind.rawValue)', and no column is classified so: \(hint)"
    }

    /// - Returns: also why it's shown, if it is.
    private func treatment(of kind: Kind, _ node: YAMLNode) throws(GloveboxError) -> (Treatment, String?) {
        var word = node
        var reason: String?
        if case .mapping = node.content {
            let rule = try node.mapping("as", "reason")
            word = try rule.required("as")
            reason = try rule["reason"]?.string
        }
        let choice = try word.choice(Word.self)
        if Self.workedOut.contains(kind), [.partial, .general, .show].contains(choice) {
            throw word.error("nothing of a \(kind) value may be told: write pseudonym, nothing or drop")
        }
        switch choice {
        case .pseudonym: return (.pseudonym(linkable: true), nil)
        case .unlinked: return (.pseudonym(linkable: false), nil)
        case .general: return (.general, nil)
        case .nothing: return (.null, nil)
        case .drop: return (.drop, nil)
        case .partial:
            if self.untold.contains(kind) {
                throw word.error("not a character of a \(kind) may be shown: write pseudonym, nothing or drop")
            }
            return (.partial, nil)
        case .show:
            if self.untold.contains(kind) {
                throw word.error("a \(kind) can't be shown: write pseudonym, nothing or drop")
            }
            guard let reason, !reason.isEmpty else {
                throw word.error("what is shown needs a reason: write '{as: show, reason: WHY}'")
            }
            return (.show, reason)
        }
    }
}

extension WallTime {
    /// The beginning of a day in UTC, written `2027-01-31`; nil when there's no such day.
    fileprivate init?(day text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2],
            text.utf8.allSatisfy({ $0.isDigit || $0 == 0x2D }),
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]),
            (1970...2261).contains(year), (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day >= 1, day <= lengths[Int(month) - 1] else { return nil }
        let before = year - 1
        let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
        let days = (year - 1970) * 365 + leaps + lengths[..<(Int(month) - 1)].reduce(0, +) + day - 1
        self.init(nanoseconds: days * 86_400 * 1_000_000_000)
    }
}
