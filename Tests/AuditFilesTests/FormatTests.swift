import GloveboxCore
import Testing

@testable import AuditFiles

@Suite("Formats")
struct FormatTests {
    /// RFC 3720, appendix B.4.
    @Test("CRC-32C gives the published values")
    func crc() {
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.of((0..<32).map { UInt8($0) }) == 0x46DD_794E)
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
    }

    @Test("a segment's header comes back as it was written, with many origins, and no flipped bit passes")
    func header() throws {
        let state = ChainState(
            position: 7, head: [UInt8](repeating: 9, count: 32),
            sequences: Dictionary(uniqueKeysWithValues: (1...100).map { ("agent/a\($0)", UInt64($0)) }))
        let header = SegmentHeader(kind: .log, origin: "gateway", before: state)
        let bytes = header.bytes
        #expect(bytes.count.isMultiple(of: 512))
        #expect(try SegmentHeader(bytes, path: "x") == header)
        #expect(try SegmentHeader(bytes + [1, 2, 3], path: "x") == header)
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 4
            #expect(throws: GloveboxError.self) { try SegmentHeader(flipped, path: "x") }
        }
    }

    @Test("random bytes are no frame")
    func frames() {
        var bytes: [UInt8] = []
        let head = Frame.append(
            to: &bytes, position: 5, placeInBatch: 2, isHostOnly: true, origin: "agent/a", sequence: 3,
            record: [1, 2, 3], after: Frame.firstHead)
        let frame = Frame(bytes, at: 0)
        #expect(
            frame?.head == head && frame?.batchStart == 3 && frame?.isHostOnly == true && frame?.origin == "agent/a")
        #expect(frame?.end == bytes.count && Frame.length(bytes, at: 0) == bytes.count)
        for end in bytes.indices { #expect(Frame(Array(bytes[..<end]), at: 0) == nil) }
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 1
            #expect(Frame(flipped, at: 0) == nil)
        }
        #expect(Frame(bytes, at: 1) == nil && Frame(bytes, at: bytes.count) == nil && Frame([], at: 0) == nil)
    }
}
