import GloveboxCore
import TestSupport
import Testing
import TransparencyLog

@Suite("Signed notes and checkpoints")
struct NoteTests {
    /// The key and the note of the documentation of Go's note package.
    private static let goKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    private static let goNote =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

    @Test("what Go's note package wrote is read and holds")
    func goNote() throws {
        let verifier = try NoteVerifier(Self.goKey)
        #expect(verifier.name == "PeterNeumann")
        #expect(verifier.description == Self.goKey)
        let note = try SignedNote(Array(Self.goNote.utf8))
        #expect(try verifier.text(of: note).hasPrefix("If you think"))
        #expect(note.bytes == Array(Self.goNote.utf8))
    }

    @Test("a checkpoint has tlog-checkpoint's lines, and comes back from its note")
    func checkpoint() throws {
        let signer = NoteSigner(name: "gateway.example/log/1")
        let checkpoint = Checkpoint(origin: "gateway.example/log/1", size: 20_852_163, root: .leaf([1]))
        let note = try signer.sign(checkpoint.text)
        let lines = String(decoding: note.bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 6 && lines[0] == "gateway.example/log/1" && lines[1] == "20852163" && lines[3] == "")
        #expect(lines[4].hasPrefix("— gateway.example/log/1 "))
        #expect(try Checkpoint(note.bytes, signedBy: signer.verifier) == checkpoint)
        #expect(try NoteSigner(signer.text).verifier == signer.verifier)
        #expect("\(signer.text)" == "‹secret›")
    }

    @Test("a checkpoint with any byte changed, or of another key, isn't taken")
    func altered() throws {
        let signer = NoteSigner(name: "log")
        let note = try signer.sign(Checkpoint(origin: "log", size: 7, root: .empty).text).bytes
        for place in note.indices {
            for bit in 0..<8 {
                var bytes = note
                bytes[place] ^= 1 << UInt8(bit)
                let error = #expect(throws: GloveboxError.self, "byte \(place)") {
                    try Checkpoint(bytes, signedBy: signer.verifier)
                }
                #expect(error?.code == .noteInvalid)
            }
        }
        for count in note.indices {
            #expect(throws: GloveboxError.self) { try Checkpoint(Array(note[..<count]), signedBy: signer.verifier) }
        }
        #expect(throws: GloveboxError.self) { try Checkpoint(note, signedBy: NoteSigner(name: "log").verifier) }
        #expect(throws: GloveboxError.self) {
            let foreign = try signer.sign(Checkpoint(origin: "other", size: 7, root: .empty).text)
            _ = try Checkpoint(foreign.bytes, signedBy: signer.verifier)
        }
    }

    @Test("whatever bytes come, keys, notes and checkpoints are read or refused")
    func fuzzed() throws {
        let signer = NoteSigner(name: "log")
        let note = try signer.sign(Checkpoint(origin: "log", size: 7, root: .empty).text).bytes
        let key = Array(signer.verifier.description.utf8)
        try Fuzzing("signed notes").run(2000) { generator in
            let spoiled = generator.spoiled(note)
            if spoiled != note {
                #expect(throws: GloveboxError.self) { try Checkpoint(spoiled, signedBy: signer.verifier) }
            }
            let text = String(decoding: generator.spoiled(key), as: UTF8.self)
            if let read = try? NoteVerifier(text) { #expect(read.description == text) }
        }
    }

    @Test("what was seen goes on to a tree that begins with it, and to no other")
    func known() throws {
        let signer = NoteSigner(name: "log")
        func known(_ tree: GrowingTree, _ signer: NoteSigner) throws -> KnownCheckpoint {
            let text = Checkpoint(origin: signer.verifier.name, size: tree.size, root: tree.root).text
            return try KnownCheckpoint(key: signer.verifier, note: signer.sign(text).bytes)
        }
        func tree(_ entries: [UInt8]) -> GrowingTree {
            var tree = GrowingTree()
            for entry in entries { tree.append(.leaf([entry])) }
            return tree
        }
        let leaves = (1...5).map { TreeHash.leaf([UInt8($0)]) }
        let three = try known(tree([1, 2, 3]), signer)
        let five = try known(tree([1, 2, 3, 4, 5]), signer)
        let proof = try TreeReader(size: 5) { Array(leaves.prefix($0.width)) }.consistencyProof(from: 3).map(\.bytes)
        #expect(try three.advanced(to: five, proof: proof) == five)
        #expect(try three.advanced(to: three, proof: []) == three)
        #expect(try known(GrowingTree(), signer).advanced(to: five, proof: []) == five)
        #expect(try KnownCheckpoint(three.bytes) == three)
        func code(_ next: KnownCheckpoint, _ proof: [[UInt8]]) -> GloveboxError.Code? {
            do throws(GloveboxError) {
                _ = try three.advanced(to: next, proof: proof)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(try known(tree([1, 2]), signer), []) == .logShortened)
        #expect(code(try known(tree([1, 9, 3, 4, 5]), signer), proof) == .logForked)
        #expect(code(try known(tree([1, 2, 9]), signer), []) == .logForked)
        #expect(code(try known(tree([1, 2, 3, 4, 5]), NoteSigner(name: "log")), proof) == .logReplaced)
    }
}
