import JSONDocument

/// Compares answers of one entry. It keeps what it has found out about paths, so one is used for many comparisons.
package struct AnswerDiffer: Sendable {
    /// What one comparison came to.
    package struct Outcome: Hashable, Sendable {
        package var differences: [Difference] = []
        /// Answers of different status aren't looked into further: one is an error, and everything in it differs.
        package var isBodyCompared = true
    }

    /// So many are said of one path: a list of a thousand wrong elements mustn't hide what else differs.
    package static let mostOfOnePath = 5

    var table: PathTable
    /// Whether both answers were asked for at about the same time.
    private(set) var isConcurrent = false
    var place: [AnswerPlace.Step] = []
    var root = AnswerPath.Root.status
    private(set) var found: [Difference] = []
    private var saidOf: [String: Int] = [:]

    package init(_ rules: NoiseRules) {
        self.table = PathTable(rules)
    }

    /// - Parameter isConcurrent: whether both were asked for at about the same time, so that times in them are alike.
    package mutating func compare(
        expected: ObservedAnswer, actual: ObservedAnswer, isConcurrent: Bool
    ) -> Outcome {
        self.isConcurrent = isConcurrent
        self.found = []
        self.saidOf = [:]
        guard expected.status == actual.status else {
            return Outcome(
                differences: [
                    Difference(
                        path: "status", place: "status", kind: .changed, expected: Self.status(expected),
                        actual: Self.status(actual))
                ], isBodyCompared: false)
        }
        self.walk(.header, .object(expected.headers), .object(actual.headers))
        if expected.body.kind != actual.body.kind {
            self.found.append(
                Difference(
                    path: "body", place: "body", kind: .kind, expected: expected.body.kind, actual: actual.body.kind))
        } else if expected.body != actual.body {
            for (part, other) in zip(expected.bodyParts, actual.bodyParts) {
                self.walk(part.root, part.value, other.value)
            }
        }
        defer { self.found = [] }
        return Outcome(differences: self.found)
    }

    /// The status, and what a failed answer says of it.
    private static func status(_ answer: ObservedAnswer) -> String {
        guard !answer.status.hasPrefix("2") else { return answer.status }
        switch answer.body {
        case .json(let json): return "\(answer.status) \(json.printed())".shortened
        case .text(let text): return "\(answer.status) \(text)".shortened
        case .none, .html, .bytes: return answer.status
        }
    }

    private mutating func walk(_ root: AnswerPath.Root, _ expected: JSON, _ actual: JSON) {
        self.root = root
        self.place = []
        self.compare(expected, actual, self.table.root(root))
    }

    // MARK: reporting

    mutating func report(
        _ kind: Difference.Kind, _ path: Int, expected: JSON? = nil, actual: JSON? = nil, detail: String? = nil
    ) {
        let written = self.table.paths[path].description
        guard self.saidOf[written, default: 0] < Self.mostOfOnePath else { return }
        self.saidOf[written, default: 0] += 1
        self.found.append(
            Difference(
                path: written, place: AnswerPlace(self.root, self.place).description,
                kind: kind, expected: expected.map { $0.printed().shortened },
                actual: actual.map { $0.printed().shortened }, detail: detail))
    }

    /// Takes back what was said since there were so many.
    mutating func takeBack(to count: Int) {
        for difference in self.found[count...] { self.saidOf[difference.path, default: 1] -= 1 }
        self.found.removeSubrange(count...)
    }

    // MARK: values

    mutating func compare(_ expected: JSON, _ actual: JSON, _ path: Int) {
        let rule = self.table.rule(path)
        if rule?.isNullable == true {
            if case .null = actual { return }
            if case .null = expected { return self.check(actual, path) }
        }
        switch (expected, actual) {
        case (.object(let expected), .object(let actual)) where !Self.isAny(rule): self.compare(expected, actual, path)
        case (.array(let expected), .array(let actual)) where !Self.isAny(rule): self.compare(expected, actual, path)
        default:
            if let kind = rule?.kind, !Self.isList(kind) {
                let fault = kind.fault(of: actual, expected: expected, isConcurrent: self.isConcurrent)
                // What wasn't of the kind before either, and is the same now, is no difference between them.
                if let fault, expected != actual {
                    self.report(.shape, path, expected: expected, actual: actual, detail: fault)
                }
            } else if expected != actual {
                let isSameKind = expected.kind == actual.kind
                self.report(isSameKind ? .changed : .kind, path, expected: expected, actual: actual)
            }
        }
    }

    static func isAny(_ rule: NoiseRule?) -> Bool { if case .any? = rule?.kind { true } else { false } }
    private static func isList(_ kind: NoiseKind) -> Bool { if case .list = kind { true } else { false } }

    /// Holds a value to its rule alone: there's none to compare it with.
    mutating func check(_ actual: JSON, _ path: Int) {
        let rule = self.table.rule(path)
        if rule?.isNullable == true, case .null = actual { return }
        guard let kind = rule?.kind,
            let fault = kind.fault(of: actual, expected: actual, isConcurrent: self.isConcurrent)
        else { return }
        self.report(.shape, path, actual: actual, detail: fault)
    }

    // MARK: objects

    private mutating func compare(_ expected: JSONObject, _ actual: JSONObject, _ path: Int) {
        let hasSameNames =
            expected.members.count == actual.members.count
            && zip(expected.members, actual.members).allSatisfy { $0.name.isSame(as: $1.name) }
        if hasSameNames {
            for (member, other) in zip(expected.members, actual.members) {
                self.compare(member.value, other.value, path, member.name)
            }
            return
        }
        let known = Dictionary(actual.members.enumerated().map { ($1.name, $0) }) { _, last in last }
        var isMatched = Array(repeating: false, count: actual.members.count)
        var missing: [JSONObject.Member] = []
        for member in expected.members {
            let child = self.table.child(path, member.name)
            if let index = known[member.name], actual.members[index].name.isSame(as: member.name) {
                isMatched[index] = true
                self.compare(member.value, actual.members[index].value, path, member.name)
            } else if self.table.rule(child)?.isOptional != true {
                missing.append(member)
            }
        }
        let added = zip(actual.members, isMatched).filter { member, isMatched in !isMatched && known[member.name] != nil
        }
        .map(\.0)
        self.report(missing: missing, added: added, path)
    }

    private mutating func compare(_ expected: JSON, _ actual: JSON, _ path: Int, _ name: String) {
        self.place.append(.name(name))
        self.compare(expected, actual, self.table.child(path, name))
        self.place.removeLast()
    }

    private mutating func report(missing: [JSONObject.Member], added: [JSONObject.Member], _ path: Int) {
        var added = added.filter { member in
            let child = self.table.child(path, member.name)
            guard self.table.rule(child)?.isOptional == true else { return true }
            self.place.append(.name(member.name))
            self.check(member.value, child)
            self.place.removeLast()
            return false
        }
        var missing = missing
        for (old, new) in self.renamed(&missing, &added) {
            self.place.append(.name(new.name))
            self.report(
                .renamed, self.table.child(path, new.name), expected: old.value, actual: new.value, detail: old.name)
            self.place.removeLast()
        }
        for (kind, members) in [(Difference.Kind.missing, missing), (.added, added)] {
            for member in members {
                self.place.append(.name(member.name))
                let value = kind == .missing ? (member.value as JSON?, nil) : (nil, member.value as JSON?)
                self.report(kind, self.table.child(path, member.name), expected: value.0, actual: value.1)
                self.place.removeLast()
            }
        }
    }

    /// Takes pairs out of both: of the same value, and the last two left if they're of one kind.
    private func renamed(
        _ missing: inout [JSONObject.Member], _ added: inout [JSONObject.Member]
    ) -> [(JSONObject.Member, JSONObject.Member)] {
        guard !missing.isEmpty, !added.isEmpty else { return [] }
        var pairs: [(JSONObject.Member, JSONObject.Member)] = []
        var byValue: [JSON: [Int]] = [:]
        for (index, member) in added.enumerated().reversed() { byValue[member.value, default: []].append(index) }
        var taken: Set<Int> = []
        missing.removeAll { member in
            guard let index = byValue[member.value]?.popLast() else { return false }
            taken.insert(index)
            pairs.append((member, added[index]))
            return true
        }
        added = added.enumerated().filter { !taken.contains($0.offset) }.map(\.element)
        if self.root == .json, missing.count == 1, added.count == 1, missing[0].value.kind == added[0].value.kind {
            pairs.append((missing.removeLast(), added.removeLast()))
        }
        return pairs
    }
}
