import Contracts
import CurlHTTP
import GloveboxCore
import TestSupport
import Testing

@Suite("Requests by libcurl")
struct CurlSessionTests {
    private func answer(_ request: ExchangeRequest) async throws -> ExchangeAnswer {
        try #require(try await CurlSession().exchange(request).last)
    }

    private func text(_ answer: ExchangeAnswer) throws -> String {
        String(decoding: try answer.body.get(), as: UTF8.self)
    }

    private func request(
        _ url: String, _ method: String = "GET", _ change: (inout ExchangeRequest) -> Void = { _ in }
    ) -> ExchangeRequest {
        var request = ExchangeRequest(method: method, url: url)
        change(&request)
        return request
    }

    /// The code that a request fails with.
    private func failure(_ request: ExchangeRequest) async -> GloveboxError.Code? {
        do {
            _ = try await CurlSession().exchange(request)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("method, URL, query, headers and body arrive as they were written, and nothing is added unasked")
    func request() async throws {
        let server = try await ExchangeServer()
        let answer = try await self.answer(
            self.request("\(server.url)/echo?a=1", "PATCH") { request in
                request.headers = [.init("X-A", "1"), .init("X-A", "2"), .init("X-Empty", "")]
                request.query = [.init("b", "x y&z"), .init("c", "é")]
                request.body = .bytes(Array("{\"k\": 1}".utf8))
            })
        let text = try self.text(answer)
        #expect(answer.status == 200 && answer.version == .http11 && answer.address == "127.0.0.1")
        #expect(answer.url == "\(server.url)/echo?a=1&b=x%20y%26z&c=%C3%A9")
        #expect(text.contains(#""method": "PATCH""#) && text.contains(#""b": "x y&z""#))
        #expect(text.contains(#""x-a": ["1", "2"]"#) && text.contains(#""x-empty": [""]"#))
        #expect(text.contains(#""body": "{\"k\": 1}""#) && text.contains(#""user-agent": ["glovebox"]"#))
        #expect(!text.contains("content-type") && !text.contains("expect") && !text.contains("accept-encoding"))
        #expect(answer.headers("x-echo") == ["yes"])
        #expect(answer.sentHeaders.filter { $0.name == "X-A" }.map(\.value) == ["1", "2"])
        #expect(answer.timings.total > 0 && answer.timings.total >= answer.timings.firstByte)
    }

    @Test("what isn't ASCII in a URL is percent-encoded on the wire, and stays in what's told of it")
    func encodedURL() async throws {
        let server = try await ExchangeServer()
        let answer = try await self.answer(self.request("\(server.url)/echo?é=%20ü"))
        #expect(answer.url == "\(server.url)/echo?é=%20ü")
        #expect(try self.text(answer).contains(#""target": "/echo?%C3%A9=%20%C3%BC""#))
    }

    @Test("headers of an answer stand in order, with repeats")
    func headers() async throws {
        let server = try await ExchangeServer()
        let answer = try await self.answer(self.request("\(server.url)/repeated"))
        let names = answer.headers.map(\.name).filter { $0.hasPrefix("X-") }
        #expect(names == ["X-Many", "X-Many", "X-One", "X-Empty"])
        #expect(answer.headers("x-many") == ["one", "two"] && answer.headers("X-EMPTY") == [""])
    }

    @Test("forms and multipart forms are encoded, with their types")
    func forms() async throws {
        let server = try await ExchangeServer()
        let form = try self.text(
            try await self.answer(
                self.request("\(server.url)/echo", "POST") {
                    $0.body = .form([.init("a", "1 2"), .init("b", "é&=")])
                    $0.contentType = "application/x-www-form-urlencoded"
                }))
        #expect(form.contains(#""form": {"a": "1 2", "b": "\u00e9&="}"#))
        #expect(form.contains(#""content-type": ["application/x-www-form-urlencoded"]"#))
        let parts = try self.text(
            try await self.answer(
                self.request("\(server.url)/echo", "POST") {
                    $0.body = .multipart([
                        .init(name: "k", content: Array("v".utf8)), .init(name: "e", content: []),
                        .init(name: "f", content: Array("data".utf8), fileName: "a.html", contentType: "text/html"),
                    ])
                }))
        #expect(parts.contains(#"name=\"k\"\r\n\r\nv\r\n"#) && parts.contains(#"name=\"e\"\r\n\r\n\r\n"#))
        #expect(
            parts.contains(#"name=\"f\"; filename=\"a.html\"\r\nContent-Type: text/html\r\n\r\ndata\r\n"#))
        #expect(parts.contains(#""content-type": ["multipart/form-data; boundary="#))
    }

    @Test("HEAD has no body, and any word may be the method")
    func methods() async throws {
        let server = try await ExchangeServer()
        let head = try await self.answer(self.request("\(server.url)/text/abc", "HEAD"))
        #expect(head.status == 200 && head.rawBody.isEmpty && head.headers("content-length") == ["3"])
        let query = try await self.answer(self.request("\(server.url)/echo", "QUERY"))
        #expect(try self.text(query).contains(#""method": "QUERY""#))
    }

    @Test("cookies are kept within a session, set and cleared by command, and never pass to another session")
    func cookies() async throws {
        let server = try await ExchangeServer()
        let session = CurlSession()
        let first = try await session.exchange(self.request("\(server.url)/set"))
        #expect(Set(first[0].cookies.map(\.name)) == ["session", "theme"])
        func sent(_ session: CurlSession, _ change: (inout ExchangeRequest) -> Void = { _ in }) async throws -> String {
            let answers = try await session.exchange(self.request("\(server.url)/echo", "GET", change))
            return answers[0].sentHeaders.first { $0.name == "Cookie" }?.value ?? ""
        }
        #expect(Set(try await sent(session).split(separator: "; ")) == ["session=abc", "theme=dark"])
        let more = try await sent(session) { $0.cookies = [.init("own", "1")] }
        #expect(more.contains("own=1") && more.contains("session=abc"))
        #expect(try await sent(CurlSession()).isEmpty)
        #expect(
            try await sent(session) {
                $0.cookieCommands = [.clear, .set("127.0.0.1\tFALSE\t/\tFALSE\t0\tmine\tx")]
            } == "mine=x")
    }

    @Test("sessions side by side keep to themselves")
    func sideBySide() async throws {
        let server = try await ExchangeServer()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let session = CurlSession()
                    var request = ExchangeRequest(url: "\(server.url)/echo")
                    request.cookieCommands = [.set("127.0.0.1\tFALSE\t/\tFALSE\t0\tme\t\(number)")]
                    for turn in 0..<10 {
                        request.query = [.init("turn", "\(number)-\(turn)")]
                        let answer = try await session.exchange(request).last
                        let text = String(decoding: try answer?.body.get() ?? [], as: UTF8.self)
                        guard text.contains("\"turn\": \"\(number)-\(turn)\""), text.contains("[\"me=\(number)\"]")
                        else {
                            return false
                        }
                        request.cookieCommands = []
                    }
                    return true
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test("a header that looks like a status line is one, not a new answer; trailers are headers")
    func oddHeaders() async throws {
        let server = try await ExchangeServer()
        let answer = try await self.answer(self.request("\(server.url)/odd"))
        #expect(answer.version == .http11 && answer.status == 200)
        #expect(try self.text(answer) == "chunk")
        #expect(answer.headers("x-before") == ["1"] && answer.headers("http/2 500") == ["x"])
        #expect(answer.headers("x-trailer") == ["end"])
    }

    @Test("redirects are followed hop by hop where that's asked, up to the limit")
    func redirects() async throws {
        let server = try await ExchangeServer()
        let none = try await CurlSession().exchange(self.request("\(server.url)/redirect/2"))
        #expect(none.map(\.status) == [302])
        let all = try await CurlSession().exchange(
            self.request("\(server.url)/redirect/2") { $0.settings.followsRedirects = true })
        #expect(all.map(\.status) == [302, 302, 200])
        #expect(all.map(\.url) == ["/redirect/2", "/redirect/1", "/echo?end=1"].map { server.url + $0 })
        #expect(
            await self.failure(
                self.request("\(server.url)/redirect/3") {
                    $0.settings.followsRedirects = true
                    $0.settings.mostRedirects = 2
                }) == .exchangeTooManyRedirects)
    }

    @Test("a redirect turns a POST into a GET or keeps it whole, by its status")
    func redirectMethods() async throws {
        let server = try await ExchangeServer()
        for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
            let answer = try await self.answer(
                self.request("\(server.url)/redirect-to/\(status)?url=/echo", "POST") {
                    $0.settings.followsRedirects = true
                    $0.body = .bytes(Array("data".utf8))
                    $0.contentType = "application/json"
                })
            let text = try self.text(answer)
            #expect(text.contains("\"method\": \"\(method)\""), "\(status)")
            #expect(text.contains(#""body": "data""#) == (method == "POST"), "\(status)")
            #expect(text.contains("application/json") == (method == "POST"), "\(status)")
        }
    }

    @Test("credentials stay with the host that they were given for, unless redirects are trusted")
    func redirectCredentials() async throws {
        let (server, other) = (try await ExchangeServer(), try await ExchangeServer())
        for (target, isTrusted, isSent) in [
            ("/echo", false, true), ("\(other.url)/echo", false, false), ("\(other.url)/echo", true, true),
        ] {
            let answer = try await self.answer(
                self.request("\(server.url)/redirect-to/302?url=\(target)") {
                    $0.settings.followsRedirects = true
                    $0.settings.trustsRedirects = isTrusted
                    $0.settings.user = "bob:s3cret"
                })
            #expect(try self.text(answer).contains("authorization") == isSent, "\(target)")
        }
        #expect(
            await self.failure(
                self.request("\(server.url)/redirect-to/302?url=file:///etc/hostname") {
                    $0.settings.followsRedirects = true
                }) == .exchangeFailed)
    }

    @Test("credentials by Basic, Digest and AWS's signature")
    func credentials() async throws {
        let server = try await ExchangeServer()
        for (path, scheme) in [("basic", ExchangeSettings.Scheme.basic), ("digest", .digest)] {
            for (user, status) in [("bob:s3cret", 200), ("bob:wrong", 401)] {
                let answer = try await self.answer(
                    self.request("\(server.url)/\(path)") {
                        $0.settings.user = user
                        $0.settings.scheme = scheme
                    })
                #expect(answer.status == status, "\(path) \(user)")
                #expect(try self.text(answer) == (status == 200 ? "welcome" : "who?"))
            }
        }
        let signed = try self.text(
            try await self.answer(
                self.request("\(server.url)/echo") {
                    $0.settings.user = "key:secret"
                    $0.settings.scheme = .awsSigV4("aws:amz:eu-central-1:s3")
                }))
        #expect(signed.contains("AWS4-HMAC-SHA256 Credential=key/") && signed.contains("eu-central-1/s3/aws4_request"))
    }

    @Test("bodies are there as they came and decoded, whatever the encoding")
    func encodings() async throws {
        let server = try await ExchangeServer()
        for (path, text) in [
            ("gzip", "hello gzip"), ("deflate", "hello deflate"), ("bare-deflate", "hello bare"), ("br", "hello"),
            ("twice", "both"),
        ] {
            let answer = try await self.answer(
                self.request("\(server.url)/\(path)") { $0.settings.isCompressed = true })
            #expect(try self.text(answer) == text)
            #expect(answer.rawBody != Array(text.utf8), "\(path)")
            #expect(answer.sentHeaders.contains(.init("Accept-Encoding", "gzip, deflate, br")))
        }
        for path in ["lie", "unknown-coding"] {
            let answer = try await self.answer(self.request("\(server.url)/\(path)"))
            let error = #expect(throws: GloveboxError.self) { try answer.body.get() }
            #expect(error?.code == .exchangeBadCoding)
        }
    }

    @Test("what's larger than it may be is refused, compressed or not")
    func sizes() async throws {
        let server = try await ExchangeServer()
        func limited(_ path: String) -> ExchangeRequest {
            self.request("\(server.url)/\(path)") { $0.settings.mostBodyBytes = 1_000 }
        }
        #expect(await self.failure(limited("large/1001")) == .exchangeTooLarge)
        #expect(await self.failure(limited("large/1000")) == nil)
        let bomb = try await self.answer(limited("bomb/100000"))
        let error = #expect(throws: GloveboxError.self) { try bomb.body.get() }
        #expect(error?.code == .exchangeTooLarge && bomb.rawBody.count < 1_000)
    }

    @Test("versions are asked for, and what this libcurl hasn't is said")
    func versions() async throws {
        let server = try await ExchangeServer()
        for (version, sent) in [(ExchangeSettings.Version.http10, "HTTP/1.0"), (.http11, "HTTP/1.1")] {
            let answer = try await self.answer(
                self.request("\(server.url)/echo") { $0.settings.version = version })
            #expect(try self.text(answer).contains(#""version": "\#(sent)""#))
        }
        #expect(
            await self.failure(self.request("\(server.url)/echo") { $0.settings.version = .http3 })
                == .exchangeUnsupported)
    }

    @Test("names are resolved and connections led elsewhere, through proxies and sockets, as options say")
    func connections() async throws {
        let (server, other) = (try await ExchangeServer(), try await ExchangeServer())
        let resolved = try await self.answer(
            self.request("http://shop.example:\(server.port)/text/x") {
                $0.settings.resolve = ["shop.example:\(server.port):127.0.0.1"]
            })
        #expect(resolved.status == 200)
        let led = try await self.answer(
            self.request("http://shop.example/echo") {
                $0.settings.connectTo = ["shop.example:80:127.0.0.1:\(other.port)"]
            })
        #expect(try self.text(led).contains(#""host": ["shop.example"]"#))
        let proxied = try await self.answer(
            self.request("http://shop.example/echo") { $0.settings.proxy = server.url })
        #expect(try self.text(proxied).contains(#""target": "http://shop.example/echo""#))
        #expect(
            await self.failure(
                self.request("http://shop.example/echo") { $0.settings.unixSocket = "/nowhere/socket" })
                == .exchangeFailed)
        let whole = try await self.answer(
            self.request("\(server.url)/a/../echo") { $0.settings.keepsPathAsIs = true })
        #expect(whole.status == 404)
        let short = try await self.answer(self.request("\(server.url)/a/../echo"))
        #expect(short.status == 200)
        #expect(
            await self.failure(
                self.request("http://localhost:\(server.port)/echo") { $0.settings.addressFamily = .ipv6 })
                == .exchangeFailed)
    }

    @Test("a slow answer is given up, by time and by whoever asked")
    func giving() async throws {
        let server = try await ExchangeServer()
        let slow = self.request("\(server.url)/slow/30000")
        #expect(await self.failure(self.request(slow.url) { $0.settings.timeout = 200 }) == .exchangeTimedOut)
        let session = CurlSession()
        let task = Task { () -> GloveboxError.Code? in
            do throws(GloveboxError) {
                _ = try await session.exchange(slow)
                return nil
            } catch {
                return error.code
            }
        }
        task.cancel()
        #expect(await task.value == .exchangeCancelled)
        // The session goes on.
        #expect(try await session.exchange(self.request("\(server.url)/text/x")).last?.status == 200)
    }

    @Test("TLS is checked against the authorities that are given, and the certificate's facts are told each time")
    func tls() async throws {
        let identity = try await LoopbackIdentity()
        let server = try await ExchangeServer((identity.certificate, identity.key))
        let authorities = try readFile(identity.certificate)
        #expect(await self.failure(self.request("\(server.url)/text/x")) == .exchangeFailed)
        let insecure = try await self.answer(self.request("\(server.url)/text/x") { $0.settings.isInsecure = true })
        #expect(insecure.status == 200)
        let session = CurlSession()
        for _ in 0..<2 {
            let answers = try await session.exchange(
                self.request("\(server.url)/text/x") { $0.settings.authorities = authorities })
            let certificate = try #require(answers.last?.certificate)
            #expect(certificate.subject?.contains("localhost") == true)
            #expect(certificate.issuer?.contains("Glovebox") == true)
            #expect(certificate.serialNumber == "1e:e8:b1:7f")
            #expect(certificate.subjectAltName?.contains("DNS:localhost") == true)
            #expect(certificate.startDate != nil && certificate.expireDate?.hasSuffix("GMT") == true)
            #expect(certificate.value?.hasPrefix("-----BEGIN CERTIFICATE-----") == true)
        }
        #expect(
            await self.failure(
                self.request("\(server.url)/text/x") {
                    $0.settings.authorities = authorities
                    $0.settings.pinnedKeys = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                }) == .exchangeFailed)
        #expect(
            await self.failure(
                self.request("\(server.url)/text/x") { $0.settings.authorities = Array("nonsense".utf8) }) != nil)
    }

    @Test("what can't be sent as it's written is refused before anything is sent")
    func refused() async throws {
        for url in ["ftp://127.0.0.1/x", "http://", "http://127.0.0.1:99999/", "http://a b/", "nonsense://x"] {
            #expect(await self.failure(self.request(url)) == .exchangeBadRequest, "\(url)")
        }
        for header in [
            ExchangeRequest.Field("X-A", "1\r\nX-B: 2"), .init("X:A", "1"), .init("", "1"), .init("X", "\0"),
        ] {
            #expect(
                await self.failure(self.request("http://127.0.0.1:1/") { $0.headers = [header] })
                    == .exchangeBadRequest)
        }
        #expect(await self.failure(self.request("http://127.0.0.1:1/")) == .exchangeFailed)
    }
}
