import HTTPWire
import Testing

/// Messages that two who read them may read in two ways. Each is refused, for the reason named.
@Suite("Smuggling")
struct SmugglingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: String
        var code: HTTPRefusal.Code
        var status = 400

        var testDescription: String { self.name }
    }

    static let cases: [Case] = [
        // Where the message ends.
        Case(
            name: "Content-Length and Transfer-Encoding",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
            code: .contentLengthWithTransferEncoding),
        Case(
            name: "Transfer-Encoding and Content-Length",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
            code: .contentLengthWithTransferEncoding),
        Case(
            name: "two lengths that differ",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            code: .contentLengthRepeated),
        Case(
            name: "two lengths that don't differ",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na",
            code: .contentLengthRepeated),
        Case(
            name: "a list of lengths", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "a length with a sign", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "a negative length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            code: .contentLengthInvalid),
        Case(
            name: "a hexadecimal length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "a length with a space in it", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "no length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            code: .contentLengthInvalid),
        Case(
            name: "a length that overflows",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "an escaped length", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"1\"\r\n\r\na",
            code: .contentLengthInvalid),
        Case(
            name: "another coding before chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingUnsupported, status: 501),
        Case(
            name: "identity", bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            code: .transferEncodingUnsupported, status: 501),
        Case(
            name: "chunked that isn't last",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "chunked twice in a line",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "chunked in two lines",
            bytes:
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "chunked and then identity, in two lines",
            bytes:
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "something like chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingUnsupported, status: 501),
        Case(
            name: "chunked with a parameter",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "chunked in quotes",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "chunked behind a comma",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "an empty coding", bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInvalid),
        Case(
            name: "a vertical tab before chunked",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{0B}chunked\r\n\r\n0\r\n\r\n",
            code: .controlCharacter),
        Case(
            name: "chunked in HTTP/1.0",
            bytes: "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            code: .transferEncodingInHTTP10),
        Case(
            name: "a body without a length in HTTP/1.0", bytes: "POST / HTTP/1.0\r\nHost: a\r\n\r\nabc",
            code: .lengthRequired, status: 411),

        // Where a line ends, and what's a name.
        Case(
            name: "a space before the colon", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\na",
            code: .spaceBeforeColon),
        Case(
            name: "a tab before the colon",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
            code: .spaceBeforeColon),
        Case(
            name: "a folded line", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", code: .lineFolding),
        Case(
            name: "a line folded with a tab",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
            code: .lineFolding),
        Case(
            name: "a first line that's folded", bytes: "GET / HTTP/1.1\r\n Host: a\r\n\r\n", code: .lineFolding),
        Case(
            name: "a bare line feed", bytes: "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", code: .bareLineFeed),
        Case(
            name: "a bare line feed behind the request line", bytes: "GET / HTTP/1.1\nHost: a\r\n\r\n",
            code: .bareLineFeed),
        Case(
            name: "two bare line feeds at the end", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\n", code: .bareLineFeed),
        Case(
            name: "a bare carriage return", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
            code: .bareCarriageReturn),
        Case(
            name: "a carriage return too many", bytes: "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", code: .bareCarriageReturn),
        Case(
            name: "an empty line that ends with a carriage return", bytes: "GET / HTTP/1.1\r\nHost: a\r\n\rX",
            code: .bareCarriageReturn),
        Case(name: "a NUL in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: b\0\r\n\r\n", code: .controlCharacter),
        Case(name: "a NUL in a name", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", code: .controlCharacter),
        Case(
            name: "a DEL in a value", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7F}\r\n\r\n", code: .controlCharacter),
        Case(name: "no name", bytes: "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", code: .fieldNameMissing),
        Case(name: "no colon", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", code: .fieldNameMissing),
        Case(
            name: "a name with a space", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", code: .fieldNameInvalid),
        Case(
            name: "a name that isn't ASCII", bytes: "GET / HTTP/1.1\r\nHost: a\r\nContent-L\u{E9}: b\r\n\r\n",
            code: .fieldNameInvalid),
        Case(name: "a name in brackets", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX[]: b\r\n\r\n", code: .fieldNameInvalid),

        Case(
            name: "a length with an underscore", bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n",
            code: .fieldNameInvalid),
        Case(
            name: "a coding with an underscore",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n", code: .fieldNameInvalid),
        Case(
            name: "an address with underscores", bytes: "GET / HTTP/1.1\r\nHost: a\r\nX_forwarded-for: 1\r\n\r\n",
            code: .fieldNameInvalid),

        // Who the message is for.
        Case(name: "no host", bytes: "GET / HTTP/1.1\r\n\r\n", code: .hostMissing),
        Case(name: "two hosts", bytes: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", code: .hostRepeated),
        Case(name: "a host twice", bytes: "GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n", code: .hostRepeated),
        Case(name: "an empty host", bytes: "GET / HTTP/1.1\r\nHost:\r\n\r\n", code: .hostInvalid),
        Case(name: "a host with a path", bytes: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", code: .hostInvalid),
        Case(name: "a host with a user", bytes: "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", code: .hostInvalid),
        Case(name: "a list of hosts", bytes: "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", code: .hostInvalid),
        Case(name: "a host with a space", bytes: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", code: .hostInvalid),
        Case(name: "a port that isn't one", bytes: "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", code: .hostInvalid),
        Case(name: "a port too large", bytes: "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", code: .hostInvalid),
        Case(name: "brackets that aren't closed", bytes: "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", code: .hostInvalid),
        Case(
            name: "another host in the target", bytes: "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", code: .hostMismatch),
        Case(
            name: "another port in the target", bytes: "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
            code: .hostMismatch),
        Case(name: "a user in the target", bytes: "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", code: .hostMismatch),

        // What's asked for.
        Case(name: "HTTP/0.9", bytes: "GET /\r\n", code: .versionInvalid),
        Case(name: "HTTP/0.9 with a version", bytes: "GET / HTTP/0.9\r\n\r\n", code: .versionUnsupported, status: 505),
        Case(name: "HTTP/1.2", bytes: "GET / HTTP/1.2\r\nHost: a\r\n\r\n", code: .versionUnsupported, status: 505),
        Case(name: "HTTP/2.0", bytes: "GET / HTTP/2.0\r\nHost: a\r\n\r\n", code: .versionUnsupported, status: 505),
        Case(
            name: "HTTP/2's preface", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", code: .versionUnsupported, status: 505),
        Case(name: "a version in lower case", bytes: "GET / http/1.1\r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "a version that's too long", bytes: "GET / HTTP/1.10\r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "a space behind the version", bytes: "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "two spaces before the target", bytes: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "two spaces before the version", bytes: "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "a space in the target", bytes: "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", code: .versionInvalid),
        Case(name: "a tab in the request line", bytes: "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", code: .methodInvalid),
        Case(name: "a space before the method", bytes: " GET / HTTP/1.1\r\nHost: a\r\n\r\n", code: .methodInvalid),
        Case(name: "a method that isn't a token", bytes: "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", code: .methodInvalid),
        Case(name: "a method alone", bytes: "GET\r\n\r\n", code: .requestLineInvalid),
        Case(
            name: "CONNECT", bytes: "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", code: .methodUnsupported,
            status: 501),
        Case(name: "TRACE", bytes: "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", code: .methodUnsupported, status: 501),
        Case(name: "a target that isn't one", bytes: "GET a HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "another scheme", bytes: "GET file:///etc HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "an asterisk without OPTIONS", bytes: "GET * HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "a fragment", bytes: "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "a target that isn't ASCII", bytes: "GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "a segment of two dots", bytes: "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(
            name: "a segment of escaped dots", bytes: "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n",
            code: .targetInvalid),
        Case(
            name: "dots behind an escaped slash", bytes: "GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
            code: .targetInvalid),
        Case(name: "dots with a parameter", bytes: "GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "dots at the end", bytes: "GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "a backslash", bytes: "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "an escaped NUL", bytes: "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "an escaped line's end", bytes: "GET /a%0d%0aX HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "an escape that isn't one", bytes: "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", code: .targetInvalid),
        Case(name: "TLS", bytes: "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", code: .controlCharacter),

        // What's dropped on the way, and what isn't.
        Case(
            name: "a length that's dropped on the way",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 1\r\n\r\na",
            code: .connectionInvalid),
        Case(
            name: "a host that's dropped on the way",
            bytes: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, host\r\n\r\n", code: .connectionInvalid),
        Case(
            name: "options that aren't tokens", bytes: "GET / HTTP/1.1\r\nHost: a\r\nConnection: cl ose\r\n\r\n",
            code: .connectionInvalid),
        Case(
            name: "another expectation",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\n",
            code: .expectationUnsupported, status: 417),
        Case(
            name: "an expectation with more to it",
            bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: y 100-continue\r\n\r\n",
            code: .expectationUnsupported, status: 417),
    ]

    static let bodies: [Case] = [
        Case(name: "a size that isn't a number", bytes: "x\r\n", code: .chunkSizeInvalid),
        Case(name: "no size", bytes: "\r\n", code: .chunkSizeInvalid),
        Case(name: "a size with a sign", bytes: "+1\r\na\r\n", code: .chunkSizeInvalid),
        Case(name: "a size with a prefix", bytes: "0x1\r\na\r\n", code: .chunkSizeInvalid),
        Case(name: "a size with a space before it", bytes: " 1\r\na\r\n", code: .chunkSizeInvalid),
        Case(name: "a size with a space behind it", bytes: "1 \r\na\r\n", code: .chunkSizeInvalid),
        Case(name: "a size that overflows", bytes: "FFFFFFFFFFFFFFFFF\r\n", code: .chunkSizeInvalid),
        Case(name: "a size with too many zeros", bytes: "0000000000000000\r\n\r\n", code: .chunkSizeInvalid),
        Case(name: "a size that ends with a line feed", bytes: "1\na\r\n", code: .bareLineFeed),
        Case(name: "a size that ends with a carriage return", bytes: "1\rX", code: .bareCarriageReturn),
        Case(name: "an extension that ends with a line feed", bytes: "1;a\n", code: .bareLineFeed),
        Case(name: "an extension that ends with a carriage return", bytes: "1;a\rX", code: .bareCarriageReturn),
        Case(name: "a NUL in an extension", bytes: "1;\0\r\n", code: .chunkExtensionTooLong),
        Case(
            name: "an extension that's too long", bytes: "1;" + String(repeating: "a", count: 257) + "\r\n",
            code: .chunkExtensionTooLong),
        Case(name: "a chunk that's longer than its size", bytes: "1\r\nab\r\n", code: .chunkInvalid),
        Case(name: "a chunk that ends with a line feed", bytes: "1\r\na\n", code: .chunkInvalid),
        Case(name: "a chunk that ends with a carriage return", bytes: "1\r\na\rX", code: .chunkInvalid),
        Case(name: "a trailer with a space before its colon", bytes: "0\r\nX : y\r\n\r\n", code: .spaceBeforeColon),
        Case(name: "a trailer that ends with a line feed", bytes: "0\r\nX: y\n\r\n", code: .bareLineFeed),
        Case(name: "trailers that end with a line feed", bytes: "0\r\n\n", code: .bareLineFeed),
        Case(name: "a folded trailer", bytes: "0\r\nX: y\r\n z\r\n\r\n", code: .lineFolding),
        Case(
            name: "trailers that are too large", bytes: "0\r\nX: " + String(repeating: "a", count: 9000),
            code: .trailerTooLarge, status: 431),
    ]

    @Test("what could be read in two ways is refused", arguments: Self.cases)
    func heads(_ item: Case) {
        #expect(RequestReading.events(item.bytes).last == .refused(item.code))
        #expect(HTTPRefusal(item.code).status == item.status)
    }

    @Test("and it's refused for the same reason wherever the bytes are cut", arguments: Self.cases)
    func cutHeads(_ item: Case) {
        let bytes = Array(item.bytes.utf8)
        let whole = RequestReading.events(bytes)
        for cut in bytes.indices { #expect(RequestReading.events(bytes, cutAt: cut) == whole, "cut at \(cut)") }
        #expect(RequestReading.events(bytes, cutAt: nil) == whole)
    }

    @Test("a chunked body that could be read in two ways is refused, wherever it's cut", arguments: Self.bodies)
    func cutBodies(_ item: Case) {
        let bytes = Array(("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + item.bytes).utf8)
        let whole = RequestReading.events(bytes)
        #expect(whole.last == .refused(item.code))
        #expect(HTTPRefusal(item.code).status == item.status)
        for cut in bytes.indices { #expect(RequestReading.events(bytes, cutAt: cut) == whole, "cut at \(cut)") }
        #expect(RequestReading.events(bytes, cutAt: nil) == whole)
    }

    @Test("every reason has a message that doesn't begin with its code, and a status")
    func messages() {
        for code in HTTPRefusal.Code.allCases {
            let refusal = HTTPRefusal(code)
            #expect(refusal.message.count > 20 && [400, 411, 413, 414, 417, 431, 501, 505].contains(refusal.status))
        }
        #expect(Set(HTTPRefusal.Code.allCases.map { HTTPRefusal($0).message }).count == HTTPRefusal.Code.allCases.count)
    }
}
