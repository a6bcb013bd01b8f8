/// Files that say everything the format can say, each in a way of its own.
enum Samples {
    /// All that are valid.
    static let all: [String] =
        [
            "", "\n", "# only a comment", "  \n\t# a\n\n  ", Self.minimal, Self.requests, Self.responses, Self.sections,
            Self.options, Self.queries, Self.filters, Self.predicates, Self.templates, Self.escapes, Self.multilines,
            Self.windows, Self.xml, Self.directives, "\u{FEFF}GET http://a.example\n", "GET http://a.example",
        ] + Self.bodies

    static let minimal = "GET http://a.example\n"

    static let requests = """
        # first

        GET http://a.example/one # behind
        POST\thttp://a.example/two?x=1&y={{y}}
        Content-Type: text/plain; charset=utf-8   # a type
        X-Empty:
        X-Empty-Too:   # nothing
        x_y.z-1@$[0] : spaced   value\t
          PURGE   http://a.example/three
        GET http://a.example/#
        """

    static let responses = """
        GET http://a.example/
        HTTP 200
        GET http://a.example/
        HTTP/1.0 *
        GET http://a.example/
        HTTP/1.1   204 # none
        Location: http://b.example/
        Set-Cookie: a=b; Path=/
        GET http://a.example/
        HTTP/2 301
        GET http://a.example/
          HTTP/3 500
        GET http://a.example/
        HTTP/* 200

        """

    static let sections = """
        POST http://a.example/
        [Options]
        location: true
        # about the query
        [QueryStringParams]
        a: 1
        b:
        [FormParams]
        c : 3

        {{d}}: {{e}}
        [MultipartFormData]
        f: text
        g: file,a\\ b.txt;
        h: file, data/{{n}}.bin ; application/octet-stream # kind
        [Cookies]
        theme: light
        [BasicAuth]
        bob: se\\u{20}cret
        HTTP 200
        [Captures]
        token: header "X-Token" redact
        id: jsonpath "$.id" toString # as text
        [Asserts]
        status == 200

        POST http://a.example/
        [Query]
        [Form]
        [Multipart]
        [BasicAuth]
        [ 1, 2 ]
        HTTP 200
        [Asserts]
        [Captures]
        [1]

        """

    static let options = """
        GET http://a.example/
        [Options]
        aws-sigv4: aws:amz:eu-central-1:s3
        cacert: /etc/ca.pem
        cert: client\\:1.pem:pass\\#word
        key: client.key
        compressed: true
        connect-to: a.example:80:b.example:8080
        connect-timeout: 20s
        delay: {{pause}}
        digest: true
        header: X-One: 1
        header: X-Two: 2
        http1.0: false
        http1.1: true
        http2: {{h2}}
        http2-prior-knowledge: false
        http3: false
        insecure: false
        ipv4: true
        ipv6: false
        limit-rate: 32000
        location: true
        location-trusted: false
        max-redirs: -1
        max-time: 500
        negotiate: false
        no-header: User-Agent
        no-jsonpath-coercion: true
        ntlm: false
        path-as-is: true
        pinnedpubkey: sha256//AAAA
        proxy: localhost:3128
        repeat: 3
        resolve: a.example:80:127.0.0.1
        retry: {{tries}}
        retry-interval: 1m
        skip: false
        unix-socket: /run/a.sock
        user: bob:secret
        variable: a=1
        variable: b = "two words" # text
        variable: c=null
        variable: d=true
        variable: e=1.50
        variable: f=1.2.3
        variable: g=99999999999999999999
        variable: h=plain {{a}} text
        variable: i=

        """

    static let queries = """
        GET https://a.example/
        HTTP 200
        [Captures]
        a: status
        b: version
        c: url
        d: header "Content-Type"
        e: cookie "LSID"
        f: cookie "LSID[ max-age ]"
        g: cookie "{{name}}[SameSite]"
        h: body
        i: xpath "string(//head/title)"
        j: jsonpath "$.a[{{i}}]['b']"
        k: regex "id: (\\\\d+)"
        l: regex /a\\/(b)/
        m: variable "a"
        n: duration
        o: bytes
        p: rawbytes
        q: sha256
        r: md5
        s: certificate "Subject"
        t: certificate  "Subject-Alt-Name"
        u: certificate "Value"
        v: ip
        w: redirects
        {{x}}-y: redirects nth 0 location

        """

    static let filters = """
        GET https://a.example/
        HTTP 200
        [Asserts]
        header "a" base64Decode == hex,00ff;
        bytes base64Encode == "AA=="
        header "a" base64UrlSafeDecode == hex,;
        bytes base64UrlSafeEncode == "AA"
        bytes charsetDecode "gb2312" == "x"
        body charsetEncode "gb2312" toHex == "78"
        bytes decode "utf-8" count == 1
        jsonpath "$.a" first == 1
        jsonpath "$.a" last == 1
        jsonpath "$.a" nth -1 == 2
        jsonpath "$.a" nth {{n}} == 2
        certificate "Expire-Date" daysAfterNow > 15
        certificate "Start-Date" daysBeforeNow < 100
        cookie "a[Expires]" dateFormat "%Y" == "2021"
        cookie "a[Expires]" format "%Y" == "2021"
        body htmlEscape htmlUnescape == "a"
        body jsonpath "$.a" exists
        body xpath "//a" exists
        header "a" regex /(?i)a(b)/ == "b"
        header "a" regex "a(b)" == "b"
        header "a" replace "a" "b" == "b"
        header "a" replaceRegex /\\d/ "x" == "b"
        header "a" replaceRegex "{{r}}" "x" == "b"
        header "a" split "," count == 2
        header "a" toDate "%+" isDate
        header "a" toFloat == 1.5
        header "a" toInt == 1
        bytes toHex == "00"
        status toString == "200"
        header "a" urlDecode urlEncode == "a"
        url urlQueryParam "a" == "b"
        bytes utf8Decode utf8Encode == hex,00;

        """

    static let predicates = """
        GET https://a.example/
        HTTP 200
        [Asserts]
        status == 200
        status ==200
        status != null
        status not == true
        status > 199
        status >= 200
        status <=  200
        status < {{most}}
        status equals 200
        status notEquals 1
        status greaterThan 1
        status greaterThanOrEquals 1
        status lessThan 999
        status lessThanOrEquals 999
        body == false
        body == -1.50
        body == 123456789012345678901234567890
        body == "text with {{a}} in it"
        body == `back {{a}} tick`
        body == ```
        several
        lines {{a}}
        ```
        body == {{a}}
        body == base64,AAECAw==;
        body == hex, 0a0B ;
        body == file,a.txt;
        body == /re/
        body startsWith "a"
        bytes startsWith hex,efbbbf;
        body not endsWith "b"
        bytes endsWith base64,AA==;
        body contains "c"
        body contains 5
        body includes "c"
        body matches /^a\\/\\d+$/
        body matches "^\\\\d+$"
        body exists
        body not exists
        body isBoolean
        body isCollection
        body isDate
        body isEmpty
        body isFloat
        body isInteger
        ip isIpv4
        ip isIpv6
        body isIsoDate
        body isList
        body isNumber
        body isObject
        body isString
        body isUuid

        """

    static let templates = """
        GET http://{{host}}:{{ port }}/{{a-b_1}}
        X-A: {{newUuid}} {{  newDate dateFormat "%Y"  }}
        X-B: {{list split "," nth 0}}-{ {single} }
        X-C: {{é}}
        {
          "a": {{a}},
          "b": "x{{b toString}}y",
          "{{c}}": [ {{d}} , "{e}" ]
        }

        """

    static let escapes = """
        GET http://a.example/\\u{23}top\\#\\\\
        a\\:b\\#c\\u{e9}: v\\n\\t\\"\\`\\/\\b\\f\\r # c
        [Query]
        é\\\\: \\u{1F600}
        [Multipart]
        f: file,a\\ b\\;c\\#d\\{\\}\\\\.txt;
        `tick \\` and \\u{41}`
        HTTP 200
        [Asserts]
        header "a\\"b" == "\\u{41}\\n\\\\"

        """

    static let multilines = """
        POST http://a.example/
        ```
        plain {{a}}
        \\n stays
        ```
        POST http://a.example/
        ```json
        {"a": {{a}} }
        ```
        POST http://a.example/
        ```xml
        <a>{{a}}</a>
        ```
        POST http://a.example/
        ```raw
        {{ not a variable
        ```
        POST http://a.example/
        ```escape, novariable
        a\\tb\\u{41}{{x}}
        ```
        POST http://a.example/
        ```json,escape
        "\\u{41}"
        ```
        POST http://a.example/
        ```graphql
        query Q($a: Int) { b(a: $a, c: "{{c}}") }

        variables {
          "a": {{a}}
        }
        ```
        POST http://a.example/
        ```graphql
        { variables { a } }
        ```
        POST http://a.example/
        ```base64
        AAEC
        Aw==
        ```
        POST http://a.example/
        ```hex
        00 01 02
        ```
        POST http://a.example/
        ```   \n```

        """

    static let windows =
        "# c\r\nPOST http://a.example/\r\nA: b \r\n\r\n[Query]\r\nq: 1\r\n```\r\na\r\n```\r\nHTTP 200\r\n[Asserts]\r\nstatus == 200\r\n"

    static let xml = """
        POST http://a.example/
        <?xml version="1.0"?>
        <!DOCTYPE a [ <!ENTITY b "<c>"> ]>
        <!-- > -->
        <a x='>' y="/>">
          <b/><![CDATA[ </a> ]]>
          <é:c >text {{no}}</é:c
          >
        </a>   # behind
        HTTP 200
        <a/>

        """

    static let directives = """
        # glovebox: case An order is placed
        # an ordinary comment
          #  glovebox:   writes
        # glovebox: undo DELETE http://a.example/1  \t

        #glovebox: tag slow
        POST http://a.example/
        HTTP 201

        # glovebox: x-1
        GET http://a.example/
        """

    static let bodies: [String] = [
        "null", "true", "false", "0", "-1", "1.5e+10", "1E-2", "\"\"", "[]", "{}", "[ ]", "{ }", "[1]", "[true]",
        "[[1,[2]], {\"a\":{\"b\":[]}}]", "\"\\u00e9\\n\\/\"", "{{a}}", "[{{a}},{{b}}]", "<a/>", "<a></a>",
        "base64,;", "base64, TG9y\n ZW0 = ;", "base64,TG8=;", "hex,;", "hex,00ffAA;", "file,a.bin;", "file, {{a}} ;",
        "`a`", "``", "```\na```", "```\n```",
    ].map { "POST http://a.example/\n\($0) # behind\nHTTP 200\n\($0)" }
}
