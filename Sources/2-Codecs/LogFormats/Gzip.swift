import CZlib

/// gzip (RFC 1952) of whole texts, as HTTP has it for a `Content-Encoding` (RFC 9110, section 8.4.1.3).
package enum Gzip {
    /// Window bits of zlib's for the largest window, with gzip's header and trailer.
    private static let windowBits: Int32 = 15 + 16
    private static let chunk = 64 << 10
    private static let structureSize = Int32(MemoryLayout<z_stream>.size)

    /// What is compressed in `bytes`, which may be several members, one after the other.
    ///
    /// No more than `most` bytes and a chunk are ever unpacked, however little they are packed in.
    /// - Returns: nil where it's more than `most` bytes.
    /// - Throws: ``LogFormatError`` for what isn't gzip, ends early, or has the wrong checksum.
    package static func unpacked(_ bytes: [UInt8], most: Int) throws(LogFormatError) -> [UInt8]? {
        var stream = z_stream()
        guard inflateInit2_(&stream, Self.windowBits, ZLIB_VERSION, Self.structureSize) == Z_OK else {
            throw LogFormatError("gzip can't be unpacked now")
        }
        defer { inflateEnd(&stream) }
        var packed = bytes
        var space = [UInt8](repeating: 0, count: Self.chunk)
        var unpacked: [UInt8] = []
        var taken = 0
        while true {
            let before = taken
            let (result, count) = packed.withUnsafeMutableBufferPointer { packed in
                space.withUnsafeMutableBufferPointer { space in
                    stream.next_in = packed.baseAddress?.advanced(by: taken)
                    stream.avail_in = UInt32(packed.count - taken)
                    stream.next_out = space.baseAddress
                    stream.avail_out = UInt32(space.count)
                    let result = inflate(&stream, Z_NO_FLUSH)
                    taken = packed.count - Int(stream.avail_in)
                    return (result, space.count - Int(stream.avail_out))
                }
            }
            guard result == Z_OK || result == Z_STREAM_END else {
                throw LogFormatError("it isn't gzip, or is cut short")
            }
            unpacked += space.prefix(count)
            if unpacked.count > most { return nil }
            if result == Z_STREAM_END {
                if taken == packed.count { return unpacked }
                guard inflateReset(&stream) == Z_OK else { throw LogFormatError("gzip can't be unpacked now") }
            } else if count == 0, taken == before {
                throw LogFormatError("it isn't gzip, or is cut short")
            }
        }
    }

    /// - Returns: nil where zlib has no memory for it.
    package static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // The fastest level: logs shrink to a tenth by it, and the rest costs more than it saves.
        guard
            deflateInit2_(
                &stream, Z_BEST_SPEED, Z_DEFLATED, Self.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Self.structureSize) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        var plain = bytes
        var space = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        let result = plain.withUnsafeMutableBufferPointer { plain in
            space.withUnsafeMutableBufferPointer { space in
                stream.next_in = plain.baseAddress
                stream.avail_in = UInt32(plain.count)
                stream.next_out = space.baseAddress
                stream.avail_out = UInt32(space.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END else { return nil }
        return Array(space.prefix(Int(stream.total_out)))
    }
}
