import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

@Suite("Redaction of streams")
struct RedactionStreamTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    private static func cut(_ bytes: [UInt8], at places: [Int]) -> [[UInt8]] {
        let bounds = [0] + places.sorted() + [bytes.count]
        return zip(bounds, bounds.dropFirst()).map { Array(bytes[$0..<$1]) }
    }

    private func expectEqual(_ bytes: [UInt8], _ chunks: [[UInt8]], _ note: String) throws {
        let whole = try self.fixture.masker().mask(ByteBuffer(bytes: bytes), as: .text, scope: .random)
        let expected =
            switch whole {
            case .clean: bytes
            case .masked(let buffer): Array(buffer.readableBytesView)
            case .null: [UInt8]()
            }
        let out = try self.fixture.stream(chunks)
        let isEqual = levelled(out) == levelled(expected)
        #expect(
            isEqual,
            "\(note): whole \(String(decoding: expected, as: UTF8.self)) ≠ chunked \(String(decoding: out, as: UTF8.self))"
        )
    }

    @Test("each example, split at every offset and byte by byte, comes out as the whole does")
    func everySplit() throws {
        var seen: Set<String> = []
        for detector in self.fixture.detectors.table {
            for example in detector.positive.prefix(2).map(\.text) + detector.negative.prefix(3)
            where seen.insert(example).inserted {
                let bytes = Array(example.utf8)
                for place in 0...bytes.count {
                    try self.expectEqual(bytes, Self.cut(bytes, at: [place]), "\(detector.name) at \(place)")
                }
                try self.expectEqual(bytes, bytes.map { [$0] }, "\(detector.name) byte by byte")
            }
        }
    }

    @Test("a token split across two chunks is masked at every offset")
    func tokenAcrossChunks() throws {
        let secret = "xoxb-" + "2837465019-Ab3dE6gH9jK2"
        let bytes = Array("log line with \(secret) in it\n".utf8)
        for place in 0...bytes.count {
            let out = String(decoding: try self.fixture.stream(Self.cut(bytes, at: [place])), as: UTF8.self)
            #expect(levelled(out) == "log line with ‹slack_token:0000000000000000› in it\n")
        }
    }

    @Test("a private key in a stream is masked to its end without being held back")
    func privateKey() throws {
        var stream = try RedactionStream(self.fixture.masker())
        var out = ByteBuffer()
        try stream.write(ByteBuffer(string: "a\n-----BEGIN RSA PRIVATE KEY-----\n"), into: &out)
        for _ in 0..<2000 {
            try stream.write(ByteBuffer(string: "TUlJRXBBSUJBQUtDQVFFQTdxTUlJRXBBSUJBQUtDQVFFQTdx\n"), into: &out)
            #expect(stream.heldBack <= 512 + EncodedRun.block)
        }
        try stream.write(ByteBuffer(string: "-----END RSA PRIVATE KEY-----\nb and on\n"), into: &out)
        try stream.finish(into: &out)
        #expect(levelled(String(buffer: out)) == "a\n‹private_key:0000000000000000›\nb and on\n")
    }

    @Test("a private key without an end is masked to the stream's")
    func privateKeyWithoutEnd() throws {
        let bytes = Array("a -----BEGIN PRIVATE KEY-----\nTUlJRXBBSUJBQUtDQVFFQTdx\nand anna@example.com\n".utf8)
        let out = String(decoding: try self.fixture.stream(bytes.map { [$0] }), as: UTF8.self)
        #expect(levelled(out) == "a ‹private_key:0000000000000000›")
    }

    @Test("what is held back stays within the longest delay, whatever comes")
    func bounded() throws {
        let bound = (self.fixture.detectors.table.map(\.longestDelay).max() ?? 0) + Detectors.lookBehind
        #expect(bound >= EncodedRun.block + Detectors.lookBehind)
        for unit in [
            "a", "password=", "eyJ", "ghp_a", "1", "@", "a@", "\"password\":\"x", "://a:", "é", "+41 ", "{", "-",
            "aws 1 ", "%41", "\\u0041", "&#65;", "\\\\\"", "TUlJRXBBSUJB", "TUlJRXBBSUJBQUtDQVFF\n", "6162636465",
        ] {
            var stream = try RedactionStream(self.fixture.masker())
            var out = ByteBuffer()
            let chunk = ByteBuffer(string: String(repeating: unit, count: 2000 / unit.utf8.count))
            for _ in 0..<20 {
                try stream.write(chunk, into: &out)
                #expect(stream.heldBack <= bound, "\(unit): \(stream.heldBack)")
            }
            try stream.finish(into: &out)
        }
    }

    @Test("plain text isn't held back beyond its last word")
    func prompt() throws {
        var stream = try RedactionStream(self.fixture.masker())
        var out = ByteBuffer()
        try stream.write(ByteBuffer(string: "connected to the shop, ready\nshop=> "), into: &out)
        #expect(stream.heldBack == 0)
        #expect(String(buffer: out) == "connected to the shop, ready\nshop=> ")
    }

    @Test("an ended stream takes no more")
    func ended() throws {
        var stream = try RedactionStream(self.fixture.masker())
        var out = ByteBuffer()
        try stream.finish(into: &out)
        #expect(out.readableBytes == 0)
        do {
            try stream.write(ByteBuffer(string: "more"), into: &out)
            Issue.record("a write after the end")
        } catch {
            #expect(error.code == .redactionFailed)
        }
    }

    @Test("long values, cut at random, come out as the whole does")
    func longValues() throws {
        var generator = SeededGenerator(seed: 11)
        let long = String(repeating: "aB3dE6gH9", count: 700)
        let texts = [
            "x ghp_\(long) y", "{\"password\": \"\(long)\", \"n\": 1}", "password=\(long) z",
            "eyJhbGciOiJIUzI1NiJ9.\(long).\(long) z",
            "{\"secret\": [\"\(long)\", 1], \"n\": 2}", "postgres://a:\(long)@h/x", "bearer \(long) z",
            "Authorization: \(long) \(long)\nz",
            "\(long)@example.com", "{\"secret\": {\(long)", "password='\(long)\(long)", "aws \(long)",
        ]
        for text in texts {
            let bytes = Array(text.utf8)
            for _ in 0..<12 {
                let places = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
                    Int.random(in: 0...bytes.count, using: &generator)
                }
                try self.expectEqual(bytes, Self.cut(bytes, at: places), text.prefix(24) + " at \(places)")
            }
        }
    }
}
