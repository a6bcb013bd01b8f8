import Baselines
import GloveboxCore
import HurlFile
import Suites

/// A case that's run for what it's answered: what it asserts is left out, so that each of its requests is sent whatever the
/// one before came to; what it captures is kept, since later requests are made of that.
struct ObservedCase: Sendable {
    let name: String
    /// Method and path of each of its requests, as the file has them: `GET /api/products/{{sku}}`.
    let endpoints: [String]
    private let testCase: SuiteCase

    init(_ testCase: SuiteCase) {
        self.name = testCase.name
        self.endpoints = testCase.document.entries.map { Self.endpoint($0.request) }
        var observed = testCase
        for place in observed.document.entries.indices { observed.document.entries[place].leaveOutAsserts() }
        self.testCase = observed
    }

    /// In the order of its requests; fewer where what a later one is made of couldn't be captured.
    /// - Throws: why nothing can be said of the case now, such as `run_ended` and `mark_not_taken`.
    func answers(in room: RunRoom, _ secrets: CaseSecrets) async throws -> [ObservedAnswer] {
        let ended = try await CaseTry(testCase: self.testCase, room: room, secrets: secrets).run()
        var answers: [ObservedAnswer] = []
        for place in self.endpoints.indices {
            // The last try of the first repetition.
            guard let entry = ended.result.entries.last(where: { $0.index == place && $0.repetition == 1 }) else {
                break
            }
            if let error = entry.error, CaseReporting.isNoOutcome(error.code) {
                throw GloveboxError(.init(error.code), error.message)
            }
            if entry.outcome == .skipped {
                answers.append(ObservedAnswer(status: "skipped"))
            } else if entry.answers.isEmpty {
                answers.append(ObservedAnswer(status: entry.error?.code ?? "no_answer"))
            } else {
                answers.append(ObservedAnswer(entry.answers))
            }
        }
        return answers
    }

    private static func endpoint(_ request: HurlRequest) -> String {
        var path = ""
        for piece in request.start.content.url.pieces {
            switch piece {
            case .text(let text, _): path += text
            case .placeholder(let placeholder):
                switch placeholder.expression.source {
                case .variable(let name): path += "{{\(name)}}"
                case .function: path += "{{…}}"
                }
            }
        }
        if let scheme = path.firstRange(of: "://") {
            path = String(path[scheme.upperBound...].drop { $0 != "/" })
        } else if path.hasPrefix("{{"), let end = path.firstRange(of: "}}") {
            path = String(path[end.upperBound...])
        }
        path = String(path.prefix { $0 != "?" && $0 != "#" })
        return "\(request.start.content.method) \(path.isEmpty ? "/" : path)"
    }
}

extension HurlEntry {
    fileprivate mutating func leaveOutAsserts() {
        guard var response = self.response else { return }
        response.start.content.status = .any
        response.start.content.version = .any
        response.headers = []
        response.body = nil
        response.sections.removeAll { section in
            if case .asserts = section.content { true } else { false }
        }
        self.response = response
    }
}
