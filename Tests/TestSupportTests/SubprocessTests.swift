import Glibc
import TestSupport
import Testing

@Suite("Running other programs")
struct SubprocessTests {
    @Test("output, errors and the exit status are kept apart")
    func result() async throws {
        let result = try await Subprocess.run(["sh", "-c", "cat; echo bad >&2; exit 3"], input: .text("good"))
        #expect(result.output == "good")
        #expect(result.errors == "bad\n")
        #expect(result.status == 3)
    }

    @Test("a program that a signal ended has 128 and the signal's number as its status")
    func signalled() async throws {
        #expect(try await Subprocess.run(["sh", "-c", "kill -TERM $$"]).status == 128 + SIGTERM)
    }

    @Test("input larger than a pipe goes through whole")
    func largeInput() async throws {
        let input = [UInt8](repeating: 65, count: 3_000_000)
        #expect(try await Subprocess.run(["cat"], input: .bytes(input)).standardOutput == input)
    }

    @Test("a program that takes too long is killed and the caller told")
    func timeout() async throws {
        await #expect(throws: TestSupportError.self) {
            try await Subprocess.run(["sleep", "1000"], timeout: .milliseconds(50))
        }
    }

    @Test("environment, folder and descriptors are those that were asked for")
    func surroundings() async throws {
        let folder = try TemporaryFolder()
        let file = open(try folder.write("secret", "from a descriptor"), O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let result = try await Subprocess.run(
            ["sh", "-c", "echo $WORD; pwd; cat <&7"], environment: ["WORD": "hello", "PATH": "/usr/bin:/bin"],
            descriptors: [7: file], folder: folder.path)
        #expect(result.output == "hello\n\(folder.path)\nfrom a descriptor")
    }

    @Test("a running program is spoken to, waited for, and stopped")
    func running() async throws {
        let process = try RunningProcess(["sh", "-c", "read a; echo got $a; exec sleep 1000"], input: .open)
        try process.write("word\n")
        try await process.printed("got word\n")
        #expect(await process.stop().status == 128 + SIGTERM)
    }

    @Test("waiting for words that never come ends with the program")
    func neverPrinted() async throws {
        let process = try RunningProcess(["true"])
        await #expect(throws: TestSupportError.self) { try await process.printed("something") }
    }
}
