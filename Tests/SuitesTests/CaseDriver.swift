import Contracts
import CurlHTTP
import GloveboxCore
import HurlFile
import Suites
import XPathQuery

/// Drives a case against whatever carries its requests. Nothing is awaited: what a case would wait for is noted.
struct CaseDriver {
    var variables: [String: SuiteValue] = [:]
    var secrets = SecretMask()
    var files: [String: [UInt8]] = ["data.txt": Array("file content".utf8), "a.bin": [0xCA, 0xFE]]
    var defaults = EntryOptions()
    var limits = CaseMachine.Limits()

    struct Run {
        var result: CaseResult
        var waits: [Int64] = []
        var requests: [ExchangeRequest] = []

        /// What failed, one a line.
        var failures: [String] {
            self.result.entries.filter { $0.outcome == .failed }
                .flatMap { $0.failures.map(\.description) + ($0.error.map { [$0.description] } ?? []) }
        }
    }

    func run(_ text: String, _ carrier: some ExchangeCarrier = CurlSession()) async throws -> Run {
        var machine = CaseMachine(
            try HurlDocument(text), self.scope, defaults: self.defaults, limits: self.limits)
        var run = Run(result: CaseResult())
        var action = machine.start()
        while true {
            switch action {
            case .finish(let result):
                run.result = result
                return run
            case .wait(let milliseconds):
                run.waits.append(milliseconds)
                action = machine.waited()
            case .send(let request):
                run.requests.append(request)
                do throws(GloveboxError) {
                    action = machine.answered(try await carrier.exchange(request))
                } catch {
                    action = machine.failed(error)
                }
            }
        }
    }

    /// Without a network, where nothing can be awaited.
    func run(_ document: HurlDocument, _ answer: (ExchangeRequest) -> ExchangeAnswer) -> Run {
        var machine = CaseMachine(document, self.scope, defaults: self.defaults, limits: self.limits)
        var run = Run(result: CaseResult())
        var action = machine.start()
        while true {
            switch action {
            case .finish(let result):
                run.result = result
                return run
            case .wait: action = machine.waited()
            case .send(let request): action = machine.answered([answer(request)])
            }
        }
    }

    private var scope: SuiteScope {
        let files = self.files
        return SuiteScope(
            variables: self.variables, secrets: self.secrets, now: { Fixture.now }, uuid: { Fixture.uuid },
            xpath: { text, format, expression throws(SuiteError) in
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
            },
            digest: { algorithm, bytes throws(SuiteError) in
                // Of the one body that tests ask it of.
                guard bytes == Array("abc".utf8) else { throw SuiteError(.badQuery, "there's no digest of that here") }
                switch algorithm {
                case .sha256:
                    return [
                        0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23,
                        0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17, 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD,
                    ]
                case .md5:
                    return [
                        0x90, 0x01, 0x50, 0x98, 0x3C, 0xD2, 0x4F, 0xB0, 0xD6, 0x96, 0x3F, 0x7D, 0x28, 0xE1, 0x7F, 0x72,
                    ]
                }
            },
            file: { name throws(SuiteError) in
                guard let bytes = files[name] else { throw SuiteError(.noFile, "there is no file '\(name)'") }
                return bytes
            })
    }
}

/// Answers by a function, without a network.
struct CannedCarrier: ExchangeCarrier {
    var answer: @Sendable (ExchangeRequest) throws(GloveboxError) -> ExchangeAnswer

    init(_ answer: @escaping @Sendable (ExchangeRequest) throws(GloveboxError) -> ExchangeAnswer) {
        self.answer = answer
    }

    /// The same body for each request.
    init(_ body: String, type: String = "application/json", status: Int = 200) {
        self.init { request throws(GloveboxError) in
            ExchangeAnswer(
                url: request.wholeURL, status: status, headers: [.init("Content-Type", type)],
                rawBody: Array(body.utf8))
        }
    }

    func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer] {
        [try self.answer(request)]
    }
}
