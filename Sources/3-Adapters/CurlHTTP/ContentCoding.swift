import CBrotli
import CZlib
import Contracts
import GloveboxCore

/// Undoes what Content-Encoding names (RFC 9110, section 8.4.1).
enum ContentCoding {
    /// More codings on top of each other than this are refused.
    private static let mostCodings = 5

    static func decoded(_ body: [UInt8], _ headers: [String], most: Int) -> Result<[UInt8], GloveboxError> {
        let codings = headers.flatMap { $0.split(separator: ",") }.map { $0.filter { !$0.isWhitespace }.lowercased() }
        guard codings.count <= self.mostCodings else {
            return .failure(
                GloveboxError(.exchangeBadCoding, "the body is encoded more than \(self.mostCodings) times"))
        }
        var bytes = body
        for coding in codings.reversed() where !body.isEmpty {
            do throws(GloveboxError) {
                switch coding {
                case "identity", "": break
                case "gzip", "x-gzip": bytes = try self.inflated(bytes, windowBits: 15 + 16, most)
                case "deflate": bytes = try self.deflated(bytes, most)
                case "br": bytes = try self.brotli(bytes, most)
                default:
                    throw GloveboxError(.exchangeBadCoding, "the body's encoding '\(coding.prefix(40))' isn't known")
                }
            } catch {
                return .failure(error)
            }
        }
        return .success(bytes)
    }

    /// With zlib's frame as it should be, or without as some send it.
    private static func deflated(_ bytes: [UInt8], _ most: Int) throws(GloveboxError) -> [UInt8] {
        do throws(GloveboxError) {
            return try self.inflated(bytes, windowBits: 15, most)
        } catch {
            guard error.code == .exchangeBadCoding else { throw error }
            return try self.inflated(bytes, windowBits: -15, most)
        }
    }

    private static func tooLarge(_ most: Int) -> GloveboxError {
        GloveboxError(.exchangeTooLarge, "the answer has more than \(most) bytes")
    }

    private static func bad(_ coding: String) -> GloveboxError {
        GloveboxError(.exchangeBadCoding, "the body isn't \(coding), as its headers say")
    }

    private static func inflated(
        _ bytes: [UInt8], windowBits: Int32, _ most: Int
    ) throws(GloveboxError) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw GloveboxError(.exchangeFailed, "there's no memory left for the answer")
        }
        defer { inflateEnd(&stream) }
        var input = bytes
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let code = input.withUnsafeMutableBufferPointer { input -> Int32? in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(clamping: input.count)
            while true {
                let code = chunk.withUnsafeMutableBufferPointer { chunk -> Int32 in
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(chunk.count)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                let count = chunk.count - Int(stream.avail_out)
                result += chunk[..<count]
                if result.count > most { return nil }
                // No step forward: the end, or bytes that are missing.
                if code != Z_OK { return code }
            }
        }
        guard let code else { throw self.tooLarge(most) }
        guard code == Z_STREAM_END else { throw self.bad(windowBits > 16 ? "gzip" : "deflate") }
        return result
    }

    private static func brotli(_ bytes: [UInt8], _ most: Int) throws(GloveboxError) -> [UInt8] {
        guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else {
            throw GloveboxError(.exchangeFailed, "there's no memory left for the answer")
        }
        defer { BrotliDecoderDestroyInstance(state) }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let code = bytes.withUnsafeBufferPointer { input -> BrotliDecoderResult? in
            var (next, left) = (input.baseAddress, input.count)
            while true {
                var room = chunk.count
                let code = chunk.withUnsafeMutableBufferPointer { chunk -> BrotliDecoderResult in
                    var out = chunk.baseAddress
                    return BrotliDecoderDecompressStream(state, &left, &next, &room, &out, nil)
                }
                result += chunk[..<(chunk.count - room)]
                if result.count > most { return nil }
                if code != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT { return code }
            }
        }
        guard let code else { throw self.tooLarge(most) }
        guard code == BROTLI_DECODER_RESULT_SUCCESS else { throw self.bad("brotli") }
        return result
    }
}
