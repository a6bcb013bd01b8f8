import CCurl
package import Contracts
package import GloveboxCore

/// Where an answer sends on to, and with what. Whoever has to look at each hop follows redirects by this, and sends
/// requests that don't follow any by themselves.
package enum Redirect {
    /// The request that follows an answer; nil where it isn't a redirect.
    ///
    /// As curl does it: 301, 302 and 303 are followed by a GET without a body, 307 and 308 by the same request. What says
    /// who asks goes to another origin only where that's trusted.
    package static func next(
        after answer: ExchangeAnswer, to request: ExchangeRequest
    ) throws(GloveboxError) -> ExchangeRequest? {
        guard (300..<400).contains(answer.status), let location = answer.headers("location").first else { return nil }
        let url = try self.url(location, from: answer.url)
        var next = request
        next.url = url
        next.query = []
        next.cookies = []
        next.cookieCommands = []
        if (301...303).contains(answer.status) {
            if next.method.uppercased() != "HEAD" { next.method = "GET" }
            next.body = .none
            next.contentType = nil
            next.headers.removeAll { ["content-type", "content-length"].contains($0.name.lowercased()) }
        }
        if !request.settings.trustsRedirects, self.origin(of: url) != self.origin(of: answer.url) {
            next.headers.removeAll { ["authorization", "cookie"].contains($0.name.lowercased()) }
            next.settings.user = nil
            next.settings.scheme = .basic
            next.settings.identity = ExchangeSettings.Identity()
        }
        return next
    }

    /// `location` as seen from `base`.
    private static func url(_ location: String, from base: String) throws(GloveboxError) -> String {
        guard let url = URLParts(base), let joined = url.joined(location),
            ["http:", "https:"].contains(where: { joined.lowercased().hasPrefix($0) })
        else {
            throw GloveboxError(.exchangeFailed, "the answer sends on to what is no address of the web")
        }
        return joined
    }

    /// Scheme, host and port.
    static func origin(of url: String) -> String? { URLParts(url)?.origin }

    /// Where libcurl would send a request for this URL: the host in small letters, without a port, and the path. Nil where
    /// it would send none.
    package static func place(of url: String, keepsPathAsIs: Bool = false) -> (host: String, path: String)? {
        URLParts(url, UInt32(CURLU_URLENCODE) | (keepsPathAsIs ? UInt32(CURLU_PATH_AS_IS) : 0))?.place
    }
}

/// libcurl's own view of a URL.
private final class URLParts {
    private let pointer: OpaquePointer

    init?(_ url: String, _ flags: UInt32 = 0) {
        guard let pointer = curl_url() else { return nil }
        self.pointer = pointer
        guard curl_url_set(pointer, CURLUPART_URL, url, flags) == CURLUE_OK else { return nil }
    }

    deinit {
        curl_url_cleanup(self.pointer)
    }

    /// What a relative or absolute reference leads to.
    func joined(_ reference: String) -> String? {
        let flags = UInt32(CURLU_URLENCODE)
        guard curl_url_set(self.pointer, CURLUPART_URL, reference, flags) == CURLUE_OK else { return nil }
        _ = curl_url_set(self.pointer, CURLUPART_FRAGMENT, nil, 0)
        return self.part(CURLUPART_URL)
    }

    var origin: String? {
        guard let scheme = self.part(CURLUPART_SCHEME), let host = self.part(CURLUPART_HOST),
            let port = self.part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT))
        else { return nil }
        return "\(scheme.lowercased())://\(host.lowercased()):\(port)"
    }

    var place: (host: String, path: String)? {
        guard let host = self.part(CURLUPART_HOST), let path = self.part(CURLUPART_PATH) else { return nil }
        return (host.lowercased(), path)
    }

    private func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(self.pointer, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
