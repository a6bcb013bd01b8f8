import GloveboxCore

/// Compiles the targeting of one file's flags, which share its `$evaluators`.
struct RuleCompiler {
    /// Of a rule in its file; the reader's own limit is about as deep.
    private static let deepest = 64

    private let evaluators: [String: FlagValue]
    private var shared: [String: SharedRule] = [:]
    /// The evaluators that are being compiled.
    private var open: [String] = []
    private var depth = 0
    /// The deepest that was got to.
    private var reached = 0

    init(evaluators: [String: FlagValue]) {
        self.evaluators = evaluators
    }

    /// - Throws: `flags_invalid`, saying what's wrong with which operator.
    mutating func compile(_ value: FlagValue) throws(GloveboxError) -> Rule {
        self.depth += 1
        defer { self.depth -= 1 }
        try self.reach(self.depth)
        switch value {
        case .array(let items):
            let rules = try self.compile(items)
            return Self.constant(rules).map { .value(.array($0)) } ?? .list(rules)
        case .object(let fields):
            guard fields.count == 1, let field = fields.first else { return .value(value) }
            return try self.operation(field.key, field.value)
        default: return .value(value)
        }
    }

    private mutating func reach(_ depth: Int) throws(GloveboxError) {
        self.reached = max(self.reached, depth)
        guard depth <= Self.deepest else {
            throw GloveboxError(.flagsInvalid, "the rule is nested too deeply: \(Self.deepest) levels at most")
        }
    }

    private mutating func compile(_ values: [FlagValue]) throws(GloveboxError) -> [Rule] {
        var rules: [Rule] = []
        for value in values { rules.append(try self.compile(value)) }
        return rules
    }

    private static func constant(_ rules: [Rule]) -> [FlagValue]? {
        var values: [FlagValue] = []
        for case .value(let value) in rules { values.append(value) }
        return values.count == rules.count ? values : nil
    }

    private mutating func operation(_ name: String, _ given: FlagValue) throws(GloveboxError) -> Rule {
        if name == "$ref" { return try self.reference(given) }
        // One argument may stand without its brackets.
        let arguments = given.array ?? [given]
        if name == "fractional" { return try self.fractional(arguments) }
        let rules = try self.compile(arguments)
        func count(_ allowed: ClosedRange<Int>) throws(GloveboxError) {
            guard allowed.contains(rules.count) else {
                throw GloveboxError(
                    .flagsInvalid,
                    "'\(name)' takes \(allowed.lowerBound) to \(allowed.upperBound) arguments, and has \(rules.count)")
            }
        }
        switch name {
        case "var":
            try count(0...2)
            let otherwise = rules.count > 1 ? rules[1] : nil
            switch rules.first ?? .value(.null) {
            case .value(.null): return .variable(.everything, otherwise: otherwise)
            case .value(.string(let name)): return .variable(.init(name), otherwise: otherwise)
            case .value(.integer(let index)): return .variable(.field(String(index)), otherwise: otherwise)
            case let name: return .variableNamed(name, otherwise: otherwise)
            }
        case "missing": return .missing(rules)
        case "missing_some":
            try count(2...2)
            return .missingSome(least: rules[0], of: rules[1])
        case "if", "?:": return .choice(rules)
        case "and": return .and(rules)
        case "or": return .or(rules)
        case "!", "!!":
            try count(1...1)
            return .truth(rules[0], isNegated: name == "!")
        case "==", "===", "!=", "!==":
            try count(2...2)
            return .equal(rules[0], rules[1], isStrict: name.utf8.count == 3, isNegated: name.hasPrefix("!"))
        case "in":
            try count(2...2)
            return .contains(rules[0], in: rules[1])
        case "cat": return .concatenation(rules)
        case "merge": return .merge(rules)
        case "substr":
            try count(2...3)
            return .substring(rules[0], from: rules[1], length: rules.count > 2 ? rules[2] : nil)
        case "reduce":
            try count(2...3)
            return .reduce(over: rules[0], rules[1], from: rules.count > 2 ? rules[2] : .value(.null))
        case "sem_ver":
            // What flagd says of wrong arguments: null, and so the default variant.
            guard rules.count == 3 else { return .value(.null) }
            guard case .value(let symbol) = rules[1] else {
                throw GloveboxError(.flagsInvalid, "how 'sem_ver' compares can't be worked out: write it")
            }
            guard let comparison = symbol.string.flatMap(SemanticVersion.Comparison.init(rawValue:)) else {
                return .value(.null)
            }
            guard case .value(let other) = rules[2] else { return .semanticVersion(rules[0], comparison, rules[2]) }
            return other.version.map { .knownVersion(rules[0], comparison, $0) } ?? .value(.null)
        default: break
        }
        if let order = Rule.Order(rawValue: name) {
            try count(2...3)
            return .ordered(order, rules)
        }
        if let arithmetic = Rule.Arithmetic(rawValue: name) { return .arithmetic(arithmetic, rules) }
        if let quantifier = Rule.Quantifier(rawValue: name) {
            try count(2...2)
            return .quantified(quantifier, over: rules[0], rules[1])
        }
        if let affix = Rule.Affix(rawValue: name) {
            return rules.count == 2 ? .affix(affix, of: rules[0], rules[1]) : .value(.null)
        }
        throw GloveboxError(.flagsInvalid, "there is no operator '\(name.prefix(80))'")
    }

    private mutating func reference(_ given: FlagValue) throws(GloveboxError) -> Rule {
        guard let name = given.string, let evaluator = self.evaluators[name] else {
            throw GloveboxError(.flagsInvalid, "$evaluators has no \(given.json.prefix(80))")
        }
        if let shared = self.shared[name] {
            try self.reach(self.depth + shared.height)
            return .shared(shared)
        }
        guard !self.open.contains(name) else {
            throw GloveboxError(.flagsInvalid, "the evaluator '\(name.prefix(80))' refers to itself")
        }
        self.open.append(name)
        let before = self.reached
        self.reached = self.depth
        defer {
            self.open.removeLast()
            self.reached = max(self.reached, before)
        }
        let rule = try self.compile(evaluator)
        let shared = SharedRule(rule, height: self.reached - self.depth)
        self.shared[name] = shared
        return .shared(shared)
    }

    /// A first argument that's a bucket leaves the key to flag and targeting key.
    private mutating func fractional(_ arguments: [FlagValue]) throws(GloveboxError) -> Rule {
        var arguments = arguments[...]
        var key: Rule?
        if let first = arguments.first, first.array == nil {
            key = try self.compile(first)
            arguments.removeFirst()
        }
        var buckets: [Rule.Fractional.Bucket] = []
        for argument in arguments {
            guard let bucket = argument.array, (1...2).contains(bucket.count) else {
                throw GloveboxError(
                    .flagsInvalid, "a bucket of 'fractional' is [VARIANT, WEIGHT], and not \(argument.json.prefix(80))")
            }
            buckets.append(
                Rule.Fractional.Bucket(
                    value: try self.compile(bucket[0]),
                    weight: bucket.count > 1 ? try self.compile(bucket[1]) : .value(.integer(1))))
        }
        var total: UInt64? = 0
        var ends: [UInt64] = []
        for bucket in buckets {
            guard case .value(let value) = bucket.weight, let weight = Rule.Fractional.weight(value) else {
                total = nil
                ends = []
                break
            }
            ends.append((ends.last ?? 0) + weight)
            total = ends.last
        }
        return .fractional(Rule.Fractional(key: key, buckets: buckets, total: total, ends: ends))
    }
}
