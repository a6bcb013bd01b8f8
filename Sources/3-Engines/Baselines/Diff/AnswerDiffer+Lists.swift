import JSONDocument

extension AnswerDiffer {
    mutating func compare(_ expected: [JSON], _ actual: [JSON], _ path: Int) {
        let rule = self.table.rule(path)
        if let kind = rule?.kind, kind.ofLists != nil,
            let fault = kind.fault(of: .array(actual), expected: .array(expected), isConcurrent: false)
        {
            return self.report(.shape, path, expected: .array(expected), actual: .array(actual), detail: fault)
        }
        if rule?.isUnordered == true || rule?.hasFreeLength == true {
            return self.compareUnordered(expected, actual, path, hasFreeLength: rule?.hasFreeLength == true)
        }
        guard expected.count == actual.count else { return self.compareLengths(expected, actual, path) }
        let before = self.found.count
        let element = self.table.child(path, nil)
        for (index, pair) in zip(expected, actual).enumerated() { self.compare(pair.0, pair.1, index, element) }
        guard self.found.count > before, expected.count > 1 else { return }
        let keys = expected.map { self.key($0, element) }
        let others = actual.map { self.key($0, element) }
        // The same elements, elsewhere.
        guard keys != others, keys.sorted() == others.sorted() else { return }
        self.takeBack(to: before)
        self.report(.reordered, path, expected: .array(expected), actual: .array(actual))
    }

    private mutating func compare(_ expected: JSON, _ actual: JSON, _ index: Int, _ path: Int) {
        self.place.append(.index(index))
        self.compare(expected, actual, path)
        self.place.removeLast()
    }

    /// What's the same at both ends is left out; the rest is compared in order, and what's too many is said.
    private mutating func compareLengths(_ expected: [JSON], _ actual: [JSON], _ path: Int) {
        let element = self.table.child(path, nil)
        let keys = expected.map { self.key($0, element) }
        let others = actual.map { self.key($0, element) }
        let start = zip(keys, others).prefix { $0 == $1 }.count
        let room = min(keys.count, others.count) - start
        let end = min(room, zip(keys.reversed(), others.reversed()).prefix { $0 == $1 }.count)
        for index in 0..<start { self.compare(expected[index], actual[index], index, element) }
        for offset in 0..<end {
            self.compare(
                expected[expected.count - 1 - offset], actual[actual.count - 1 - offset], actual.count - 1 - offset,
                element)
        }
        let missing = Array(start..<(expected.count - end))
        let added = Array(start..<(actual.count - end))
        self.pair(expected, actual, missing, added, element)
    }

    // MARK: regardless of order

    /// Elements that are the same but for noise belong together; of the rest those that have most in common.
    private mutating func compareUnordered(_ expected: [JSON], _ actual: [JSON], _ path: Int, hasFreeLength: Bool) {
        let element = self.table.child(path, nil)
        let keys = expected.map { self.key($0, element) }
        var buckets: [Int: [Int]] = [:]
        for (index, value) in actual.enumerated() { buckets[self.key(value, element), default: []].append(index) }
        var pairs: [(Int, Int)] = []
        var isTaken = Array(repeating: false, count: actual.count)
        var later: [Int] = []
        // First those that are the same in all: of several with one key the others' noise would be compared crosswise.
        for index in expected.indices {
            let bucket = buckets[keys[index]] ?? []
            if bucket.count > 1, bucket.count <= 32 {
                guard let same = bucket.first(where: { !isTaken[$0] && actual[$0] == expected[index] }) else {
                    later.append(index)
                    continue
                }
                isTaken[same] = true
                pairs.append((index, same))
            } else {
                later.append(index)
            }
        }
        for key in buckets.keys { buckets[key]?.reverse() }
        var missing: [Int] = []
        for index in later {
            while let last = buckets[keys[index]]?.last, isTaken[last] { buckets[keys[index]]?.removeLast() }
            guard let other = buckets[keys[index]]?.popLast() else {
                missing.append(index)
                continue
            }
            isTaken[other] = true
            pairs.append((index, other))
        }
        for (index, other) in pairs { self.compare(expected[index], actual[other], other, element) }
        let added = isTaken.indices.filter { !isTaken[$0] }
        if hasFreeLength {
            self.compareShapes(expected, actual, added, element)
        } else {
            self.pair(expected, actual, missing, added, element)
        }
    }

    /// Where lists may be of any length their elements needn't be known, but have to look like those that are.
    private mutating func compareShapes(_ expected: [JSON], _ actual: [JSON], _ added: [Int], _ element: Int) {
        guard !expected.isEmpty else { return }
        let shapes = Set(expected.map { self.key($0, element, withoutValues: true) })
        for index in added where !shapes.contains(self.key(actual[index], element, withoutValues: true)) {
            self.place.append(.index(index))
            self.report(
                .shape, element, expected: expected[0], actual: actual[index],
                detail: "has members or kinds that no other element has")
            self.place.removeLast()
        }
    }

    /// Brings together what has most members in common, so that a changed member is said rather than two elements.
    private mutating func pair(_ expected: [JSON], _ actual: [JSON], _ missing: [Int], _ added: [Int], _ element: Int) {
        var holders: [JSONObject.Member: [Int]] = [:]
        for index in added {
            for member in actual[index].object?.members ?? [] { holders[member, default: []].append(index) }
        }
        var isTaken: Set<Int> = []
        var left: [Int] = []
        for index in missing {
            var votes: [Int: Int] = [:]
            for member in expected[index].object?.members ?? [] {
                // A value that many have says nothing of which it is.
                guard let owners = holders[member], owners.count <= 4 else { continue }
                for owner in owners where !isTaken.contains(owner) { votes[owner, default: 0] += 1 }
            }
            if let best = votes.max(by: { ($0.value, -$0.key) < ($1.value, -$1.key) }) {
                isTaken.insert(best.key)
                self.compare(expected[index], actual[best.key], best.key, element)
            } else {
                left.append(index)
            }
        }
        var rest = added.filter { !isTaken.contains($0) }[...]
        for index in left {
            // Texts and numbers are elements as a whole: one of them doesn't turn into another.
            if expected[index].isContainer, let other = rest.first, actual[other].kind == expected[index].kind {
                rest.removeFirst()
                self.compare(expected[index], actual[other], other, element)
            } else {
                self.place.append(.index(index))
                self.report(.elementMissing, element, expected: expected[index])
                self.place.removeLast()
            }
        }
        for index in rest {
            self.place.append(.index(index))
            self.report(.elementAdded, element, actual: actual[index])
            self.place.removeLast()
        }
    }

    // MARK: keys

    /// The same for values that are the same but for noise. A 64-bit hash.
    /// - Parameter withoutValues: whether only kinds and names count.
    mutating func key(_ value: JSON, _ path: Int, withoutValues: Bool = false) -> Int {
        let rule = self.table.rule(path)
        if rule?.isNullable == true {
            if case .null = value { return 1 }
            if value.isContainer == false { return 1 }
        }
        switch value {
        case .object(let object) where !Self.isAny(rule):
            var sum = 2
            for member in object.members {
                let child = self.table.child(path, member.name)
                if self.table.rule(child)?.isOptional == true { continue }
                // A path's number stands for the name. Sums don't depend on the order.
                let key = self.key(member.value, child, withoutValues: withoutValues)
                sum &+= Self.mixed(Self.mixed(child) &+ key)
            }
            return Self.mixed(sum)
        case .array(let elements) where !Self.isAny(rule):
            // Whatever its length is.
            if rule?.hasFreeLength == true || withoutValues { return 3 }
            let child = self.table.child(path, nil)
            let isUnordered = rule?.isUnordered == true
            let sum = elements.reduce(3) { sum, element in
                let key = self.key(element, child)
                return isUnordered ? sum &+ Self.mixed(key) : Self.mixed(sum &+ key)
            }
            return Self.mixed(sum)
        default:
            if let kind = rule?.kind,
                kind.fault(of: value, expected: value, isConcurrent: self.isConcurrent) == nil
            {
                return 4
            }
            return withoutValues ? value.kind.hashValue : Self.hash(value)
        }
    }

    /// Texts that are the same but to JSON have one hash; whether they're equal is seen when they're compared.
    private static func hash(_ scalar: JSON) -> Int {
        if let text = scalar.string { return text.hashValue }
        if let whole = scalar.number?.int64 { return Self.mixed(Int(whole)) }
        return scalar.hashValue
    }

    /// Spreads a sum's bits, so that sums of sums don't meet (SplitMix64's finish).
    static func mixed(_ value: Int) -> Int {
        var z = UInt64(bitPattern: Int64(value)) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: z ^ (z >> 31))
    }
}

extension JSON {
    var isContainer: Bool {
        switch self {
        case .array, .object: true
        case .null, .bool, .number, .string: false
        }
    }
}
