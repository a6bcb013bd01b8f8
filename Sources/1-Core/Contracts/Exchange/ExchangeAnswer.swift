package import GloveboxCore

/// What came back for one request on the wire.
package struct ExchangeAnswer: Sendable {
    package enum Version: String, Hashable, Sendable {
        case http10 = "HTTP/1.0"
        case http11 = "HTTP/1.1"
        case http2 = "HTTP/2"
        case http3 = "HTTP/3"
    }

    /// In microseconds from the start, as libcurl counts them.
    package struct Timings: Hashable, Sendable {
        package var nameLookup: Int64 = 0
        package var connect: Int64 = 0
        package var tls: Int64 = 0
        package var firstByte: Int64 = 0
        package var total: Int64 = 0

        package init() {}
    }

    /// Of the server, texts as libcurl gives them.
    package struct Certificate: Hashable, Sendable {
        package var subject: String?
        package var issuer: String?
        package var startDate: String?
        package var expireDate: String?
        package var serialNumber: String?
        package var subjectAltName: String?
        /// PEM.
        package var value: String?

        package init() {}
    }

    package struct Cookie: Hashable, Sendable {
        package var domain: String
        package var path: String
        package var name: String
        package var value: String

        package init(domain: String, path: String, name: String, value: String) {
            self.domain = domain
            self.path = path
            self.name = name
            self.value = value
        }
    }

    /// What was asked, with the query.
    package var url: String
    package var method: String
    /// What went over the wire, in order.
    package var sentHeaders: [ExchangeRequest.Field]
    package var version: Version
    package var status: Int
    /// In order, with repeats.
    package var headers: [ExchangeRequest.Field]
    /// As it came.
    package var rawBody: [UInt8]
    /// Without its content codings; a failure where they can't be undone.
    package var body: Result<[UInt8], GloveboxError>
    package var timings: Timings
    package var certificate: Certificate?
    /// Of whom it came from.
    package var address: String?
    /// All that the carrier keeps after this answer.
    package var cookies: [Cookie]

    package init(
        url: String, method: String = "GET", sentHeaders: [ExchangeRequest.Field] = [], version: Version = .http11,
        status: Int, headers: [ExchangeRequest.Field] = [], rawBody: [UInt8] = [],
        body: Result<[UInt8], GloveboxError>? = nil, timings: Timings = Timings(), certificate: Certificate? = nil,
        address: String? = nil, cookies: [Cookie] = []
    ) {
        self.url = url
        self.method = method
        self.sentHeaders = sentHeaders
        self.version = version
        self.status = status
        self.headers = headers
        self.rawBody = rawBody
        self.body = body ?? .success(rawBody)
        self.timings = timings
        self.certificate = certificate
        self.address = address
        self.cookies = cookies
    }

    /// Of every header of this name, in order.
    package func headers(_ name: String) -> [String] {
        self.headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}

/// Carries requests one after the other, keeping cookies and connections between them.
package protocol ExchangeCarrier: Sendable {
    /// - Returns: the answer, which is the last; before it the redirects that led there.
    func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer]
}

extension GloveboxError.Code {
    /// No answer: no such host, no connection, TLS failed, or the answer isn't HTTP. The message says which.
    package static let exchangeFailed = Self("exchange_failed")
    package static let exchangeTimedOut = Self("exchange_timed_out")
    package static let exchangeTooManyRedirects = Self("exchange_too_many_redirects")
    /// The answer is larger than it may be.
    package static let exchangeTooLarge = Self("exchange_too_large")
    /// The request can't be sent as it is: its URL, a header, a certificate.
    package static let exchangeBadRequest = Self("exchange_bad_request")
    /// This build of libcurl has no such thing, HTTP/3 for example.
    package static let exchangeUnsupported = Self("exchange_unsupported")
    package static let exchangeCancelled = Self("exchange_cancelled")
    /// A content coding that isn't known, or a body that isn't in it.
    package static let exchangeBadCoding = Self("exchange_bad_coding")
}
