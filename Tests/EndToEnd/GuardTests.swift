import Glibc
import TestSupport
import Testing

private struct ChangeView: Decodable {
    struct Guard: Decodable {
        var name: String
        var verdict: String?
        var value: Double?
    }

    var id: String
    var state: String
    var cause: String?
    var percent: Int?
    var guards: [Guard]?
}

private struct ExplanationView: Decodable {
    var variant: String?
}

/// A real Prometheus, and a service that shows it its metrics, judge a change at a real gateway.
@Suite("Changes under guards", .serialized, .timeLimit(.minutes(4)))
struct GuardTests {
    /// A service whose requests fail as often, and take as long, as it's told to: `/be?errors=0.5&seconds=0.2`.
    private static let service = """
        import sys, threading, time
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from urllib.parse import parse_qs, urlparse

        bounds = [0.1, 0.5, 1, float("inf")]
        now = {"errors": 0.0, "seconds": 0.05}
        counts = {"200": 0.0, "503": 0.0}
        buckets = [0.0] * len(bounds)

        def work():
            while True:
                time.sleep(0.02)
                counts["503"] += now["errors"]
                counts["200"] += 1 - now["errors"]
                for place, bound in enumerate(bounds):
                    buckets[place] += now["seconds"] <= bound

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlparse(self.path)
                for name, values in parse_qs(url.query).items():
                    now[name] = float(values[0])
                lines = [f'http_requests_total{{code="{code}"}} {count}' for code, count in counts.items()]
                names = ["+Inf" if bound == float("inf") else str(bound) for bound in bounds]
                lines += [f'latency_seconds_bucket{{le="{name}"}} {count}' for name, count in zip(names, buckets)]
                body = ("\\n".join(lines) + "\\n").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        threading.Thread(target=work, daemon=True).start()
        server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
        print("ready", flush=True)
        server.serve_forever()

        """

    private struct Lab {
        var shop: Installation
        var service: RunningProcess
        var servicePort: Int
        var prometheus: RunningProcess
        var up: RunningProcess

        func be(errors: Double, seconds: Double) async throws {
            _ = try await LoopbackHTTP.get(self.servicePort, "/be?errors=\(errors)&seconds=\(seconds)")
        }

        func variant() async throws -> String? {
            try await self.shop.admin.ask(ExplanationView.self, "flag", "explain", "checkout").variant
        }

        func apply(_ guards: String, rollout: String = "") async throws -> ChangeView {
            try self.shop.write(
                "change.yaml",
                """
                title: a new checkout
                guards:
                \(guards)
                \(rollout)
                changes:
                  - flag: {key: checkout, defaultVariant: new}

                """)
            return try await self.shop.admin.ask(ChangeView.self, "change", "apply", "\(self.shop.state)/change.yaml")
        }

        func change(_ id: String) async throws -> ChangeView {
            try await self.shop.admin.ask(ChangeView.self, "change", "show", id)
        }
    }

    private static func make() async throws -> Lab {
        let shop = try await Installation.make(customers: 1)
        let (servicePort, prometheusPort) = (try freePort(), try freePort())
        try shop.write("service.py", Self.service)
        let service = try RunningProcess(["/usr/bin/python3", "\(shop.state)/service.py", "\(servicePort)"])
        try await service.printed("ready")
        try shop.write(
            "prometheus.yml",
            """
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
              - job_name: shop
                static_configs: [{targets: ["127.0.0.1:\(servicePort)"]}]

            """)
        let prometheus = try RunningProcess(
            [
                "prometheus", "--config.file=\(shop.state)/prometheus.yml",
                "--storage.tsdb.path=\(shop.root)/prometheus", "--web.listen-address=127.0.0.1:\(prometheusPort)",
            ])
        try await eventually(timeout: .seconds(60), "Prometheus to know the service") {
            try await LoopbackHTTP.get(prometheusPort, "/api/v1/query?query=rate(http_requests_total%5B5s%5D)").body
                .contains("\"code\":\"200\"")
        }
        try shop.write(
            "flags.json",
            #"""
            {"flags": {"checkout": {
              "state": "ENABLED", "variants": {"old": "v1", "new": "v2"}, "defaultVariant": "old"}}}
            """#)
        let policy = try shop.read("policy.yaml")
        try shop.write(
            "policy.yaml",
            policy + """
                  - name: changes
                    identities: [admin]
                    targets: [shop-flags]
                    capabilities: [change]
                    longest: 1h

                """)
        try shop.write(
            "gateway.yaml",
            Configuration.gateway(shop.ports) + """
                flags:
                  - {name: shop-flags, file: flags.json}
                guards:
                  prometheus: http://127.0.0.1:\(prometheusPort)
                  signals:
                    - name: error-rate
                      query: 1 - sum(rate(http_requests_total{code="200"}[5s])) / sum(rate(http_requests_total[5s]))
                    - name: page-errors
                      metrics: http://127.0.0.1:\(servicePort)/metrics
                      errors: http_requests_total{code=~"5.."}
                      of: http_requests_total
                      over: 5s
                    - name: page-p99
                      metrics: http://127.0.0.1:\(servicePort)/metrics
                      latency: latency_seconds
                      over: 5s

                """)
        return Lab(
            shop: shop, service: service, servicePort: servicePort, prometheus: prometheus, up: try await shop.up())
    }

    @Test("a sign that goes bad takes its change back, whether Prometheus tells it or the service's own page")
    func trips() async throws {
        let lab = try await Self.make()
        for (name, errors, seconds) in [
            ("signal: error-rate, atMost: 0.05", 0.5, 0.05), ("signal: page-errors, atMost: 0.05", 0.5, 0.05),
            ("signal: page-p99, atMost: 0.3", 0, 0.8),
            (
                "name: by-query, query: 'sum(rate(http_requests_total{code=\"503\"}[5s]))', atMost: 1", 0.5, 0.05
            ),
        ] {
            try await lab.be(errors: 0, seconds: 0.05)
            // What the windows still hold of before has to go first, or the change is refused: that's asked for below.
            var applied: ChangeView?
            try await eventually(timeout: .seconds(30), "\(name) to hold") {
                applied = try? await lab.apply("  - {\(name)}")
                return applied != nil
            }
            let set = try #require(applied)
            #expect(set.state == "applied")
            try await eventually(timeout: .seconds(30), "a measurement") {
                try await lab.change(set.id).guards?.first?.verdict == "holds"
            }
            #expect(try await lab.variant() == "new")
            try await lab.be(errors: errors, seconds: seconds)
            try await eventually(timeout: .seconds(30), "\(name) to trip") {
                try await lab.change(set.id).state == "undone"
            }
            #expect(try await lab.variant() == "old")
            let told = try await lab.change(set.id)
            #expect(told.cause?.contains("tripped:") == true, "\(told.cause ?? "")")
            // While it's bad, nothing is applied under it.
            try lab.shop.write(
                "again.yaml",
                "title: x\nguards: [{\(name)}]\nchanges: [{flag: {key: checkout, defaultVariant: new}}]\n")
            // A page's own window begins with the next look; Prometheus knows already.
            if name.contains("query") || name.contains("error-rate") {
                let refused = try await lab.shop.admin.glovebox(["change", "apply", "\(lab.shop.state)/again.yaml"])
                #expect(refused.status != 0 && refused.errors.hasSuffix("[guard_tripped]\n"), "\(refused.errors)")
            }
        }
        #expect(try await lab.shop.admin.records(event: "change_undone").count == 4)
        lab.up.signal(SIGTERM)
        #expect(await lab.up.finished())
    }

    @Test("a rollout goes on under its guards; without anybody to ask it goes back after its patience")
    func rollout() async throws {
        let lab = try await Self.make()
        let set = try await lab.apply(
            "  - {signal: error-rate, atMost: 0.05, patience: 2s}",
            rollout: "rollout: [{percent: 50, holds: 2s}, {percent: 100}]")
        #expect(set.percent == 50)
        try await eventually(timeout: .seconds(30), "the whole") { try await lab.change(set.id).percent == 100 }
        #expect(try await lab.variant() == "new")
        #expect(try await lab.shop.admin.record(event: "change_advanced").details["percent"]?.number == 100)
        lab.prometheus.signal(SIGKILL)
        try await eventually(timeout: .seconds(30), "the end") { try await lab.change(set.id).state == "undone" }
        let told = try await lab.change(set.id)
        #expect(told.cause?.contains("couldn't be judged for 2s") == true, "\(told.cause ?? "")")
        #expect(try await lab.variant() == "old")
        let unknown = try await lab.shop.admin.glovebox(
            ["change", "apply", "-"],
            input:
                "title: x\nguards: [{signal: nothing, atMost: 1}]\nchanges: [{flag: {key: checkout, defaultVariant: new}}]\n"
        )
        #expect(unknown.errors.contains("it has error-rate, page-errors, page-p99"), "\(unknown.errors)")
        lab.up.signal(SIGTERM)
        #expect(await lab.up.finished())
    }
}
