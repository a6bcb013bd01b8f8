import GloveboxCore
import TestSupport
import Testing

@testable import Redaction

/// Logs of our own making, in the manner of services: what has no secret must pass as it is.
@Suite("Quiet logs")
struct QuietLogsTests {
    @Test("fewer than one false finding in 10,000 lines of clean logs, IP and MAC addresses aside")
    func quiet() throws {
        let masker = try Fixture().masker()
        var logs = QuietLogs(seed: 20_261_126)
        var loud: [String] = []
        let lines = 30_000
        for _ in 0..<lines {
            let line = logs.line()
            if try masker.maskText(line) != line { loud.append("\(line) → \(try masker.maskText(line))") }
        }
        #expect(loud.count * 10_000 < lines, "\(loud.count): \(loud.prefix(10).joined(separator: "\n"))")
    }
}

/// Draws lines of logs by a seed.
private struct QuietLogs {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self.generator) }

    private mutating func hex(_ count: Int) -> String {
        String((0..<count).map { _ in Array("0123456789abcdef")[self.number(0...15)] })
    }

    private mutating func pick(_ words: [String]) -> String { words[self.number(0...(words.count - 1))] }

    private mutating func two(_ range: ClosedRange<Int>) -> String {
        let number = self.number(range)
        return number < 10 ? "0\(number)" : "\(number)"
    }

    private mutating func uuid() -> String {
        "\(self.hex(8))-\(self.hex(4))-\(self.hex(4))-\(self.hex(4))-\(self.hex(12))"
    }

    private mutating func time() -> String { "\(self.two(0...23)):\(self.two(0...59)):\(self.two(0...59))" }

    private mutating func date() -> String { "2026-\(self.two(1...12))-\(self.two(1...28))" }

    private mutating func path() -> String {
        self.pick(["/", "/api/v1/orders/\(self.number(1...999_999))", "/static/app.\(self.hex(20)).js", "/healthz"])
    }

    mutating func line() -> String {
        switch self.number(0...5) {
        case 0:
            let program = self.pick(["sshd", "systemd", "kernel", "cron", "dhclient"])
            let text = self.pick([
                "Started session \(self.number(1...9999)) of user deploy.",
                "Finished backup.service, took \(self.hex(2)) s",
                "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
                "[\(self.number(1...99999)).\(self.number(100_000...999_999))] eth0: link up, 1000 Mbps, full duplex",
                "Deactivated successfully, consumed \(self.number(1...9000))ms CPU time",
            ])
            return
                "Nov \(self.number(10...28)) \(self.time()) web-\(self.number(1...40)) \(program)[\(self.number(100...99999))]: \(text)"
        case 1:
            return
                "web-\(self.number(1...9)) - - [\(self.two(1...28))/Nov/2026:\(self.time()) +0000] \"GET \(self.path()) HTTP/1.1\" "
                + "\(self.pick(["200", "304", "404", "502"])) \(self.number(0...9_999_999)) \"-\" \"Mozilla/5.0 (X11; Linux x86_64) "
                + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/\(self.number(90...130)).0.0.0 Safari/537.36\" rt=0.\(self.number(100...999))"
        case 2:
            let text = self.pick([
                "Order \(self.number(1...99_999_999)) shipped in \(self.number(1...999)) ms",
                "Token bucket refilled: tokens=\(self.number(1...500))",
                "Cache key orders:\(self.number(1...9999)) evicted",
                "\tat com.example.shop.OrderService.place(OrderService.java:\(self.number(1...999)))",
                "HikariPool-1 - Pool stats (total=10, active=\(self.number(0...10)), idle=3, waiting=0)",
                "Committed offset \(self.number(1_000_000...999_999_999)) for partition orders-\(self.number(0...31))",
            ])
            return
                "\(self.date()) \(self.time()),\(self.number(100...999)) INFO [http-nio-8080-exec-\(self.number(1...99))] c.e.shop.OrderService - \(text)"
        case 3:
            let pod = "shop-\(self.hex(9))-\(self.hex(5))"
            return
                "I11\(self.two(10...28)) \(self.time()).\(self.number(100_000...999_999))       1 event.go:377] \"Event occurred\" "
                + "object=\"shop/\(pod)\" kind=\"Pod\" reason=\"\(self.pick(["Pulled", "Created", "Started", "Killing"]))\" "
                + "image=\"registry.example/shop@sha256:\(self.hex(64))\" uid=\"\(self.uuid())\""
        case 4:
            return
                "\(self.date()) \(self.time()).\(self.number(100...999)) UTC [\(self.number(100...99999))] shop@shop LOG:  "
                + self.pick([
                    "duration: \(self.number(1...9999)).\(self.number(100...999)) ms  statement: SELECT id, total FROM orders WHERE id = \(self.number(1...999_999))",
                    "checkpoint complete: wrote \(self.number(1...9999)) buffers (0.\(self.number(1...9))%); lsn=3/\(self.hex(8).uppercased())",
                    "automatic vacuum of table \"shop.public.orders\": index scans: 1",
                ])
        default:
            return
                "{\"ts\":\(self.number(1_700_000_000_000...1_799_999_999_999)),\"level\":\"info\",\"trace_id\":\"\(self.hex(32))\","
                + "\"span_id\":\"\(self.hex(16))\",\"request_id\":\"\(self.uuid())\",\"user_id\":\(self.number(1...9_999_999_999)),"
                + "\"sha1\":\"\(self.hex(40))\",\"version\":\"\(self.number(0...9)).\(self.number(0...99)).\(self.number(0...99))\",\"msg\":\"done\"}"
        }
    }
}
