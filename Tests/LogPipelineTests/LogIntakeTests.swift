import AuditFiles
import Glibc
import GloveboxCore
import LogFormats
import LogSpool
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import LogPipeline
@testable import Redaction

@Suite("what inputs have read, on its way into the spool")
struct LogIntakeTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func spool(files: any FileWriting = SystemFiles()) throws -> LogSpool {
        try LogSpool(folder: self.folder.file("spool"), size: LogSpool.leastSize, readers: ["out"], files: files)
    }

    private func intake(_ spool: LogSpool, broken: Bool = false) throws -> LogIntake {
        let masker = try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false))
        if broken { _ = masker.fail() }
        return LogIntake(
            masker: masker, spool: spool, counters: PipelineCounters(), logger: Logger(label: "test"))
    }

    private func text(_ text: String) -> LogRecord { LogRecord(text: Array(text.utf8)) }

    /// - Returns: the bodies of what was acknowledged.
    @discardableResult
    private func acknowledgeAll(_ spool: LogSpool) async throws -> [String] {
        var texts: [String] = []
        while await !spool.isDelivered {
            let entries = try await spool.read("out", most: 1000, mostBytes: 1 << 20)
            for entry in entries {
                texts += try OTLPLogs.read(protobuf: entry.payload).map {
                    String(decoding: $0.body.text, as: UTF8.self)
                }
            }
            try await spool.acknowledge("out", through: try #require(entries.last).number)
        }
        return texts
    }

    private func read(_ spool: LogSpool) async throws -> [String] {
        try await spool.read("out", most: 1000, mostBytes: 1 << 20).flatMap { try OTLPLogs.read(protobuf: $0.payload) }
            .map { String(decoding: $0.body.text, as: UTF8.self) }
    }

    @Test("an error of the masker lets nothing pass, neither that record nor any later one")
    func failsClosed() async throws {
        let spool = try self.spool()
        let intake = try self.intake(spool, broken: true)
        let lane = await intake.openLane()
        for _ in 0..<2 {
            await #expect {
                try await intake.take([self.text("hello")], lane: lane, input: "a")
            } throws: {
                ($0 as? GloveboxError)?.code == .redactionFailed
            }
        }
        await #expect {
            try await intake.take(text: ByteBuffer(string: "hello\n"), lane: lane, most: 100, input: "a")
        } throws: {
            ($0 as? GloveboxError)?.code == .redactionFailed
        }
        #expect(await spool.isDelivered)
    }

    @Test("a key that goes over lines of a plain text is masked, at every cut")
    func lines() async throws {
        let spool = try self.spool()
        let intake = try self.intake(spool)
        let text =
            "one\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n-----END RSA PRIVATE KEY-----\r\n{\"password\": 12345}\nlast"
        for cut in 0...text.utf8.count {
            let lane = await intake.openLane()
            let bytes = ByteBuffer(string: text)
            for part in [
                bytes.getSlice(at: 0, length: cut), bytes.getSlice(at: cut, length: bytes.readableBytes - cut),
            ] {
                let part = try #require(part)
                try await intake.take(text: part, lane: lane, most: 1000, input: "a")
            }
            try await intake.endText(lane: lane, input: "a")
            let lines = try await self.read(spool)
            #expect(lines.first == "one" && lines.last == "last")
            #expect(!lines.contains { $0.contains("MIIE") || $0.contains("12345") || $0.contains("\r") })
            try await self.acknowledgeAll(spool)
        }
    }

    @Test("a full spool holds up who takes, and refuses who only offers; room lets them go on")
    func full() async throws {
        let spool = try self.spool()
        let intake = try self.intake(spool)
        let lane = await intake.openLane()
        let record = self.text(String(repeating: "x ", count: 200_000))
        while try await intake.offer([record], lane: lane, input: "a") != nil {}
        async let taken: Void = intake.take([self.text("at last")], lane: lane, input: "a")
        var texts = try await self.acknowledgeAll(spool)
        try await taken
        texts += try await self.acknowledgeAll(spool)
        #expect(texts.count > 10 && texts.last == "at last")
    }

    @Test("a disk that takes nothing holds up who takes, and is told; once it takes something again it goes on")
    func disk() async throws {
        let files = FullDisk()
        let spool = try self.spool(files: files)
        let intake = try self.intake(spool)
        let lane = await intake.openLane()
        files.isFull.store(true, ordering: .relaxed)
        await #expect {
            try await intake.offer([self.text("one")], lane: lane, input: "a")
        } throws: {
            ($0 as? GloveboxError)?.code == .spoolUnavailable
        }
        #expect(await intake.spoolFailure?.message.contains("No space left") == true)
        async let taken: Void = intake.take([self.text("two")], lane: lane, input: "a")
        files.isFull.store(false, ordering: .relaxed)
        try await taken
        #expect(await intake.spoolFailure == nil)
        #expect(try await self.acknowledgeAll(spool) == ["two"])
    }
}

/// The machine's files, on a disk that can be full.
private final class FullDisk: FileWriting {
    let isFull = Atomic(false)
    private let files = SystemFiles()

    func create(_ path: String) throws(FileError) -> Int32 { try self.files.create(path) }
    func open(_ path: String) throws(FileError) -> Int32 { try self.files.open(path) }
    func write(_ bytes: [UInt8], to file: Int32, at offset: Int) throws(FileError) {
        if self.isFull.load(ordering: .relaxed) {
            // Some of it still goes.
            try self.files.write(Array(bytes.prefix(5)), to: file, at: offset)
            throw FileError("write", ENOSPC)
        }
        try self.files.write(bytes, to: file, at: offset)
    }
    func synchronise(_ file: Int32) throws(FileError) { try self.files.synchronise(file) }
    func resize(_ file: Int32, to size: Int) throws(FileError) { try self.files.resize(file, to: size) }
    func rename(_ path: String, to new: String) throws(FileError) { try self.files.rename(path, to: new) }
    func remove(_ path: String) throws(FileError) { try self.files.remove(path) }
    func synchroniseFolder(_ path: String) throws(FileError) { try self.files.synchroniseFolder(path) }
    func makeFolder(_ path: String) throws(FileError) -> Bool { try self.files.makeFolder(path) }
    func removeFolder(_ path: String) throws(FileError) { try self.files.removeFolder(path) }
    func close(_ file: Int32) { self.files.close(file) }
}
