import Contracts
import CurlHTTP
import GloveboxCore
import HurlFile
import Suites
import Synchronization

/// Sends the requests of one try of a case: each is looked at first, marked, and counted.
///
/// Redirects are followed here and not by the carrier: each hop is a request of its own, with its own mark, and only
/// where the suite's routes lead.
final class CaseSender: Sendable {
    /// What came of one request of the file: its hops' answers, and what they're found by.
    struct Sent: Sendable {
        var answers: [ExchangeAnswer] = []
        /// Of the last hop.
        var traceID: String?
        /// Of every hop.
        var versions: [String] = []
        var seenBy: [String] = []
    }

    private struct State {
        var marks: [MarkStock.Mark] = []
        var used: [String] = []
        var isDeclared = false
        /// A mark wasn't taken, and no other is tried.
        var isUnmarked = false
        var requests = 0
    }

    private let testCase: SuiteCase
    private let room: RunRoom
    private let carrier: any ExchangeCarrier
    private let gate: any RequestGate
    private let state = Mutex(State())

    /// Where a file sets none, as the carrier has it.
    private static let mostRedirects = 1_000

    init(_ testCase: SuiteCase, _ room: RunRoom, gate: any RequestGate = OpenGate()) {
        self.testCase = testCase
        self.room = room
        self.carrier = room.tools.carrier()
        self.gate = gate
    }

    /// All that were used: what nothing may show.
    var usedMarks: [String] { self.state.withLock { $0.used } }
    var requestCount: Int { self.state.withLock { $0.requests } }

    /// - Throws: why it wasn't sent, or came to no answer.
    func send(_ request: ExchangeRequest, into sent: inout Sent) async throws(GloveboxError) {
        var next = request
        next.settings.followsRedirects = false
        while true {
            let answer = try await self.hop(next, &sent)
            sent.answers.append(answer)
            guard request.settings.followsRedirects, let following = try Redirect.next(after: answer, to: next) else {
                return
            }
            let most = request.settings.mostRedirects ?? Self.mostRedirects
            guard sent.answers.count <= most else {
                throw GloveboxError(.exchangeTooManyRedirects, "there are more than \(most) redirects")
            }
            next = following
        }
    }

    private func hop(_ request: ExchangeRequest, _ sent: inout Sent) async throws(GloveboxError) -> ExchangeAnswer {
        let isWrite = !SuiteCase.safeMethods.contains(request.method)
        try self.check(request, isWrite)
        if self.mayWrite(isWrite) {
            try await self.room.declareUndo(of: self.testCase)
            self.state.withLock { $0.isDeclared = true }
        }
        if isWrite, !self.room.writes.spend() {
            throw GloveboxError(
                .writeBudgetSpent,
                "the run may send \(self.room.suite.limits.writes) writing requests: see 'limits' in suite.yaml")
        }
        try await self.readyMark()
        let answer = try await self.paced(request, &sent)
        try self.checkTaken(answer, isWrite)
        for name in Self.names(answer, "x-served-by") where !sent.versions.contains(name) { sent.versions.append(name) }
        for hop in Self.names(answer, "glovebox-test-seen") where !sent.seenBy.contains(hop) { sent.seenBy.append(hop) }
        return answer
    }

    /// The rate first and the gate last, so that those who wait for each other go at one moment.
    private func paced(_ request: ExchangeRequest, _ sent: inout Sent) async throws(GloveboxError) -> ExchangeAnswer {
        do {
            try await self.room.rate.pass()
            try await self.room.permits.take()
        } catch {
            throw self.cancelled
        }
        let answers: Result<[ExchangeAnswer], GloveboxError>
        do throws(GloveboxError) {
            answers = .success(try await self.gated(request, &sent))
        } catch {
            answers = .failure(error)
        }
        self.room.permits.giveBack()
        guard let answer = try answers.get().last else {
            throw GloveboxError(.exchangeFailed, "there was no answer")
        }
        return answer
    }

    private func gated(
        _ request: ExchangeRequest, _ sent: inout Sent
    ) async throws(GloveboxError) -> [ExchangeAnswer] {
        do {
            try await self.gate.pass()
        } catch {
            throw self.cancelled
        }
        let token = try await self.mark()
        let traceID = RequestMark.traceID()
        sent.traceID = traceID
        self.state.withLock { $0.requests += 1 }
        return try await self.carrier.exchange(RequestMark.marked(request, token: token, traceID: traceID))
    }

    private var cancelled: GloveboxError {
        GloveboxError(
            .exchangeCancelled, "the request was given up: \(self.room.endedBecause ?? "it was stopped")")
    }

    /// An edge that takes a mark says so in its answer. A request whose mark wasn't taken was served as an ordinary
    /// user's: it's nothing to judge by, no other of the case is sent, and after one that writes, and has written for
    /// real, none of the run.
    private func checkTaken(_ answer: ExchangeAnswer, _ isWrite: Bool) throws(GloveboxError) {
        guard !answer.headers("glovebox-test").contains("taken") else { return }
        self.state.withLock { $0.isUnmarked = true }
        // An edge that knows of it has served nothing.
        let isServed =
            answer.status != 412
            || !String(decoding: answer.rawBody.prefix(13), as: UTF8.self).hasPrefix("mark_refused:")
        guard isServed else { throw Self.refused }
        if isWrite { self.room.end(because: "the edge didn't take the mark of a request that writes") }
        throw Self.unmarked
    }

    private static let refused = GloveboxError(
        .markNotTaken,
        "the edge hasn't taken the mark, and has served nothing: is this the run's edge, does it hear its gateway, and is it up for more than five seconds? Nothing more was sent"
    )
    private static let unmarked = GloveboxError(
        .markNotTaken,
        "the edge hasn't taken the mark, so that this was an ordinary user's request: is this the run's edge, and up for more than five seconds? Nothing more was sent"
    )

    // MARK: before it's sent

    private func check(_ request: ExchangeRequest, _ isWrite: Bool) throws(GloveboxError) {
        if let reason = self.room.endedBecause { throw GloveboxError(.runEnded, "the run has ended: \(reason)") }
        guard !self.state.withLock({ $0.isUnmarked }) else { throw Self.unmarked }
        guard !isWrite || self.testCase.writes, self.testCase.methods.contains(request.method) else {
            throw GloveboxError(
                .caseMayNotWrite,
                "\(request.method) wasn't sent: this case hasn't declared it ('writes: true', and its 'methods')")
        }
        guard
            let place = Redirect.place(of: request.wholeURL, keepsPathAsIs: request.settings.keepsPathAsIs),
            self.room.suite.routes.contains(where: { $0.takes(host: place.host, path: place.path) })
        else {
            let routes = self.room.suite.routes.map(\.description).joined(separator: ", ")
            throw GloveboxError(
                .caseRouteNotAllowed, "the request wasn't sent: its address isn't among the suite's routes, \(routes)")
        }
        guard !RequestMark.isForged(request) else {
            throw GloveboxError(
                .exchangeBadRequest, "the request has a mark of its own in 'baggage': take the member 'glovebox' out")
        }
    }

    /// Before a request that writes, and before any of a case that writes by methods that are safe alone.
    private func mayWrite(_ isWrite: Bool) -> Bool {
        guard self.testCase.writes, !self.state.withLock({ $0.isDeclared }) else { return false }
        return isWrite || self.testCase.methods.isSubset(of: SuiteCase.safeMethods)
    }

    /// One of those that are at hand and still good.
    private func takeMark() -> String? {
        let now = self.room.tools.time.boot
        return self.state.withLock { state in
            state.marks.removeAll { $0.until <= now }
            guard !state.marks.isEmpty else { return nil }
            let token = state.marks.removeFirst().token
            state.used.append(token)
            return token
        }
    }

    /// Sees to it that there is one, so that nobody waits for it at the gate.
    private func readyMark() async throws(GloveboxError) {
        let now = self.room.tools.time.boot
        let wanted = self.state.withLock { state -> Int? in
            state.marks.removeAll { $0.until <= now }
            return state.marks.isEmpty ? self.testCase.document.entries.count - state.requests : nil
        }
        guard let wanted else { return }
        let marks = try await self.room.marks(wanted, for: self.testCase)
        self.state.withLock { $0.marks += marks }
    }

    private func mark() async throws(GloveboxError) -> String {
        if let token = self.takeMark() { return token }
        try await self.readyMark()
        guard let token = self.takeMark() else {
            throw GloveboxError(.markNotIssued, "there's no mark for this request: those that came were too old")
        }
        return token
    }

    private static func names(_ answer: ExchangeAnswer, _ header: String) -> [String] {
        answer.headers(header).flatMap { $0.split(separator: ",") }.map { name in
            String(name.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }.filter { !$0.isEmpty && $0.utf8.count <= 100 }
    }
}

/// Holds requests of several that run at once.
protocol RequestGate: Sendable {
    /// Returns when a request may be sent.
    /// - Throws: `CancellationError`.
    func pass() async throws
}

/// Holds nothing.
struct OpenGate: RequestGate {
    func pass() async throws {}
}
