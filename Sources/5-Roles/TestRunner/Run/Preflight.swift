import GloveboxCore
import Suites

/// Whether each service on the way of a request sees that it's a test's: what doesn't would take a case's writes for an ordinary
/// user's. Asked with cases that only read.
package struct Preflight: Sendable {
    package struct Hop: Hashable, Sendable, Codable {
        /// As it calls itself: `orders@2`.
        package var service: String
        package var sawContext: Bool
    }

    /// What one case came to.
    package struct Finding: Hashable, Sendable, Codable {
        package var testCase: String
        /// In the order in which the request came to them.
        package var hops: [Hop]
        /// Who hands requests on without their context.
        package var droppedBy: String?
        /// Why nothing can be said.
        package var problem: String?

        package var isWhole: Bool { self.droppedBy == nil && self.problem == nil }

        /// In one line.
        package var summary: String {
            if let problem { return problem }
            let way = self.hops.map { $0.sawContext ? $0.service : "\($0.service) (didn't see it)" }
                .joined(separator: " → ")
            return self.droppedBy.map { "\(way): \($0) drops the test's context" } ?? way
        }
    }

    package var findings: [Finding]

    /// Why cases that write mustn't be run; `nil` where they may.
    package var refusal: String? {
        guard !self.findings.isEmpty else {
            return "no case only reads, so that nobody knows whether services see a test's context: add one"
        }
        return self.findings.first { !$0.isWhole }.map { "\($0.testCase): \($0.summary)" }
    }
}

extension Preflight {
    /// Sends each case once; those that write are left out.
    static func run(_ cases: [SuiteCase], in room: RunRoom, _ secrets: CaseSecrets) async -> Preflight {
        var findings: [Finding] = []
        for testCase in cases where !testCase.writes && room.endedBecause == nil {
            findings.append(await self.look(testCase, room, secrets))
        }
        return Preflight(findings: findings)
    }

    private static func look(_ testCase: SuiteCase, _ room: RunRoom, _ secrets: CaseSecrets) async -> Finding {
        var finding = Finding(testCase: testCase.name, hops: [])
        let reporting = CaseReporting(secrets: secrets, redact: room.tools.redact)
        do {
            let ended = try await CaseTry(testCase: testCase, room: room, secrets: secrets).run()
            if let error = ended.result.entries.compactMap(\.error).first(where: { CaseReporting.isNoOutcome($0.code) })
            {
                finding.problem = error.message
                return finding
            }
            // What an answer says of itself is the services' to say; the edge has said that the mark was taken.
            for sent in ended.sent {
                for service in sent.versions {
                    // A text of the answer's like any other.
                    let shown = reporting.shown(service, reporting.mask(ended.marks))
                    guard !finding.hops.contains(where: { $0.service == shown }) else { continue }
                    finding.hops.append(Hop(service: shown, sawContext: sent.seenBy.contains(service)))
                }
            }
        } catch {
            finding.problem = "it was given up: \(room.endedBecause ?? "it was stopped")"
            return finding
        }
        guard !finding.hops.isEmpty else {
            finding.problem =
                "the answers don't name who served them: services have to answer x-served-by and glovebox-test-seen"
            return finding
        }
        if let place = finding.hops.firstIndex(where: { !$0.sawContext }) {
            finding.droppedBy = place == 0 ? "the edge" : finding.hops[place - 1].service
        }
        return finding
    }
}
