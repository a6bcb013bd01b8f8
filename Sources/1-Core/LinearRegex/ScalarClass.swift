/// A set of Unicode scalars, kept as it's written: property tables are asked, not expanded.
indirect enum ScalarClass: Sendable {
    case ranges([ClosedRange<UInt32>])
    case property(ScalarProperty)
    case union([ScalarClass])
    case intersection(ScalarClass, ScalarClass)
    case difference(ScalarClass, ScalarClass)
    case symmetricDifference(ScalarClass, ScalarClass)
    case complement(ScalarClass)
    /// What the class holds, in any case.
    case anyCase(ScalarClass)

    static func scalar(_ scalar: Unicode.Scalar) -> Self { .ranges([scalar.value...scalar.value]) }

    static let everything = Self.ranges([0...0x10_FFFF])
    static let digits = Self.property(.category([.decimalNumber]))
    static let space = Self.property(.flag { $0.isWhitespace })
    /// `\w` by UTS #18, Annex C.
    static let word = Self.union([
        .property(.flag { $0.isAlphabetic }),
        .property(.category([.nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation])),
        .property(.flag { $0.isJoinControl }),
    ])
    static let asciiDigits = Self.ranges([0x30...0x39])
    static let asciiSpace = Self.ranges([0x09...0x0D, 0x20...0x20])
    static let asciiWord = Self.ranges([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .ranges(let ranges): ranges.contains { $0.contains(scalar.value) }
        case .property(let property): property.contains(scalar)
        case .union(let classes): classes.contains { $0.contains(scalar) }
        case .intersection(let left, let right): left.contains(scalar) && right.contains(scalar)
        case .difference(let left, let right): left.contains(scalar) && !right.contains(scalar)
        case .symmetricDifference(let left, let right): left.contains(scalar) != right.contains(scalar)
        case .complement(let inner): !inner.contains(scalar)
        case .anyCase(let inner): CaseOrbit.contains(scalar) { inner.contains($0) }
        }
    }
}

/// A property that the standard library knows.
enum ScalarProperty: Sendable {
    case category(Set<Unicode.GeneralCategory>)
    case flag(@Sendable (Unicode.Scalar.Properties) -> Bool)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .category(let categories): categories.contains(scalar.properties.generalCategory)
        case .flag(let flag): flag(scalar.properties)
        }
    }

    /// By the name in `\p{…}`: general categories and the usual binary properties. Scripts and blocks aren't among
    /// them, since the standard library has no table of those.
    init?(named name: String) {
        var loose = String(name.lowercased().filter { !"_- ".contains($0) })
        for prefix in ["gc=", "generalcategory=", "category="] where loose.hasPrefix(prefix) {
            loose.removeFirst(prefix.count)
        }
        if let categories = Self.categories[loose] {
            self = .category(Set(categories))
        } else if let flag = Self.flags[loose] {
            self = .flag(flag)
        } else {
            return nil
        }
    }

    private static let categories: [String: [Unicode.GeneralCategory]] = {
        let single: [(String, String, Unicode.GeneralCategory)] = [
            ("lu", "uppercaseletter", .uppercaseLetter), ("ll", "lowercaseletter", .lowercaseLetter),
            ("lt", "titlecaseletter", .titlecaseLetter), ("lm", "modifierletter", .modifierLetter),
            ("lo", "otherletter", .otherLetter), ("mn", "nonspacingmark", .nonspacingMark),
            ("mc", "spacingmark", .spacingMark), ("me", "enclosingmark", .enclosingMark),
            ("nd", "decimalnumber", .decimalNumber), ("nl", "letternumber", .letterNumber),
            ("no", "othernumber", .otherNumber), ("pc", "connectorpunctuation", .connectorPunctuation),
            ("pd", "dashpunctuation", .dashPunctuation), ("ps", "openpunctuation", .openPunctuation),
            ("pe", "closepunctuation", .closePunctuation), ("pi", "initialpunctuation", .initialPunctuation),
            ("pf", "finalpunctuation", .finalPunctuation), ("po", "otherpunctuation", .otherPunctuation),
            ("sm", "mathsymbol", .mathSymbol), ("sc", "currencysymbol", .currencySymbol),
            ("sk", "modifiersymbol", .modifierSymbol), ("so", "othersymbol", .otherSymbol),
            ("zs", "spaceseparator", .spaceSeparator), ("zl", "lineseparator", .lineSeparator),
            ("zp", "paragraphseparator", .paragraphSeparator), ("cc", "control", .control),
            ("cf", "format", .format), ("cs", "surrogate", .surrogate), ("co", "privateuse", .privateUse),
            ("cn", "unassigned", .unassigned),
        ]
        var table: [String: [Unicode.GeneralCategory]] = [:]
        for (short, long, category) in single {
            table[short] = [category]
            table[long] = [category]
            table[String(short.prefix(1)), default: []].append(category)
        }
        for (short, long) in [
            ("l", "letter"), ("m", "mark"), ("n", "number"), ("p", "punctuation"), ("s", "symbol"),
            ("z", "separator"), ("c", "other"),
        ] {
            table[long] = table[short]
        }
        table["lc"] = [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]
        table["casedletter"] = table["lc"]
        table["digit"] = table["nd"]
        table["punct"] = table["p"]
        table["assigned"] = single.map(\.2).filter { $0 != .unassigned }
        return table
    }()

    private static let flags: [String: @Sendable (Unicode.Scalar.Properties) -> Bool] = [
        "alphabetic": { $0.isAlphabetic }, "alpha": { $0.isAlphabetic },
        "lowercase": { $0.isLowercase }, "lower": { $0.isLowercase },
        "uppercase": { $0.isUppercase }, "upper": { $0.isUppercase },
        "whitespace": { $0.isWhitespace }, "space": { $0.isWhitespace },
        "math": { $0.isMath }, "dash": { $0.isDash }, "hexdigit": { $0.isHexDigit },
        "asciihexdigit": { $0.isASCIIHexDigit }, "ideographic": { $0.isIdeographic },
        "emoji": { $0.isEmoji }, "emojipresentation": { $0.isEmojiPresentation },
        "idstart": { $0.isIDStart }, "idcontinue": { $0.isIDContinue },
        "xidstart": { $0.isXIDStart }, "xidcontinue": { $0.isXIDContinue },
        "joincontrol": { $0.isJoinControl }, "cased": { $0.isCased }, "diacritic": { $0.isDiacritic },
        "quotationmark": { $0.isQuotationMark }, "any": { _ in true },
    ]
}

/// The scalars that are one another in other cases: simple case folding by the mappings that the standard library has,
/// and the few that those don't lead to.
enum CaseOrbit {
    private static let odd: [Unicode.Scalar: [Unicode.Scalar]] = {
        let orbits: [[Unicode.Scalar]] = [
            ["k", "K", "\u{212A}"], ["s", "S", "\u{17F}"], ["\u{E5}", "\u{C5}", "\u{212B}"],
            ["\u{DF}", "\u{1E9E}"], ["\u{3C9}", "\u{3A9}", "\u{2126}"], ["\u{B5}", "\u{3BC}", "\u{39C}"],
            ["\u{3B8}", "\u{398}", "\u{3D1}", "\u{3F4}"], ["\u{3B2}", "\u{392}", "\u{3D0}"],
            ["\u{3B5}", "\u{395}", "\u{3F5}"], ["\u{3BA}", "\u{39A}", "\u{3F0}"], ["\u{3C0}", "\u{3A0}", "\u{3D6}"],
            ["\u{3C1}", "\u{3A1}", "\u{3F1}"], ["\u{3C3}", "\u{3A3}", "\u{3C2}"], ["\u{3C6}", "\u{3A6}", "\u{3D5}"],
            ["\u{3B9}", "\u{399}", "\u{345}", "\u{1FBE}"], ["\u{1E61}", "\u{1E60}", "\u{1E9B}"],
        ]
        var table: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        for orbit in orbits { for scalar in orbit { table[scalar] = orbit } }
        return table
    }()

    static func contains(_ scalar: Unicode.Scalar, _ holds: (Unicode.Scalar) -> Bool) -> Bool {
        if holds(scalar) { return true }
        if scalar.isASCII, scalar != "k", scalar != "K", scalar != "s", scalar != "S" {
            let other = scalar.value ^ 0x20
            let letters: ClosedRange<UInt32> = 0x61...0x7A
            guard letters.contains(scalar.value | 0x20), let flipped = Unicode.Scalar(other) else { return false }
            return holds(flipped)
        }
        if let orbit = self.odd[scalar] { return orbit.contains(where: holds) }
        let properties = scalar.properties
        let mappings = [properties.lowercaseMapping, properties.uppercaseMapping, properties.titlecaseMapping]
        for mapping in mappings {
            let scalars = mapping.unicodeScalars
            guard let only = scalars.first, scalars.count == 1, only != scalar else { continue }
            if holds(only) { return true }
            let back = only.properties.lowercaseMapping.unicodeScalars
            if let lower = back.first, back.count == 1, lower != scalar, holds(lower) { return true }
        }
        return false
    }
}
