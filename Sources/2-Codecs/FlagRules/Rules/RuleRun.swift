/// One evaluation of a rule.
struct RuleRun {
    /// Operators that one evaluation may take: a list in a context, gone through for each item of another, would be a way
    /// to keep a server busy.
    static let mostSteps = 100_000

    let flagKey: String
    let context: FlagContext
    /// Seconds of Unix time.
    let timestamp: Int64
    private(set) var steps = 0

    init(flagKey: String, context: FlagContext, timestamp: Int64) {
        self.flagKey = flagKey
        self.context = context
        self.timestamp = timestamp
    }

    /// Whether the rule took more than ``mostSteps``: what it came to doesn't count then.
    var isExhausted: Bool { self.steps > Self.mostSteps }

    /// What variables are looked up in.
    enum Scope {
        case context
        /// An item of a list that's gone through.
        case item(FlagValue)
    }

    mutating func value(_ rule: Rule, _ scope: Scope = .context) -> FlagValue {
        self.steps += 1
        guard !self.isExhausted else { return .null }
        switch rule {
        case .value(let value): return value
        case .list(let rules): return .array(self.values(rules, scope))
        case .variable(let variable, let otherwise):
            return self.look(up: variable, scope) ?? otherwise.map { self.value($0, scope) } ?? .null
        case .variableNamed(let name, let otherwise):
            let name = self.value(name, scope)
            let variable = Rule.Variable(name.string ?? name.integer.map(String.init) ?? "")
            return self.look(up: variable, scope) ?? otherwise.map { self.value($0, scope) } ?? .null
        case .missing(let names):
            let names = self.values(names, scope)
            return .array(self.missing(names.first?.array ?? names, scope))
        case .missingSome(let least, let names):
            let least = self.value(least, scope).integer ?? 0
            let names = self.value(names, scope).array ?? []
            let missing = self.missing(names, scope)
            return .array(Int64(names.count - missing.count) >= least ? [] : missing)
        case .choice(let rules): return self.choice(rules, scope)
        case .and(let rules):
            var last = FlagValue.null
            for rule in rules {
                last = self.value(rule, scope)
                guard last.isTruthy else { break }
            }
            return last
        case .or(let rules):
            var last = FlagValue.null
            for rule in rules {
                last = self.value(rule, scope)
                if last.isTruthy { break }
            }
            return last
        case .truth(let rule, let isNegated): return .bool(self.value(rule, scope).isTruthy != isNegated)
        case .equal(let one, let other, let isStrict, let isNegated):
            let (one, other) = (self.value(one, scope), self.value(other, scope))
            return .bool((isStrict ? one.isSame(as: other) : one.isLike(other)) != isNegated)
        case .ordered(let order, let rules):
            let values = self.values(rules, scope)
            return .bool(zip(values, values.dropFirst()).allSatisfy { order.holds($0, $1) })
        case .arithmetic(let arithmetic, let rules): return arithmetic.result(self.values(rules, scope))
        case .quantified(let quantifier, let list, let rule):
            return self.quantified(quantifier, self.value(list, scope).array ?? [], rule)
        case .reduce(let list, let rule, let first):
            var result = self.value(first, scope)
            for item in self.value(list, scope).array ?? [] {
                guard !self.isExhausted else { break }
                result = self.value(rule, .item(.object(["current": item, "accumulator": result])))
            }
            return result
        case .merge(let rules): return .array(self.values(rules, scope).flatMap { $0.array ?? [$0] })
        case .contains(let item, let place):
            let (item, place) = (self.value(item, scope), self.value(place, scope))
            switch place {
            case .string(let text): return .bool(item.string.map { text.containsBytes(of: $0) } ?? false)
            case .array(let items): return .bool(items.contains { item.isSame(as: $0) })
            default: return .bool(false)
            }
        case .concatenation(let rules):
            var text = ""
            for rule in rules { self.value(rule, scope).appendText(to: &text) }
            return .string(text)
        case .substring(let text, let start, let length):
            var source = ""
            self.value(text, scope).appendText(to: &source)
            return .string(
                source.part(
                    from: self.value(start, scope).integer ?? 0,
                    length: length.flatMap { self.value($0, scope).integer }))
        case .affix(let affix, let text, let part):
            guard case .string(let text) = self.value(text, scope), case .string(let part) = self.value(part, scope)
            else { return .null }
            switch affix {
            case .prefix: return .bool(text.utf8.starts(with: part.utf8))
            case .suffix: return .bool(text.utf8.reversed().starts(with: part.utf8.reversed()))
            }
        case .semanticVersion(let one, let comparison, let other):
            guard let one = self.value(one, scope).version, let other = self.value(other, scope).version else {
                return .null
            }
            return .bool(comparison.holds(one, other))
        case .knownVersion(let one, let comparison, let other):
            guard let one = self.value(one, scope).version else { return .null }
            return .bool(comparison.holds(one, other))
        case .fractional(let fractional): return self.bucket(fractional, scope)
        case .shared(let shared): return self.value(shared.rule, scope)
        }
    }

    private mutating func values(_ rules: [Rule], _ scope: Scope) -> [FlagValue] {
        var values: [FlagValue] = []
        values.reserveCapacity(rules.count)
        for rule in rules { values.append(self.value(rule, scope)) }
        return values
    }

    private mutating func choice(_ rules: [Rule], _ scope: Scope) -> FlagValue {
        var index = 0
        while index + 1 < rules.count {
            if self.value(rules[index], scope).isTruthy { return self.value(rules[index + 1], scope) }
            index += 2
        }
        return index < rules.count ? self.value(rules[index], scope) : .null
    }

    private mutating func quantified(_ quantifier: Rule.Quantifier, _ items: [FlagValue], _ rule: Rule) -> FlagValue {
        var result: [FlagValue] = []
        for item in items {
            guard !self.isExhausted else { return .null }
            let value = self.value(rule, .item(item))
            switch quantifier {
            case .map: result.append(value)
            case .filter: if value.isTruthy { result.append(item) }
            case .all: if !value.isTruthy { return .bool(false) }
            case .none: if value.isTruthy { return .bool(false) }
            case .some: if value.isTruthy { return .bool(true) }
            }
        }
        switch quantifier {
        case .map, .filter: return .array(result)
        case .all: return .bool(!items.isEmpty)
        case .none: return .bool(true)
        case .some: return .bool(false)
        }
    }

    // MARK: Variables

    private func look(up variable: Rule.Variable, _ scope: Scope) -> FlagValue? {
        switch (variable, scope) {
        case (.flagKey, _): .string(self.flagKey)
        case (.timestamp, _): .integer(self.timestamp)
        case (.everything, .context): .object(self.context.fields)
        case (.everything, .item(let item)): item
        case (.targetingKey, .context): self.context.targetingKey.map { .string($0) }
        case (.targetingKey, .item(let item)): item.field("targetingKey")
        case (.field(let name), .context): self.context.attributes[name]
        case (.field(let name), .item(let item)): item.field(name)
        case (.path(let names), .context): Self.walk(self.context.attributes[names[0]], names.dropFirst())
        case (.path(let names), .item(let item)): Self.walk(item, names[...])
        }
    }

    private static func walk(_ value: FlagValue?, _ names: ArraySlice<String>) -> FlagValue? {
        var value = value
        for name in names { value = value?.field(name) }
        return value
    }

    private func missing(_ names: [FlagValue], _ scope: Scope) -> [FlagValue] {
        names.filter { name in
            guard let text = name.string ?? name.integer.map(String.init) else { return true }
            let found = self.look(up: .init(text), scope)
            return found == nil || found == .null || found == .string("")
        }
    }

    // MARK: Buckets

    /// `(hash × total) >> 32` is a bucket's place among the weights (flagd's provider specification, "fractional").
    private mutating func bucket(_ fractional: Rule.Fractional, _ scope: Scope) -> FlagValue {
        guard let hash = self.hash(fractional.key, scope) else { return .null }
        guard fractional.total == nil else {
            guard let total = fractional.ends.last, total > 0, total <= Rule.Fractional.mostWeight else { return .null }
            let place = (UInt64(hash) * total) >> 32
            for (index, end) in fractional.ends.enumerated() where place < end {
                return self.value(fractional.buckets[index].value, scope)
            }
            return .null
        }
        var ends: [UInt64] = []
        for bucket in fractional.buckets {
            guard let weight = Rule.Fractional.weight(self.value(bucket.weight, scope)) else { return .null }
            ends.append((ends.last ?? 0) + weight)
        }
        guard let total = ends.last, total > 0, total <= Rule.Fractional.mostWeight else { return .null }
        let place = (UInt64(hash) * total) >> 32
        for (index, end) in ends.enumerated() where place < end {
            return self.value(fractional.buckets[index].value, scope)
        }
        return .null
    }

    /// Of what puts whoever asks into a bucket; `nil` where there's no text for that.
    private mutating func hash(_ key: Rule?, _ scope: Scope) -> UInt32? {
        guard let key else { return self.context.targetingKey.map { MurmurHash3.hash(self.flagKey, $0) } }
        // Two texts that are joined need no third.
        if case .concatenation(let parts) = key, parts.count == 2,
            case .string(let one) = self.value(parts[0], scope), case .string(let other) = self.value(parts[1], scope)
        {
            self.steps += 1
            return MurmurHash3.hash(one, other)
        }
        guard case .string(let text) = self.value(key, scope) else { return nil }
        return MurmurHash3.hash(text, "")
    }
}

extension Rule.Fractional {
    /// Of all buckets together.
    static let mostWeight: UInt64 = 1 << 31 - 1

    /// One below zero counts as zero; `nil` for what isn't a whole number.
    static func weight(_ value: FlagValue) -> UInt64? {
        guard let weight = value.integer, weight <= Int64(Self.mostWeight) else { return nil }
        return UInt64(max(0, weight))
    }
}
