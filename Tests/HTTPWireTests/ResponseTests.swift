import HTTPWire
import NIOCore
import TestSupport
import Testing

@Suite("Responses")
struct ResponseTests {
    static func head(_ text: String, cutAt cut: Int? = nil) -> Result<ResponseHead?, HTTPRefusal> {
        var reader = ResponseHeadReader(HeadLimits())
        let bytes = Array(text.utf8)
        do throws(HTTPRefusal) {
            for end in [cut ?? bytes.count, bytes.count] {
                let result = bytes[..<end].withUnsafeBytes { bytes -> Result<Bool, HTTPRefusal> in
                    do throws(HTTPRefusal) { return .success(try reader.read(bytes)) } catch { return .failure(error) }
                }
                if try result.get() { return .success(reader.head) }
            }
            return .success(nil)
        } catch {
            return .failure(error)
        }
    }

    @Test("a response's end is known by its status, its fields and what was asked")
    func framing() throws {
        func framing(_ text: String, isHead: Bool = false) throws -> BodyFraming {
            try #require(try Self.head(text).get()).framing(toHead: isHead)
        }
        #expect(try framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == .length(5))
        #expect(try framing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == .none)
        #expect(try framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == .chunked)
        #expect(try framing("HTTP/1.1 200\r\n\r\n") == .untilClose)
        #expect(try framing("HTTP/1.0 200 OK\r\n\r\n") == .untilClose)
        #expect(try framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", isHead: true) == .none)
        #expect(try framing("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n") == .none)
        #expect(try framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n") == .none)
        #expect(try framing("HTTP/1.1 100 Continue\r\n\r\n") == .none)
    }

    @Test(
        "what can't be passed on is refused",
        arguments: [
            ("HTTP/2 200 OK\r\n\r\n", .statusLineInvalid), ("HTTP/1.1 20 OK\r\n\r\n", .statusLineInvalid),
            ("HTTP/1.1 2000 OK\r\n\r\n", .statusLineInvalid), ("HTTP/1.1 099 OK\r\n\r\n", .statusLineInvalid),
            ("HTTP/1.1  200 OK\r\n\r\n", .statusLineInvalid), ("hello\r\n\r\n", .statusLineInvalid),
            ("HTTP/1.1 200 OK\nX: y\r\n\r\n", .bareLineFeed),
            ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", .spaceBeforeColon),
            ("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", .lineFolding),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .contentLengthRepeated),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                .contentLengthWithTransferEncoding
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .transferEncodingUnsupported),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
            ("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInvalid),
        ] as [(String, HTTPRefusal.Code)])
    func refused(_ text: String, _ code: HTTPRefusal.Code) {
        #expect(Self.head(text) == .failure(HTTPRefusal(code)))
        for cut in text.utf8.indices {
            let cut = text.utf8.distance(from: text.startIndex, to: cut)
            #expect(Self.head(text, cutAt: cut) == .failure(HTTPRefusal(code)))
        }
    }

    @Test("a body without an end of its own is whole when the connection ends, others aren't")
    func close() throws {
        func read(_ framing: BodyFraming, _ text: String) throws -> (step: BodyReader.Step, isWhole: Bool) {
            var body = BodyReader(framing, HeadLimits())
            var at = 0
            let step = try Array(text.utf8).withUnsafeBytes { try body.next($0, at: &at) }
            return (step, body.close())
        }
        #expect(try read(.untilClose, "abc") == (.content(0..<3), true))
        #expect(try read(.length(5), "abc") == (.content(0..<3), false))
        #expect(try read(.chunked, "3\r\nabc\r\n") == (.content(3..<6), false))
    }

    @Test("what goes on is what came, without what ends at this hop")
    func written() throws {
        let text =
            "GET /a?b HTTP/1.1\r\nHost: a\r\nConnection: x-gone, close\r\nX-One: 1\r\nX-Gone: 2\r\nTE: trailers\r\n"
            + "X-Forwarded-For: 6.6.6.6\r\nX-Two:   2  \r\nKeep-Alive: 5\r\nContent-Length: 007\r\n\r\n"
        let head = try #require(RequestReading.head(text))
        func written(atMost size: Int) -> (buffer: ByteBuffer, isComplete: Bool) {
            var buffer = ByteBuffer(string: "")
            let isComplete = Array(text.utf8).withUnsafeBytes { bytes in
                buffer.writeHead(atMost: size) { writer in
                    head.writeLine(of: bytes, to: &writer)
                    writer.write(
                        lines: head.fields, of: bytes, dropping: FieldSet.hopByHop.union(.forwarding),
                        hasNominated: head.hasNominated)
                    head.writeFraming(to: &writer)
                }
            }
            return (buffer, isComplete)
        }
        let (buffer, isComplete) = written(atMost: 512)
        #expect(isComplete)
        #expect(
            String(buffer: buffer)
                == "GET /a?b HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Two:   2  \r\nContent-Length: 7\r\n")
    }

    @Test("random bytes never trap a response's reader")
    func fuzz() throws {
        let seed =
            "HTTP/1.1 200 OK\r\nContent-Type: a\r\nConnection: close, x\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
        try Fuzzing("HTTPWire responses").run(2000) { generator in
            let spoiled = String(decoding: generator.spoiled(Array(seed.utf8)), as: UTF8.self)
            let whole = Self.head(spoiled)
            let cut = generator.place(in: spoiled.utf8.count + 1)
            guard Self.head(spoiled, cutAt: cut) == whole else {
                throw TestSupportError("read differently, cut at \(cut)")
            }
        }
    }
}
