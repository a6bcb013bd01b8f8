import Glibc
import TestSupport
import Testing

/// An agent whose Vectorscan finds nothing any more, while a session is open.
@Suite("An agent that seals raises an alarm", .timeLimit(.minutes(2)))
struct SealTests {
    /// Prints what it's told.
    private static let receiver = """
        import http.server, json
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                print("TOLD", message["type"], message["data"]["agent"], message["data"].get("code"), flush=True)
                self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()
            def log_message(self, *arguments):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print("PORT", server.server_address[1], "", flush=True)
        server.serve_forever()
        """

    @Test("sessions end with the reason on record, webhooks and the metric say so, and a good reload lifts it")
    func seal() async throws {
        let folder = try TemporaryFolder()
        let blindness = Blindness(library: try await Fault.library(in: folder), in: folder)
        let receiver = try RunningProcess(
            ["python3", "-u", "-c", Self.receiver], environment: ["PATH": "/usr/bin:/bin"])
        try await receiver.printed("\n")
        let port = try #require(receiver.output.split { $0.isWhitespace }.dropFirst().first.flatMap { Int($0) })
        let shop = try await Installation.make(customers: 10)
        try shop.write("siem.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        chmod("\(shop.state)/siem.secret", 0o600)
        try shop.write(
            "gateway.yaml",
            try shop.read("gateway.yaml")
                + "webhooks:\n  - name: siem\n    url: 'http://127.0.0.1:\(port)/'\n    secret: {file: siem.secret}\n"
                + "    events: [agent_sealed, agent_unsealed]\n")
        let telemetry = try freePort()
        try shop.addToAgent("agent.yaml", "canaries: 1s\ntelemetry: 127.0.0.1:\(telemetry)\n")
        let up = try await shop.start("up", environment: blindness.environment)
        let lease = try await shop.admin.openLease()
        let client = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")

        try blindness.begin()
        #expect(await client.finished(timeout: .seconds(30)))
        #expect(client.errors.contains("[canary_leaked]"), "\(client.errors)")
        let ended = try await shop.admin.record(lease: lease, event: "session_ended")
        let reason = ended.details["reason"]?.string ?? ""
        #expect(reason.hasPrefix("a canary came out unmasked by ") && reason.hasSuffix(" [canary_leaked]"), "\(reason)")
        let sealed = try await shop.admin.record(event: "agent_sealed")
        #expect(sealed.details["code"]?.string == "canary_leaked")
        #expect(sealed.details["message"]?.string?.contains("a canary came out unmasked by ") == true)
        let agent = try #require(sealed.details["agent"]?.string)
        #expect(sealed.id.hasPrefix("agent/\(agent):"))
        try await receiver.printed("TOLD agent_sealed \(agent) canary_leaked")
        #expect(up.errors.contains("an agent has sealed"))
        #expect(
            try await LoopbackHTTP.get(telemetry, "/metrics").body.contains("\nglovebox_masking_sealed 1\n"))
        let refused = try lease.start("SELECT 1")
        #expect(await refused.finished())
        #expect(refused.errors.contains("[canary_leaked]"), "\(refused.errors)")

        blindness.end()
        up.signal(SIGHUP)
        try await receiver.printed("TOLD agent_unsealed \(agent) None")
        _ = try await shop.admin.record(event: "agent_unsealed")
        #expect(try await lease.rows("SELECT 1") == "1")
        #expect(
            try await LoopbackHTTP.get(telemetry, "/metrics").body.contains("\nglovebox_masking_sealed 0\n"))
        // Rounds that came after the first that was bad are no seals of their own.
        #expect(try await shop.admin.records(event: "agent_sealed").count == 1)
        await up.stop()
        await receiver.stop()
    }
}
