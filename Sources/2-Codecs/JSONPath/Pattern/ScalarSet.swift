/// A set of Unicode scalars, as a pattern describes it.
struct ScalarSet: Hashable, Sendable {
    enum Part: Hashable, Sendable {
        case range(Unicode.Scalar, Unicode.Scalar)
        /// All of these general categories, or all but them.
        case categories(UInt32, isNegated: Bool)
        case word(isNegated: Bool)
        case space(isNegated: Bool)
    }

    var parts: [Part]
    var isNegated = false
    /// Whether a letter belongs to it when its other case does.
    var ignoresCase = false

    init(_ parts: [Part], isNegated: Bool = false, ignoresCase: Bool = false) {
        self.parts = parts
        self.isNegated = isNegated
        self.ignoresCase = ignoresCase
    }

    init(_ scalar: Unicode.Scalar) {
        self.init([.range(scalar, scalar)])
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isThere = self.hasPart(of: scalar)
        if !isThere && self.ignoresCase {
            for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
            where !isThere {
                guard text.unicodeScalars.count == 1, let other = text.unicodeScalars.first else {
                    continue
                }
                isThere = self.hasPart(of: other)
            }
        }
        return isThere != self.isNegated
    }

    private func hasPart(of scalar: Unicode.Scalar) -> Bool {
        self.parts.contains { part in
            switch part {
            case .range(let first, let last): first <= scalar && scalar <= last
            case .categories(let set, let isNegated):
                (set & 1 << UInt32(Self.number(of: scalar.properties.generalCategory)) != 0) != isNegated
            case .word(let isNegated): Self.isWord(scalar) != isNegated
            case .space(let isNegated): scalar.properties.isWhitespace != isNegated
            }
        }
    }

    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value & ~0x20)
                || scalar == "_"
        }
        let properties = scalar.properties
        if properties.isAlphabetic || properties.isJoinControl { return true }
        return switch properties.generalCategory {
        case .decimalNumber, .nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation: true
        default: false
        }
    }

    /// The categories that a name of one or two letters stands for, as a set of bits; nil for no name of theirs.
    static func categories(_ name: String) -> UInt32? {
        let places = Self.names.indices.filter {
            Self.names[$0] == name || (name.utf8.count == 1 && Self.names[$0].hasPrefix(name))
        }
        return places.isEmpty ? nil : places.reduce(0) { $0 | 1 << UInt32($1) }
    }

    /// In the order of ``number(of:)``. No scalar is a surrogate (`Cs`), and RFC 9485 doesn't name it.
    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
        "Pf", "Po",
        "Sm",
        "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cn",
    ]

    private static func number(of category: Unicode.GeneralCategory) -> Int {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .privateUse: 27
        case .unassigned, .surrogate: 28
        @unknown default: 28
        }
    }
}
