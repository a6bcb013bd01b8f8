import Foundation
import NIOPosix
import TestSupport
import Testing

@testable import Commands

@Suite("Programs run to their end", .timeLimit(.minutes(2)))
struct CommandRunTests {
    /// Runs with threads of its own, and stops them.
    private static func run(
        _ arguments: [String], command: CommandRun = CommandRun(), user: String? = nil,
        timeout: Duration = .seconds(60), limit: Int = 4096, mark: CommandRun.Mark? = nil
    ) async throws -> CommandRun.Outcome {
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        let result: Result<CommandRun.Outcome, any Error>
        do {
            result = .success(
                try await command.run(
                    arguments, user: user, timeout: timeout, limit: limit, mark: mark, on: threads))
        } catch {
            result = .failure(error)
        }
        try await threads.shutdownGracefully()
        return try result.get()
    }

    private static func isRunning(_ process: String) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        // One that nobody has waited for yet is dead all the same.
        return status.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    @Test("a program gives its status and both of its outputs")
    func outcome() async throws {
        let outcome = try await Self.run(["/bin/sh", "-c", "echo one; echo two >&2; exit 3"])
        #expect(outcome.status == 3 && outcome.text == "exit 3" && !outcome.isCut)
        #expect(String(decoding: outcome.output, as: UTF8.self) == "one\ntwo\n")
    }

    @Test("an argument is one argument, whatever is in it")
    func arguments() async throws {
        let outcome = try await Self.run(["/usr/bin/printf", "<%s>", "a b", "$(id)", "; true"])
        #expect(String(decoding: outcome.output, as: UTF8.self) == "<a b><$(id)><; true>")
    }

    @Test("its environment is its own, with the mark in it")
    func environment() async throws {
        setenv("GLOVEBOX_TEST_SECRET", "hunter2", 1)
        let outcome = try await Self.run(["/usr/bin/env"], mark: .init("GLOVEBOX_TEST_MARK", "a1"))
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map {
            $0.prefix { $0 != "=" }
        }
        #expect(Set(lines) == ["PATH", "LC_ALL", "GLOVEBOX_TEST_MARK"])
    }

    @Test("no more of its output is kept than the limit, and it says that some was cut")
    func limit() async throws {
        let outcome = try await Self.run(["/usr/bin/head", "-c", "1000000", "/dev/zero"], limit: 100)
        #expect(outcome.status == 0 && outcome.output.count == 100 && outcome.isCut)
    }

    @Test("one that takes too long is killed, with what it started")
    func late() async throws {
        let outcome = try await Self.run(
            ["/bin/sh", "-c", "sleep 600 & echo $!; exec sleep 600"], timeout: .milliseconds(500))
        #expect(outcome.status == nil && outcome.text == "killed after 500ms")
        let child = String(decoding: outcome.output, as: UTF8.self).trimmingCharacters(in: .newlines)
        #expect(Int(child) != nil)
        try await eventually { !Self.isRunning(child) }
    }

    @Test("one that closes its outputs and runs on is waited for")
    func closed() async throws {
        let outcome = try await Self.run(["/bin/sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 4"])
        #expect(outcome.status == 4 && outcome.output.isEmpty)
    }

    @Test("what it leaves running holds nobody up, though its output stays open")
    func leaves() async throws {
        let outcome = try await Self.run(["/bin/sh", "-c", "setsid sleep 600 & echo $!"])
        #expect(outcome.status == 0)
        let child = try #require(
            Int32(String(decoding: outcome.output, as: UTF8.self).trimmingCharacters(in: .newlines)))
        #expect(Self.isRunning("\(child)"))
        kill(child, SIGKILL)
    }

    @Test("interrupted before it begins it never runs; while it runs it's killed")
    func interrupted() async throws {
        let command = CommandRun()
        command.interrupt()
        await #expect(throws: CommandRun.Failure.self) { try await Self.run(["/bin/true"], command: command) }

        let folder = try TemporaryFolder()
        let other = CommandRun()
        async let outcome = Self.run(["/bin/sh", "-c", "touch \(folder.path)/on; exec sleep 600"], command: other)
        try await eventually { FileManager.default.fileExists(atPath: "\(folder.path)/on") }
        other.interrupt()
        #expect(try await outcome.text == "broken off")
    }

    @Test("what can't be run says why")
    func failures() async throws {
        await #expect(throws: CommandRun.Failure(description: "can't run /no/such: No such file or directory")) {
            try await Self.run(["/no/such"])
        }
        await #expect(
            throws: CommandRun.Failure(
                description: "this host has no user 'nobody-here': correct 'user' in the configuration")
        ) {
            try await Self.run(["/bin/true"], user: "nobody-here")
        }
    }

    @Test("what an earlier run of the program left under a mark is found and killed, and no other")
    func leftovers() async throws {
        let mark = CommandRun.Mark("GLOVEBOX_TEST_MARK", "left-\(UInt32.random(in: 0 ... .max))")
        // Ends at once, and leaves one of its own group, and one that began a session of its own.
        let outcome = try await Self.run(
            ["/bin/sh", "-c", "sleep 600 & echo $!; setsid sleep 600 & echo $!"], mark: mark)
        let children = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
        try #require(children.count == 2)
        let service = children[1]
        // It has its own session only once setsid has run.
        try await eventually {
            guard let pid = Int32(service) else { return false }
            return getsid(pid) == pid
        }
        CommandRun.killLeftovers(.init(mark.name, mark.value + "0"))
        #expect(Self.isRunning(children[0]))
        CommandRun.killLeftovers(mark)
        try await eventually { !Self.isRunning(children[0]) }
        #expect(Self.isRunning(service))
        if let pid = Int32(service) { kill(pid, SIGKILL) }
    }
}
