import AsyncHTTPClient
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
package import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why a request got no answer.
package enum OutboundFailure: Error {
    /// What answers can't prove to be whom TLS was told to trust.
    case untrusted(any Error)
    /// The name of the host can't be resolved.
    case unresolved(any Error)
    /// In words for people.
    case unreachable(String, any Error)

    /// Why, for people, without a name or an address: `its name can't be resolved`.
    package var reason: String {
        switch self {
        case .untrusted: "its certificate can't be trusted"
        case .unresolved: "its name can't be resolved"
        case .unreachable(let why, _): why
        }
    }
}

/// HTTP requests to others: the one owner of the HTTP client. Redirects aren't followed, and nothing is tried twice.
package struct OutboundClient: Sendable {
    package struct Answer: Sendable {
        package var status: Int
        package var contentType: String
        /// Whether it came by HTTP/2.
        package var isHTTP2: Bool
        /// As it is (RFC 9110, section 8.8.3).
        package var eTag: String?
        /// The other's clock, as it says (RFC 9110, section 6.6.1).
        package var date: String?
        /// When to ask again (RFC 9110, section 10.2.3), as it is.
        package var retryAfter: String?
        package var body: [UInt8]
    }

    private let client: HTTPClient
    private let deadline: TimeAmount
    private let mostBytes: Int

    /// - Parameters:
    ///   - timeout: for a whole request.
    ///   - mostBytes: longest answer.
    ///   - allowsHTTP2: otherwise it's HTTP/1.1.
    package init(tls: TLSConfiguration, timeout: Duration, mostBytes: Int, allowsHTTP2: Bool = false) {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(min(timeout, .seconds(10)))))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = allowsHTTP2 ? .automatic : .http1Only
        self.deadline = TimeAmount(timeout)
        self.mostBytes = mostBytes
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes the connections; nothing is sent after it.
    package func shutdown() async {
        try? await self.client.shutdown()
    }

    /// - Throws: ``OutboundFailure``, `CancellationError`.
    package func send(
        _ method: String, _ url: String, headers: [(String, String)], body: [UInt8]?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            return try await self.answer(try await self.client.execute(request, timeout: self.deadline))
        } catch {
            throw Self.explained(error)
        }
    }

    /// Asks with GET, and calls `take` with the body of an answer of status 200 as it comes, for as long as `timeout`.
    /// - Returns: `nil` at its end; an answer of any other status.
    /// - Throws: ``OutboundFailure``, `CancellationError`, and what `take` throws.
    package func stream(
        _ url: String, headers: [(String, String)], timeout: Duration, _ take: ([UInt8]) throws -> Void
    ) async throws -> Answer? {
        var request = HTTPClientRequest(url: url)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response: HTTPClientResponse
        do {
            response = try await self.client.execute(request, timeout: TimeAmount(timeout))
            guard response.status == .ok else { return try await self.answer(response) }
        } catch {
            throw Self.explained(error)
        }
        try await Self.read(response, take)
        return nil
    }

    /// Both ways at once: posts what `says` gives, as it comes, and calls `take` with the body of an answer of status 200,
    /// as that comes. Over HTTP/1.1, too, since both sides are ours. `says` has to end for the answer to: `stop` ends it, and
    /// is called where the status is another.
    /// - Returns: `nil` at its end; an answer of any other status.
    /// - Throws: ``OutboundFailure``, `CancellationError`, and what `take` throws.
    package func converse(
        _ url: String, headers: [(String, String)], says: AsyncStream<[UInt8]>,
        stop: () -> Void, _ take: ([UInt8]) async throws -> Void
    ) async throws -> Answer? {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .stream(says.map { ByteBuffer(bytes: $0) }, length: .unknown)
        let response: HTTPClientResponse
        do {
            response = try await self.client.execute(request, timeout: self.deadline)
            guard response.status == .ok else {
                stop()
                return try await self.answer(response)
            }
        } catch {
            throw Self.explained(error)
        }
        try await Self.read(response, take)
        return nil
    }

    /// Gives `take` the answer's body as it comes, to its end.
    private static func read(_ response: HTTPClientResponse, _ take: ([UInt8]) async throws -> Void) async throws {
        var pieces = response.body.makeAsyncIterator()
        while true {
            let piece: ByteBuffer?
            do {
                piece = try await pieces.next()
            } catch {
                throw Self.explained(error)
            }
            guard let piece else { return }
            try await take(Array(buffer: piece))
        }
    }

    private func answer(_ response: HTTPClientResponse) async throws -> Answer {
        let body = try await response.body.collect(upTo: self.mostBytes)
        return Answer(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
            isHTTP2: response.version.major == 2, eTag: response.headers.first(name: "etag"),
            date: response.headers.first(name: "date"),
            retryAfter: response.headers.first(name: "retry-after"), body: Array(buffer: body))
    }

    private static func explained(_ error: any Error) -> any Error {
        func unreachable(_ why: String) -> OutboundFailure { .unreachable(why, error) }
        switch error {
        case is CancellationError: return error
        case let error as HTTPClientError:
            switch error {
            case .cancelled: return CancellationError()
            case .connectTimeout, .deadlineExceeded, .readTimeout, .writeTimeout, .tlsHandshakeTimeout,
                .getConnectionFromPoolTimeout:
                return unreachable("it doesn't answer in time")
            default: return unreachable(error.shortDescription)
            }
        case let error as NIOSSLError:
            if case .handshakeFailed = error { return OutboundFailure.untrusted(error) }
            return unreachable("the TLS connection broke")
        case let error as NIOSSLExtraError:
            return error == .failedToValidateHostname
                ? OutboundFailure.untrusted(error) : unreachable("the TLS connection broke")
        case is BoringSSLError: return unreachable("the TLS connection broke")
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first?.error as? IOError { return unreachable(failure.reason) }
            return OutboundFailure.unresolved(error)
        case let error as IOError: return unreachable(error.reason)
        default: return unreachable("the connection failed")
        }
    }
}

extension IOError {
    /// The system's words for the error number, such as "connection refused".
    fileprivate var reason: String {
        strerror(self.errnoCode).map { String(cString: $0).lowercased() } ?? "error \(self.errnoCode)"
    }
}
