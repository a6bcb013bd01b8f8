package import GloveboxCore
import JSONDocument

/// What several answers of the primary to the same request tell of its noise.
package struct LearnedNoise: Hashable, Sendable {
    /// A path whose values differ in a way that no kind of noise explains: somebody has to write a rule, or to mend
    /// what makes it so.
    package struct Unexplained: Hashable, Sendable, Codable {
        package var path: String
        package var what: String
        /// Some of what was seen, shortened.
        package var values: [String]

        package init(path: String, what: String, values: [String]) {
            self.path = path
            self.what = what
            self.values = values
        }
    }

    package var rules: [AnswerPath: NoiseRule] = [:]
    package var unexplained: [Unexplained] = []

    package init() {}
}

/// Learns noise by looking at how answers differ: values at the same path stand in a column, run by run, and a path's
/// kind is the narrowest that has all of its columns.
package struct NoiseLearner {
    /// When the answers were recorded, which tells times since 1970 from other numbers. Seconds.
    private let now: Double
    /// Of scalar values that differ, by run.
    private var columns: [AnswerPath: [[JSON]]] = [:]
    private var optional: Set<AnswerPath> = []
    private var nullable: Set<AnswerPath> = []
    private var unordered: Set<AnswerPath> = []
    /// What stays the same at paths where something isn't always there.
    private var constants: [AnswerPath: Set<JSON>] = [:]
    private var containers: [AnswerPath: Set<NoiseKind.ValueKind>] = [:]
    private var learned = LearnedNoise()

    /// - Parameter runs: the answers, in the order in which they were asked for; counters are told by it.
    /// - Returns: what was learned, and which of the answers it's of: those that have the status and kind of body which
    ///   most
    ///   have.
    package static func learn(
        _ runs: [ObservedAnswer], at now: WallTime
    ) -> (noise: LearnedNoise, alike: [ObservedAnswer]) {
        var learner = Self(now: Double(now.nanoseconds) / 1e9)
        let alike = learner.alike(runs)
        if let first = alike.first {
            for part in 0..<first.parts.count {
                let root = first.parts[part].root
                learner.learn(alike.map { $0.parts[part].value }, AnswerPath(root))
            }
        }
        learner.conclude()
        return (learner.learned, alike)
    }

    private init(now: Double) {
        self.now = now
    }

    private mutating func alike(_ runs: [ObservedAnswer]) -> [ObservedAnswer] {
        let groups = Dictionary(grouping: runs) { "\($0.status) \($0.body.kind)" }
        guard groups.count > 1 else { return runs }
        // Of two of a size the one that came first.
        let order = runs.map { "\($0.status) \($0.body.kind)" }
        let largest = groups.max { a, b in
            (a.value.count, order.firstIndex(of: b.key) ?? 0) < (b.value.count, order.firstIndex(of: a.key) ?? 0)
        }
        self.learned.unexplained.append(
            .init(
                path: "status", what: "the primary itself answers in different ways",
                values: order.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }))
        return largest?.value ?? []
    }

    private mutating func refuse(_ path: AnswerPath, _ what: String, _ values: [JSON]) {
        var seen: [String] = []
        for value in values {
            let text = value.printed().shortened
            if !seen.contains(text), seen.count < 5 { seen.append(text) }
        }
        self.learned.unexplained.append(.init(path: path.description, what: what, values: seen))
    }

    // MARK: walking

    private mutating func learn(_ values: [JSON?], _ path: AnswerPath) {
        let present = values.compactMap(\.self)
        if present.count < values.count { self.optional.insert(path) }
        let known = present.filter { if case .null = $0 { false } else { true } }
        // Always null is always the same, unless it's not always there.
        if known.count < present.count, known.count > 0 || present.count < values.count { self.nullable.insert(path) }
        guard let first = known.first else { return }
        if known.count < values.count, first.isContainer {
            self.containers[path, default: []].insert(first.object == nil ? .array : .object)
        }
        guard known.contains(where: { $0 != first }) else {
            if known.count < values.count, !first.isContainer { self.constants[path, default: []].insert(first) }
            return
        }
        let objects = known.compactMap(\.object)
        let lists = known.compactMap(\.array)
        if objects.count == known.count {
            self.learn(objects, path)
        } else if lists.count == known.count {
            self.learn(lists, path)
        } else if known.contains(where: \.isContainer) {
            self.refuse(path, "values of different kinds", known)
        } else {
            self.columns[path, default: []].append(known)
        }
    }

    private mutating func learn(_ objects: [JSONObject], _ path: AnswerPath) {
        var names: [String] = []
        var seen: Set<String> = []
        let byName = objects.map { object in
            Dictionary(object.members.map { ($0.name, $0.value) }) { _, last in last }
        }
        for object in objects {
            for member in object.members where seen.insert(member.name).inserted { names.append(member.name) }
        }
        // Where each run has names that no other has, they aren't members that may be missing, but values.
        let own = byName.map { members in
            members.keys.filter { name in byName.count { $0[name] != nil } == 1 }
        }
        if own.allSatisfy({ !$0.isEmpty }) {
            self.refuse(
                path, "members of other names in each answer", own.map { .string($0.sorted().joined(separator: ", ")) })
            names.removeAll { name in own.contains { $0.contains(name) } }
        }
        for name in names { self.learn(byName.map { $0[name] }, path.appending(.name(name))) }
    }

    /// An element is known by what of it is the same in all runs, wherever it stands. Where these stand in another
    /// order, the list has none.
    private mutating func learn(_ lists: [[JSON]], _ path: AnswerPath) {
        let count = lists[0].count
        guard lists.allSatisfy({ $0.count == count }) else {
            return self.refuse(
                path, "lists of \(Set(lists.map(\.count)).sorted().map { "\($0)" }.joined(separator: ", ")) elements",
                lists.map { .array($0) })
        }
        let profiles = lists.map { $0.map(Self.profile) }
        let totals = profiles.map { elements in
            elements.reduce(into: [Int: Int]()) { totals, profile in
                for (leaf, sum) in profile { totals[leaf, default: 0] &+= AnswerDiffer.mixed(sum) }
            }
        }
        let stable = totals[0].keys.filter { leaf in totals.allSatisfy { $0[leaf] == totals[0][leaf] } }
        let keys = profiles.map { elements in
            elements.map { profile in
                stable.reduce(0) { key, leaf in
                    key &+ (profile[leaf].map { AnswerDiffer.mixed(leaf &+ AnswerDiffer.mixed($0)) } ?? 0)
                }
            }
        }
        var aligned = lists
        if !stable.isEmpty, keys.contains(where: { $0 != keys[0] }) {
            self.unordered.insert(path)
            for run in lists.indices.dropFirst() {
                var places: [Int: [Int]] = [:]
                for (index, key) in keys[run].enumerated().reversed() { places[key, default: []].append(index) }
                let order = keys[0].compactMap { places[$0]?.popLast() }
                // Keys are hashes: should they not come out even, elements stay as they stand.
                if order.count == count { aligned[run] = order.map { lists[run][$0] } }
            }
        }
        let element = path.appending(.each)
        for index in 0..<count { self.learn(aligned.map { $0[index] }, element) }
    }

    /// By a hash of the path in the element, a sum of the hashes of all values there: the order of inner lists doesn't
    /// count.
    private static func profile(_ value: JSON) -> [Int: Int] {
        var profile: [Int: Int] = [:]
        func walk(_ value: JSON, _ path: Int) {
            switch value {
            case .object(let object):
                for member in object.members { walk(member.value, AnswerDiffer.mixed(path &+ member.name.hashValue)) }
            case .array(let elements): for element in elements { walk(element, AnswerDiffer.mixed(path &+ 1)) }
            case .null, .bool, .number, .string: profile[path, default: 0] &+= AnswerDiffer.mixed(value.hashValue)
            }
        }
        walk(value, 0)
        return profile
    }

    // MARK: concluding

    /// Where elements of one list have values of several kinds at a path, and one of these wasn't there to be compared
    /// with, it's held to what was seen of any.
    private mutating func widen(_ path: AnswerPath) {
        guard let kind = self.learned.rules[path]?.kind else { return }
        var others: [NoiseKind] = []
        let constants = (self.constants[path] ?? []).filter {
            kind.fault(of: $0, expected: $0, isConcurrent: false) != nil
        }
        if !constants.isEmpty, constants.count <= 20 {
            others.append(.oneOf(constants.sorted { $0.printed() < $1.printed() }))
        }
        let containers = self.containers[path] ?? []
        if !containers.isEmpty { others.append(.any(containers.sorted { $0.rawValue < $1.rawValue })) }
        guard !others.isEmpty else { return }
        if case .either(let kinds) = kind {
            self.learned.rules[path]?.kind = .either(kinds + others)
        } else {
            self.learned.rules[path]?.kind = .either([kind] + others)
        }
    }

    private mutating func conclude() {
        for (path, columns) in self.columns.sorted(by: { $0.key < $1.key }) {
            if let kind = KindChoice(columns, now: self.now).kind() {
                self.learned.rules[path, default: NoiseRule()].kind = kind
            } else {
                self.refuse(path, "values that no kind of noise explains", columns.flatMap(\.self))
            }
        }
        for path in self.unordered {
            let list = NoiseKind.list(isUnordered: true, length: nil)
            switch self.learned.rules[path]?.kind {
            case nil: self.learned.rules[path, default: NoiseRule()].kind = list
            case .either(let kinds)?: self.learned.rules[path]?.kind = .either(kinds + [list])
            case .some(let kind): self.learned.rules[path]?.kind = .either([kind, list])
            }
        }
        for path in self.optional.union(self.nullable) { self.widen(path) }
        for path in self.optional { self.learned.rules[path, default: NoiseRule()].isOptional = true }
        for path in self.nullable { self.learned.rules[path, default: NoiseRule()].isNullable = true }
        for path in self.learned.rules.keys {
            if self.learned.rules[path] == NoiseRules.builtIn[path] { self.learned.rules[path] = nil }
        }
    }
}
