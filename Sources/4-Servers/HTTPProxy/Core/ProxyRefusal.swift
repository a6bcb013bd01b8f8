import HTTPWire

/// Why a request is answered by the proxy itself.
struct ProxyRefusal: Hashable, Sendable {
    var status: Int
    /// Stable, snake_case; told in the answer, the access log and the metrics.
    var code: String
    var message: String

    init(_ status: Int, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    init(_ refusal: HTTPRefusal) {
        self.init(refusal.status, refusal.code.rawValue, refusal.message)
    }

    static let noRoute = ProxyRefusal(404, "no_route", "nothing is served under this host and path")
    static let noUpstream = ProxyRefusal(503, "no_upstream", "no server is ready to take this: try again later")
    static let upstreamBusy = ProxyRefusal(503, "upstream_busy", "all servers have enough to do: try again later")
    static let candidateUnknown = ProxyRefusal(503, "candidate_unknown", "no such version of the service is known here")
    static let markRefused = ProxyRefusal(
        412, "mark_refused", "the request was to be a test's, and its mark doesn't count")
    static let testsBusy = ProxyRefusal(503, "tests_busy", "as many marked requests as may be are under way: try later")
    static let overloaded = ProxyRefusal(503, "overloaded", "as many requests as may be are under way: try again later")
    /// A fault of this proxy's: a head came out longer than it can.
    static let headUnwritten = ProxyRefusal(500, "head_unwritten", "the request can't be passed on")
    static let unreachable = ProxyRefusal(502, "upstream_unreachable", "the server can't be reached")
    static let closedEarly = ProxyRefusal(502, "upstream_closed", "the server gave no answer")
    static let invalidAnswer = ProxyRefusal(502, "upstream_invalid", "the server's answer can't be passed on")
    static let timedOut = ProxyRefusal(504, "upstream_timed_out", "the server didn't answer in time")
    static let requestTimedOut = ProxyRefusal(408, "request_timed_out", "the request took too long to come")
    static let stopping = ProxyRefusal(503, "stopping", "the proxy is stopping: try again")

    var reason: StaticString {
        switch self.status {
        case 400: "Bad Request"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
