import AuditFiles
import GloveboxCore
import LogSpool
import TestSupport
import Testing

@Suite("the spool of logs")
struct LogSpoolTests {
    private let folder: TemporaryFolder
    private var path: String { self.folder.file("spool") }

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private func spool(
        _ readers: [String] = ["a"], size: Int = LogSpool.leastSize, files: any FileWriting = SystemFiles()
    ) throws -> LogSpool {
        try LogSpool(folder: self.path, size: size, readers: readers, files: files)
    }

    private func payloads(_ numbers: Range<Int>) -> [[UInt8]] { numbers.map { Array("payload \($0)".utf8) } }

    @Test("what was appended is read again after a restart, from what was acknowledged on")
    func restart() async throws {
        do {
            let spool = try self.spool()
            #expect(try await spool.append(self.payloads(0..<100)))
            let read = try await spool.read("a", most: 10, mostBytes: 1 << 20)
            #expect(read.map(\.payload) == self.payloads(0..<10))
            try await spool.acknowledge("a", through: read[9].number)
        }
        let spool = try self.spool()
        #expect(spool.cut == 0)
        #expect(await spool.waiting(for: "a") == 90)
        let read = try await spool.read("a", most: 1000, mostBytes: 1 << 20)
        #expect(read.map(\.payload) == self.payloads(10..<100))
    }

    @Test("each reader goes at its own pace, and one that's new begins with what's there")
    func readers() async throws {
        do {
            let spool = try self.spool(["a", "b"])
            #expect(try await spool.append(self.payloads(0..<5)))
            try await spool.acknowledge("a", through: 5)
            #expect(await spool.waiting(for: "a") == 0)
            #expect(await spool.waiting(for: "b") == 5)
            #expect(await !spool.isDelivered)
        }
        let spool = try self.spool(["a", "c"])
        #expect(await spool.waiting(for: "a") == 0)
        #expect(await spool.waiting(for: "c") == 5)
        #expect(!filesUnder(self.path).contains { $0.hasSuffix("/b.cursor") })
    }

    @Test("a tail that's torn at any byte is cut, and all before it stays")
    func torn() async throws {
        do {
            let spool = try self.spool()
            #expect(try await spool.append(self.payloads(0..<3)))
        }
        let file = try #require(filesUnder(self.path).first { $0.hasSuffix(".spool") })
        let whole = try readFile(file)
        let frame = 8 + "payload 0".utf8.count
        for count in (8 + 2 * frame)..<whole.count {
            try writeFile(file, Array(whole.prefix(count)))
            let spool = try self.spool()
            #expect(spool.cut == count - 8 - 2 * frame)
            #expect(await spool.waiting(for: "a") == 2)
            #expect(try await spool.append(self.payloads(7..<8)))
            let read = try await spool.read("a", most: 10, mostBytes: 1 << 20)
            #expect(read.map(\.payload) == self.payloads(0..<2) + self.payloads(7..<8))
        }
    }

    @Test("a full spool takes no more until it's acknowledged, and never grows over its size")
    func full() async throws {
        let spool = try self.spool()
        let payload = [UInt8](repeating: 7, count: LogSpool.mostPayload)
        var count = 0
        while try await spool.append([payload]) { count += 1 }
        #expect((12...16).contains(count))
        #expect(await spool.used <= LogSpool.leastSize)
        let read = try await spool.read("a", most: 1, mostBytes: 1)
        #expect(read.count == 1)
        try await spool.acknowledge("a", through: UInt64(count))
        #expect(await spool.isDelivered)
        for _ in 0..<count { #expect(try await spool.append([payload])) }
        #expect(await spool.used <= LogSpool.leastSize)
    }

    @Test("who reads waits for what's appended")
    func waits() async throws {
        let spool = try self.spool()
        async let read = spool.read("a", most: 1, mostBytes: 1)
        #expect(try await spool.append(self.payloads(0..<1)))
        #expect(try await read.map(\.payload) == self.payloads(0..<1))
    }

    @Test("rot within a segment that isn't the last is told, not skipped")
    func rot() async throws {
        do {
            let spool = try self.spool()
            for _ in 0..<4 { #expect(try await spool.append([[UInt8](repeating: 7, count: LogSpool.mostPayload)])) }
        }
        let file = try #require(filesUnder(self.path).filter { $0.hasSuffix(".spool") }.sorted().first)
        var bytes = try readFile(file)
        bytes[1000] ^= 1
        try writeFile(file, bytes)
        #expect { try self.spool() } throws: { ($0 as? GloveboxError)?.code == .spoolCorrupt }
    }

    @Test("one process alone has a spool, and its files are its owner's alone")
    func alone() async throws {
        let spool = try self.spool()
        #expect(try await spool.append(self.payloads(0..<1)))
        #expect { try self.spool() } throws: { ($0 as? GloveboxError)?.code == .storeLocked }
        for file in filesUnder(self.path) {
            #expect(try await Subprocess.check(["stat", "-c", "%a", file]) == "600")
        }
        #expect(try await Subprocess.check(["stat", "-c", "%a", self.path]) == "700")
    }
}
