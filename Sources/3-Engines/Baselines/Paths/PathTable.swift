/// Numbers for the paths of answers, so that a walk over a tree writes no paths. Rules are looked for once for each.
struct PathTable: Sendable {
    /// What's right below one path. Answers to the same request mostly have the same members in the same order, so the
    /// one behind the last is looked at first.
    private struct Children {
        var names: [String] = []
        var numbers: [Int] = []
        var next = 0
        /// Where there are so many names that looking through them would tell.
        var places: [String: Int] = [:]
        var each: Int?

        static let fewNames = 24

        mutating func place(of name: String) -> Int? {
            if self.next < self.names.count, self.names[self.next] == name { return self.next }
            if self.names.count > Self.fewNames { return self.places[name] }
            return self.names.firstIndex(of: name)
        }

        mutating func add(_ name: String, _ number: Int) {
            self.names.append(name)
            self.numbers.append(number)
            if self.names.count == Self.fewNames + 1 {
                for (place, name) in self.names.enumerated() { self.places[name] = place }
            } else if self.names.count > Self.fewNames {
                self.places[name] = self.names.count - 1
            }
        }
    }

    private let rules: NoiseRules
    private var children: [Children] = []
    private var roots: [AnswerPath.Root: Int] = [:]
    private(set) var paths: [AnswerPath] = []
    private var ruleOf: [NoiseRule?] = []

    init(_ rules: NoiseRules) {
        self.rules = rules
    }

    func rule(_ number: Int) -> NoiseRule? { self.ruleOf[number] }

    mutating func root(_ root: AnswerPath.Root) -> Int {
        if let number = self.roots[root] { return number }
        let number = self.add(AnswerPath(root))
        self.roots[root] = number
        return number
    }

    /// - Parameter name: nil for any element of a list.
    mutating func child(_ parent: Int, _ name: String?) -> Int {
        guard let name else {
            if let each = self.children[parent].each { return each }
            let number = self.add(self.paths[parent].appending(.each))
            self.children[parent].each = number
            return number
        }
        if let place = self.children[parent].place(of: name) {
            self.children[parent].next = place + 1 < self.children[parent].names.count ? place + 1 : 0
            return self.children[parent].numbers[place]
        }
        let number = self.add(self.paths[parent].appending(.name(name)))
        self.children[parent].add(name, number)
        return number
    }

    private mutating func add(_ path: AnswerPath) -> Int {
        self.paths.append(path)
        self.children.append(Children())
        self.ruleOf.append(self.rules.rule(for: path))
        return self.paths.count - 1
    }
}
