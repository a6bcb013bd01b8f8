package import Contracts
package import GloveboxCore
package import HurlFile

/// Runs one file of Hurl's, by values: it says what is to be sent or awaited, and is told what came of it.
///
///     start ─► send ─► answered ─► send … ─► finish
///              ▲  │  └► failed ──┘
///              │  └─ retry: wait ─► waited ─┐
///              └────────────────────────────┘
///
/// Entries run in order (hurl.dev, "Entry run cycle"): options are worked out, a skipped one is passed by, a delay is
/// awaited, the request sent; what fails is tried again as often as `retry` allows, and ends the case then; what passes is
/// run as often as `repeat` says. Options that can't be worked out end the case without a retry.
///
/// One action is under way at a time. An event that doesn't belong to it is a fault of the driver's: the case has failed,
/// and nothing more is sent.
package struct CaseMachine: ~Copyable {
    package enum Action: Sendable {
        /// Answer by ``answered(_:)`` or ``failed(_:)``.
        case send(ExchangeRequest)
        /// Answer by ``waited()``.
        case wait(milliseconds: Int64)
        case finish(CaseResult)
    }

    /// One case can't send more than this, whatever its counts say.
    package struct Limits: Hashable, Sendable {
        package var mostRequests = 10_000

        package init(mostRequests: Int = 10_000) { self.mostRequests = mostRequests }
    }

    private enum State {
        case ready
        case delaying(EntryOptions)
        case sending(EntryOptions, EntryResult)
        case pausing(EntryOptions, attempt: Int)
        case ended
    }

    private let entries: [HurlEntry]
    private let defaults: EntryOptions
    private let limits: Limits
    private var scope: SuiteScope
    private var state = State.ready
    private var index = 0
    private var repetition = 1
    private var sent = 0
    private var result = CaseResult()

    /// - Parameters:
    ///   - scope: the variables and secrets that the case begins with, and what its expressions are worked out with.
    ///   - defaults: what counts where an entry's options say nothing.
    package init(
        _ document: HurlDocument, _ scope: SuiteScope, defaults: EntryOptions = EntryOptions(),
        limits: Limits = Limits()
    ) {
        self.entries = document.entries
        self.scope = scope
        self.defaults = defaults
        self.limits = limits
    }

    // MARK: events

    package mutating func start() -> Action {
        guard case .ready = self.state else { return self.misused() }
        return self.advance()
    }

    package mutating func waited() -> Action {
        switch self.state {
        case .delaying(let options): return self.send(options, attempt: 1)
        case .pausing(let options, let attempt): return self.send(options, attempt: attempt)
        case .ready, .sending, .ended: return self.misused()
        }
    }

    /// - Parameter answers: the redirects, then the answer; never none.
    package mutating func answered(_ answers: [ExchangeAnswer]) -> Action {
        guard case .sending(let options, var result) = self.state, !answers.isEmpty else { return self.misused() }
        result.answers = answers
        if let response = self.entries[self.index].response {
            self.scope.coercesJSONPath = options.coercesJSONPath
            self.scope.judge(response, answers, into: &result)
        }
        return self.conclude(result, options)
    }

    /// The request came to no answer, or wasn't let through.
    package mutating func failed(_ error: GloveboxError) -> Action {
        guard case .sending(let options, var result) = self.state else { return self.misused() }
        result.outcome = .failed
        result.error = EntryFailure(
            code: error.code.rawValue, message: self.scope.secrets.masked(error.message),
            position: self.entries[self.index].request.start.content.url.span.start)
        return self.conclude(result, options)
    }

    // MARK: transitions

    /// To the next entry that has something to do.
    private mutating func advance() -> Action {
        while self.index < self.entries.count {
            let request = self.entries[self.index].request
            var entry = self.entry()
            let options: EntryOptions
            do throws(SuiteError) {
                options = try self.scope.options(of: request, over: self.defaults)
            } catch {
                entry.outcome = .failed
                entry.error = self.scope.failure(error, at: entry.position)
                self.result.entries.append(entry)
                return self.finish(isComplete: false)
            }
            guard !options.isSkipped, options.repetitions != .times(0) else {
                entry.outcome = .skipped
                self.result.entries.append(entry)
                self.index += 1
                self.repetition = 1
                continue
            }
            guard options.delay > 0 else { return self.send(options, attempt: 1) }
            self.state = .delaying(options)
            return .wait(milliseconds: options.delay)
        }
        return self.finish(isComplete: true)
    }

    private func entry(attempt: Int = 1) -> EntryResult {
        EntryResult(
            index: self.index, position: self.entries[self.index].request.start.content.methodSpan.start,
            repetition: self.repetition, attempt: attempt)
    }

    private mutating func send(_ options: EntryOptions, attempt: Int) -> Action {
        var entry = self.entry(attempt: attempt)
        guard self.sent < self.limits.mostRequests else {
            entry.outcome = .failed
            entry.error = EntryFailure(
                code: SuiteError.Code.tooManyRequests.rawValue,
                message: "a case sends \(self.limits.mostRequests) requests at most", position: entry.position)
            self.result.entries.append(entry)
            return self.finish(isComplete: false)
        }
        self.sent += 1
        do throws(SuiteError) {
            let request = try self.scope.request(self.entries[self.index].request, options)
            entry.request = request
            entry.curl = CurlLine.text(request, self.scope.secrets)
            self.state = .sending(options, entry)
            return .send(request)
        } catch {
            entry.outcome = .failed
            entry.error = self.scope.failure(error, at: entry.position)
            return self.conclude(entry, options)
        }
    }

    private mutating func conclude(_ entry: EntryResult, _ options: EntryOptions) -> Action {
        self.result.entries.append(entry)
        if entry.outcome == .failed {
            let mayRetry =
                switch options.retries {
                case .endless: true
                case .times(let count): Int64(entry.attempt) <= count
                }
            guard mayRetry else { return self.finish(isComplete: false) }
            self.state = .pausing(options, attempt: entry.attempt + 1)
            return .wait(milliseconds: options.retryInterval)
        }
        if case .times(let count) = options.repetitions, Int64(self.repetition) >= count {
            self.index += 1
            self.repetition = 1
        } else {
            self.repetition += 1
        }
        return self.advance()
    }

    private mutating func finish(isComplete: Bool) -> Action {
        self.state = .ended
        self.result.isComplete = isComplete
        self.result.variables = self.scope.variables
        return .finish(self.result)
    }

    private mutating func misused() -> Action {
        assertionFailure("an event that doesn't belong to what's under way")
        if self.index < self.entries.count {
            var entry = self.entry()
            entry.outcome = .failed
            entry.error = EntryFailure(
                code: GloveboxError.Code.internal.rawValue, message: "the case was driven wrongly",
                position: entry.position)
            self.result.entries.append(entry)
        }
        return self.finish(isComplete: false)
    }
}
