import TestSupport

/// A scenario of a feature file (Gherkin), with the background's steps, and one for each row of its examples.
struct FeatureScenario: Sendable, CustomStringConvertible {
    var file: String
    var name: String
    var tags: Set<String>
    var steps: [Step]
    /// Of its examples.
    var row: String

    var description: String { "\(self.file): \(self.name)\(self.row.isEmpty ? "" : " | \(self.row)")" }

    struct Step: Sendable {
        var text: String
        var table: [[String]] = []
    }
}

/// As much of Gherkin as the conformance files use: features, backgrounds, scenarios, outlines with tagged examples,
/// tables behind steps, comments and tags.
struct FeatureFile {
    private(set) var scenarios: [FeatureScenario] = []

    private struct Outline {
        var name = ""
        var tags: Set<String> = []
        var steps: [FeatureScenario.Step] = []
        var examples: [(tags: Set<String>, rows: [[String]])] = []
        var isOutline = false
    }

    init(_ path: String) throws {
        let file = path.split(separator: "/").suffix(3).joined(separator: "/")
        var featureTags: Set<String> = []
        var tags: Set<String> = []
        var background: [FeatureScenario.Step] = []
        var outline: Outline?
        var isBackground = false

        func finish() {
            guard let done = outline else { return }
            outline = nil
            let steps = background + done.steps
            let all = featureTags.union(done.tags)
            guard done.isOutline else {
                self.scenarios.append(
                    FeatureScenario(file: file, name: done.name, tags: all, steps: steps, row: ""))
                return
            }
            for examples in done.examples {
                guard let header = examples.rows.first else { continue }
                for row in examples.rows.dropFirst() {
                    func filled(_ text: String) -> String {
                        zip(header, row).reduce(text) { text, cell in
                            text.split(separator: "<\(cell.0)>", omittingEmptySubsequences: false)
                                .joined(separator: cell.1)
                        }
                    }
                    self.scenarios.append(
                        FeatureScenario(
                            file: file, name: done.name, tags: all.union(examples.tags),
                            steps: steps.map { .init(text: filled($0.text), table: $0.table.map { $0.map(filled) }) },
                            row: row.joined(separator: " | ")))
                }
            }
        }

        let text = String(decoding: try readFile(path), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let line = line.drop { $0 == " " || $0 == "\t" }
            func rest(_ keyword: String) -> String? {
                line.hasPrefix(keyword) ? String(line.dropFirst(keyword.count).drop { $0 == " " }) : nil
            }
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("@") {
                tags.formUnion(line.split(separator: " ").map(String.init))
            } else if rest("Feature:") != nil {
                featureTags = tags
                tags = []
            } else if rest("Background:") != nil {
                isBackground = true
            } else if let name = rest("Scenario Outline:") ?? rest("Scenario:") {
                finish()
                isBackground = false
                outline = Outline(name: name, tags: tags, isOutline: line.hasPrefix("Scenario Outline:"))
                tags = []
            } else if rest("Examples:") != nil {
                outline?.examples.append((tags, []))
                tags = []
            } else if line.hasPrefix("|") {
                let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                    .map { $0.trimmed }
                if outline?.examples.isEmpty == false {
                    let last = (outline?.examples.count ?? 1) - 1
                    outline?.examples[last].rows.append(cells)
                } else if let last = outline?.steps.indices.last {
                    outline?.steps[last].table.append(cells)
                }
            } else if let step = ["Given", "When", "Then", "And", "But"].compactMap({ rest("\($0) ") }).first {
                if isBackground {
                    background.append(.init(text: step))
                } else {
                    outline?.steps.append(.init(text: step))
                }
            }
        }
        finish()
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
