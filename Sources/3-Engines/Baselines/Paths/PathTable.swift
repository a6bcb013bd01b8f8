/// Numbers for the paths of answers, so that a walk over a tree compares no texts. Rules are looked for once for each.
struct PathTable {
    private struct Child: Hashable {
        let parent: Int
        /// Nil for any element.
        let name: String?
    }

    private let rules: NoiseRules
    private var children: [Child: Int] = [:]
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
        let child = Child(parent: parent, name: name)
        if let number = self.children[child] { return number }
        let number = self.add(self.paths[parent].appending(name.map { .name($0) } ?? .each))
        self.children[child] = number
        return number
    }

    private mutating func add(_ path: AnswerPath) -> Int {
        self.paths.append(path)
        self.ruleOf.append(self.rules.rule(for: path))
        return self.paths.count - 1
    }
}
