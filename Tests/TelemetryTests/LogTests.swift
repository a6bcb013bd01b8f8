import Foundation
import GloveboxCore
import Logging
import Synchronization
import Telemetry
import Testing
import YAMLDocument

@Suite("Structured logs")
struct LogTests {
    private func lines(_ body: (Logger) -> Void) -> [String] {
        let lines = Lines()
        var logger = Logger(label: "gateway") { JSONLogHandler(label: $0) { lines.append($0) } }
        logger.logLevel = .info
        body(logger)
        return lines.all
    }

    @Test("an event is one line of JSON, whatever is in it")
    func oneLine() throws {
        let nasty = "a\nb\r\"c\"\\\u{0}\u{1B}[2J\u{2028}\u{85}é😀"
        let lines = self.lines { logger in
            logger.notice("\(nasty)", metadata: ["key\n": "\(nasty)", "list": ["x", ["y": "z"]]])
            logger.debug("not this")
            logger.error("plain")
        }
        #expect(lines.count == 2)
        for line in lines {
            #expect(line.hasSuffix("}\n") && !line.dropLast().unicodeScalars.contains { $0.value < 0x20 })
        }
        let first = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(first["message"] as? String == nasty)
        #expect(first["level"] as? String == "notice" && first["label"] as? String == "gateway")
        let metadata = try #require(first["metadata"] as? [String: Any])
        #expect(metadata["key\n"] as? String == nasty)
        #expect((metadata["list"] as? [Any])?.first as? String == "x")
        let time = try #require(first["time"] as? String)
        #expect(time.contains(#/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/#))
        let second = try #require(try JSONSerialization.jsonObject(with: Data(lines[1].utf8)) as? [String: Any])
        #expect(Set(second.keys) == ["time", "level", "label", "message"])
    }

    @Test("what the configuration says holds where nothing nearer does")
    func settings() throws {
        let configured = try LogSettings(node: YAMLNode(yaml: "{format: json, level: debug}", file: "x.yaml"))
        #expect(configured == LogSettings(format: .json, level: .debug))
        #expect(LogSettings(level: .error).orElse(configured) == LogSettings(format: .json, level: .error))
        let error = #expect(throws: GloveboxError.self) {
            try LogSettings(node: YAMLNode(yaml: "format: xml", file: "x.yaml"))
        }
        #expect(error?.message.contains("x.yaml:1:9") == true && error?.message.contains("text, json") == true)
    }
}

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { self.lines.withLock { $0 } }
    func append(_ line: String) { self.lines.withLock { $0.append(line) } }
}
