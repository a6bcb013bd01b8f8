import Glibc
import TestSupport
import Testing

/// The SDK and the provider that services use (PyPI `openfeature-sdk`, `openfeature-provider-ofrep`); what the provider
/// doesn't ask for (all flags at once, events) by plain requests.
@Suite("Flags as OpenFeature's clients see them", .timeLimit(.minutes(3)))
struct OFREPTests {
    private static let flags = #"""
        {"flags": {
          "checkout": {"state": "ENABLED", "variants": {"old": "v1", "new": "v2"}, "defaultVariant": "old",
            "targeting": {"if": [{"ends_with": [{"var": "email"}, "@example.com"]}, "new", null]}},
          "banner": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"},
          "count": {"state": "ENABLED", "variants": {"few": 3}, "defaultVariant": "few"},
          "ratio": {"state": "ENABLED", "variants": {"half": 0.5}, "defaultVariant": "half"},
          "shape": {"state": "ENABLED", "variants": {"a": {"x": [1]}}, "defaultVariant": "a"},
          "gone": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
          "lost": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [true, "x"]}}
        }}
        """#

    private static let script = #"""
        import json, os, sys, threading
        import requests
        from openfeature import api
        from openfeature.contrib.provider.ofrep import OFREPProvider
        from openfeature.evaluation_context import EvaluationContext

        base = os.environ["BASE"]
        key = {"X-API-Key": os.environ["TOKEN"]}
        bearer = {"Authorization": "Bearer " + os.environ["TOKEN"]}

        def show(name, value):
            print(name, json.dumps(value), flush=True)

        # Single, by the SDK.
        api.set_provider(OFREPProvider(base, headers_factory=lambda: key))
        client = api.get_client()
        def details(kind, name, default, **context):
            got = getattr(client, f"get_{kind}_details")(name, default, EvaluationContext("user-1", context))
            return [got.value, got.variant, str(got.reason), got.error_code and str(got.error_code.value)]
        show("banner", details("boolean", "banner", True))
        show("checkout", details("string", "checkout", "?"))
        show("targeted", details("string", "checkout", "?", email="a@example.com"))
        show("count", details("integer", "count", 0))
        show("ratio", details("float", "ratio", 0.0))
        show("shape", details("object", "shape", {}))
        show("nothing", details("boolean", "nothing", True))
        show("mismatch", details("boolean", "count", True))
        show("lost", details("boolean", "lost", False))
        show("disabled", client.get_boolean_value("gone", True))
        api.set_provider(OFREPProvider(base, headers_factory=lambda: {"X-API-Key": "gbt_wrong"}))
        show("stranger", details("boolean", "banner", True))

        # All at once.
        def bulk(context, headers={}):
            return requests.post(base + "/ofrep/v1/evaluate/flags", json={"context": context}, headers={**bearer, **headers})
        first = bulk({"targetingKey": "u"})
        body = first.json()
        show("bulk", {flag["key"]: flag.get("value", flag.get("errorCode")) for flag in body["flags"]})
        tag = first.headers["ETag"]
        again = bulk({"targetingKey": "u"}, {"If-None-Match": tag})
        other = bulk({"targetingKey": "v"}, {"If-None-Match": tag})
        show("etag", [again.status_code, len(again.content), other.status_code])
        show("bad", [requests.post(base + "/ofrep/v1/evaluate/flags", data=b"{", headers={**bearer, "Content-Type": "application/json"}).status_code,
                     requests.post(base + "/ofrep/v1/evaluate/flags", json={}, headers=bearer).json()["errorCode"],
                     requests.post(base + "/ofrep/v1/evaluate/flags", json={"context": {}}).status_code])

        # Events.
        stream = body["eventStreams"][0]
        origin = base.split("/flags/")[0]
        events = requests.get(origin + stream["endpoint"]["requestUri"], headers=bearer, stream=True, timeout=60)
        show("listening", [stream["type"], events.headers["Content-Type"]])
        last = None
        for line in events.iter_lines(decode_unicode=True):
            if line.startswith("id: "):
                last = line[4:]
            if line.startswith("data: "):
                data = json.loads(line[6:])
                show("event", [data["type"], data["etag"] == last])
                break
        events.close()
        changed = bulk({"targetingKey": "u"}, {"If-None-Match": tag})
        show("changed", [changed.status_code, {flag["key"]: flag.get("value") for flag in changed.json()["flags"]}["banner"]])
        sys.stdin.readline()
        # What came meanwhile is told to a reader that comes back.
        events = requests.get(base + "/ofrep/v1/events", headers={**bearer, "Last-Event-ID": last}, stream=True, timeout=60)
        for line in events.iter_lines(decode_unicode=True):
            if line.startswith("data: "):
                show("missed", json.loads(line[6:])["type"])
                break
        """#

    @Test("single, bulk, ETags, events and errors, by the real SDK and its provider")
    func clients() async throws {
        let shop = try Installation(
            database: await PostgresServer.shared().makeShop(customers: 1),
            policy: Configuration.policy + """
                  - name: changes
                    identities: [admin]
                    targets: [shop-flags]
                    capabilities: [change]
                    longest: 1h

                """)
        try shop.write("flags.json", Self.flags)
        try shop.write(
            "gateway.yaml",
            Configuration.gateway(shop.ports) + """
                flags:
                  - name: shop-flags
                    file: flags.json

                """)
        let up = try await shop.up()
        let token = try await shop.token("storefront", "--role", "member", "--scope", "explainFlag")
        let client = try RunningProcess(
            [Repository.file(".build-venv/bin/python"), "-c", Self.script],
            environment: shop.admin.environment.merging([
                "BASE": "\(shop.gatewayAddress)/flags/shop-flags", "TOKEN": token,
                "REQUESTS_CA_BUNDLE": "\(shop.admin.home)/ca.pem",
            ]) { $1 }, input: .open)
        func printed(_ name: String) async throws -> String {
            @Sendable func line(_ output: [UInt8]) -> String? {
                String(decoding: output, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                    .map(String.init)
            }
            let came = await client.wait(timeout: .seconds(60)) { $0.finished || line($0.output) != nil }
            guard came, let line = line(client.snapshot.output) else {
                throw TestSupportError("no '\(name)'; output: \(client.output), errors: \(client.errors.suffix(3000))")
            }
            return String(line.dropFirst(name.count + 1))
        }
        #expect(try await printed("listening") == #"["sse", "text/event-stream"]"#)
        for (name, expected) in [
            ("banner", #"[false, "off", "STATIC", null]"#), ("checkout", #"["v1", "old", "DEFAULT", null]"#),
            ("targeted", #"["v2", "new", "TARGETING_MATCH", null]"#), ("count", #"[3, "few", "STATIC", null]"#),
            ("ratio", #"[0.5, "half", "STATIC", null]"#), ("shape", #"[{"x": [1]}, "a", "STATIC", null]"#),
            ("nothing", #"[true, null, "ERROR", "FLAG_NOT_FOUND"]"#),
            ("mismatch", #"[true, null, "ERROR", "TYPE_MISMATCH"]"#), ("lost", #"[false, null, "ERROR", "GENERAL"]"#),
            ("disabled", "true"), ("stranger", #"[true, null, "ERROR", "GENERAL"]"#),
            (
                "bulk",
                #"{"banner": false, "checkout": "v1", "count": 3, "gone": null, "lost": "GENERAL", "ratio": 0.5, "shape": {"x": [1]}}"#
            ),
            ("etag", "[304, 0, 200]"), ("bad", #"[400, "INVALID_CONTEXT", 401]"#),
        ] {
            let line = try await printed(name)
            #expect(line.replacing("Reason.", with: "") == expected, "\(name)")
        }
        let set = try await shop.admin.glovebox(["flag", "set", "banner", "--variant", "on", "--for", "5m"])
        #expect(set.status == 0, "\(set.errors)")
        #expect(try await printed("event") == #"["refetchEvaluation", true]"#)
        #expect(try await printed("changed") == "[200, true]")
        #expect(try await shop.admin.glovebox(["rollback"]).status == 0)
        try client.write("\n")
        #expect(try await printed("missed") == #""refetchEvaluation""#)
        #expect(await client.finished())
        up.signal(SIGTERM)
        #expect(await up.finished())
    }
}
