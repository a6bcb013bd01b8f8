import Foundation
import TestSupport
import Testing

/// `redact serve` on disks that are really full, and killed at the steps of its writing: what was acknowledged gets there,
/// and nothing raw is on any disk.
@Suite("glovebox redact serve, when its disk fails or it dies writing", .serialized, .timeLimit(.minutes(5)))
struct RedactServeDiskTests {
    private static let secret = "anna.canary@example.com"

    private let folder: TemporaryFolder
    private let ada: Person
    private let port: Int

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
        self.port = try freePort()
    }

    private func configuration(spool: String, out: String, telemetry: Int? = nil, size: String = "1GB") throws -> String
    {
        try self.folder.write(
            "redact.yaml",
            """
            version: 1
            spool: {folder: \(spool), size: 16MiB}
            \(telemetry.map { "telemetry: 127.0.0.1:\($0)" } ?? "")
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(self.port)}
            outputs:
              file: {kind: file, path: \(out), format: text, size: \(size), keep: 1000}
            """)
    }

    private func launch(
        _ file: String, prefix: [String] = [], environment: [String: String] = [:]
    ) throws -> RunningProcess {
        try RunningProcess(
            prefix + [Repository.program, "redact", "serve", "--config", file],
            environment: self.ada.environment.merging(environment) { $1 })
    }

    /// Sends records in one request.
    ///
    /// - Returns: the answer's status; nil where there was none.
    private func send(_ numbers: Range<Int>, filler: String = "") async throws -> Int? {
        let records = numbers.map { number in
            #"{"body":{"stringValue":"record \#(number). of \#(Self.secret) \#(filler)end"}}"#
        }
        let body = try self.folder.write(
            "body", #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[\#(records.joined(separator: ","))]}]}]}"#)
        return try? await LoopbackHTTP.get(
            self.port, "/v1/logs",
            more: ["--data-binary", "@\(body)", "-H", "content-type: application/json", "-H", "expect:"]
        ).status
    }

    /// The numbers of the records that stand whole in the output's files.
    private func written(_ folder: String) throws -> [Int] {
        try filesUnder(folder).filter { $0.contains("out.text") }.flatMap { file -> [Int] in
            let text = String(decoding: try readFile(file), as: UTF8.self)
            #expect(!text.contains("canary"))
            return text.split(separator: "\n").compactMap { line in
                // What a process that died has left of a line isn't a record.
                guard line.hasPrefix("record "), line.hasSuffix(" end") else { return nil }
                #expect(line.ranges(of: "record ").count == 1 && line.contains(". of ‹email:"), "\(line)")
                return Int(line.dropFirst("record ".count).prefix { $0 != "." })
            }
        }
    }

    enum Disk: String, CaseIterable, Sendable {
        case spool, output
    }

    /// Elsewhere `LogPipelineTests` does the same by a disk that takes nothing.
    @Test("a full disk under the spool or the output holds up and loses nothing", arguments: Disk.allCases)
    func full(_ disk: Disk) async throws {
        guard geteuid() == 0 else { return }
        let path = self.folder.path
        let small = "\(path)/small"
        try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
        let telemetry = try freePort()
        let file = try self.configuration(
            spool: disk == .spool ? "\(small)/spool" : "\(path)/spool",
            out: disk == .output ? "\(small)/out.text" : "\(path)/out.text", telemetry: telemetry)
        let process = try self.launch(
            file,
            prefix: [
                "unshare", "--mount", "--", "sh", "-c",
                "mount -t tmpfs -o size=24m,mode=0700 tmpfs \"$0\" && exec \"$@\"", small,
            ])
        try await process.printed("ready: logs are taken in")
        let mounted = "/proc/\(process.pid)/root\(small)"
        #expect(try await self.send(0..<5) == 200)
        try await eventually {
            try self.written(path).count + self.written(mounted).count == 5
        }
        // All that's left.
        let filler = "\(mounted)/filler"
        _ = try await Subprocess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
        var acknowledged = 5
        let words = String(repeating: "words of a log ", count: 2000)
        if disk == .spool {
            // What a page that's begun has room for is taken.
            var status: Int? = 200
            while status == 200, acknowledged < 1000 {
                status = try await self.send(acknowledged..<(acknowledged + 5), filler: words)
                if status == 200 { acknowledged += 5 }
            }
            #expect(status == 503)
            let ready = try await LoopbackHTTP.get(telemetry, "/readyz")
            #expect(ready.status == 503 && ready.body.contains("spool"))
        } else {
            for _ in 0..<4 {
                #expect(try await self.send(acknowledged..<(acknowledged + 5), filler: words) == 200)
                acknowledged += 5
            }
            try await process.printed("out.text can't be written: No space left on device")
            // Nothing of what didn't fit is in the file.
            #expect(try self.written(mounted).count < acknowledged)
        }
        unlink(filler)
        if disk == .spool {
            try await eventually(timeout: .seconds(30)) {
                try await self.send(acknowledged..<(acknowledged + 5)) == 200
            }
            acknowledged += 5
        }
        try await eventually(timeout: .seconds(60)) {
            Set(try self.written(path) + self.written(mounted)).count == acknowledged
        }
        #expect(try self.written(path) + self.written(mounted) == Array(0..<acknowledged), "each once, in order")
        #expect(try await LoopbackHTTP.get(telemetry, "/readyz").status == 200)
        for file in filesUnder("\(disk == .spool ? mounted : path)/spool") {
            #expect(!(try readFile(file)).contains(Array(Self.secret.utf8)))
        }
        #expect(await process.stop().status == 0)
    }

    enum Side: String, CaseIterable, Sendable {
        case spool, output

        var path: String { self == .spool ? "/spool/" : "out.text" }
    }

    @Test(
        "killed at a write, a synchronisation or a rename, of spool or rotated output, it loses nothing",
        arguments: Side.allCases)
    func dies(_ side: Side) async throws {
        let path = self.folder.path
        let library = try await Fault.library(in: self.folder)
        // Rotated after a few batches.
        let file = try self.configuration(spool: "\(path)/spool", out: "\(path)/out.text", size: "1kB")
        var acknowledged: [Int] = []
        var next = 0
        var deaths = 0
        for step in stride(from: 1, through: 24, by: Repository.runsAllTests ? 1 : 2) {
            let fault = Fault(path: side.path, step: step, half: step % 4 == 1, library: library)
            let process = try self.launch(file, environment: fault.environment)
            // It may die of what is still to be delivered.
            let isThere = await process.wait(timeout: .seconds(30)) {
                $0.finished || String(decoding: $0.errors, as: UTF8.self).contains("ready: logs")
            }
            #expect(isThere)
            while process.snapshot.status == nil, next < 1000 * (step + 1) {
                let numbers = next..<(next + 5)
                next += 5
                if try await self.send(numbers) == 200 { acknowledged += numbers }
            }
            #expect(await process.finished())
            if process.snapshot.status == 128 + SIGKILL { deaths += 1 }
        }
        #expect(deaths >= 10, "it did die")
        let process = try self.launch(file)
        try await process.printed("ready: logs are taken in")
        let wanted = Set(acknowledged)
        try await eventually(timeout: .seconds(60)) { try wanted.isSubset(of: self.written(path)) }
        for file in filesUnder(path) where file.contains("/spool/") || file.contains("out.text") {
            #expect(!(try readFile(file)).contains(Array(Self.secret.utf8)), "\(file)")
        }
        #expect(await process.stop().status == 0)
        let all = try self.written(path)
        let twice = all.count - Set(all).count
        print("redact serve, killed \(deaths) times at its \(side): \(twice) of \(wanted.count) records came twice")
    }
}
