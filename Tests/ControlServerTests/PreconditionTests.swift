import ControlAPI
import ControlServer
import GloveboxCore
import TestSupport
import Testing

@Suite("Changing what somebody else may have changed")
struct PreconditionTests {
    private let ada = CertificateSubject.identity(IdentityName(unchecked: "ada"))

    @Test("what may be changed comes with its version, and a change says which version it's of")
    func matching() async throws {
        try await TestGateway.run { gateway in
            let shown = try await gateway.request("GET /v1/identities/max", as: self.ada)
            #expect(shown.status == 200)
            let tag = try #require(shown.headers["etag"])
            func disable(_ headers: [String]) async throws -> RawAnswer {
                try await gateway.request("POST /v1/identities/max/disable", headers: headers, as: self.ada)
            }
            let done = try await disable(["if-match: \(tag)"])
            #expect(done.status == 200 && done.headers["etag"] == "\"4\"")
            #expect(try await disable(["if-match: *"]).status == 200)
            #expect(try await disable(["if-match: \"1\", \(tag)"]).status == 200)
            for other in ["\"4\"", "W/\(tag)", "3", "\"\"", "\"x\""] {
                let refused = try await disable(["if-match: \(other)"])
                #expect(refused.status == 412, "\(other)")
                #expect(refused.problem?.code == "precondition_failed")
            }
            let missing = try await disable([])
            #expect(missing.status == 428 && missing.problem?.code == "precondition_required")
        }
    }

    @Test("every change of an identity or an agent asks for it, and a malformed name is nobody's")
    func required() async throws {
        try await TestGateway.run { gateway in
            for line in [
                "POST /v1/identities/max/disable", "POST /v1/identities/max/enable", "POST /v1/agents/eu-1/quarantine",
                "POST /v1/agents/eu-1/release", "DELETE /v1/agents/eu-1",
            ] {
                let answer = try await gateway.request(line, as: self.ada)
                #expect(answer.status == 428, "\(line)")
            }
            // A path that's there word for word is no other's, and nobody has its name.
            for (path, allowed) in [("agents", "POST"), ("identities", "POST")] {
                let other = try await gateway.request("GET /v1/\(path)/invites", as: self.ada)
                #expect(other.status == 405 && other.headers["allow"] == allowed)
                let named = try await gateway.post(
                    "/v1/\(path)/invites",
                    path == "agents" ? #"{"name":"invites"}"# : #"{"name":"invites","role":"member"}"#)
                #expect(named.status == 400)
            }
            for path in ["identities/No%20One", "agents/-x"] {
                #expect(try await gateway.request("GET /v1/\(path)", as: self.ada).status == 404)
            }
            #expect(gateway.operations.asked == [])
        }
    }
}
