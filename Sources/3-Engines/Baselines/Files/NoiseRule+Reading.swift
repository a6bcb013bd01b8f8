package import GloveboxCore
import JSONDocument
import YAMLDocument

extension NoiseRule {
    /// The keys of a rule, beside those that say where it counts.
    static let keys = [
        "kind", "optional", "nullable", "reason", "upper-case", "formats", "within", "direction", "from", "prefix",
        "alphabet", "length", "absolute", "relative", "values", "unordered", "kinds", "of",
    ]
    private static let kinds = [
        "uuid", "time", "counter", "token", "tolerance", "one-of", "list", "words", "either", "any",
    ]

    init(_ mapping: YAMLMapping) throws(GloveboxError) {
        self.init(try Self.kind(mapping))
        self.isOptional = try mapping["optional"]?.bool ?? false
        self.isNullable = try mapping["nullable"]?.bool ?? false
        self.reason = try mapping["reason"]?.string
        guard self.kind != nil || self.isOptional || self.isNullable else {
            throw mapping.node.error("this rule allows nothing: write a kind, 'optional: true' or 'nullable: true'")
        }
    }

    private static func kind(_ mapping: YAMLMapping) throws(GloveboxError) -> NoiseKind? {
        guard let node = mapping["kind"] else { return nil }
        let name = try node.string
        switch name {
        case "uuid": return .uuid(isUpperCase: try mapping["upper-case"]?.bool ?? false)
        case "time": return try self.time(mapping)
        case "counter":
            let direction = try mapping["direction"]?.choice(Direction.self) ?? .rising
            let within = try mapping["within"]?.int(in: 0...(.max))
            return .counter(
                .init(isFalling: direction == .falling, from: try mapping.required("from").int, within: within))
        case "token":
            return .token(
                TokenShape(
                    prefix: try mapping["prefix"]?.string ?? "",
                    alphabet: try mapping.required("alphabet").choice(TokenShape.Alphabet.self),
                    length: try self.range(mapping.required("length"))))
        case "tolerance":
            guard mapping["absolute"] != nil || mapping["relative"] != nil else {
                throw node.error("a tolerance says how much: write 'absolute: 5' or 'relative: 0.01'")
            }
            return .tolerance(
                .init(absolute: try self.number(mapping["absolute"]), relative: try self.number(mapping["relative"])))
        case "one-of": return .oneOf(try mapping.required("values").map(self.scalar))
        case "list":
            let length: ClosedRange<Int>? = if let node = mapping["length"] { try self.range(node) } else { nil }
            let isUnordered = try mapping["unordered"]?.bool ?? false
            guard isUnordered || length != nil else {
                throw node.error("a list's rule says what may differ: write 'unordered: true' or 'length: 0..100'")
            }
            return .list(isUnordered: isUnordered, length: length)
        case "words": return .words(try self.kinds(mapping, besides: ["words", "either", "list", "any"]))
        case "either": return .either(try self.kinds(mapping, besides: ["either"]))
        case "any":
            return .any(
                try mapping.required("of").map { node throws(GloveboxError) in
                    // Unquoted it's nothing to YAML.
                    if case .empty = node.content { return .null }
                    return try node.choice(NoiseKind.ValueKind.self)
                })
        default:
            let hint = closest(to: name, among: self.kinds).map { "did you mean '\($0)'? " } ?? ""
            throw node.error(
                "'\(name.shortened)' is no kind of noise: \(hint)Write one of \(self.kinds.joined(separator: ", "))")
        }
    }

    private enum Direction: String, CaseIterable { case rising, falling }

    private static func time(_ mapping: YAMLMapping) throws(GloveboxError) -> NoiseKind {
        let formats = try mapping.required("formats").map { node throws(GloveboxError) in
            guard let format = TimeFormat(try node.string) else {
                throw node.error(
                    "this is no form of a time: write one such as YYYY-MM-DDThh:mm:ssZ, http-date or unix-ms")
            }
            return format
        }
        guard let within = mapping["within"] else { return .time(formats, within: nil) }
        return .time(formats, within: Int(try within.duration.components.seconds))
    }

    private static func kinds(
        _ mapping: YAMLMapping, besides refused: [String]
    ) throws(GloveboxError) -> [NoiseKind] {
        try mapping.required("kinds").map { node throws(GloveboxError) in
            let one = try node.mapping(self.keys)
            guard let kind = try self.kind(one) else { throw node.error("this has no kind: write 'kind: uuid'") }
            guard !refused.contains(kind.name) else {
                let allowed = self.kinds.filter { !refused.contains($0) }.joined(separator: ", ")
                throw node.error("this can't be \(kind.name) here: write one of \(allowed)")
            }
            return kind
        }
    }

    /// `32`, or `6..8`.
    private static func range(_ node: YAMLNode) throws(GloveboxError) -> ClosedRange<Int> {
        let parts = try node.string.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let (low, high) = (parts.first.flatMap { Int($0) }, parts.last.flatMap { Int($0) })
        let isRange = parts.count == 1 || (parts.count == 3 && parts[1].isEmpty)
        guard isRange, let low, let high, low >= 0, low <= high else {
            throw node.error("\(node.label) is no length: write a number such as 32, or a range such as 6..8")
        }
        return low...high
    }

    private static func number(_ node: YAMLNode?) throws(GloveboxError) -> Double {
        guard let node else { return 0 }
        guard let value = Double(try node.string), value.isFinite, value >= 0 else {
            throw node.error("\(node.label) is no tolerance: write a number that isn't negative, such as 0.5")
        }
        return value
    }

    private static func scalar(_ node: YAMLNode) throws(GloveboxError) -> JSON {
        switch node.content {
        case .empty: return .null
        case .scalar(let text, isQuoted: true): return .string(text)
        case .scalar(let text, isQuoted: false):
            // A word that isn't JSON is a text without its quotes.
            return (try? JSON(parsing: text)) ?? .string(text)
        case .list, .mapping:
            throw node.error("\(node.label) isn't one value: write a text, a number, true, false or null")
        }
    }
}

extension GloveboxError.Code {
    /// A baseline or a file of rules isn't what it has to be: the message says where.
    package static let baselineInvalid = Self("baseline_invalid")
    /// A baseline or a rule is older than it may be.
    package static let baselineExpired = Self("baseline_expired")
}

extension GloveboxError {
    /// What YAMLDocument complains of, as a complaint about a baseline. Its places stay.
    var ofBaseline: GloveboxError {
        self.code == .configurationInvalid ? GloveboxError(.baselineInvalid, self.message, cause: self.cause) : self
    }
}

extension YAMLNode {
    var day: CalendarDay {
        get throws(GloveboxError) {
            guard let day = CalendarDay(try self.string) else {
                throw self.error("\(self.label) is no day: write one such as 2027-01-31")
            }
            return day
        }
    }

    /// - Throws: `baseline_expired` from that day's end (UTC) on.
    func expiry(today: CalendarDay?, _ what: String, _ advice: String) throws(GloveboxError) -> CalendarDay {
        let day = try self.day
        guard let today, day < today else { return day }
        throw GloveboxError(
            .baselineExpired, "\(self.file):\(self.line):\(self.column): \(what) has expired on \(day): \(advice)")
    }
}
