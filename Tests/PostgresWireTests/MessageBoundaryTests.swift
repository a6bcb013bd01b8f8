import NIOCore
import PostgresWire
import Testing

@Suite("Between messages or in one")
struct MessageBoundaryTests {
    @Test("however a stream is split, it's known at each byte whether a message is under way, and which kind")
    func everyByte() {
        let whole = bytes(MessageTests.backend)
        // Where each message ends, and its kind.
        var ends: [Int: UInt8] = [:]
        var end = 0
        for message in MessageTests.backend {
            let one = bytes([message])
            end += one.readableBytes
            ends[end] = one.readableBytesView.first
        }
        let all = Array(whole.readableBytesView)
        for size in [1, 2, 3, 4, 5, 6, 7, 11, 64, all.count] {
            var boundary = MessageBoundary()
            #expect(boundary.isBetweenMessages && boundary.kind == nil)
            for start in stride(from: 0, to: all.count, by: size) {
                let upTo = min(start + size, all.count)
                boundary.pass(ByteBuffer(bytes: all[start..<upTo]))
                #expect(boundary.isBetweenMessages == (ends[upTo] != nil), "byte \(upTo) in pieces of \(size)")
                if let kind = ends[upTo] { #expect(boundary.kind == kind) }
            }
            #expect(boundary.isBetweenMessages)
        }
        for cut in all.indices {
            var boundary = MessageBoundary()
            boundary.pass(ByteBuffer(bytes: all[..<cut]))
            #expect(boundary.isBetweenMessages == (cut == 0 || ends[cut] != nil))
            boundary.pass(ByteBuffer(bytes: all[cut...]))
            #expect(boundary.isBetweenMessages)
        }
    }

    @Test(
        "after a length that can't be, nothing is between messages any more",
        arguments: [0, 3, 0x8000_0000] as [UInt32])
    func nonsense(length: UInt32) {
        var boundary = MessageBoundary()
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(ascii: "D"))
        buffer.writeInteger(length)
        boundary.pass(buffer)
        #expect(!boundary.isBetweenMessages)
        boundary.pass(bytes(MessageTests.backend))
        #expect(!boundary.isBetweenMessages)
    }
}
