import Foundation
import Glibc
import TestSupport
import Testing

@Suite("What gateway and agent tell of themselves", .serialized, .timeLimit(.minutes(3)))
struct TelemetryTests {
    /// Gateway and agent with ports for metrics.
    private struct Told {
        var apart: Apart
        var gateway: Int
        var agent: Int

        func metrics(_ port: Int) async throws -> Metrics {
            Metrics(text: try await LoopbackHTTP.get(port, "/metrics").body)
        }
    }

    private struct Metrics {
        var text: String

        /// Of the sample that's named with its labels, as the text has it.
        subscript(_ sample: String) -> Double? {
            let line = self.text.split(separator: "\n").first { $0.hasPrefix("\(sample) ") }
            return line.flatMap { Double($0.dropFirst(sample.utf8.count + 1)) }
        }

        /// What Debian's promtool says of it: nothing, if it's well-formed and in good taste.
        func complaints() async throws -> String {
            let result = try await Subprocess.run(["promtool", "check", "metrics"], input: .text(self.text))
            return result.status == 0 ? result.output + result.errors : "\(result.status): \(result.errors)"
        }
    }

    /// - Parameter drain: how long either lets sessions go on when it's asked to stop.
    private static func make(
        drain: String = "1s", environment: [String: String] = [:]
    ) async throws -> Told {
        let (gateway, agent) = (try freePort(), try freePort())
        let apart = try await Apart(agentEnvironment: environment, gatewayEnvironment: environment) { shop in
            let text = try shop.read("gateway.yaml")
            try shop.write(
                "gateway.yaml",
                text.replacing("listen:\n", with: "listen:\n  telemetry: 127.0.0.1:\(gateway)\n") + "drain: \(drain)\n")
            try shop.addToAgent("agent.yaml", "\ntelemetry: 127.0.0.1:\(agent)\ndrain: \(drain)\n")
        }
        return Told(apart: apart, gateway: gateway, agent: agent)
    }

    @Test("metrics of both roles are what happened, are sound to promtool, and hold nothing that a target sent")
    func metrics() async throws {
        let told = try await Self.make()
        let shop = told.apart.shop
        let search = try await SecretSearch(of: shop.database)
        let lease = try await shop.admin.openLease()
        #expect(try await lease.psql(["-c", "SELECT * FROM customers"]).status == 0)
        #expect(try await lease.psql(["-c", "DELETE FROM customers"]).status != 0)
        #expect(try await shop.admin.tryLease("shop-db", for: "9h").status == 3)
        _ = try await lease.psql(["-c", "SELECT 1"], token: "gbl_\(String(repeating: "0", count: 32))")
        let open = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        try await eventually(timeout: .seconds(30), "the receipt's acknowledgement") {
            let agent = try await told.metrics(told.agent)
            return agent["glovebox_records_total{event=\"session_ended\"}"] == 2
                && agent["glovebox_journal_unacknowledged_records"] == 0
        }

        let gateway = try await told.metrics(told.gateway)
        #expect(gateway["glovebox_build_info{role=\"gateway\",version=\"0.1.0\"}"] == 1)
        #expect(gateway["glovebox_leases_active"] == 1)
        #expect(gateway["glovebox_leases_opened_total"] == 1)
        #expect(gateway["glovebox_sessions_active"] == 1)
        #expect(gateway["glovebox_agent_connected{agent=\"test\"}"] == 1)
        #expect(gateway["glovebox_agent_version_differs{agent=\"test\"}"] == 0)
        let denied = "glovebox_refusals_total{what=\"lease\",code=\"policy_denied\",rule=\"oncall-reads\"}"
        #expect(gateway[denied] == 1, "\(gateway.text)")
        #expect(gateway.text.contains("glovebox_refusals_total{what=\"sign_in\",code="))
        #expect(gateway["glovebox_ready{check=\"store\"}"] == 1 && gateway["glovebox_ready{check=\"log\"}"] == 1)
        let skew = try #require(gateway["glovebox_agent_clock_skew_seconds{agent=\"test\"}"])
        #expect(abs(skew) < 30)
        let now = Date().timeIntervalSince1970
        let expiry = try #require(gateway["glovebox_certificate_expiry_timestamp_seconds{certificate=\"server\"}"])
        #expect(expiry > now + 86_400)

        let agent = try await told.metrics(told.agent)
        #expect(agent["glovebox_sessions_active"] == 1)
        #expect(agent["glovebox_sessions_started_total"] == 3)
        #expect(agent["glovebox_gateway_connected"] == 1 && agent["glovebox_gateway_protocol_version"] != nil)
        #expect(try #require(agent["glovebox_values_masked_total{kind=\"email\"}"]) >= 200)
        #expect(agent["glovebox_refusals_total{what=\"statement\",code=\"statement_writes\",rule=\"\"}"] == 1)
        #expect(try #require(agent["glovebox_disk_free_bytes{folder=\"journal\"}"]) > 0)
        let ends = try #require(agent["glovebox_certificate_expiry_timestamp_seconds{certificate=\"agent\"}"])
        #expect(ends > now && ends < now + 13 * 3600)

        for metrics in [gateway, agent] {
            #expect(try await metrics.complaints() == "")
            #expect(search.found(in: metrics.text) == [])
            for line in metrics.text.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(line.hasPrefix("glovebox_"))
            }
        }
        try await shop.admin.endLease(lease)
        #expect(await open.finished())
        let after = try await told.metrics(told.gateway)
        #expect(after["glovebox_leases_active"] == 0 && after["glovebox_leases_ended_total{reason=\"holder\"}"] == 1)
    }

    @Test("an agent without its gateway is alive and not ready, and ready again when it's back")
    func readiness() async throws {
        let told = try await Self.make()
        for port in [told.gateway, told.agent] {
            #expect(try await LoopbackHTTP.get(port, "/readyz").status == 200)
        }
        await told.apart.kill(told.apart.gateway)
        try await eventually(timeout: .seconds(30), "an agent that isn't ready") {
            let answer = try await LoopbackHTTP.get(told.agent, "/readyz")
            return answer.status == 503 && answer.body.contains("gateway: not connected")
        }
        #expect(try await LoopbackHTTP.get(told.agent, "/healthz").status == 200)
        #expect(try await told.metrics(told.agent)["glovebox_ready{check=\"gateway\"}"] == 0)
        try await told.apart.startGateway()
        try await eventually(timeout: .seconds(30), "an agent that's ready") {
            try await LoopbackHTTP.get(told.agent, "/readyz").status == 200
        }
        #expect(try await told.metrics(told.gateway)["glovebox_agent_connected{agent=\"test\"}"] == 1)
    }

    @Test(
        "a role that's asked to stop opens no session, says so, lets those that run come to their end, and then stops",
        arguments: [Apart.Role.gateway, .agent])
    func drain(role: Apart.Role) async throws {
        let told = try await Self.make(drain: "60s")
        let shop = told.apart.shop
        let process = role == .gateway ? told.apart.gateway : told.apart.agent
        let lease = try await shop.admin.openLease()
        let python = try lease.startPython(
            """
            with connect() as connection:
                show(connection.execute("SELECT 'before'").fetchone())
                sys.stdin.readline()
                show(connection.execute("SELECT 'meanwhile'").fetchone())
            """)
        try await python.printed("before")
        process.signal(SIGTERM)
        let port = role == .gateway ? told.gateway : told.agent
        try await eventually("a role that isn't ready") {
            let answer = try await LoopbackHTTP.get(port, "/readyz")
            return answer.status == 503 && answer.body.contains("is stopping")
        }
        let refused = try await lease.psql(["-c", "SELECT 1"])
        #expect(refused.status == 2 && refused.errors.contains("is stopping"), "\(refused.errors)")
        #expect(refused.errors.contains("[unavailable]"))
        // Leases are still watched: what ends does so at once.
        let other = try await shop.admin.openLease()
        try await shop.admin.endLease(other)
        #expect(process.snapshot.status == nil)
        try python.write("\n")
        #expect(await python.finished())
        #expect(python.result.status == 0 && python.output.contains("meanwhile"), "\(python.errors)")
        #expect(await process.finished(timeout: .seconds(30)))
        #expect(process.result.status == 0, "\(process.errors)")
    }

    @Test(
        "a session that goes on beyond the drain's time is ended and told why", arguments: [Apart.Role.gateway, .agent])
    func drainLimit(role: Apart.Role) async throws {
        let told = try await Self.make(drain: "1s")
        let shop = told.apart.shop
        let process = role == .gateway ? told.apart.gateway : told.apart.agent
        let lease = try await shop.admin.openLease()
        let python = try lease.startPython(
            """
            with connect() as connection:
                show("connected")
                select.select([connection.fileno()], [], [])
                try:
                    connection.execute("SELECT 1")
                except psycopg.Error as error:
                    show(str(error))
            """)
        try await python.printed("connected")
        process.signal(SIGTERM)
        #expect(await python.finished(timeout: .seconds(30)))
        #expect(python.output.contains("is stopping"), "\(python.output) \(python.errors)")
        try await shop.untilGone(lease)
        #expect(await process.finished(timeout: .seconds(30)))
        #expect(process.result.status == 0, "\(process.errors)")
    }

    @Test("systemd is told when a gateway is ready, and when it stops")
    func systemd() async throws {
        let shop = try Installation(database: await PostgresServer.shared().makeDatabase())
        let listener = try DatagramSocket(path: "\(shop.root)/notify")
        let gateway = try await shop.start("gateway", environment: ["NOTIFY_SOCKET": listener.path])
        #expect(try listener.receive() == "READY=1")
        gateway.signal(SIGTERM)
        #expect(try listener.receive() == "STOPPING=1")
        #expect(await gateway.finished(timeout: .seconds(30)))
        #expect(gateway.result.status == 0)
    }

    @Test("the same signal again ends a stopping role at once")
    func secondSignal() async throws {
        let told = try await Self.make(drain: "10m")
        let shop = told.apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        told.apart.gateway.signal(SIGTERM)
        try await eventually("a gateway that isn't ready") {
            try await LoopbackHTTP.get(told.gateway, "/readyz").status == 503
        }
        told.apart.gateway.signal(SIGTERM)
        #expect(await told.apart.gateway.finished(timeout: .seconds(30)))
        #expect(told.apart.gateway.result.status == 130)
        #expect(await psql.finished(timeout: .seconds(30)))
        try await shop.untilGone(lease)
    }

    @Test("logs in JSON are JSON throughout, and at trace level hold no secret of the data, no token and no code")
    func logs() async throws {
        let told = try await Self.make(
            environment: ["GLOVEBOX_LOG_LEVEL": "trace", "GLOVEBOX_LOG_FORMAT": "json"])
        let shop = told.apart.shop
        let search = try await SecretSearch(of: shop.database)
        let email = try await shop.directly(["-A", "-t", "-c", "SELECT email FROM customers WHERE id = 21"]).line
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let result = try await lease.psql(
            [],
            input: """
                SELECT * FROM customers;
                SELECT email::int FROM customers;
                SELECT * FROM customers WHERE email = '\(email)';
                COPY customers TO STDOUT;
                DROP TABLE customers;
                SELECT * FROM nowhere_\(email.filter(\.isLetter));
                UPDATE customers SET email = (SELECT email FROM customers WHERE id = 21) WHERE id = 20;

                """)
        #expect(result.output.contains("(200 rows)"))
        _ = try await lease.psql(["-c", "SELECT 1"], connection: lease.connection(user: "shop-db.\(email)"))
        try await shop.admin.endLease(lease)
        try await shop.untilGone(lease)
        let agent = await told.apart.agent.stop()
        let gateway = await told.apart.gateway.stop()
        for (name, log) in [("gateway", gateway.errors), ("agent", agent.errors)] {
            let lines = log.split(separator: "\n")
            #expect(lines.count > 3, "\(name)")
            var levels: Set<String> = []
            for line in lines {
                let event = try #require(
                    try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(name): \(line)")
                levels.insert(event["level"] as? String ?? "")
                #expect(event["label"] as? String == name && event["message"] is String && event["time"] is String)
            }
            #expect(!levels.isDisjoint(with: ["trace", "debug", "info"]), "\(name): \(levels)")
            #expect(search.found(in: log) == [], "\(name)")
            #expect(!log.contains(lease.token) && !log.contains("gbi_"), "\(name)")
        }
    }

    @Test("a port for metrics that another program has stops the start, and one that isn't loopback is refused")
    func places() async throws {
        let shop = try Installation(database: await PostgresServer.shared().makeDatabase())
        let text = try shop.read("gateway.yaml")
        for (place, code) in [
            ("127.0.0.1:\(shop.database.server.port)", "port_taken"), ("0.0.0.0:1", "configuration_invalid"),
        ] {
            try shop.write(
                "gateway.yaml", text.replacing("listen:\n", with: "listen:\n  telemetry: \(place)\n"))
            let result = try await shop.admin.glovebox(["gateway", "--state", shop.state], timeout: .seconds(30))
            #expect(result.status == 1 && result.errors.contains("[\(code)]"), "\(result.errors)")
        }
    }

    @Test("a level or a format in the environment that there isn't is told in one line")
    func environment() async throws {
        let shop = try Installation(database: await PostgresServer.shared().makeDatabase())
        for name in ["GLOVEBOX_LOG_LEVEL", "GLOVEBOX_LOG_FORMAT"] {
            let process = try shop.launch("gateway", environment: [name: "loud"])
            #expect(await process.finished(timeout: .seconds(30)))
            #expect(process.result.status == 1)
            #expect(
                process.errors.contains("'loud' in \(name) isn't known")
                    && process.errors.contains("[configuration_invalid]"))
        }
    }
}
