import GloveboxCore
import Testing

@testable import FlagRules

@Suite("OFREP's requests and answers")
struct OFREPTests {
    private static func flags() throws -> FlagSet {
        let text = #"""
            {"metadata": {"set": "s"}, "flags": {
              "plain": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
                "metadata": {"owner": "me"}},
              "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
              "code": {"state": "ENABLED", "variants": {"on": true}},
              "aimed": {"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a",
                "targeting": {"if": [{"==": [{"var": "email"}, "x@example.com"]}, "b", null]}},
              "lost": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a", "targeting": {"if": [true, "z"]}},
              "wrong": {"state": "MAYBE", "variants": {"a": 1}}
            }}
            """#
        return try FlagSet(json: Array(text.utf8))
    }

    private static func answer(
        _ key: String, _ body: String = #"{"context":{"targetingKey":"u"}}"#
    ) throws -> OFREP.Answer {
        try Self.flags().ofrep(key, OFREP.context(Array(body.utf8)), timestamp: 0)
    }

    @Test("each outcome has its status and its words")
    func outcomes() throws {
        #expect(
            try Self.answer("plain").body.json
                == #"{"key":"plain","metadata":{"owner":"me","set":"s"},"reason":"STATIC","value":true,"variant":"on"}"#
        )
        let disabled = try Self.answer("off")
        #expect(disabled.status == 200 && disabled.body.object?["reason"] == .string("DISABLED"))
        #expect(disabled.body.object?["value"] == nil)
        #expect(try Self.answer("code").body.object?["value"] == nil)
        #expect(try Self.answer("aimed").body.object?["reason"] == .string("DEFAULT"))
        let aimed = try Self.answer("aimed", #"{"context":{"email":"x@example.com"}}"#)
        #expect(
            aimed.body.object?["reason"] == .string("TARGETING_MATCH") && aimed.body.object?["value"] == .integer(2))
        for (key, status, code) in [
            ("nothing", 404, "FLAG_NOT_FOUND"), ("lost", 400, "GENERAL"), ("wrong", 400, "PARSE_ERROR"),
        ] {
            let answer = try Self.answer(key)
            #expect(answer.status == status && answer.body.object?["errorCode"] == .string(code), "\(key)")
            #expect(answer.body.object?["errorDetails"]?.string?.isEmpty == false)
        }
    }

    @Test("a bulk has every flag, those that fail among them")
    func bulk() throws {
        let all = try Self.flags().ofrep(FlagContext(targetingKey: "u"), timestamp: 0)
        #expect(all.compactMap { $0.object?["key"]?.string } == ["aimed", "code", "lost", "off", "plain", "wrong"])
        #expect(all.filter { $0.object?["errorCode"] != nil }.count == 2)
    }

    @Test(
        "a request that can't be read says why",
        arguments: [
            ("{", "PARSE_ERROR"), ("[]", "INVALID_CONTEXT"), ("{}", "INVALID_CONTEXT"),
            (#"{"context":3}"#, "INVALID_CONTEXT"), (#"{"context":{"targetingKey":3}}"#, "INVALID_CONTEXT"),
        ])
    func refused(_ body: String, _ code: String) {
        let refusal = #expect(throws: OFREP.Refusal.self) { try OFREP.context(Array(body.utf8)) }
        let answer = refusal?.answer(key: "a")
        #expect(answer?.status == 400 && answer?.body.object?["errorCode"] == .string(code))
        #expect(answer?.body.object?["key"] == .string("a"))
    }
}
