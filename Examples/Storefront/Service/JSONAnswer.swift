import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// JSON in requests and answers; members are sorted, so that equal answers are the same bytes.
enum JSONAnswer {
    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        Self.response(bytes: ByteBuffer(bytes: try Self.bytes(value)), status: status)
    }

    static func response(bytes: ByteBuffer, status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: bytes))
    }

    static func bytes(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    static func body<Value: Decodable>(_ type: Value.Type, of request: Request) async throws -> Value {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: 65_536)
        } catch {
            throw Problem(.contentTooLarge, "too_large", "a request's body has 64 KiB at most")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(buffer: bytes))
        } catch {
            throw Problem.invalid("the body isn't what's asked for here")
        }
    }
}
