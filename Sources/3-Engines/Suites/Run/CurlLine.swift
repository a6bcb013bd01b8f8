package import Contracts

/// A request as a command for a shell, by which a person sends it again. Secrets are `***`, and so is whatever stands in
/// a header of credentials.
package enum CurlLine {
    /// Longer bodies are left out, and their length is said.
    static let longestBody = 16_384

    package static func text(_ request: ExchangeRequest, _ secrets: SecretMask) -> String {
        var line = ShellLine(secrets)
        let hasBody = request.body != .none
        if request.method == "HEAD" {
            line.flag("--head")
        } else if request.method != (hasBody ? "POST" : "GET") {
            line.add("--request", request.method)
        }
        for header in request.headers {
            let isSecret = ["authorization", "proxy-authorization"].contains(header.name.lowercased())
            let value = isSecret ? self.credentials(header.value) : header.value
            line.add("--header", header.value.isEmpty ? "\(header.name);" : "\(header.name): \(value)")
        }
        if !request.hasHeader("Content-Type"), let type = request.contentType, hasBody {
            line.add("--header", "Content-Type: \(type)")
        }
        if !request.cookies.isEmpty {
            line.add("--cookie", request.cookies.map { "\($0.name)=\($0.value)" }.joined(separator: "; "))
        }
        self.body(request.body, &line)
        self.exchange(request.settings, &line)
        self.connection(request.settings, &line)
        line.words.append(line.quoted(self.withoutPassword(request.wholeURL)))
        return line.words.joined(separator: " ")
    }

    private static func body(_ body: ExchangeRequest.Body, _ line: inout ShellLine) {
        switch body {
        case .none: break
        case .form(let fields):
            for field in fields {
                line.add("--data", "\(field.name)=\(ExchangeRequest.percentEncoded(field.value))")
            }
        case .multipart(let parts):
            for part in parts {
                if let file = part.fileName {
                    line.add("--form", "\(part.name)=@\(file)" + (part.contentType.map { ";type=\($0)" } ?? ""))
                } else {
                    line.add("--form-string", "\(part.name)=\(String(decoding: part.content, as: UTF8.self))")
                }
            }
        case .bytes(let bytes):
            if bytes.count > self.longestBody {
                line.add("--data-binary", "@body-of-\(bytes.count)-bytes")
            } else if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) {
                // A leading `@` would name a file.
                line.add(text.hasPrefix("@") ? "--data-raw" : "--data-binary", text)
            } else {
                let digits = bytes.map { "\\x\(SuiteValue.hexadecimal($0))" }.joined()
                line.words += ["--data-binary", "$'\(digits)'"]
            }
        }
    }

    private static func exchange(_ settings: ExchangeSettings, _ line: inout ShellLine) {
        if settings.followsRedirects { line.flag(settings.trustsRedirects ? "--location-trusted" : "--location") }
        if settings.mostRedirects != ExchangeSettings().mostRedirects {
            line.add("--max-redirs", settings.mostRedirects.map(String.init) ?? "-1")
        }
        if settings.isCompressed { line.flag("--compressed") }
        switch settings.scheme {
        case .basic: break
        case .digest: line.flag("--digest")
        case .ntlm: line.flag("--ntlm")
        case .negotiate: line.flag("--negotiate")
        case .awsSigV4(let provider): line.add("--aws-sigv4", provider)
        }
        if let user = settings.user { line.add("--user", self.user(user)) }
    }

    private static func connection(_ settings: ExchangeSettings, _ line: inout ShellLine) {
        switch settings.version {
        case .any: break
        case .http10: line.flag("--http1.0")
        case .http11: line.flag("--http1.1")
        case .http2: line.flag("--http2")
        case .http2PriorKnowledge: line.flag("--http2-prior-knowledge")
        case .http3: line.flag("--http3")
        }
        switch settings.addressFamily {
        case .any: break
        case .ipv4: line.flag("--ipv4")
        case .ipv6: line.flag("--ipv6")
        }
        if settings.isInsecure { line.flag("--insecure") }
        if settings.authorities != nil { line.add("--cacert", "authorities.pem") }
        if settings.identity.certificate != nil { line.add("--cert", "certificate.pem") }
        if settings.identity.key != nil { line.add("--key", "key.pem") }
        if let keys = settings.pinnedKeys { line.add("--pinnedpubkey", keys) }
        if let proxy = settings.proxy { line.add("--proxy", self.withoutPassword(proxy)) }
        for resolve in settings.resolve { line.add("--resolve", resolve) }
        for connect in settings.connectTo { line.add("--connect-to", connect) }
        if let socket = settings.unixSocket { line.add("--unix-socket", socket) }
        if settings.keepsPathAsIs { line.flag("--path-as-is") }
        if let timeout = settings.connectTimeout { line.add("--connect-timeout", self.seconds(timeout)) }
        if let timeout = settings.timeout { line.add("--max-time", self.seconds(timeout)) }
        if settings.rateLimit > 0 { line.add("--limit-rate", String(settings.rateLimit)) }
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)" : "\(Double(milliseconds) / 1_000)"
    }

    /// Who it is may be seen, the password may not.
    private static func user(_ user: String) -> String {
        guard let colon = user.firstIndex(of: ":") else { return user }
        return "\(user[..<colon]):\(SecretMask.replacement)"
    }

    /// Its scheme may be seen.
    private static func credentials(_ value: String) -> String {
        guard let blank = value.firstIndex(of: " ") else { return SecretMask.replacement }
        return "\(value[..<blank]) \(SecretMask.replacement)"
    }

    /// What stands before the host's `@`, without its password.
    private static func withoutPassword(_ url: String) -> String {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else { return url }
        let start = url.index(colon, offsetBy: 3)
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let end = authority.lastIndex(of: "@") else { return url }
        return url[..<start] + self.user(String(authority[..<end])) + url[end...]
    }
}

/// Words of a command, each as a shell takes it for one, and without secrets.
private struct ShellLine {
    var words = ["curl"]
    private let secrets: SecretMask

    init(_ secrets: SecretMask) {
        self.secrets = secrets
    }

    mutating func flag(_ option: String) { self.words.append(option) }

    mutating func add(_ option: String, _ value: String) { self.words += [option, self.quoted(value)] }

    func quoted(_ text: String) -> String {
        "'" + TextBytes.replacing("'", with: "'\\''", in: self.secrets.masked(text)) + "'"
    }
}
