import GloveboxCore
import TestSupport
import Testing

@testable import LogFormats

@Suite("gzip")
struct GzipTests {
    @Test("what is packed comes out again, also of several members and of nothing", arguments: [0, 1, 300, 200_000])
    func roundTrip(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
        let packed = try #require(Gzip.packed(bytes))
        #expect(try Gzip.unpacked(packed, most: count) == bytes)
        #expect(try Gzip.unpacked(packed + packed, most: 2 * count) == bytes + bytes)
    }

    @Test("no more is unpacked than may be")
    func bomb() throws {
        let packed = try #require(Gzip.packed([UInt8](repeating: 0, count: 32 << 20)))
        #expect(packed.count < 200_000)
        #expect(try Gzip.unpacked(packed, most: 4 << 20) == nil)
        let small = try #require(Gzip.packed(Array("four".utf8)))
        #expect(try Gzip.unpacked(small, most: 3) == nil)
        #expect(try Gzip.unpacked(small, most: 4) == Array("four".utf8))
    }

    @Test("what is cut at any byte, has a byte changed, or isn't gzip is refused")
    func broken() throws {
        let packed = try #require(Gzip.packed(Array("a text that is packed, a text that is packed".utf8)))
        for end in 0..<packed.count {
            #expect(throws: LogFormatError.self) { try Gzip.unpacked(Array(packed.prefix(end)), most: 1000) }
        }
        // Its checksum says so.
        for place in (packed.count - 8)..<packed.count {
            var changed = packed
            changed[place] ^= 1
            #expect(throws: LogFormatError.self) { try Gzip.unpacked(changed, most: 1000) }
        }
        #expect(throws: LogFormatError.self) { try Gzip.unpacked(Array("plain text".utf8), most: 1000) }
    }
}
