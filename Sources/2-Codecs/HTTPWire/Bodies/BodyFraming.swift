/// How a message's body ends (RFC 9112, 6.3).
package enum BodyFraming: Hashable, Sendable {
    case none
    case length(UInt64)
    case chunked
    /// With the connection: only responses may.
    case untilClose

    /// `Content-Length` is digits alone, and far from what a counter can't hold.
    static func contentLength(_ bytes: UnsafeRawBufferPointer, _ line: FieldLine) throws(HTTPRefusal) -> UInt64 {
        guard line.valueLength > 0, line.valueLength <= 18 else { throw HTTPRefusal(.contentLengthInvalid) }
        var length: UInt64 = 0
        for index in Int(line.value)..<Int(line.value + line.valueLength) {
            guard bytes[index].isDigit else { throw HTTPRefusal(.contentLengthInvalid) }
            length = length &* 10 &+ UInt64(bytes[index] &- 0x30)
        }
        return length
    }

    /// `Transfer-Encoding` is `chunked` and nothing else. A list that ends with it is understood, but its codings aren't.
    static func checkChunked(
        _ bytes: UnsafeRawBufferPointer, _ line: FieldLine, isRepeated: Bool
    ) throws(HTTPRefusal) {
        guard !isRepeated else { throw HTTPRefusal(.transferEncodingInvalid) }
        if ByteScan.isSame(bytes, Int(line.value), Int(line.valueLength), "chunked") { return }
        var list = TokenList(bytes, line)
        var chunkings = 0
        var isLast = false
        while let token = try list.next(else: .transferEncodingInvalid) {
            isLast = ByteScan.isSame(bytes, token.at, token.length, "chunked")
            chunkings += isLast ? 1 : 0
        }
        // `chunked` with a comma too many is a list as well, but no two would read it alike.
        let others = try Self.count(bytes, line) - chunkings
        guard others > 0, chunkings == 0 || chunkings == 1 && isLast else {
            throw HTTPRefusal(.transferEncodingInvalid)
        }
        throw HTTPRefusal(.transferEncodingUnsupported)
    }

    private static func count(_ bytes: UnsafeRawBufferPointer, _ line: FieldLine) throws(HTTPRefusal) -> Int {
        var list = TokenList(bytes, line)
        var count = 0
        while try list.next(else: .transferEncodingInvalid) != nil { count += 1 }
        return count
    }
}
