import DetectorRules
import GloveboxCore
import YAMLDocument

/// A file of detectors in YAML, built in or somebody's own: the same loader for both. `docs/detectors.md` says what may be
/// written.
enum DetectorFile {
    /// What stands about the part of an example that must be masked.
    static let marks: (open: Character, close: Character) = ("⟦", "⟧")

    /// All that come with Glovebox.
    static func builtIn() throws(GloveboxError) -> [Detector] {
        var table: [Detector] = []
        for file in DetectorRules.files { table += try self.read(file.yaml, file: file.name) }
        try self.refuseTwins(table)
        return table
    }

    /// - Throws: `configuration_invalid` with file, line and column.
    static func read(_ yaml: [UInt8], file: String) throws(GloveboxError) -> [Detector] {
        let top = try YAMLNode(bytes: yaml, file: file).mapping("version", "detectors")
        try top.checkVersion(1)
        return try top.required("detectors").map { node throws(GloveboxError) in try self.detectors(node) }
            .flatMap { $0 }
    }

    /// - Throws: `configuration_invalid` when two detectors have one name.
    static func refuseTwins(_ table: [Detector]) throws(GloveboxError) {
        var places: [String: String] = [:]
        for detector in table {
            if let first = places.updateValue(detector.place, forKey: detector.name) {
                throw detector.refusal("has the name of one at \(first): rename it")
            }
        }
    }

    /// One detector, or of the form `vendor` one for each keyword, whose name begins with it.
    private static func detectors(_ node: YAMLNode) throws(GloveboxError) -> [Detector] {
        let map = try node.mapping(
            "name", "kind", "form", "keywords", "pattern", "before", "within", "alone", "masks", "ignores_case",
            "validator", "options", "reach", "sample", "sample_before", "positive", "negative")
        let name = try self.word(map.required("name"))
        let kind = try map["kind"].map { value throws(GloveboxError) in try self.word(value) } ?? name
        let form = try map["form"].map { value throws(GloveboxError) in try value.choice(FormName.self) } ?? .token
        var keywords = try map["keywords"]?.strings ?? []
        // What reads YAML drops a byte order mark that a text begins with.
        if form == .invisible { keywords.append("\u{FEFF}") }
        let pattern = try self.pattern(map, of: form)
        let shape = try self.shape(map, form, pattern)
        let validator =
            try map["validator"].map { value throws(GloveboxError) in try value.choice(Detector.Validator.self) }
            ?? .none
        let reach = try map["reach"].map { value throws(GloveboxError) in try Int(value.int(in: 16...16384)) }
        if form.needsKeywords {
            let node = try map.required("keywords")
            for word in keywords where !(2...64).contains(word.utf8.count) || word.utf8.contains(where: { $0 < 0x20 }) {
                throw node.error("a keyword has 2 to 64 bytes of one line: change '\(word.prefix(60))'")
            }
            guard !keywords.isEmpty else { throw node.error("'keywords' is empty: write what stands there") }
        }
        if let pattern, form == .token || form == .near {
            let before = try map["before"] == nil ? 0 : self.before(map).count.lowerBound
            let keyword = form == .near ? 0 : keywords.map(\.utf8.count).min() ?? 0
            guard before + keyword + pattern.least >= Prefilter.shortestToken else {
                throw try map.required("pattern").error(
                    "the shortest match has \(before + keyword + pattern.least) bytes: a detector needs "
                        + "\(Prefilter.shortestToken) and more, or it finds too much")
            }
        }
        let isWord = form == .near || form == .vendor
        return try (form == .vendor ? keywords.map { [$0] } : [keywords]).map { anchors throws(GloveboxError) in
            let examples = try Examples(map, keywords: anchors, masksAll: self.masksAll(map), form: form)
            let prefix = form == .vendor ? String(anchors[0].map { $0.isLetter || $0.isNumber ? $0 : "_" }) + "_" : ""
            return Detector(
                name: prefix + name, kind: Kind(kind), place: "\(node.file):\(node.line)", form: shape,
                pattern: try map["pattern"]?.string, anchors: anchors,
                ignoresCase: try map["ignores_case"]?.bool ?? isWord, validator: validator,
                reach: reach ?? (isWord ? 512 : 4096), positive: examples.positive, negative: examples.negative)
        }
    }

    /// Names and kinds: they become words of pseudonyms, receipts and documents.
    private static func word(_ node: YAMLNode) throws(GloveboxError) -> String {
        let text = try node.string
        guard text.utf8.count <= 32, text.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || $0.isLower || $0.isDigit })
        else {
            throw node.error("'\(text.prefix(40))' is no name of a detector or kind: use up to 32 of a-z, 0-9, '_'")
        }
        return text
    }

    private static func pattern(_ map: YAMLMapping, of form: FormName) throws(GloveboxError) -> Pattern? {
        guard form == .token || form == .near else {
            if let node = map["pattern"] { throw node.error("the form '\(form.rawValue)' takes no pattern: remove it") }
            return nil
        }
        return try self.pattern(map.required("pattern"))
    }

    private static func pattern(_ node: YAMLNode) throws(GloveboxError) -> Pattern {
        guard let pattern = Pattern(try node.string), !(0...0x20).contains(where: pattern.continuation.contains) else {
            throw node.error(
                "this is no pattern: write literals, sets such as [A-Za-z0-9_-], and repeats {n}, {n,}, {n,m}, +, *, ?, "
                    + "without blanks; a backslash before what is meant as it is")
        }
        return pattern
    }

    private static func before(_ map: YAMLMapping) throws(GloveboxError) -> (set: ByteSet, count: ClosedRange<Int>) {
        let node = try map.required("before")
        let items = try self.pattern(node).items
        guard let item = items.first, items.count == 1, item.most <= 128 else {
            throw node.error("'before' takes one set with a repeat of at most 128, such as [0-9]{8,10}")
        }
        return (item.set, item.least...item.most)
    }

    private static func masksAll(_ map: YAMLMapping) throws(GloveboxError) -> Bool {
        try map["masks"].map { value throws(GloveboxError) in try value.choice(Masks.self) } != .value
    }

    private static func shape(
        _ map: YAMLMapping, _ form: FormName, _ pattern: Pattern?
    ) throws(GloveboxError) -> Detector.Form {
        switch (form, pattern) {
        case (.vendor, _):
            return .vendor(standsAlone: try map["alone"]?.bool ?? false)
        case (.near, let pattern?):
            return .near(
                pattern, within: try map["within"].map { n throws(GloveboxError) in try Int(n.int(in: 1...256)) } ?? 56)
        case (.command, _):
            return .command(try self.options(map))
        case (_, let pattern?):
            guard map["before"] != nil else { return .token(pattern, isMasked: try self.masksAll(map)) }
            let before = try self.before(map)
            return .prefixed(before.set, before.count, pattern)
        case (_, nil):
            guard let code = form.code else { throw try map.required("pattern").error("'pattern' is empty") }
            return code
        }
    }

    private static func options(_ map: YAMLMapping) throws(GloveboxError) -> [CommandPattern] {
        let node = try map.required("options")
        return try node.strings.map { text throws(GloveboxError) in
            guard let pattern = CommandPattern(text) else {
                throw node.error(
                    "'\(text.prefix(60))' doesn't say where the secret is: write … for it and _ for any argument before it, "
                        + "such as '-p …', '-u _:…'")
            }
            return pattern
        }
    }

    private enum Masks: String, CaseIterable {
        /// The keyword with the rest.
        case all
        /// Only what follows the keyword.
        case value
    }

    /// The forms as files name them. Those without a pattern are code.
    enum FormName: String, CaseIterable {
        case token, near, vendor, invisible, command, named, account, netrc, host, arguments, jwt, armour
        case urlPassword = "url_password"
        case urlUser = "url_user"
        case ipAddress = "ip_address"
        case ipv6Address = "ipv6_address"
        case macAddress = "mac_address"
        case nationalID = "national_id"
        case bitcoinAddress = "bitcoin_address"
        case passFile = "pass_file"
        case goSource = "go_source"
        case oracleSource = "oracle_source"
        case shortName = "short_name"
        case webKey = "web_key"
        case spacedCard = "spaced_card"
        case dottedMAC = "dotted_mac"
        case birthDate = "birth_date"
        case postalAddress = "postal_address"
        case documentNumber = "document_number"
        case vin, coordinate
        case bearer, keyed, columns, statement, manifest, putty, email, card, iban, phone, ssn

        var needsKeywords: Bool {
            switch self {
            case .email, .card, .iban, .ipAddress, .ipv6Address, .macAddress, .nationalID, .vin, .bitcoinAddress,
                .phone,
                .ssn:
                false
            default: true
            }
        }

        /// Nil for those that need more than their name.
        fileprivate var code: Detector.Form? {
            switch self {
            case .token, .near, .vendor, .command: nil
            case .named: .named
            case .account: .account
            case .netrc: .netrc
            case .host: .host
            case .arguments: .arguments
            case .urlUser: .urlUser
            case .keyed: .keyed
            case .columns: .columns
            case .statement: .statement
            case .manifest: .manifest
            case .putty: .putty
            case .passFile: .passFile
            case .goSource: .goSource
            case .oracleSource: .oracleSource
            case .shortName: .shortName
            case .webKey: .webKey
            case .invisible: .invisible
            case .jwt: .jwt
            case .armour: .armour
            case .urlPassword: .urlPassword
            case .bearer: .bearer
            case .email: .email
            case .card: .card
            case .spacedCard: .spacedCard
            case .dottedMAC: .dottedMAC
            case .iban: .iban
            case .ipAddress: .ipAddress
            case .ipv6Address: .ipv6Address
            case .macAddress: .macAddress
            case .nationalID: .nationalID
            case .vin: .vin
            case .bitcoinAddress: .bitcoinAddress
            case .birthDate: .birthDate
            case .postalAddress: .postalAddress
            case .documentNumber: .documentNumber
            case .coordinate: .coordinate
            case .phone: .phone
            case .ssn: .ssn
            }
        }
    }
}

/// A detector's examples: those written out, and those that `sample` makes of each keyword.
private struct Examples {
    var positive: [Detector.Example] = []
    var negative: [String] = []

    /// - Throws: `configuration_invalid` when a detector has none, or marks nothing in one.
    init(
        _ map: YAMLMapping, keywords: [String], masksAll: Bool, form: DetectorFile.FormName
    ) throws(GloveboxError) {
        if let sample = try map["sample"]?.string {
            let before = try map["sample_before"]?.string ?? ""
            for word in keywords {
                if form == .near || form == .vendor {
                    let between = form == .near ? "uses" : "key"
                    self.positive.append(.init(text: "\(word) \(between) \(sample), doesn't it", secret: sample))
                    self.negative.append("\(word) is a word")
                    continue
                }
                let secret = masksAll ? before + word + sample : sample
                self.positive.append(.init(text: "see \(masksAll ? "" : word)\(secret) there", secret: secret))
                // `AccountKey=12` is a finding by its name.
                if !word.hasSuffix("=") { self.negative += ["see \(word) there", "\(word)-", "\(word)12"] }
            }
        }
        for node in try map["positive"]?.list ?? [] { self.positive.append(try Self.marked(node)) }
        self.negative += try map["negative"]?.strings ?? []
        guard !self.positive.isEmpty else {
            throw map.node.error("a detector needs an example: write 'positive' with ⟦…⟧ about what must be masked")
        }
    }

    private static func marked(_ node: YAMLNode) throws(GloveboxError) -> Detector.Example {
        let parts = try node.string.split(separator: DetectorFile.marks.open, omittingEmptySubsequences: false)
        let ends = parts.last?.split(separator: DetectorFile.marks.close, omittingEmptySubsequences: false) ?? []
        guard parts.count == 2, ends.count == 2, !ends[0].isEmpty else {
            throw node.error("an example needs one ⟦…⟧ about what must be masked")
        }
        return Detector.Example(text: "\(parts[0])\(ends[0])\(ends[1])", secret: String(ends[0]))
    }
}

extension Detector {
    /// What is wrong with this detector, with its place.
    func refusal(_ what: String) -> GloveboxError {
        GloveboxError(.configurationInvalid, "\(self.place): the detector '\(self.name)' \(what)")
    }
}
