import Foundation
import GloveboxCore
import TestSupport
import Testing
import TransparencyLog

@Suite("Merkle proofs against RFC 6962's conformance cases")
struct ProofConformanceTests {
    private struct Case: Decodable {
        var `case`: String
        var wantErr: Bool
        var proof: [Data]?
        var size1: UInt64?
        var size2: UInt64?
        var root1: Data?
        var root2: Data?
        var leafIdx: UInt64?
        var treeSize: UInt64?
        var leafHash: Data?
        var root: Data?
        var start: UInt64?
        var end: UInt64?
        var size: UInt64?

        func check() throws(GloveboxError) {
            let path = (self.proof ?? []).map { Array($0) }
            let root = Array(self.root ?? Data())
            let roots = (Array(self.root1 ?? Data()), Array(self.root2 ?? Data()))
            switch self.case.prefix(while: { $0 != "/" }) {
            case "inclusion":
                try TreeProof.checkInclusion(
                    index: self.leafIdx ?? 0, size: self.treeSize ?? 0, leaf: Array(self.leafHash ?? Data()),
                    proof: path, root: root)
            case "consistency":
                try TreeProof.checkConsistency(
                    size1: self.size1 ?? 0, size2: self.size2 ?? 0, proof: path, root1: roots.0, root2: roots.1)
            case "subtreeinclusion":
                try TreeProof.checkInclusion(
                    index: self.leafIdx ?? 0, inSubtree: self.start ?? 0, self.end ?? 0,
                    leaf: Array(self.leafHash ?? Data()), proof: path, root: root)
            case "subtreeconsistency":
                try TreeProof.checkConsistency(
                    ofSubtree: self.start ?? 0, self.end ?? 0, size: self.size ?? 0, proof: path, root1: roots.0,
                    root2: roots.1)
            default:
                throw GloveboxError(.internal, "an unknown kind of case: \(self.case)")
            }
        }
    }

    private static let path = Repository.file("../shared/conformance/merkle/proofs.jsonl")
    private static let isThere = FileManager.default.fileExists(atPath: Self.path)

    @Test("every case comes out as it says", .enabled(if: Self.isThere, "needs --all: the shared conformance data"))
    func cases() throws {
        let lines = try readFile(Self.path).split(separator: 0x0A)
        #expect(lines.count == 518)
        for line in lines {
            let example = try JSONDecoder().decode(Case.self, from: Data(line))
            let result = Result { () throws(GloveboxError) in try example.check() }
            let failed = if case .failure(let error) = result { error.code == .proofInvalid } else { false }
            #expect(failed == example.wantErr, "\(example.case): \(result)")
        }
    }
}
