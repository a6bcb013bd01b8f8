import GloveboxCore
import TestSupport
import Testing
import TransparencyLog

@testable import Gateway

@Suite("The log's key")
struct LogKeyTests {
    private let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    @Test("it's drawn once, readable by the gateway alone, and its public part is beside it")
    func drawn() throws {
        let key = try LogKey.load(folder: self.folder.path, host: "gateway.example", isNew: true)
        #expect(key.signer.verifier.name.hasPrefix("gateway.example/log/") && key.previous == nil)
        let again = try LogKey.load(folder: self.folder.path, host: "other.example", isNew: false)
        #expect(again.signer.verifier == key.signer.verifier)
        let shown = String(decoding: try self.folder.read("log.pub"), as: UTF8.self)
        #expect(shown == "\(key.signer.verifier)\n")
        #expect(try self.folder.read("log.key").starts(with: Array("PRIVATE+KEY+gateway.example/log/".utf8)))
    }

    @Test("a log whose key is gone isn't gone on with under another one")
    func gone() {
        let error = #expect(throws: GloveboxError.self) {
            try LogKey.load(folder: self.folder.path, host: "gateway.example", isNew: false)
        }
        #expect(error?.code == .configurationInvalid)
    }

    @Test("a restored gateway's log gets another name and key, and knows the one before")
    func replaced() throws {
        let old = try LogKey.load(folder: self.folder.path, host: "gateway.example", isNew: true).signer.verifier
        let new = try LogKey.replace(folder: self.folder.path, host: "gateway.example")
        #expect(new.name != old.name && new.publicKey != old.publicKey)
        let key = try LogKey.load(folder: self.folder.path, host: "gateway.example", isNew: false)
        #expect(key.signer.verifier == new && key.previous == old)
    }
}
