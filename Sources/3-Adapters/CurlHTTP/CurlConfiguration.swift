import CCurl
import Contracts
import GloveboxCore

/// A request put into libcurl's options; holds what has to live until the transfer is over.
struct CurlConfiguration {
    private var lists: [CurlList] = []
    private var form: CurlForm?

    init(_ request: ExchangeRequest, url: String, on handle: CurlHandle) throws(GloveboxError) {
        try handle.set(CURLOPT_NOSIGNAL, true)
        try handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        try handle.set(CURLOPT_CERTINFO, true)
        try handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        // Both the bytes as they came and the decoded ones are asked for: ContentCoding decodes.
        try handle.set(CURLOPT_HTTP_CONTENT_DECODING, false)
        try handle.set(CURLOPT_HTTP09_ALLOWED, false)
        // Keeps cookies, beginning with none.
        try handle.set(CURLOPT_COOKIEFILE, "")
        for command in request.cookieCommands {
            switch command {
            case .clear: try handle.set(CURLOPT_COOKIELIST, "ALL")
            case .set(let line): try handle.set(CURLOPT_COOKIELIST, line)
            }
        }
        try handle.set(CURLOPT_URL, Self.encoded(url))
        try self.connection(request.settings, handle)
        try self.tls(request.settings, handle)
        try self.body(request, handle)
        try self.headers(request, handle)
        if !request.cookies.isEmpty {
            try handle.set(
                CURLOPT_COOKIE, request.cookies.map { "\($0.name)=\($0.value)" }.joined(separator: "; "))
        }
    }

    /// What RFC 3986 has no place for in a path and a query, percent-encoded; a host's name is libcurl's to write.
    private static func encoded(_ url: String) -> String {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else { return url }
        let authority = url[url.index(colon, offsetBy: 3)...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let rest = url[authority.endIndex...].unicodeScalars.map {
            $0.isASCII ? String($0) : ExchangeRequest.percentEncoded(String($0))
        }
        return url[..<authority.endIndex] + rest.joined()
    }

    private mutating func connection(
        _ settings: ExchangeSettings, _ handle: CurlHandle
    ) throws(GloveboxError) {
        switch settings.version {
        case .any: try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        case .http10: try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_0))
        case .http11: try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        case .http2: try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2_0))
        case .http2PriorKnowledge:
            try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE))
        case .http3: try handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_3))
        }
        switch settings.addressFamily {
        case .any: break
        case .ipv4: try handle.set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V4))
        case .ipv6: try handle.set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V6))
        }
        // An empty one keeps libcurl from asking the environment.
        try handle.set(CURLOPT_PROXY, settings.proxy ?? "")
        if !settings.resolve.isEmpty {
            let list = try CurlList(settings.resolve)
            self.lists.append(list)
            try handle.set(CURLOPT_RESOLVE, list)
        }
        if !settings.connectTo.isEmpty {
            let list = try CurlList(settings.connectTo)
            self.lists.append(list)
            try handle.set(CURLOPT_CONNECT_TO, list)
        }
        if let socket = settings.unixSocket { try handle.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
        try handle.set(CURLOPT_PATH_AS_IS, settings.keepsPathAsIs)
        // 300 s each where none is given; 0 is without end, which libcurl says by a very long one for connecting.
        try handle.set(
            CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(settings.connectTimeout, zero: Int(Int32.max)))
        try handle.set(CURLOPT_TIMEOUT_MS, Self.milliseconds(settings.timeout, zero: 0))
        if settings.rateLimit > 0 {
            try handle.set(offset: CURLOPT_MAX_RECV_SPEED_LARGE, settings.rateLimit)
            try handle.set(offset: CURLOPT_MAX_SEND_SPEED_LARGE, settings.rateLimit)
        }
    }

    private static func milliseconds(_ value: Int64?, zero: Int) -> Int {
        guard let value else { return 300_000 }
        return value == 0 ? zero : Int(min(value, Int64(Int32.max)))
    }

    private func tls(_ settings: ExchangeSettings, _ handle: CurlHandle) throws(GloveboxError) {
        if settings.isInsecure {
            try handle.set(CURLOPT_SSL_VERIFYPEER, false)
            try handle.set(CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let authorities = settings.authorities { try handle.set(CURLOPT_CAINFO_BLOB, blob: authorities) }
        if let certificate = settings.identity.certificate {
            try handle.set(CURLOPT_SSLCERT_BLOB, blob: certificate)
            try handle.set(CURLOPT_SSLCERTTYPE, "PEM")
            // The key may stand beside the certificate.
            try handle.set(CURLOPT_SSLKEY_BLOB, blob: settings.identity.key ?? certificate)
            try handle.set(CURLOPT_SSLKEYTYPE, "PEM")
        }
        if let password = settings.identity.password { try handle.set(CURLOPT_KEYPASSWD, password) }
        if let keys = settings.pinnedKeys { try handle.set(CURLOPT_PINNEDPUBLICKEY, keys) }
    }

    private mutating func body(_ request: ExchangeRequest, _ handle: CurlHandle) throws(GloveboxError) {
        switch request.body {
        case .none: break
        case .bytes(let bytes): try handle.set(body: bytes)
        case .form(let fields):
            let text = fields.map { "\($0.name)=\(ExchangeRequest.percentEncoded($0.value))" }
                .joined(separator: "&")
            try handle.set(body: Array(text.utf8))
        case .multipart(let parts):
            let form = try CurlForm(handle)
            for part in parts {
                try form.add(
                    name: part.name, content: part.content, fileName: part.fileName, contentType: part.contentType,
                    to: handle)
            }
            self.form = form
            try handle.check(glovebox_curl_set_mime(handle.pointer, form.pointer))
        }
        // Whatever the body, the method is the one that's asked for; HEAD has no body in its answer.
        if request.method.uppercased() == "HEAD" { try handle.set(CURLOPT_NOBODY, true) }
        try handle.set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    private mutating func headers(_ request: ExchangeRequest, _ handle: CurlHandle) throws(GloveboxError) {
        let settings = request.settings
        var lines: [String] = []
        for header in request.headers {
            guard !header.name.isEmpty, !header.name.contains(":"),
                !(header.name + header.value).unicodeScalars.contains(where: { $0 == "\r" || $0 == "\n" })
            else {
                throw GloveboxError(
                    .exchangeBadRequest, "a header's name has no colon, and neither name nor value a line's end")
            }
            // libcurl's way to write an empty one.
            lines.append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        if !request.hasHeader("Content-Type") {
            // A multipart form's own type has its boundary; every other that libcurl would add is taken away.
            if let type = request.contentType, self.form == nil { lines.append("Content-Type: \(type)") }
            if request.contentType == nil, self.form == nil { lines.append("Content-Type:") }
        }
        var signs = false
        if case .awsSigV4(let provider) = settings.scheme {
            signs = true
            try handle.set(CURLOPT_AWS_SIGV4, provider)
        }
        // libcurl would sign an Expect that isn't sent.
        if !request.hasHeader("Expect"), !signs { lines.append("Expect:") }
        if !request.hasHeader("User-Agent") { lines.append("User-Agent: \(settings.userAgent)") }
        if settings.isCompressed, !request.hasHeader("Accept-Encoding") {
            lines.append("Accept-Encoding: gzip, deflate, br")
        }
        if let user = settings.user {
            switch settings.scheme {
            case .basic:
                if !request.hasHeader("Authorization") {
                    lines.append("Authorization: Basic \(Base64.text(Array(user.utf8)))")
                }
            case .digest: try self.authenticate(user, 1, handle)
            case .ntlm: try self.authenticate(user, 2, handle)
            case .negotiate: try self.authenticate(user, 3, handle)
            case .awsSigV4: try self.authenticate(user, nil, handle)
            }
        } else if case .negotiate = settings.scheme {
            try self.authenticate(":", 3, handle)
        }
        let list = try CurlList(lines)
        self.lists.append(list)
        try handle.set(CURLOPT_HTTPHEADER, list)
    }

    private func authenticate(_ user: String, _ scheme: Int32?, _ handle: CurlHandle) throws(GloveboxError) {
        let colon = user.firstIndex(of: ":")
        try handle.set(CURLOPT_USERNAME, String(user[..<(colon ?? user.endIndex)]))
        try handle.set(CURLOPT_PASSWORD, colon.map { String(user[user.index(after: $0)...]) } ?? "")
        if let scheme { try handle.check(glovebox_curl_set_authentication(handle.pointer, scheme)) }
    }
}
