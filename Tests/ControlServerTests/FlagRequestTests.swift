import ControlAPI
import GloveboxCore
import TestSupport
import Testing

@testable import ControlServer

@Suite("What services ask of flags, over real TLS")
struct FlagRequestTests {
    private static let json = "content-type: application/json"
    private static let path = "/ofrep/v1/evaluate/flags"

    @Test("OFREP's paths are known, with a target or without, and no others")
    func routes() throws {
        let shop = try TargetName("shop")
        #expect(FlagRoute(path: "/ofrep/v1/evaluate/flags")?.endpoint == .evaluateAll)
        #expect(FlagRoute(path: "/ofrep/v1/evaluate/flags/a%2Fb")?.endpoint == .evaluate("a/b"))
        #expect(FlagRoute(path: "/flags/shop/ofrep/v1/evaluate/flags/a")?.target == shop)
        #expect(FlagRoute(path: "/flags/shop/ofrep/v1/events")?.endpoint == .events)
        #expect(FlagRoute(path: "/ofrep/v1/evaluate/flags/a/b")?.endpoint == .unknown)
        #expect(FlagRoute(path: "/ofrep/v1/evaluate/flags/%zz")?.endpoint == .unknown)
        for other in [
            "/", "/v1/flags", "/flags", "/flags/shop", "/flags/SHOP/ofrep/v1/events", "/ofrep/v2/x", "ofrep/v1",
        ] {
            #expect(FlagRoute(path: other) == nil, "\(other)")
        }
    }

    @Test("a flag is evaluated for whoever brings a token, as Bearer or as X-API-Key; a token that only reads will do")
    func tokens() async throws {
        try await TestGateway.run { gateway in
            for header in ["authorization: Bearer max:all", "x-api-key: max:read", "x-api-key: max:explainFlag"] {
                let answer = try await gateway.request(
                    "POST \(Self.path)/a", headers: [header, Self.json], body: #"{"context":{}}"#)
                #expect(answer.status == 200 && answer.body == #"a of -: {"context":{}}"#, "\(header): \(answer.body)")
                #expect(answer.headers["content-type"] == "application/json")
            }
            let other = try await gateway.request(
                "POST /flags/shop\(Self.path)", headers: ["x-api-key: max:all", Self.json], body: "{}")
            #expect(other.body == "all of shop: {}" && other.headers["etag"] == "\"7\"")
        }
    }

    @Test("no token 401, a wrong one 401, one whose scope lacks it 403, another method 405, another body 415")
    func refusals() async throws {
        try await TestGateway.run { gateway async throws -> Void in
            func status(_ line: String, _ headers: [String]) async throws -> Int {
                try await gateway.request(line, headers: headers, body: line.hasPrefix("POST") ? "{}" : "").status
            }
            #expect(try await status("POST \(Self.path)", [Self.json]) == 401)
            #expect(try await status("POST \(Self.path)", [Self.json, "x-api-key: wrong"]) == 401)
            #expect(try await status("POST \(Self.path)", [Self.json, "x-api-key: max:openLease"]) == 403)
            #expect(try await status("GET \(Self.path)", ["x-api-key: max:all"]) == 405)
            #expect(try await status("POST \(Self.path)", ["x-api-key: max:all", "content-type: text/plain"]) == 415)
            #expect(try await status("POST \(Self.path)/a/b", ["x-api-key: max:all", Self.json]) == 404)
        }
    }

    @Test("what the caller has is answered with 304 and no body")
    func notModified() async throws {
        try await TestGateway.run { gateway in
            for known in [#""7""#, #"W/"7""#, #""6", "7""#] {
                let answer = try await gateway.request(
                    "POST \(Self.path)", headers: ["x-api-key: max:all", Self.json, "if-none-match: \(known)"],
                    body: "{}")
                #expect(answer.status == 304 && answer.body.isEmpty && answer.headers["etag"] == "\"7\"", "\(known)")
            }
            let stale = try await gateway.request(
                "POST \(Self.path)", headers: ["x-api-key: max:all", Self.json, #"if-none-match: "6""#], body: "{}")
            #expect(stale.status == 200)
        }
    }

    @Test("events are server-sent, and begin where the reader left off")
    func events() async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(
                "GET /flags/shop/ofrep/v1/events", headers: ["x-api-key: max:all", "last-event-id: 7"])
            #expect(answer.status == 200 && answer.headers["content-type"] == "text/event-stream")
            #expect(answer.body.contains("id: 8\nevent: message\ndata: after 7\n"), "\(answer.body)")
        }
    }

    @Test(
        "events begin where the query says; what the reader has heard since counts for more, and no other word is taken"
    )
    func eventsAfter() async throws {
        try await TestGateway.run { gateway async throws -> Void in
            func events(_ query: String, _ headers: [String] = []) async throws -> (status: Int, body: String) {
                let answer = try await gateway.request(
                    "GET /flags/shop/ofrep/v1/events?\(query)", headers: ["x-api-key: max:all"] + headers)
                return (answer.status, answer.body)
            }
            #expect(try await events("after=6-ab%2B").body.contains("data: after 6-ab+\n"))
            #expect(try await events("after=6", ["last-event-id: 7"]).body.contains("data: after 7\n"))
            #expect(try await events("after=6&after=7").status == 400)
            #expect(try await events("since=6").status == 400)
        }
    }

    @Test("who asks too often is told when to come again, and people's requests aren't counted with it")
    func tooMany() async throws {
        try await TestGateway.run(flagLimits: Admission.Pace(burst: 2, perSecond: 0.01)) { gateway in
            for expected in [200, 200, 429] {
                let answer = try await gateway.request(
                    "POST \(Self.path)", headers: ["x-api-key: max:all", Self.json], body: "{}")
                #expect(answer.status == expected)
                #expect((answer.headers["retry-after"] != nil) == (expected == 429))
            }
            #expect(try await gateway.request("GET /v1/health").status == 200)
        }
    }
}
