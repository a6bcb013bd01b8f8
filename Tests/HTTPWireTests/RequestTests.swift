import HTTPWire
import TestSupport
import Testing

@Suite("Requests")
struct RequestTests {
    static let conversations = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a/b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\nAccept:  */* \t\r\nX-Empty:\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;a=\"b\"\r\n!\r\n0\r\n\r\n"
            + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0a\r\n0123456789\r\n000\r\nX-Sum: 1\r\nY:2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: A\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ]

    @Test("however a conversation is cut, the same is read", arguments: Self.conversations)
    func cuts(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = RequestReading.events(bytes)
        #expect(
            whole.allSatisfy {
                if case .refused = $0 { false } else { true }
            })
        for cut in bytes.indices { #expect(RequestReading.events(bytes, cutAt: cut) == whole, "cut at \(cut)") }
        #expect(RequestReading.events(bytes, cutAt: nil) == whole)
    }

    @Test("heads are read with their lines, bodies with their trailers")
    func events() {
        #expect(
            RequestReading.events(Self.conversations[1]) == [
                .head("GET /a/b?c=d 1.1 Host=shop.example:8080;Accept=*/*;X-Empty="), .end(trailers: []),
            ])
        #expect(
            RequestReading.events(Self.conversations[5]).dropFirst()
                == [.content("0123456789"), .end(trailers: ["X-Sum: 1", "Y:2"])])
        let two = RequestReading.events(Self.conversations[4])
        #expect(two.count == 5 && two[1] == .content("hello!") && two[3] == .head("GET /2 1.1 Host=a"))
    }

    @Test(
        "whether a connection stays open is what Connection says, or else what the version does",
        arguments: [
            ("HTTP/1.1\r\nHost: a", true), ("HTTP/1.1\r\nHost: a\r\nConnection: close", false),
            ("HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE", false), ("HTTP/1.0", false),
            ("HTTP/1.0\r\nConnection: keep-alive", true),
            ("HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close", false),
        ])
    func persistence(_ rest: String, _ isPersistent: Bool) {
        #expect(RequestReading.head("GET / \(rest)\r\n\r\n")?.isPersistent == isPersistent)
    }

    @Test("an upgrade is one that Connection names, without a body")
    func upgrades() {
        let both = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        #expect(RequestReading.head("GET / HTTP/1.1\r\nHost: a\r\n\(both)\r\n")?.upgrade?.length == 9)
        #expect(RequestReading.head("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n")?.upgrade == nil)
        #expect(RequestReading.head("GET / HTTP/1.0\r\nHost: a\r\n\(both)\r\n")?.upgrade == nil)
        #expect(RequestReading.head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\(both)\r\n")?.upgrade == nil)
    }

    @Test("an expectation counts where there's a body that can wait")
    func expectations() {
        let expect = "Expect: 100-Continue\r\n\r\n"
        #expect(
            RequestReading.head("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\(expect)")?.expectsContinue == true)
        #expect(RequestReading.head("PUT / HTTP/1.1\r\nHost: a\r\n\(expect)")?.expectsContinue == false)
        #expect(
            RequestReading.head("PUT / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\(expect)")?.expectsContinue == false
        )
    }

    @Test("fields that Connection names end here, and no others")
    func nominations() throws {
        let head = try #require(
            RequestReading.head("GET / HTTP/1.1\r\nHost: a\r\nX-a: 1\r\nX-B: 2\r\nConnection: x-A, close\r\n\r\n"))
        #expect(head.hasNominated)
        #expect(head.fields.map(\.isNominated) == [false, true, false, false])
    }

    @Test(
        "the host is told without port, and in any of its forms",
        arguments: [
            ("shop.example", "shop.example"), ("shop.example:8080", "shop.example"), ("shop.example.", "shop.example"),
            ("127.0.0.1:1", "127.0.0.1"), ("[::1]:443", "[::1]"), ("[::1]", "[::1]"), ("a_b-c.d:", "a_b-c.d"),
        ])
    func hosts(_ text: String, _ host: String) throws {
        let head = try #require(RequestReading.head("GET / HTTP/1.1\r\nHost: \(text)\r\n\r\n"))
        #expect(head.host.length == host.utf8.count && head.authority.length == text.utf8.count)
    }

    @Test("limits hold, whether the bytes come at once or one by one")
    func limits() {
        var limits = HeadLimits()
        limits.requestLine = 64
        limits.head = 256
        limits.fields = 3
        func both(_ text: String) -> WireEvent? {
            let (bytes, last) = (Array(text.utf8), RequestReading.events(Array(text.utf8), limits).last)
            #expect(RequestReading.events(bytes, cutAt: nil, limits).last == last)
            return last
        }
        let long = String(repeating: "a", count: 300)
        #expect(both("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n") == .refused(.requestLineTooLong))
        #expect(both("GET /\(long)") == .refused(.requestLineTooLong))
        #expect(both("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n") == .refused(.headTooLarge))
        #expect(both("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\0\r\n\r\n") == .refused(.headTooLarge))
        #expect(both("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n") == .refused(.tooManyFields))
        #expect(both("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n") == .end(trailers: []))
        // To the byte: 64 with its end is a line, 65 is none.
        let fitting = String(repeating: "a", count: 64 - "GET / HTTP/1.1\r\n".utf8.count)
        #expect(both("GET /\(fitting) HTTP/1.1\r\nHost: a\r\n\r\n") == .end(trailers: []))
        #expect(both("GET /\(fitting)a HTTP/1.1\r\nHost: a\r\n\r\n") == .refused(.requestLineTooLong))
    }

    @Test(
        "a path has one spelling",
        arguments: [
            ("/%61dmin", "/admin"), ("//a///b", "/a/b"), ("/a%2Fb", "/a%2Fb"), ("/a%2fb", "/a%2Fb"), ("/%25", "/%25"),
            ("/.well-known/a", "/.well-known/a"), ("/a;b=c/d", "/a;b=c/d"),
        ])
    func paths(_ text: String, _ normal: String) throws {
        let head = try #require(RequestReading.head("GET \(text)?q HTTP/1.1\r\nHost: a\r\n\r\n"))
        let bytes = Array("GET \(text)?q".utf8)
        #expect(bytes.withUnsafeBytes { RequestPath.normal($0, head.path) } == Array(normal.utf8))
        #expect(!head.isPathPlain)
    }

    @Test("random bytes, and messages with faults, are read alike however they're cut, and never trap")
    func fuzz() throws {
        try Fuzzing("HTTPWire requests").run(2000) { generator in
            let seed = Self.conversations[generator.place(in: Self.conversations.count)]
            let spoiled =
                generator.once(in: 4)
                ? generator.bytes(Int.random(in: 0...200, using: &generator)) : generator.spoiled(Array(seed.utf8))
            let whole = RequestReading.events(spoiled)
            let cut = generator.place(in: spoiled.count + 1)
            guard RequestReading.events(spoiled, cutAt: cut) == whole,
                RequestReading.events(spoiled, cutAt: nil) == whole
            else { throw TestSupportError("read differently when cut at \(cut)") }
        }
    }
}
