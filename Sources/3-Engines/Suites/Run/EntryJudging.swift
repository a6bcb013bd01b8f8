import Contracts
import GloveboxCore
import HurlFile

extension SuiteScope {
    /// Holds an answer against what an entry expects, and takes its captures into the variables.
    ///
    /// In Hurl's order: version and status, and nothing else where they aren't as expected; captures, and nothing else
    /// where one fails; headers, body and asserts, all of them.
    mutating func judge(_ response: HurlResponse, _ answers: [ExchangeAnswer], into result: inout EntryResult) {
        guard var reading = AnswerReading(answers) else { return }
        result.checks = Self.lineChecks(response.start.content, reading.answer)
        defer { if !result.failures.isEmpty || result.error != nil { result.outcome = .failed } }
        guard result.failures.isEmpty else { return }
        do throws(SuiteError) {
            for capture in response.captures { result.captures.append(try self.capture(capture, &reading)) }
        } catch {
            result.error = self.failure(error, at: response.start.content.statusSpan.start)
            return
        }
        for header in response.headers { result.checks.append(self.check(header.content, reading.answer)) }
        if let body = response.body?.content { result.checks.append(self.check(body, &reading)) }
        for assertion in response.asserts { result.checks.append(self.check(assertion, &reading)) }
    }

    func failure(_ error: SuiteError, at position: SourcePosition) -> EntryFailure {
        EntryFailure(
            code: error.code.rawValue, message: self.secrets.masked(error.message),
            position: error.span?.start ?? position)
    }

    private static func lineChecks(_ line: HurlStatusLine, _ answer: ExchangeAnswer) -> [CheckResult] {
        var checks: [CheckResult] = []
        if line.version != .any {
            checks.append(
                CheckResult(
                    kind: .version, position: line.versionSpan.start, subject: "version",
                    isMet: line.version.rawValue == answer.version.rawValue, expected: line.version.rawValue,
                    actual: answer.version.rawValue))
        }
        if case .code(let code) = line.status {
            checks.append(
                CheckResult(
                    kind: .status, position: line.statusSpan.start, subject: "status", isMet: code == answer.status,
                    expected: String(code), actual: String(answer.status)))
        }
        return checks
    }

    private mutating func capture(
        _ capture: HurlCapture, _ reading: inout AnswerReading
    ) throws(SuiteError) -> CaptureResult {
        let name = try self.text(capture.name)
        let found = try self.value(of: capture.query, in: &reading)
        guard let value = try self.filtered(found, by: capture.filters) else {
            throw SuiteError(
                .missingInput, "there's nothing to capture: \(self.secrets.masked(capture.subject))",
                at: capture.query.span)
        }
        self.variables[name] = value
        if capture.isRedacted { self.secrets.add(value) }
        return CaptureResult(name: name, value: self.shown(value), isRedacted: capture.isRedacted)
    }

    /// Of several headers of the name, one has to be as expected.
    private func check(_ header: HurlKeyValue, _ answer: ExchangeAnswer) -> CheckResult {
        var result = CheckResult(
            kind: .header, position: header.key.span.start, subject: "header", isMet: false, expected: "",
            actual: "none")
        do throws(SuiteError) {
            let name = try self.text(header.key)
            result.subject = "header \"\(self.secrets.masked(name))\""
            let expected = try self.text(header.value)
            let actual = answer.headers(name)
            result.isMet = actual.contains { $0.isSame(as: expected) }
            result.expected = self.shown(.string(expected))
            if actual.count == 1 {
                result.position = header.value.span.start
                result.actual = self.shown(.string(actual[0]))
            } else if !actual.isEmpty {
                result.position = header.value.span.start
                result.actual = self.shown(.list(actual.map { .string($0) }))
            }
        } catch {
            result.error = self.failure(error, at: result.position)
        }
        return result
    }

    private func check(_ body: HurlBody, _ reading: inout AnswerReading) -> CheckResult {
        var result = CheckResult(
            kind: .body, position: body.position, subject: "body", isMet: false, expected: "", actual: "none")
        do throws(SuiteError) {
            let expected = try self.body(body)
            let expectedValue: SuiteValue
            let actualValue: SuiteValue
            if expected.isText {
                expectedValue = .string(String(decoding: expected.bytes, as: UTF8.self))
                result.expected = self.shown(expectedValue)
                let text = try reading.bodyText()
                actualValue = .string(text)
                result.texts = CheckTexts(
                    expected: self.secrets.masked(String(decoding: expected.bytes, as: UTF8.self)),
                    actual: self.secrets.masked(text))
            } else {
                expectedValue = .bytes(expected.bytes)
                result.expected = self.shown(expectedValue)
                actualValue = .bytes(try reading.bytes())
            }
            result.isMet = expectedValue == actualValue
            result.actual = self.shown(actualValue)
        } catch {
            result.error = self.failure(error, at: result.position)
        }
        return result
    }

    private func check(_ assertion: HurlAssert, _ reading: inout AnswerReading) -> CheckResult {
        var result = CheckResult(
            kind: .assert, position: assertion.query.span.start, subject: self.secrets.masked(assertion.subject),
            isMet: false, expected: "", actual: "none")
        do throws(SuiteError) {
            let found = try self.value(of: assertion.query, in: &reading)
            let value = try self.filtered(found, by: assertion.filters)
            let outcome = try self.outcome(of: value, against: assertion.predicate)
            result.isMet = outcome.isMet
            result.expected = outcome.expected
            result.actual = outcome.actual
            result.isKindMismatch = outcome.isKindMismatch
        } catch {
            result.error = self.failure(error, at: result.position)
        }
        return result
    }
}

extension HurlBody {
    fileprivate var position: SourcePosition {
        switch self {
        case .json(let json): json.span.start
        case .xml(let xml): xml.span.start
        case .multiline(let multiline): multiline.span.start
        case .oneline(let template): template.span.start
        case .bytes(let bytes): bytes.span.start
        case .file(let file): file.span.start
        }
    }
}
