import Contracts
package import GloveboxCore
import HurlFile
import JSONDocument
import Suites
import TestReports
import XPathQuery

/// One try of a case, from its first request to its end.
struct CaseTry: Sendable {
    /// What came of it: the result, and for each request that was sent, in order, what it's found by.
    struct Ended: Sendable {
        var result: CaseResult
        var sent: [CaseSender.Sent]
        var requests: Int
        /// What nothing may show.
        var marks: [String]
        var duration: Duration

        /// What's left to tell of it where many are kept.
        var withoutBodies: Ended {
            var ended = self
            for index in ended.result.entries.indices {
                ended.result.entries[index].answers = []
                for check in ended.result.entries[index].checks.indices {
                    ended.result.entries[index].checks[check].texts = nil
                }
            }
            for index in ended.sent.indices { ended.sent[index].answers = [] }
            return ended
        }
    }

    let testCase: SuiteCase
    let room: RunRoom
    let secrets: CaseSecrets
    var gate: any RequestGate = OpenGate()

    /// - Throws: `CancellationError` where it was to wait and mustn't any more.
    func run() async throws -> Ended {
        let time = self.room.tools.time
        let start = time.boot
        let sender = CaseSender(self.testCase, self.room, gate: self.gate)
        var machine = CaseMachine(self.testCase.document, self.scope)
        var sent: [CaseSender.Sent] = []
        var action = machine.start()
        while true {
            switch action {
            case .finish(let result):
                return Ended(
                    result: result, sent: sent, requests: sender.requestCount, marks: sender.usedMarks,
                    duration: start.duration(to: time.boot))
            case .wait(let milliseconds):
                try await time.sleep(until: time.boot.advanced(by: .milliseconds(milliseconds)))
                action = machine.waited()
            case .send(let request):
                var one = CaseSender.Sent()
                do throws(GloveboxError) {
                    try await sender.send(request, into: &one)
                    action = machine.answered(one.answers)
                } catch {
                    action = machine.failed(error)
                }
                sent.append(one)
            }
        }
    }

    private var scope: SuiteScope {
        let (testCase, suite, tools) = (self.testCase, self.room.suite, self.room.tools)
        var variables = suite.variables.merging(testCase.variables) { _, own in own }
        for (name, text) in self.secrets.values { variables[name] = .string(text.exposeSecret()) }
        variables["run"] = .string(self.room.begun.run)
        variables["case"] = .string(testCase.name)
        return SuiteScope(
            variables: variables, secrets: self.secrets.mask,
            now: { SuiteDate(tools.time.wall) }, uuid: { Self.uuid() }, xpath: Self.xpath, digest: tools.digest,
            file: { name throws(SuiteError) in
                guard let bytes = suite.file(name, of: testCase) else {
                    throw SuiteError(.noFile, "the suite has no file '\(name.prefix(80))'")
                }
                return bytes
            })
    }

    /// Of version 4 (RFC 9562, section 5.4).
    private static func uuid() -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for place in 0..<32 {
            if [8, 12, 16, 20].contains(place) { text += "-" }
            let digit = Int.random(in: 0..<16)
            text.append(digits[place == 12 ? 4 : place == 16 ? 8 | digit & 3 : digit])
        }
        return text
    }

    private static func xpath(
        _ text: String, _ format: SuiteMarkup, _ expression: String
    ) throws(SuiteError) -> SuiteValue? {
        do throws(GloveboxError) {
            switch try XPathDocument(text, format == .html ? .html : .xml).value(expression) {
            case .nodes(let count): return .nodeset(count)
            case .number(let number): return .number(.float(number))
            case .string(let text): return .string(text)
            case .boolean(let value): return .boolean(value)
            }
        } catch {
            throw SuiteError(.badQuery, error.message)
        }
    }
}

/// The suite's secrets, read once a run.
package struct CaseSecrets: Sendable {
    let values: [String: Secret<String>]
    let mask: SecretMask

    /// - Parameters:
    ///   - file: reads a file that nobody else may read.
    ///   - environment: of the program.
    /// - Throws: `not_found`, `file_exposed`, `file_unusable`, `configuration_invalid`.
    package init(
        _ sources: [String: SecretSource], file: (String) throws(GloveboxError) -> [UInt8],
        environment: [String: String]
    ) throws(GloveboxError) {
        var values: [String: Secret<String>] = [:]
        var texts: [String] = []
        for (name, source) in sources.sorted(by: { $0.key < $1.key }) {
            var text: String
            switch source {
            case .file(let path):
                text = String(decoding: try file(path), as: UTF8.self)
                while let last = text.unicodeScalars.last, last == "\n" || last == "\r" {
                    text.unicodeScalars.removeLast()
                }
            case .environment(let variable):
                guard let value = environment[variable] else {
                    throw GloveboxError(
                        .configurationInvalid,
                        "the secret '\(name)' is in the variable \(variable), which isn't set: set it")
                }
                text = value
            }
            guard !text.isEmpty else {
                throw GloveboxError(
                    .configurationInvalid, "the secret '\(name)' is empty: write it where suite.yaml says")
            }
            values[name] = Secret(text)
            texts.append(text)
        }
        self.values = values
        self.mask = SecretMask(texts)
    }
}

extension SuiteDate {
    init(_ wall: WallTime) {
        let nanoseconds = wall.nanoseconds
        let seconds = nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : (nanoseconds - 999_999_999) / 1_000_000_000
        self.init(seconds: seconds)
    }
}
