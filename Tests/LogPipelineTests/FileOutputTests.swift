import GloveboxCore
import LogFormats
import NIOPosix
import TestSupport
import Testing

@testable import LogPipeline

@Suite("a file that is rotated")
struct FileOutputTests {
    /// - Returns: the numbers in each file, the oldest first.
    private func numbers(keep: Int, records: Int) async throws -> [[Int]] {
        let folder = try TemporaryFolder()
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        let settings = PipelineConfiguration.FileSettings(
            path: folder.file("app.log"), format: .text, size: 500, keep: keep)
        var output = FileOutput(settings, threads)
        for number in 0..<records {
            _ = try await output.deliver([LogRecord(text: Array("record \(number) of a service".utf8))])
            // As after a restart.
            if number % 40 == 39 { output = FileOutput(settings, threads) }
        }
        await output.close()
        try await threads.shutdownGracefully()
        let names = (1...(keep + 3)).reversed().map { "app.log.\($0)" } + ["app.log"]
        var found: [[Int]] = []
        for name in names {
            guard let bytes = try? folder.read(name) else { continue }
            #expect(bytes.count <= 500 && bytes.last == 0x0A, "\(name)")
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            let numbers = lines.compactMap { Int($0.dropFirst("record ".count).prefix { $0 != " " }) }
            #expect(lines == numbers.map { "record \($0) of a service" }, "\(name)")
            found.append(numbers)
        }
        return found
    }

    @Test("no record is lost or cut in two while there are files to keep it")
    func whole() async throws {
        let files = try await self.numbers(keep: 50, records: 300)
        #expect(files.count > 10)
        #expect(files.flatMap { $0 } == Array(0..<300))
    }

    @Test("the oldest file goes when there are as many as are kept", arguments: [0, 1, 3])
    func kept(keep: Int) async throws {
        let files = try await self.numbers(keep: keep, records: 300)
        #expect(files.count == keep + 1)
        let numbers = files.flatMap { $0 }
        #expect(numbers == Array((numbers.first ?? 0)..<300))
    }
}
