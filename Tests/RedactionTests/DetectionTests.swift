import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

@Suite("Detections: which detector found it, and where")
struct DetectionTests {
    private let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    private static let text = "mail anna@example.com, password=swordfish7 end"

    @Test("a text's detections name detector, kind and place")
    func text() throws {
        let masker = try self.fixture.masker()
        var found: [Detection] = []
        masker.onDetection = { found.append($0) }
        _ = try masker.mask(ByteBuffer(string: Self.text), as: .text, scope: .random)
        #expect(found.map(\.kind) == [.email, .password])
        #expect(found.map(\.start) == [5, 32])
        #expect(found.map(\.end) == [21, 42])
        let names = Set(self.fixture.detectors.table.map(\.name))
        #expect(found.allSatisfy { names.contains($0.detector) && !$0.reason.isEmpty })
    }

    @Test("a stream's detections are those of the whole, however it's cut")
    func stream() throws {
        for size in [1, 7, 64] {
            let masker = try self.fixture.masker()
            var found: [Detection] = []
            masker.onDetection = { found.append($0) }
            var stream = try RedactionStream(masker)
            var out = ByteBuffer()
            var rest = ByteBuffer(string: Self.text)
            while let chunk = rest.readSlice(length: min(size, rest.readableBytes)), chunk.readableBytes > 0 {
                try stream.write(chunk, into: &out)
            }
            try stream.finish(into: &out)
            #expect(found.map(\.kind) == [.email, .password], "chunks of \(size)")
            #expect(found.map(\.start) == [5, 32], "chunks of \(size)")
        }
    }

    @Test("what is found in decoded bytes is told of as such, at its place in the text")
    func encoded() throws {
        let masker = try self.fixture.masker()
        var found: [Detection] = []
        masker.onDetection = { found.append($0) }
        let text = "x bWFpbCBhbm5hQGV4YW1wbGUuY29tLCBwYXNzd29yZD1zd29yZGZpc2g3IGVuZA== y"
        _ = try masker.mask(ByteBuffer(string: text), as: .text, scope: .random)
        #expect(!found.isEmpty && found.allSatisfy { $0.detector == "encoded" })
        #expect(found.allSatisfy { $0.start > 1 && ($0.end ?? 0) <= text.utf8.count - 2 })
    }

    @Test("the built-in examples say which must be masked and which may pass")
    func examples() {
        let examples = self.fixture.detectors.examples
        #expect(examples.contains { $0.secret == nil })
        #expect(examples.allSatisfy { example in example.secret.map { example.text.contains($0) } ?? true })
        #expect(Set(examples.map(\.detector)).count == self.fixture.detectors.table.count)
    }
}
