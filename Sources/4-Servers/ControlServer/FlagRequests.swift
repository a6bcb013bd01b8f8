package import ControlAPI
package import GloveboxCore
import HTTPTypes
import Hummingbird
import NIOCore

/// What a service asks of flags by OFREP (the OpenFeature Remote Evaluation Protocol).
package protocol FlagEvaluations: Sendable {
    /// - Parameter target: `nil` where the path names none.
    func evaluate(_ key: String, of target: TargetName?, body: [UInt8]) throws -> FlagAnswer
    /// - Parameter known: the ETags that the caller has answers for.
    func evaluateAll(of target: TargetName?, body: [UInt8], ifNoneOf known: [String]) throws -> FlagAnswer
    /// Tells of each change from now on, or from the one that's named.
    func events(of target: TargetName?, after lastEvent: String?) throws -> AsyncThrowingStream<ServerEvent, any Error>
}

package struct FlagAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]
    /// With its quotes.
    package var eTag: String?

    package init(status: Int, body: [UInt8], eTag: String? = nil) {
        self.status = status
        self.body = body
        self.eTag = eTag
    }
}

/// OFREP's paths: `/ofrep/v1/…`, or below `/flags/TARGET` where a gateway serves the flags of several targets.
struct FlagRoute: Equatable {
    enum Endpoint: Equatable {
        case evaluate(String)
        case evaluateAll
        case events
        case unknown
    }

    var endpoint: Endpoint
    var target: TargetName?

    /// `nil` for a path that isn't OFREP's.
    init?(path: String) {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)[...]
        guard segments.popFirst() == "" else { return nil }
        if segments.first == "flags" {
            guard segments.count > 2, let target = TargetName(rawValue: segments.removeFirst(2)) else { return nil }
            self.target = target
        }
        guard segments.popFirst() == "ofrep", segments.popFirst() == "v1" else { return nil }
        self.endpoint =
            switch (segments.count, segments.first, segments.dropFirst().first) {
            case (1, "events", _): .events
            case (2, "evaluate", "flags"): .evaluateAll
            case (3, "evaluate", "flags"):
                segments.last.flatMap(percentDecoded).map { $0.isEmpty ? .evaluateAll : .evaluate($0) } ?? .unknown
            default: .unknown
            }
    }

    var method: HTTPRequest.Method { self.endpoint == .events ? .get : .post }
}

extension ArraySlice<String> {
    /// Takes the first `count` away, and returns the last of these.
    fileprivate mutating func removeFirst(_ count: Int) -> String {
        let last = self[self.index(self.startIndex, offsetBy: count - 1)]
        self = self.dropFirst(count)
        return last
    }
}

extension ControlResponder {
    /// - Throws: what becomes a problem: who isn't known or may not, too many requests, a body that's too large.
    func answer(
        _ route: FlagRoute, _ reading: RequestReader, _ channel: any Channel, _ origin: RequestOrigin
    ) async throws -> Response {
        guard route.endpoint != .unknown else {
            throw GloveboxError(.notFound, "there is no \(reading.request.uri.path.prefix(200))")
        }
        let caller = try await self.flagCaller(reading.request, channel, origin)
        try self.flagAdmission.admit(caller: caller.subject)
        // Who may ask what a flag comes to may have it evaluated.
        _ = try Authorisation.reach(of: caller, at: .explainFlag)
        guard reading.request.method == route.method else {
            throw GloveboxError(.methodNotAllowed, "\(reading.request.uri.path.prefix(200)) takes \(route.method)")
        }
        switch route.endpoint {
        case .evaluate(let key):
            return Self.response(try self.flags.evaluate(key, of: route.target, body: try await reading.flagBody()))
        case .evaluateAll:
            return Self.response(
                try self.flags.evaluateAll(
                    of: route.target, body: try await reading.flagBody(), ifNoneOf: reading.knownTags))
        case .events:
            return Self.stream(try self.flags.events(of: route.target, after: try reading.lastKnownEvent()))
        case .unknown:
            throw GloveboxError(.notFound, "there is no \(reading.request.uri.path.prefix(200))")
        }
    }

    /// Both ways at once: events go out for as long as they come, while what the caller says of them comes in, a tag a line.
    /// A caller that says nothing, or ends its side, is told all the same.
    static func stream(_ following: FlagFollowing, _ body: RequestBody) -> Response {
        Response(
            status: .ok, headers: [.contentType: ServerEvent.contentType],
            body: ResponseBody { writer in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { await Self.read(body, following.acknowledge) }
                    defer { tasks.cancelAll() }
                    try await writer.write(ByteBuffer(bytes: ServerEvent.alive.bytes))
                    for try await event in following.events { try await writer.write(ByteBuffer(bytes: event.bytes)) }
                }
                try await writer.finish(nil)
            })
    }

    private static let longestTag = 100

    private static func read(_ body: RequestBody, _ acknowledge: (String) -> Void) async {
        var line: [UInt8] = []
        do {
            for try await piece in body {
                for byte in piece.readableBytesView {
                    if byte == UInt8(ascii: "\n") {
                        acknowledge(String(decoding: line, as: UTF8.self))
                        line.removeAll(keepingCapacity: true)
                    } else {
                        // What's longer is no tag, and leads to none.
                        if line.count <= Self.longestTag { line.append(byte) }
                    }
                }
            }
        } catch {
            // The connection is gone, as the other way finds too.
        }
    }

    /// A token comes as `Authorization: Bearer` or, as OFREP also has it, as `X-API-Key`.
    private func flagCaller(
        _ request: Request, _ channel: any Channel, _ origin: RequestOrigin
    ) async throws -> Caller {
        let key = RequestReader.apiKey.flatMap { request.headers[$0] }
        let authorization = request.headers[.authorization] ?? key.map { "Bearer \($0)" }
        return try await self.caller(authorization, channel, origin)
    }

    private static func response(_ answer: FlagAnswer) -> Response {
        var response = Response(status: .init(code: answer.status))
        if let tag = answer.eTag { response.headers[.eTag] = tag }
        guard answer.status != 304 else { return response }
        response.headers[.contentType] = "application/json"
        response.body = .init(byteBuffer: ByteBuffer(bytes: answer.body))
        return response
    }
}
