import AsyncHTTPClient
import Foundation
import GloveboxKit
import HTTPTypes
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// The service behind this one. Each request carries on the context of the one that sets it off.
struct Upstream: Sendable {
    struct Answer: Sendable {
        var status: Int
        var body: ByteBuffer

        func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(buffer: self.body))
        }
    }

    private let address: String
    private let client: HTTPClient
    private let timeout: TimeAmount
    private let dropsContext: Bool

    /// - Parameter timeout: nil waits for an hour, as good as for ever.
    init(_ address: String, settings: ServiceSettings, timeout: Duration?) {
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.timeout = timeout.map { TimeAmount($0) } ?? .hours(1)
        self.dropsContext = settings.faults.contains(.drop)
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        // Who can't be reached is told of at once, not when the time is up.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async throws { try await self.client.shutdown() }

    /// - Throws: a problem of status 504 where no answer came in time, 502 where none came at all.
    func send(_ method: HTTPMethod, _ path: String, body: ByteBuffer? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: self.address + path)
        request.method = method
        if !self.dropsContext {
            for (name, value) in ContextPropagation.outgoingHeaders { request.headers.add(name: name, value: value) }
        }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        do {
            let response = try await self.client.execute(request, timeout: self.timeout)
            Trail.current?.add(
                served: response.headers.first(name: "x-served-by"),
                seen: response.headers.first(name: TestContext.seenHeader))
            return Answer(
                status: Int(response.status.code), body: try await response.body.collect(upTo: 4 * 1024 * 1024))
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
            throw Problem(.gatewayTimeout, "upstream_timeout", "the service behind this one hasn't answered in time")
        } catch {
            throw Problem(.badGateway, "upstream_unreachable", "the service behind this one can't be reached")
        }
    }
}
