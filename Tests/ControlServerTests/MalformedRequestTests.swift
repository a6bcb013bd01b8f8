import ControlAPI
import GloveboxCore
import Identity
import TestSupport
import Testing

@testable import ControlServer

@Suite("Requests that aren't right")
struct MalformedRequestTests {
    static let lease = #"{"target":"shop-db","duration":60,"purpose":"test"}"#

    @Test("malformed JSON is refused with its place, and reaches no operation")
    func malformedJSON() async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.post("/v1/leases", "{\"target\": \"shop-db\",\n \"duration\" 60}")
            #expect(answer.status == 400)
            #expect(answer.problem?.code == "invalid_argument")
            #expect(answer.problem?.detail.contains("line 2") == true, "\(answer.body)")
            let unknown = try await gateway.post("/v1/leases/0123456789ab/extend", #"{"duration":60,"forever":true}"#)
            #expect(unknown.problem?.detail.contains("unknown field 'forever'") == true)
            let extra = try await gateway.post("/v1/leases/0123456789ab/end", #"{"why":"x"}"#)
            #expect(extra.status == 400)
            #expect(gateway.operations.asked == [])
        }
    }

    @Test(
        "a body of another type is refused",
        arguments: [[], ["content-type: text/plain"], ["content-type: application/jsonp"], ["content-type: "]])
    func contentType(headers: [String]) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(
                "POST /v1/leases", headers: headers, body: Self.lease, as: .identity(IdentityName("ada")))
            #expect(answer.status == 415)
            #expect(answer.problem?.code == "unsupported_media_type")
            let good = try await gateway.request(
                "POST /v1/leases", headers: ["content-type: Application/JSON; charset=utf-8"], body: Self.lease,
                as: .identity(IdentityName("ada")))
            #expect(good.status == 201)
        }
    }

    @Test("a body over the limit is refused, announced or in chunks")
    func bodyLimit() async throws {
        try await TestGateway.run(bodyLimit: 200) { gateway in
            let long = #"{"target":"shop-db","duration":60,"purpose":"\#(String(repeating: "x", count: 200))"}"#
            let announced = try await gateway.post("/v1/leases", long)
            #expect(announced.status == 413)
            #expect(announced.problem?.code == "body_too_large")
            let chunked = try await gateway.request(
                "POST /v1/leases", headers: ["content-type: application/json", "transfer-encoding: chunked"],
                body: "\(String(long.utf8.count, radix: 16))\r\n\(long)\r\n0\r\n\r\n",
                as: .identity(IdentityName("ada")))
            #expect(chunked.status == 413)
            #expect(try await gateway.post("/v1/leases", Self.lease).status == 201)
            #expect(gateway.operations.asked.count == 1)
        }
    }

    @Test(
        "a query that isn't understood is refused",
        arguments: [
            ("/v1/leases?activ=true", "unknown query parameter 'activ'"), ("/v1/leases?active=yes", "'active'"),
            ("/v1/leases?active=true&active=true", "there twice"), ("/v1/leases?limit=0", "'limit'"),
            ("/v1/leases?limit=1001", "'limit'"), ("/v1/leases?limit=x", "'limit'"),
            ("/v1/leases?holder=Not%20A%20Name", "'holder'"), ("/v1/leases?holder=%zz", "malformed"),
            ("/v1/leases?holder=%ff", "malformed"), ("/v1/records?lease=1", "'lease'"),
            ("/v1/targets?x=1", "unknown query parameter 'x'"), ("/v1/whoami?x", "unknown query parameter 'x'"),
        ])
    func badQueries(path: String, expected: String) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request("GET \(path)", as: .identity(IdentityName("ada")))
            #expect(answer.status == 400)
            #expect(answer.problem?.detail.contains(expected) == true, "\(answer.body)")
            #expect(gateway.operations.asked == [])
        }
    }

    @Test("an unknown path is a problem, another method tells the right ones")
    func routes() async throws {
        try await TestGateway.run { gateway in
            for path in ["/", "/v1", "/v1/nothing", "/v1/leases/", "/v2/leases", "/v1/leases/x/y/z"] {
                let answer = try await gateway.request("GET \(path)", as: .identity(IdentityName("ada")))
                #expect(answer.status == 404, "\(path)")
                #expect(answer.problem?.code == "not_found")
            }
            let answer = try await gateway.request("PUT /v1/leases", as: .identity(IdentityName("ada")))
            #expect(answer.status == 405)
            #expect(answer.headers["allow"] == "POST, GET")
            #expect(answer.problem?.code == "method_not_allowed")
            for path in ["/v1/leases/no-such-form", "/v1/records/xyz"] {
                #expect(try await gateway.request("GET \(path)", as: .identity(IdentityName("ada"))).status == 404)
            }
            #expect(gateway.operations.asked == [])
        }
    }

    @Test("a record's id may hold a slash, percent-encoded")
    func encodedSlash() {
        #expect(
            Route(method: "GET", path: "/v1/records/agent%2Feu-1%3A7") == .endpoint(.showRecord, id: "agent/eu-1:7"))
        #expect(Route(method: "GET", path: "/v1/records/agent/eu-1:7") == .unknown)
        #expect(Route(method: "GET", path: "/v1/leases/%zz") == .unknown)
        #expect(Route(method: "POST", path: "/v1/certificates/current") == .otherMethod(allowed: [.delete]))
    }

    @Test("garbage and half a request harm nobody else")
    func garbage() async throws {
        try await TestGateway.run { gateway in
            let garbage = try await gateway.exchange(Array("\u{1}\u{2} not http\r\n\r\n".utf8))
            #expect(garbage.status == 400)
            #expect(try await gateway.request("GET /v1/health").status == 200)
        }
    }
}
