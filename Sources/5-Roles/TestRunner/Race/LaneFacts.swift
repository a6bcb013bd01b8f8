import Contracts
import HurlFile
import Suites

/// What one lane came to: what can be told of it and compared with another's.
struct LaneFacts: Hashable, Sendable {
    /// Of each entry, the last try of it: status, what was captured, what asserts looked at.
    private(set) var values: [Fact: String] = [:]
    /// The statuses in order, or why there's none.
    private(set) var statuses: [String] = []

    struct Fact: Hashable, Sendable, Comparable {
        var entry: Int
        var repetition: Int
        /// In the file.
        var line: Int
        var subject: String

        static func < (left: Self, right: Self) -> Bool {
            (left.entry, left.repetition, left.subject, left.line)
                < (right.entry, right.repetition, right.subject, right.line)
        }

        var name: String { "\(self.subject) (line \(self.line))" }
    }

    init(_ result: CaseResult) {
        for (index, entry) in result.entries.enumerated() {
            let next = index + 1 < result.entries.count ? result.entries[index + 1] : nil
            let isTriedAgain = next?.index == entry.index && next?.repetition == entry.repetition
            guard !isTriedAgain, entry.outcome != .skipped else { continue }
            self.statuses.append(entry.answers.last.map { String($0.status) } ?? entry.error?.code ?? "nothing")
            func note(_ line: Int, _ subject: String, _ value: String) {
                let fact = Fact(entry: entry.index, repetition: entry.repetition, line: line, subject: subject)
                self.values[fact] = Self.bounded(value)
            }
            if let error = entry.error { note(error.position.line, "error", error.code) }
            for capture in entry.captures { note(entry.position.line, capture.name, capture.value) }
            for check in entry.checks where check.kind == .assert || check.kind == .header || check.kind == .body {
                note(check.position.line, check.subject, check.error?.code ?? check.texts?.actual ?? check.actual)
            }
        }
    }

    /// Of many trials all facts are kept at once, so that a long one is known by what it begins with and a hash.
    private static func bounded(_ value: String) -> String {
        guard value.utf8.count > 4_096 else { return value }
        return "\(value.prefix(200))… (\(value.utf8.count) bytes, \(UInt(bitPattern: value.hashValue)))"
    }

    /// For tests: facts of the first entry by their subject.
    init(statuses: [String], _ values: [String: String] = [:]) {
        self.statuses = statuses
        for (subject, value) in values {
            self.values[Fact(entry: 0, repetition: 1, line: 1, subject: subject)] = value
        }
    }

    var statusLine: String { self.statuses.isEmpty ? "nothing sent" : self.statuses.joined(separator: " → ") }
}

/// What all lanes of one trial came to.
struct TrialFacts: Hashable, Sendable {
    /// The choices of its order; nil where all ran at once.
    var order: [Int]?
    var lanes: [LaneFacts]
}

/// What of the facts differs from time to time without a race. It's learned from trials in one and the same order: what
/// isn't the same in two of these is an identity (an id, a token) and isn't compared by its value.
struct RaceNoise: Sendable {
    private(set) var facts: Set<LaneFacts.Fact> = []
    /// Those of them that no two lanes ever had in common: two lanes with the same are a race.
    private(set) var distinct: Set<LaneFacts.Fact> = []

    init(_ trials: [TrialFacts]) {
        for trial in trials {
            for lane in trial.lanes {
                for (fact, value) in lane.values where Self.isMoment(value) { self.facts.insert(fact) }
            }
        }
        let moments = self.facts
        for (_, same) in Dictionary(grouping: trials, by: \.order) {
            guard let first = same.first else { continue }
            for other in same.dropFirst() {
                for (left, right) in zip(first.lanes, other.lanes) {
                    for (fact, value) in left.values {
                        if let otherValue = right.values[fact], otherValue != value { self.facts.insert(fact) }
                    }
                }
            }
        }
        self.distinct = self.facts.subtracting(moments).filter { fact in
            trials.allSatisfy { Self.mostAlike(fact, $0.lanes) < 2 }
        }
    }

    /// How many lanes have one value of a fact, at most.
    static func mostAlike(_ fact: LaneFacts.Fact, _ lanes: [LaneFacts]) -> Int {
        Dictionary(grouping: lanes.compactMap { $0.values[fact] }, by: \.self).values.map(\.count).max() ?? 0
    }

    /// A time of day differs whether or not there's a race, and seldom enough that two trials may have the same.
    private static func isMoment(_ value: String) -> Bool {
        var text = Substring(value)
        if let start = text.firstIndex(of: "<") { text = text[text.index(after: start)...] }
        let bytes = Array(text.utf8.prefix(11))
        guard bytes.count == 11, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " ")
        else { return false }
        return [0, 1, 2, 3, 5, 6, 8, 9].allSatisfy { (0x30...0x39).contains(bytes[$0]) }
    }
}

/// One way in which all lanes came out, in no order of theirs.
struct RaceOutcome: Hashable, Sendable {
    /// Of each lane everything that's compared, sorted.
    private let lanes: [[String]]
    /// What two lanes have in common that no two may have.
    private let alike: [String]

    init(_ trial: TrialFacts, _ noise: RaceNoise) {
        self.lanes = trial.lanes.map { lane in
            let facts = lane.values.filter { !noise.facts.contains($0.key) }.sorted { $0.key < $1.key }
            return [lane.statusLine] + facts.map { "\($0.key.name): \($0.value)" }
        }.sorted { $0.lexicographicallyPrecedes($1) }
        self.alike = noise.distinct.sorted().compactMap { fact in
            let count = RaceNoise.mostAlike(fact, trial.lanes)
            return count > 1 ? "\(count) of them got the same \(fact.name)" : nil
        }
    }

    /// A line for each lane: its statuses, and of its facts those that aren't the same everywhere.
    func lines(varying: Set<String>) -> [String] {
        self.lanes.map { lane in
            let facts = lane.dropFirst().filter { varying.contains($0) }
            return ([lane[0]] + facts).joined(separator: ", ")
        } + self.alike
    }

    /// Facts that some lane of some outcome has and another lacks.
    static func varying(_ outcomes: some Sequence<RaceOutcome>) -> Set<String> {
        var counts: [String: Int] = [:]
        var lanes = 0
        for outcome in outcomes {
            for lane in outcome.lanes {
                lanes += 1
                for fact in Set(lane.dropFirst()) { counts[fact, default: 0] += 1 }
            }
        }
        return Set(counts.filter { $0.value < lanes }.keys)
    }
}

/// Holds what came of lanes at once against what came of them in order.
struct RaceJudgement: Sendable {
    private(set) var inOrder: [RaceOutcome: Int] = [:]
    private(set) var atOnce: [RaceOutcome: Int] = [:]
    let noise: RaceNoise

    init(inOrder: [TrialFacts], atOnce: [TrialFacts]) {
        self.noise = RaceNoise(inOrder)
        for trial in inOrder { self.inOrder[RaceOutcome(trial, self.noise), default: 0] += 1 }
        for trial in atOnce { self.atOnce[RaceOutcome(trial, self.noise), default: 0] += 1 }
    }

    /// What no order came to.
    var races: [RaceOutcome: Int] { self.atOnce.filter { self.inOrder[$0.key] == nil } }

    func isRace(_ trial: TrialFacts) -> Bool { self.inOrder[RaceOutcome(trial, self.noise)] == nil }
}
