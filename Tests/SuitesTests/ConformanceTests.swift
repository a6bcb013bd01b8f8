import Contracts
import CurlHTTP
import HurlFile
import Suites
import TestSupport
import Testing

/// Files of Hurl's as its documentation has them, against a real server; what they come to was worked out by hand. A file
/// that passes here also says what doesn't hold, by `not` and `!=`, and ``CaseFailureTests`` has those that fail.
@Suite("Files of Hurl's run as its documentation says")
struct ConformanceTests {
    private static let cases: [(String, String)] = [
        (
            "requests: method, headers, sections, bodies",
            #"""
            # A comment, and a request without a response
            GET {{base}}/status/500

            POST {{base}}/echo?a=1
            X-Header: {{word}} and more
            [Query]
            b: x y
            c: {{word}}
            [Cookies]
            theme: dark
            [BasicAuth]
            bob: s3cret
            HTTP 200
            [Asserts]
            jsonpath "$.method" == "POST"
            jsonpath "$.query.a" == "1"
            jsonpath "$.query.b" == "x y"
            jsonpath "$.query.c" == "wörd"
            jsonpath "$.headers['x-header'][0]" charsetEncode "latin1" utf8Decode == "wörd and more"
            jsonpath "$.headers.cookie[0]" == "theme=dark"
            jsonpath "$.headers.authorization[0]" == "Basic Ym9iOnMzY3JldA=="
            jsonpath "$.headers['content-type']" not exists
            jsonpath "$.body" == ""

            POST {{base}}/echo
            [Form]
            name: {{word}}
            other: a&b=c
            HTTP 200
            [Asserts]
            jsonpath "$.form.name" == "wörd"
            jsonpath "$.form.other" == "a&b=c"
            jsonpath "$.headers['content-type'][0]" == "application/x-www-form-urlencoded"

            POST {{base}}/echo
            [Multipart]
            key: {{word}}
            file: file,data.txt;
            typed: file,a.bin; image/x-own
            HTTP 200
            [Asserts]
            jsonpath "$.headers['content-type'][0]" startsWith "multipart/form-data; boundary="
            jsonpath "$.body64" base64Decode charsetDecode "latin1" contains "name=\"key\""
            jsonpath "$.body64" base64Decode charsetDecode "latin1" contains "filename=\"data.txt\"\r\nContent-Type: text/plain\r\n\r\nfile content\r\n"
            jsonpath "$.body64" base64Decode charsetDecode "latin1" contains "Content-Type: image/x-own"

            PUT {{base}}/echo
            { "word": "{{word}}", "number": {{number}}, "list": [1, {{yes}}] }
            HTTP 200
            [Asserts]
            jsonpath "$.body" == "{ \"word\": \"wörd\", \"number\": 42, \"list\": [1, true] }"
            jsonpath "$.headers['content-type'][0]" == "application/json"

            POST {{base}}/echo
            <a b="1">text</a>
            HTTP 200
            [Asserts]
            jsonpath "$.body" == "<a b=\"1\">text</a>"
            jsonpath "$.headers['content-type'][0]" == "application/xml"

            POST {{base}}/echo
            `one {{word}}`
            HTTP 200
            [Asserts]
            jsonpath "$.body" == "one wörd"

            POST {{base}}/echo
            ```
            two
            {{word}}
            ```
            HTTP 200
            [Asserts]
            jsonpath "$.body" == "two\nwörd\n"

            POST {{base}}/echo
            ```graphql
            { hero(id: "{{number}}") }
            variables { "a": 1 }
            ```
            HTTP 200
            [Asserts]
            jsonpath "$.body" jsonpath "$.query" contains "hero(id: \"42\")"
            jsonpath "$.body" jsonpath "$.variables.a" == 1
            jsonpath "$.headers['content-type'][0]" == "application/json"

            POST {{base}}/echo
            base64,AAEC/w==;
            HTTP 200
            [Asserts]
            jsonpath "$.body64" == "AAEC/w=="

            POST {{base}}/echo
            hex,cafe;
            HTTP 200
            [Asserts]
            jsonpath "$.body64" base64Decode toHex == "cafe"

            POST {{base}}/echo
            file,a.bin;
            HTTP 200
            [Asserts]
            jsonpath "$.body64" base64Decode == hex,cafe;
            """#
        ),
        (
            "responses: version, status, headers, bodies",
            #"""
            GET {{base}}/repeated
            HTTP/1.1 200
            X-One: only
            X-Many: two
            X-Many: one
            Content-Type: text/plain; charset=utf-8

            GET {{base}}/status/404
            HTTP *

            GET {{base}}/status/404
            HTTP 404

            GET {{base}}/text/plain%20text
            HTTP 200
            `plain text`

            GET {{base}}/text/two%0Alines%0A
            HTTP 200
            ```
            two
            lines
            ```

            GET {{base}}/text/%7B%22a%22:1%7D
            HTTP 200
            {"a":1}

            GET {{base}}/text/%3Ca%3Eb%3C%2Fa%3E
            HTTP 200
            <a>b</a>

            GET {{base}}/bytes/3
            HTTP 200
            hex,000102;

            GET {{base}}/text/file%20content
            HTTP 200
            file,data.txt;

            GET {{base}}/latin1
            HTTP 200
            `café`
            """#
        ),
        (
            "queries, each of them",
            #"""
            GET {{base}}/json?x=1
            HTTP 200
            [Asserts]
            status == 200
            status < 300
            version == "1.1"
            url == "{{base}}/json?x=1"
            header "content-type" == "application/json"
            header "X-Nope" not exists
            ip == "127.0.0.1"
            ip isIpv4
            duration >= 0
            duration < 60000
            variable "word" == "wörd"
            variable "nope" not exists
            body contains "shop"
            regex "\"count\": (\\d+)" == "3"
            regex /"active": (\w+)/ == "true"
            regex /nothing (here)/ not exists
            bytes count > 100
            jsonpath "$.name" == "shop"
            jsonpath "$.nope" not exists
            redirects count == 0
            certificate "Subject" not exists

            GET {{base}}/repeated
            HTTP 200
            [Asserts]
            header "X-Many" count == 2
            header "X-Many" includes "two"
            header "X-Many" nth 0 == "one"
            header "X-Empty" == ""

            GET {{base}}/text/abc
            HTTP 200
            [Asserts]
            sha256 == hex,ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;
            md5 == hex,900150983cd24fb0d6963f7d28e17f72;
            bytes == hex,616263;
            rawbytes == hex,616263;

            GET {{base}}/gzip
            HTTP 200
            [Asserts]
            body == "hello gzip"
            bytes toHex startsWith "68656c6c6f"
            rawbytes toHex startsWith "1f8b"

            GET {{base}}/html
            HTTP 200
            [Asserts]
            xpath "string(//title)" == "Shop & more"
            xpath "//p" count == 2
            xpath "//li" exists
            xpath "//table" not exists
            xpath "count(//li)" == 2
            xpath "boolean(//li[@class='x'])" == true
            xpath "//nope" isEmpty

            GET {{base}}/xml
            HTTP 200
            [Asserts]
            xpath "//_:entry" count == 2
            xpath "string(//m:price)" == "1.5"
            xpath "number(//m:price)" == 1.5

            GET {{base}}/set
            HTTP 200
            [Asserts]
            cookie "session" == "abc"
            cookie "session[Value]" == "abc"
            cookie "session[Path]" == "/"
            cookie "session[HttpOnly]" exists
            cookie "session[Secure]" not exists
            cookie "session[SameSite]" == "Lax"
            cookie "session[Max-Age]" == 60
            cookie "theme[Expires]" daysAfterNow > 20000
            cookie "theme[Expires]" dateFormat "%Y" == "2100"
            cookie "theme[Max-Age]" not exists
            cookie "lone[Domain]" == "other.example"
            cookie "lone[Secure]" exists
            cookie "nope" not exists

            GET {{base}}/echo
            HTTP 200
            [Asserts]
            jsonpath "$.headers.cookie[0]" contains "session=abc"

            GET {{base}}/redirect/2
            [Options]
            location: true
            HTTP 200
            [Asserts]
            url == "{{base}}/echo?end=1"
            redirects count == 2
            redirects nth 0 location == "{{base}}/redirect/1"
            redirects last location == "{{base}}/echo?end=1"
            """#
        ),
        (
            "predicates, each of them and its opposite",
            #"""
            GET {{base}}/json
            HTTP 200
            [Asserts]
            jsonpath "$.count" == 3
            jsonpath "$.count" == 3.0
            jsonpath "$.count" != "3"
            jsonpath "$.count" > 2
            jsonpath "$.count" >= 3
            jsonpath "$.price" < 2.6
            jsonpath "$.price" <= 2.5
            jsonpath "$.count" not > 3
            jsonpath "$.big" == 12345678901234567890123
            jsonpath "$.big" isInteger
            jsonpath "$.gone" == null
            jsonpath "$.gone" exists
            jsonpath "$.active" == true
            jsonpath "$.active" isBoolean
            jsonpath "$.name" startsWith "sh"
            jsonpath "$.name" endsWith "op"
            jsonpath "$.name" contains "ho"
            jsonpath "$.name" not contains "x"
            jsonpath "$.name" matches /^s.+p$/
            jsonpath "$.name" matches "^sh"
            jsonpath "$.name" not matches /^p/
            jsonpath "$.name" isString
            jsonpath "$.name" not isNumber
            jsonpath "$.name" > "a"
            jsonpath "$.tags" includes "b"
            jsonpath "$.tags" contains "c"
            jsonpath "$.tags" not includes "d"
            jsonpath "$.tags" isList
            jsonpath "$.tags" isCollection
            jsonpath "$.tags" count == 3
            jsonpath "$.empty" isEmpty
            jsonpath "$.tags" not isEmpty
            jsonpath "$.object" isObject
            jsonpath "$.object" isCollection
            jsonpath "$.count" isInteger
            jsonpath "$.price" isFloat
            jsonpath "$.price" isNumber
            jsonpath "$.id" isUuid
            jsonpath "$.ip4" isIpv4
            jsonpath "$.ip6" isIpv6
            jsonpath "$.when" isIsoDate
            jsonpath "$.when" toDate "%+" isDate
            jsonpath "$.name" == {{shop}}
            jsonpath "$.count" == {{three}}
            jsonpath "$.text" == `{"inner":[1,2]}`
            bytes not isEmpty
            body contains "\"name\": \"shop\""
            """#
        ),
        (
            "filters, each of them",
            #"""
            GET {{base}}/json
            HTTP 200
            [Asserts]
            jsonpath "$.b64" base64Decode utf8Decode == "hello"
            jsonpath "$.name" utf8Encode base64Encode == "c2hvcA=="
            jsonpath "$.name" utf8Encode base64UrlSafeEncode == "c2hvcA"
            jsonpath "$.b64" base64UrlSafeDecode toHex == "68656c6c6f"
            jsonpath "$.name" charsetEncode "utf-16le" toHex == "730068006f007000"
            jsonpath "$.b64" base64Decode charsetDecode "ascii" == "hello"
            jsonpath "$.b64" base64Decode decode "utf-8" == "hello"
            jsonpath "$.tags" count == 3
            jsonpath "$.tags" first == "a"
            jsonpath "$.tags" last == "c"
            jsonpath "$.tags" nth 1 == "b"
            jsonpath "$.tags" nth -1 == "c"
            jsonpath "$.when" toDate "%Y-%m-%dT%H:%M:%SZ" dateFormat "%d/%m/%Y" == "29/02/2024"
            jsonpath "$.when" toDate "%+" format "%A" == "Thursday"
            jsonpath "$.when" toDate "%+" daysAfterNow > 200
            jsonpath "$.when" toDate "%+" daysBeforeNow < -200
            jsonpath "$.html" htmlEscape == "&lt;b&gt;x&lt;/b&gt;"
            jsonpath "$.html" htmlEscape htmlUnescape == "<b>x</b>"
            jsonpath "$.html" xpath "string(//b)" == "x"
            jsonpath "$.text" jsonpath "$.inner[1]" == 2
            jsonpath "$.object" jsonpath "$.k" == "v"
            jsonpath "$.name" regex "s(.)o" == "h"
            jsonpath "$.name" replace "sh" "dr" == "drop"
            jsonpath "$.name" replaceRegex /[ho]/ "-" == "s--p"
            jsonpath "$.ip4" split "." count == 4
            jsonpath "$.number" toInt == 42
            jsonpath "$.decimal" toFloat == 3.5
            jsonpath "$.count" toString == "3"
            jsonpath "$.url" urlQueryParam "y" == "a b"
            jsonpath "$.url" urlEncode contains "%3A//a.example"
            jsonpath "$.url" urlEncode urlDecode == "https://a.example/p?x=1&y=a%20b"
            """#
        ),
        (
            "captures, in requests and asserts behind them",
            #"""
            GET {{base}}/json
            HTTP 200
            [Captures]
            title: jsonpath "$.books[?@.n == 2].title"
            tags: jsonpath "$.tags"
            all: jsonpath "$.books[*].n"
            one: jsonpath "$.one[*]"
            number: jsonpath "$.number" toInt
            again: variable "title"
            [Asserts]
            variable "title" == "Moby"
            variable "again" == "Moby"
            variable "tags" count == 3
            variable "all" nth 1 == 2
            variable "one" == 7

            GET {{base}}/echo
            X-Title: {{title}}
            X-Filtered: {{title replace "M" "T"}}
            HTTP 200
            [Asserts]
            jsonpath "$.headers['x-title'][0]" == "{{again}}"
            jsonpath "$.headers['x-filtered'][0]" == "Toby"

            GET {{base}}/echo?id={{newUuid}}
            HTTP 200
            [Asserts]
            jsonpath "$.query.id" == "0531f78f-7f87-44be-a7f2-969a1c4e6d97"

            GET {{base}}/html
            HTTP 200
            [Captures]
            csrf: xpath "string(//meta[@name='csrf']/@content)"
            [Asserts]
            variable "csrf" == "t0k3n"
            """#
        ),
        (
            "options of the exchange",
            #"""
            GET {{base}}/echo
            X-Own: request
            X-Gone: gone
            [Options]
            compressed: true
            header: X-Extra: {{word}}
            header: X-Own: option
            no-header: X-Gone
            user: bob:s3cret
            http1.0: true
            variable: name=value
            variable: more={{word}}
            connect-timeout: 5s
            max-time: 1m
            limit-rate: 100000
            path-as-is: true
            ipv4: true
            insecure: true
            HTTP 200
            [Asserts]
            jsonpath "$.version" == "HTTP/1.0"
            jsonpath "$.headers['accept-encoding'][0]" == "gzip, deflate, br"
            jsonpath "$.headers['x-extra'][0]" charsetEncode "latin1" utf8Decode == "wörd"
            jsonpath "$.headers['x-own'][0]" == "request"
            jsonpath "$.headers['x-gone']" not exists
            jsonpath "$.headers.authorization[0]" == "Basic Ym9iOnMzY3JldA=="
            variable "name" == "value"

            GET {{base}}/echo?v={{name}}-{{more}}
            HTTP 200
            [Asserts]
            jsonpath "$.query.v" == "value-wörd"
            jsonpath "$.version" == "HTTP/1.1"

            GET {{base}}/digest
            [Options]
            digest: true
            user: bob:s3cret
            HTTP 200
            `welcome`

            GET http://shop.example:{{port}}/text/x
            [Options]
            resolve: shop.example:{{port}}:127.0.0.1
            HTTP 200

            GET http://shop.example/text/x
            [Options]
            connect-to: shop.example:80:127.0.0.1:{{port}}
            HTTP 200

            GET http://shop.example/echo
            [Options]
            proxy: {{base}}
            HTTP 200
            [Asserts]
            jsonpath "$.target" == "http://shop.example/echo"

            GET {{base}}/redirect/1
            [Options]
            location: {{yes}}
            max-redirs: 1
            HTTP 200

            GET {{base}}/redirect/1
            HTTP 302
            Location: /echo?end=1

            GET {{base}}/json
            [Options]
            no-jsonpath-coercion: true
            HTTP 200
            [Asserts]
            jsonpath "$.name" count == 1
            jsonpath "$.name" first == "shop"

            POST {{base}}/echo
            [Options]
            aws-sigv4: aws:amz:eu-central-1:foo
            user: key:secret
            HTTP 200
            [Asserts]
            jsonpath "$.headers.authorization[0]" startsWith "AWS4-HMAC-SHA256 Credential=key/"

            GET {{base}}/echo
            [Options]
            http2: true
            HTTP 200

            # @cookie_storage_clear
            # @cookie_storage_set: 127.0.0.1	FALSE	/	FALSE	0	mine	x
            GET {{base}}/echo
            HTTP 200
            [Asserts]
            jsonpath "$.headers.cookie[0]" == "mine=x"
            """#
        ),
    ]

    @Test("they pass", arguments: Self.cases.map(\.0))
    func passes(_ name: String) async throws {
        let text = try #require(Self.cases.first { $0.0 == name }).1
        let server = try await ExchangeServer()
        let run = try await CaseDriver(variables: [
            "base": .string(server.url), "port": .integer(server.port), "word": .string("wörd"), "number": .integer(42),
            "yes": .boolean(true), "shop": .string("shop"), "three": .integer(3),
        ]).run(text)
        #expect(run.failures.isEmpty, "\(run.failures.joined(separator: "\n"))")
        #expect(run.result.isPassed && !run.result.isFlaky)
        let entries = try HurlDocument(text).entries
        #expect(run.result.entries.count == entries.count)
        let asserts = entries.map { $0.response?.asserts.count ?? 0 }.reduce(0, +)
        #expect(run.result.entries.flatMap(\.checks).count { $0.kind == .assert } == asserts)
    }

    @Test("whatever comes back, a case comes to its end, and what failed says where")
    func anyAnswer() throws {
        let text = Self.cases.map(\.1).joined(separator: "\n\n")
        // Each entry by itself, so that a failure of one keeps none of the others from being judged.
        let documents = try HurlDocument(text).entries.map { HurlDocument(entries: [$0]) }.filter {
            $0.entries[0].response != nil
        }
        let bodies: [[UInt8]] = [
            Array(#"{"name": "shop", "tags": ["a"], "when": "2024-02-29T12:30:00Z", "b64": "aGk=", "count": 3}"#.utf8),
            Array("<html><p>a<li class='x'>b</html>".utf8), [0xFF, 0xFE, 0, 1], [],
        ]
        try Fuzzing("answers").run(400) { generator in
            let document = documents[generator.place(in: documents.count)]
            let body = generator.spoiled(bodies[generator.place(in: bodies.count)])
            let header = String(
                decoding: generator.spoiled(
                    Array("session=abc; Max-Age=60; Expires=Wed, 13 Jan 2100 22:23:01 GMT".utf8)),
                as: UTF8.self)
            let type = [
                "application/json", "text/html; charset=latin1", "text/plain; charset=nope", "\u{0};charset==",
            ][
                generator.place(in: 4)]
            let status = [200, 302, 404][generator.place(in: 3)]
            let driver = CaseDriver(variables: [
                "base": .string("http://a"), "port": .integer(80), "word": .string("w"), "number": .integer(42),
                "yes": .boolean(true), "shop": .null, "three": .integer(3),
            ])
            let run = driver.run(document) { request in
                ExchangeAnswer(
                    url: request.wholeURL, status: status,
                    headers: [.init("Set-Cookie", header), .init("Content-Type", type)], rawBody: body)
            }
            #expect(run.result.isPassed == run.failures.isEmpty)
        }
    }

    @Test("each query, predicate, filter and option that's run is among them")
    func complete() throws {
        let documents = try Self.cases.map { try HurlDocument($0.1) }
        var queries: Set<HurlQueryName> = []
        var predicates: Set<HurlPredicateName> = []
        var filters: Set<HurlFilterName> = []
        var options: Set<HurlOptionName> = []
        for entry in documents.flatMap(\.entries) {
            options.formUnion(entry.request.options.map(\.name))
            for assertion in entry.response?.asserts ?? [] {
                queries.insert(assertion.query.name)
                predicates.insert(assertion.predicate.name)
                filters.formUnion(assertion.filters.map(\.value.name))
            }
        }
        #expect(Set(HurlQueryName.allCases).subtracting(queries).isEmpty)
        #expect(Set(HurlPredicateName.allCases).subtracting(predicates).isEmpty)
        #expect(Set(HurlFilterName.allCases).subtracting(filters).isEmpty)
        // TLS has a test of its own, below; retries and repeats are ``CaseMachineTests``'; for the rest there's no server here.
        let elsewhere: Set<HurlOptionName> = [
            .cacert, .cert, .key, .pinnedpubkey, .retry, .retryInterval, .repeat, .skip, .delay, .locationTrusted,
            .http11, .http2PriorKnowledge, .http3, .ipv6, .negotiate, .ntlm, .unixSocket,
        ]
        let refused = Set(HurlOptionName.allCases.filter { ShellOnlyFeature[.option($0)] != nil })
        #expect(Set(HurlOptionName.allCases).subtracting(options) == elsewhere.union(refused))
    }

    @Test("TLS by a suite's own files, and the certificate's facts")
    func tls() async throws {
        let identity = try await LoopbackIdentity()
        let server = try await ExchangeServer((identity.certificate, identity.key))
        var driver = CaseDriver(variables: ["base": .string(server.url)])
        driver.files["ca.pem"] = try readFile(identity.certificate)
        driver.files["own:key.pem"] = try readFile(identity.certificate) + readFile(identity.key)
        driver.files["key.pem"] = try readFile(identity.key)
        let run = try await driver.run(
            #"""
            GET {{base}}/text/x
            [Options]
            cacert: ca.pem
            HTTP 200
            [Asserts]
            certificate "Subject" contains "localhost"
            certificate "Issuer" contains "Glovebox"
            certificate "Serial-Number" == "1e:e8:b1:7f"
            certificate "Subject-Alt-Name" contains "DNS:localhost"
            certificate "Value" startsWith "-----BEGIN CERTIFICATE-----"
            certificate "Start-Date" isDate
            certificate "Expire-Date" isDate

            GET {{base}}/text/x
            [Options]
            cacert: ca.pem
            cert: own\:key.pem:password
            HTTP 200

            GET {{base}}/text/x
            [Options]
            cacert: ca.pem
            cert: ca.pem
            key: key.pem
            HTTP 200
            """#)
        #expect(run.failures.isEmpty && run.result.isPassed, "\(run.failures)")
        #expect(run.requests[1].settings.identity.password == "password")
        let unchecked = try await driver.run("GET {{base}}/text/x\nHTTP 200\n")
        #expect(unchecked.failures.first?.contains("1:5: the request failed") == true, "\(unchecked.failures)")
    }
}
