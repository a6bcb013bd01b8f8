import ControlAPI
import GloveboxCore
import HTTPTypes
import Hummingbird
import NIOCore

/// What an endpoint reads from its request.
struct RequestReader {
    var request: Request
    var id: String?
    var bodyLimit: Int
    /// Once it has been read.
    var body: [UInt8]?

    var query: String? { self.request.uri.query }

    /// - Throws: `unsupported_media_type`, `body_too_large`, `invalid_argument`.
    func body<Body: RequestContent>(_ type: Body.Type) async throws -> Body {
        try self.noQuery()
        let mediaType = self.request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }.lowercased()
        guard mediaType == "application/json" else {
            throw GloveboxError(.unsupportedMediaType, "the body has to be JSON, with content-type application/json")
        }
        return try JSONForm.decodeBody(type, from: await self.bytes())
    }

    func noBody() async throws {
        try self.noQuery()
        let bytes = try await self.bytes()
        guard bytes.isEmpty || bytes == Array("{}".utf8) else {
            throw GloveboxError(.invalidArgument, "this takes no body")
        }
    }

    func noQuery() throws(GloveboxError) {
        try QueryParameters(self.query).finish()
    }

    /// - Throws: `not_found`, since nothing has a malformed name.
    func name<Value: Name>(_ type: Value.Type, _ noun: String) throws(GloveboxError) -> Value {
        guard let name = self.id.flatMap(Value.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no \(noun) '\(self.id?.prefix(80) ?? "")'")
        }
        return name
    }

    /// What `If-Match` says. A tag that isn't one of ours matches nothing.
    /// - Throws: `precondition_required` without the field.
    func precondition() throws(GloveboxError) -> Precondition {
        guard let text = self.request.headers[.ifMatch]?.trimmed, !text.isEmpty else {
            throw GloveboxError(
                .preconditionRequired,
                "say in If-Match which version is to be changed (its ETag), or '*' whatever it is")
        }
        guard text != "*" else { return .any }
        let versions = text.split(separator: ",").compactMap { tag -> Int64? in
            let tag = String(tag).trimmed
            guard tag.count > 2, tag.hasPrefix("\""), tag.hasSuffix("\"") else { return nil }
            return Int64(tag.dropFirst().dropLast())
        }
        return .versions(Set(versions))
    }

    /// - Throws: `not_found`, since no lease has a malformed id.
    func leaseID() throws(GloveboxError) -> LeaseID {
        guard let id = self.id.flatMap(LeaseID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no lease '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`, since no approval has a malformed id.
    func approvalID() throws(GloveboxError) -> ApprovalID {
        guard let id = self.id.flatMap(ApprovalID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no approval '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`, since no session has a malformed id.
    func sessionID() throws(GloveboxError) -> SessionID {
        guard let id = self.id.flatMap(SessionID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no session '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`, since no change has a malformed id.
    func changeID() throws(GloveboxError) -> ChangeSetID {
        guard let id = self.id.flatMap(ChangeSetID.init(rawValue:)) else {
            throw GloveboxError(.notFound, "there is no change '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// - Throws: `not_found`.
    func flagKey() throws(GloveboxError) -> String {
        guard let key = self.id else { throw GloveboxError(.notFound, "there is no flag without a key") }
        return key
    }

    func recordID() throws(GloveboxError) -> RecordID {
        guard let id = self.id.flatMap({ RecordID($0) }) else {
            throw GloveboxError(.notFound, "there is no record '\(self.id?.prefix(80) ?? "")'")
        }
        return id
    }

    /// Where the stream broke off counts for more than where it began.
    func followQuery() throws(GloveboxError) -> RecordQuery {
        var query = try RecordQuery(query: self.query)
        if let last = Self.lastEventID.flatMap({ self.request.headers[$0] }) { query.page.after = last }
        return query
    }

    private static let lastEventID = HTTPField.Name("Last-Event-ID")
    static let apiKey = HTTPField.Name("X-API-Key")

    var lastEventID: String? { Self.lastEventID.flatMap { self.request.headers[$0] } }

    /// Where a stream broke off, or what its reader has read before it, which the query's `after` says: a reader that comes
    /// back comes to the same address.
    /// - Throws: `invalid_argument`.
    func lastKnownEvent() throws(GloveboxError) -> String? {
        var parameters = try QueryParameters(self.query)
        let after = parameters.string("after")
        try parameters.finish()
        return self.lastEventID ?? after
    }

    /// What `If-None-Match` has (RFC 9110, section 13.1.2), compared weakly.
    var knownTags: [String] {
        let tags = self.request.headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }
        return tags.map { tag in
            let tag = String(tag).trimmed
            return tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag
        }
    }

    /// - Throws: `body_too_large`, `unsupported_media_type`.
    func flagBody() async throws -> [UInt8] {
        let mediaType = self.request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " }.lowercased()
        guard mediaType == "application/json" else {
            throw GloveboxError(.unsupportedMediaType, "the body has to be JSON, with content-type application/json")
        }
        return try await self.bytes()
    }

    /// - Throws: `invalid_argument`.
    func since() throws(GloveboxError) -> UInt64 {
        var parameters = try QueryParameters(self.query)
        let size = try parameters.value("since") { (text) throws(GloveboxError) in
            guard let size = Int64(text), size >= 0, text == String(size) else {
                throw GloveboxError(.invalidArgument, "a number of records is wanted")
            }
            return UInt64(size)
        }
        try parameters.finish()
        return size ?? 0
    }

    /// However slowly it trickles in.
    private static let bodyDeadline = Duration.seconds(10)

    /// The same with its body read.
    func collected() async throws -> RequestReader {
        var reader = self
        reader.body = try await self.bytes()
        return reader
    }

    private static let idempotencyHeader = HTTPField.Name("Idempotency-Key") ?? .date

    /// A string as RFC 9651 has it, or the same without quotes.
    /// - Throws: `invalid_argument`.
    func idempotencyKey() throws(GloveboxError) -> String? {
        guard var text = self.request.headers[Self.idempotencyHeader]?.trimmed else { return nil }
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = String(text.dropFirst().dropLast()) }
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 })
        else {
            throw GloveboxError(
                .invalidArgument, "Idempotency-Key: 1 to 128 visible ASCII characters are wanted, such as a UUID")
        }
        return text
    }

    private func bytes() async throws -> [UInt8] {
        if let body { return body }
        if let length = self.request.headers[.contentLength].flatMap({ Int($0) }), length > self.bodyLimit {
            throw NIOTooManyBytesError(maxBytes: self.bodyLimit)
        }
        let (body, limit) = (self.request.body, self.bodyLimit)
        return try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
            tasks.addTask { Array(buffer: try await body.collect(upTo: limit)) }
            tasks.addTask {
                try await Task.sleep(for: Self.bodyDeadline)
                throw GloveboxError(.requestTimeout, "the body didn't come within \(Self.bodyDeadline)")
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? []
        }
    }
}

extension String {
    /// Without the blanks and tabs around it.
    fileprivate var trimmed: String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        let start = self.drop(while: isBlank)
        return String(start.prefix(start.count - start.reversed().prefix(while: isBlank).count))
    }
}
