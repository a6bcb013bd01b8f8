/// What's decided about one request on its way and its response on the way back. A value: it's told what happened, and says
/// what to do.
///
/// A response's head is passed on at most once, so what comes after it can't be put right: a fault before it is answered
/// or tried again, a fault behind it cuts the connection. Something is tried again only while nothing has come back, for a
/// request that's safe and has no body, or of which not a byte was sent.
struct ExchangeMachine: Hashable, Sendable {
    enum Failure: Hashable, Sendable {
        case unreachable
        /// Closed with no byte of a response.
        case closed
        case timedOut
        case invalid
    }

    enum AfterFailure: Hashable, Sendable {
        case again
        case answer(Failure)
        /// A part of the response was passed on: what's left is to show that it isn't whole.
        case cut
        case nothing
    }

    enum AfterEnd: Hashable, Sendable {
        case wait
        case finish(keepsUpstream: Bool, keepsClient: Bool)
    }

    private enum Response: Hashable, Sendable {
        case awaited
        case begun(isUpstreamPersistent: Bool, isClientPersistent: Bool)
        case over
    }

    /// A safe method, and no body.
    private let isRepeatable: Bool
    /// A body with a method that has no use for one: a server may take it for the next request.
    private let hasOddBody: Bool
    private var attemptsLeft: Int
    private(set) var attempts = 0
    private(set) var isRequestWhole: Bool
    private var isRequestSent = false
    private var response = Response.awaited

    init(isSafe: Bool, hasBody: Bool, retries: Int) {
        self.isRepeatable = isSafe && !hasBody
        self.hasOddBody = isSafe && hasBody
        self.attemptsLeft = retries
        self.isRequestWhole = !hasBody
    }

    var isResponseAwaited: Bool { self.response == .awaited }
    var isOver: Bool { self.response == .over }

    /// The head goes to an upstream connection.
    mutating func sent() {
        self.isRequestSent = true
        self.attempts += 1
    }

    mutating func requestEnded() {
        self.isRequestWhole = true
    }

    /// - Parameter mayTryAgain: another attempt is within the budget.
    mutating func failed(_ failure: Failure, mayTryAgain: Bool) -> AfterFailure {
        switch self.response {
        case .over: return .nothing
        case .begun:
            self.response = .over
            return .cut
        case .awaited:
            let isUntouched = !self.isRequestSent
            let isWorthwhile = failure == .unreachable || failure == .closed
            if isWorthwhile, self.attemptsLeft > 0, mayTryAgain, self.isRepeatable || isUntouched {
                self.attemptsLeft -= 1
                self.isRequestSent = false
                return .again
            }
            self.response = .over
            return .answer(failure)
        }
    }

    /// The proxy answers by itself.
    mutating func refused() -> Bool {
        guard self.response == .awaited else { return false }
        self.response = .over
        return true
    }

    /// A response's final head has come.
    /// - Returns: whether the client's connection stays open behind it; a request that isn't whole by then is given up.
    mutating func answered(isUpstreamPersistent: Bool, isClientPersistent: Bool) -> Bool? {
        guard self.response == .awaited else { return nil }
        let keepsClient = isClientPersistent && self.isRequestWhole
        self.response = .begun(isUpstreamPersistent: isUpstreamPersistent, isClientPersistent: keepsClient)
        return keepsClient
    }

    mutating func responseEnded() -> AfterEnd {
        guard case .begun(let isUpstreamPersistent, let isClientPersistent) = self.response else { return .wait }
        self.response = .over
        let keepsUpstream = isUpstreamPersistent && self.isRequestWhole && !self.hasOddBody
        return .finish(keepsUpstream: keepsUpstream, keepsClient: isClientPersistent)
    }

    /// The client has gone.
    mutating func abandoned() {
        self.response = .over
    }
}
