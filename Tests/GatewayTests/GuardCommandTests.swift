import Foundation
import GloveboxCore
import TestSupport
import Testing
import YAMLDocument

@testable import Gateway

@Suite("Guards by check commands", .timeLimit(.minutes(2)))
struct GuardCommandTests {
    /// - Parameter signals: in YAML, a list of one line each.
    private static func signals(_ signals: String...) throws -> GuardSignals {
        let yaml = "signals:\n" + signals.map { "  - \($0)\n" }.joined()
        return try GuardSignals(
            try GuardConfiguration(YAMLNode(yaml: yaml, file: "gateway.yaml"), folder: "/"), time: ManualTime())
    }

    private static func failure(_ body: () async throws -> Double) async -> String? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? GloveboxError)?.message
        }
    }

    @Test("its exit status is the value")
    func status() async throws {
        let signals = try Self.signals(
            "{name: fine, command: [/bin/true]}", "{name: bad, command: [/bin/sh, -c, 'echo secret; exit 2']}")
        #expect(try await signals.measure(.signal("fine")) == 0)
        #expect(try await signals.measure(.signal("bad")) == 2)
        await signals.close()
    }

    @Test("one that's killed, or can't be run, says nothing")
    func nothing() async throws {
        let signals = try Self.signals(
            "{name: slow, command: [/bin/sleep, '600'], timeout: 100ms}", "{name: gone, command: [/no/such]}",
            "{name: killed, command: [/bin/sh, -c, 'kill -9 $$']}")
        #expect(
            await Self.failure { try await signals.measure(.signal("slow")) } == "its command was killed after 100ms")
        #expect(
            await Self.failure { try await signals.measure(.signal("gone")) }
                == "can't run /no/such: No such file or directory")
        #expect(
            await Self.failure { try await signals.measure(.signal("killed")) } == "its command was ended by signal 9")
        await signals.close()
    }

    @Test("guards that name one signal share its runs, and the next look runs it again")
    func shared() async throws {
        let folder = try TemporaryFolder()
        let (runs, gate) = ("\(folder.path)/runs", "\(folder.path)/gate")
        let signals = try Self.signals(
            "{name: one, timeout: 60s, command: [/bin/sh, -c, 'echo >> \(runs); while [ ! -e \(gate) ]; do sleep 0.02; done']}"
        )
        async let first = signals.measure(.signal("one"))
        async let second = signals.measure(.signal("one"))
        try await eventually { FileManager.default.fileExists(atPath: runs) }
        #expect(FileManager.default.createFile(atPath: gate, contents: nil))
        #expect(try await first == 0)
        #expect(try await second == 0)
        #expect(try Data(contentsOf: URL(filePath: runs)).count == 1)
        #expect(try await signals.measure(.signal("one")) == 0)
        #expect(try Data(contentsOf: URL(filePath: runs)).count == 2)
        await signals.close()
    }

    @Test("a gateway that stops leaves none running, and begins none")
    func closed() async throws {
        let folder = try TemporaryFolder()
        let signals = try Self.signals(
            "{name: long, timeout: 60s, command: [/bin/sh, -c, 'echo $$ > \(folder.path)/pid; exec sleep 600']}")
        async let measured = Self.failure { try await signals.measure(.signal("long")) }
        try await eventually {
            (try? String(contentsOfFile: "\(folder.path)/pid", encoding: .utf8))?.hasSuffix("\n") == true
        }
        await signals.close()
        #expect(await measured == "its command was broken off")
        let process = try String(contentsOfFile: "\(folder.path)/pid", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
        #expect(!FileManager.default.fileExists(atPath: "/proc/\(process)"))
        #expect(await Self.failure { try await signals.measure(.signal("long")) } == "this gateway is stopping")
    }

    @Test(
        "a declaration that could mean something else is refused with its place",
        arguments: [
            ("{name: a, command: [true]}", "begins with a program's whole path"),
            ("{name: a, command: []}", "begins with a program's whole path"),
            ("{name: a, command: [/bin/true], over: 5s}", "is a command, so it has no 'over'"),
            ("{name: a, command: [/bin/true], timeout: 61s}", "is from 1ms to 60s"),
            ("{name: a, metrics: 'http://127.0.0.1/', errors: a, of: b, user: root}", "is no command"),
        ])
    func refused(signal: String, why: String) throws {
        do {
            _ = try Self.signals(signal)
            Issue.record("it was taken")
        } catch let error as GloveboxError {
            #expect(error.message.contains(why))
            #expect(error.message.hasPrefix("gateway.yaml:2:"))
        }
    }
}
