import ControlWire
import GloveboxCore
import TestSupport
import Testing
import TransparencyLog

@testable import Agent

@Suite("What an agent knows of its gateway's log")
struct LogMemoryTests {
    private let folder: TemporaryFolder
    private let signer = NoteSigner(name: "gateway/log/1")

    init() throws {
        self.folder = try TemporaryFolder()
    }

    /// The log of these entries, shown to somebody who saw the first `seen` of them.
    private func shown(_ entries: [UInt8], seen: Int = 0, by signer: NoteSigner? = nil) throws -> LogCheckpoint {
        let signer = signer ?? self.signer
        let leaves = entries.map { TreeHash.leaf([$0]) }
        var tree = GrowingTree()
        for leaf in leaves { tree.append(leaf) }
        let text = Checkpoint(origin: signer.verifier.name, size: tree.size, root: tree.root).text
        let reader = TreeReader(size: tree.size) { Array(leaves.prefix($0.width)) }
        let proof = seen > 0 && seen < entries.count ? try reader.consistencyProof(from: UInt64(seen)) : []
        return LogCheckpoint(
            key: signer.verifier.description, note: try signer.sign(text).bytes, proof: proof.map(\.bytes))
    }

    private func code(_ memory: LogMemory, _ shown: LogCheckpoint?) -> GloveboxError.Code? {
        do throws(GloveboxError) {
            try memory.saw(shown)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("it goes on with a log that grows, also after a restart, and tells its size to the gateway")
    func grows() throws {
        let memory = try LogMemory(folder: self.folder.path)
        #expect(memory.known == nil)
        try memory.saw(try self.shown([1, 2]))
        try memory.saw(try self.shown([1, 2, 3], seen: 2))
        #expect(memory.known == KnownLog(origin: "gateway/log/1", size: 3))
        let again = try LogMemory(folder: self.folder.path)
        #expect(again.known == memory.known)
        try again.saw(try self.shown([1, 2, 3]))
        #expect(again.refusal == nil)
    }

    @Test("a shorter, a forked, another or no log is refused, and nobody accepts the same one altered")
    func refuses() throws {
        let memory = try LogMemory(folder: self.folder.path)
        try memory.saw(try self.shown([1, 2, 3]))
        #expect(self.code(memory, try self.shown([1, 2])) == .logShortened)
        #expect(memory.refusal?.code == .logShortened)
        #expect(throws: GloveboxError.self) { try LogMemory.accept(folder: self.folder.path) }
        #expect(self.code(memory, try self.shown([9, 2, 3, 4], seen: 3)) == .logForked)
        #expect(throws: GloveboxError.self) { try LogMemory.accept(folder: self.folder.path) }
        #expect(self.code(memory, nil) == .logReplaced)
        #expect(memory.known?.size == 3, "what was seen stays")
        // The log as it was is no reason for alarm.
        #expect(self.code(memory, try self.shown([1, 2, 3, 4], seen: 3)) == nil)
        #expect(memory.refusal == nil)
    }

    @Test("a log under a new name is taken once a person on the host has accepted it")
    func accepts() throws {
        let memory = try LogMemory(folder: self.folder.path)
        try memory.saw(try self.shown([1, 2, 3]))
        #expect(throws: GloveboxError.self) { try LogMemory.accept(folder: self.folder.path) }
        let other = NoteSigner(name: "gateway/log/2")
        #expect(self.code(memory, try self.shown([1, 2, 3, 4], by: other)) == .logReplaced)
        let accepted = try LogMemory.accept(folder: self.folder.path)
        #expect(accepted.before == "gateway/log/1" && accepted.now == "gateway/log/2")
        #expect(self.code(memory, try self.shown([1, 2, 3, 4, 5], seen: 4, by: other)) == nil)
        #expect(memory.known == KnownLog(origin: "gateway/log/2", size: 5))
        #expect(
            self.code(memory, try self.shown([1, 2, 3, 4, 5, 6], seen: 5)) == .logReplaced, "the old one is no more")
    }

    @Test("a memory that was written to by others is no memory")
    func damaged() throws {
        let memory = try LogMemory(folder: self.folder.path)
        try memory.saw(try self.shown([1, 2, 3]))
        var bytes = try self.folder.read("log.checkpoint")
        bytes[bytes.count / 2] ^= 1
        try writeFile(self.folder.file("log.checkpoint"), bytes)
        let error = #expect(throws: GloveboxError.self) { try LogMemory(folder: self.folder.path) }
        #expect(error?.code == .configurationInvalid)
    }
}
