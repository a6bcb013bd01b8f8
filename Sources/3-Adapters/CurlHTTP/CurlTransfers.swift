import CCurl
import Contracts
import GloveboxCore

/// One session's transfers. Lives on the session's thread.
final class CurlTransfers {
    private var handle: CurlHandle?
    /// Connections that are used again tell no certificate: what was told of them first.
    private var certificates: [String: ExchangeAnswer.Certificate] = [:]
    private var lastVersion: ExchangeSettings.Version?

    /// Where no limit is set.
    static let mostRedirects = 1_000

    /// - Throws: `exchange_…`.
    func exchange(
        _ request: ExchangeRequest, _ cancellation: Cancellation
    ) throws(GloveboxError) -> [ExchangeAnswer] {
        var answers: [ExchangeAnswer] = []
        var request = request
        while true {
            let answer = try self.transfer(request, cancellation)
            answers.append(answer)
            guard request.settings.followsRedirects, let next = try Redirect.next(after: answer, to: request) else {
                return answers
            }
            let most = request.settings.mostRedirects ?? Self.mostRedirects
            guard answers.count <= most else {
                throw GloveboxError(.exchangeTooManyRedirects, "there are more than \(most) redirects")
            }
            request = next
        }
    }

    private func transfer(
        _ request: ExchangeRequest, _ cancellation: Cancellation
    ) throws(GloveboxError) -> ExchangeAnswer {
        let handle = if let kept = self.handle { kept } else { try CurlHandle() }
        self.handle = handle
        // Afterwards nothing in it points to what this transfer needed; closing a connection may still tell of it.
        defer { handle.reset() }
        let settings = request.settings
        let url = request.wholeURL
        let configuration = try CurlConfiguration(request, url: url, on: handle)
        // A connection of another version would be used again otherwise.
        if let last = self.lastVersion, last != settings.version { try handle.set(CURLOPT_FRESH_CONNECT, true) }
        self.lastVersion = settings.version

        let receiver = CurlReceiver(most: settings.mostBodyBytes, cancellation)
        let code = try receiver.receive(from: handle)
        withExtendedLifetime(configuration) {}
        guard code == CURLE_OK else { throw self.failure(code, receiver, settings) }
        guard let version = receiver.version else {
            throw GloveboxError(.exchangeFailed, "what came back isn't HTTP")
        }
        var timings = ExchangeAnswer.Timings()
        timings.nameLookup = handle.offset(CURLINFO_NAMELOOKUP_TIME_T)
        timings.connect = handle.offset(CURLINFO_CONNECT_TIME_T)
        timings.tls = handle.offset(CURLINFO_APPCONNECT_TIME_T)
        timings.firstByte = handle.offset(CURLINFO_STARTTRANSFER_TIME_T)
        timings.total = handle.offset(CURLINFO_TOTAL_TIME_T)
        var answer = ExchangeAnswer(
            url: url, method: request.method, sentHeaders: receiver.sentHeaders, version: version,
            status: handle.integer(CURLINFO_RESPONSE_CODE), headers: receiver.headers, rawBody: receiver.body,
            timings: timings, certificate: self.certificate(handle, url), address: handle.text(CURLINFO_PRIMARY_IP),
            cookies: handle.list(CURLINFO_COOKIELIST).compactMap(Self.cookie))
        answer.body = ContentCoding.decoded(
            receiver.body, answer.headers("content-encoding"), most: settings.mostBodyBytes)
        return answer
    }

    private func failure(
        _ code: CURLcode, _ receiver: CurlReceiver, _ settings: ExchangeSettings
    ) -> GloveboxError {
        if receiver.isCancelled { return GloveboxError(.exchangeCancelled, "the request was given up") }
        if receiver.isTooLarge {
            return GloveboxError(.exchangeTooLarge, "the answer has more than \(settings.mostBodyBytes) bytes")
        }
        let words = CurlHandle.words(code)
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return GloveboxError(.exchangeTimedOut, "there was no answer in time")
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return GloveboxError(.exchangeBadRequest, "the URL can't be asked for: \(words)")
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_BAD_FUNCTION_ARGUMENT:
            return GloveboxError(.exchangeBadRequest, "the request's settings don't work: \(words)")
        default: return GloveboxError(.exchangeFailed, "the request failed: \(words)")
        }
    }

    private func certificate(_ handle: CurlHandle, _ url: String) -> ExchangeAnswer.Certificate? {
        guard let origin = Redirect.origin(of: url), origin.hasPrefix("https:") else { return nil }
        let lines = handle.certificate
        if !lines.isEmpty { self.certificates[origin] = ExchangeAnswer.Certificate(curl: lines) }
        return self.certificates[origin]
    }

    /// A line of Netscape's cookie file.
    private static func cookie(_ line: String) -> ExchangeAnswer.Cookie? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 7 else { return nil }
        let prefix = "#HttpOnly_"
        let domain = fields[0].hasPrefix(prefix) ? String(fields[0].dropFirst(prefix.count)) : fields[0]
        return ExchangeAnswer.Cookie(domain: domain, path: fields[2], name: fields[5], value: fields[6])
    }
}

extension ExchangeAnswer.Certificate {
    /// From libcurl's lines of `NAME:VALUE`, whose names are written in capitals or not by its version.
    init(curl lines: [String]) {
        self.init()
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = String(line[line.index(after: colon)...])
            switch line[..<colon].lowercased() {
            case "subject": self.subject = value
            case "issuer": self.issuer = value
            case "start date": self.startDate = value
            case "expire date": self.expireDate = value
            case "serial number": self.serialNumber = Self.pairs(value)
            case "x509v3 subject alternative name": self.subjectAltName = value
            case "cert": self.value = value
            default: break
            }
        }
    }

    /// In pairs of digits with colons between them.
    private static func pairs(_ digits: String) -> String {
        if digits.contains(":") { return digits.split(separator: ":").joined(separator: ":") }
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, index % 2 == 0 { result += ":" }
            result.append(digit)
        }
        return result
    }
}
