/// One HTTP request of a test, as it's handed to whatever carries it. It says what is sent and how; nothing in it waits
/// for a variable any more.
package struct ExchangeRequest: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A part of a multipart form.
    package struct Part: Hashable, Sendable {
        package var name: String
        package var content: [UInt8]
        /// Nil for a plain field.
        package var fileName: String?
        package var contentType: String?

        package init(name: String, content: [UInt8], fileName: String? = nil, contentType: String? = nil) {
            self.name = name
            self.content = content
            self.fileName = fileName
            self.contentType = contentType
        }
    }

    package enum Body: Hashable, Sendable {
        case none
        case bytes([UInt8])
        case form([Field])
        case multipart([Part])
    }

    /// What's done with the cookies that the carrier keeps, before the request is sent.
    package enum CookieCommand: Hashable, Sendable {
        case clear
        /// A line of Netscape's cookie file, or a `Set-Cookie:` header.
        case set(String)
    }

    package var method: String
    package var url: String
    package var headers: [Field]
    /// Appended to the URL, values percent-encoded.
    package var query: [Field]
    /// Beside those that the carrier keeps.
    package var cookies: [Field]
    package var body: Body
    /// Where `headers` name none.
    package var contentType: String?
    package var cookieCommands: [CookieCommand]
    package var settings: ExchangeSettings

    package init(
        method: String = "GET", url: String, headers: [Field] = [], query: [Field] = [], cookies: [Field] = [],
        body: Body = .none, contentType: String? = nil, cookieCommands: [CookieCommand] = [],
        settings: ExchangeSettings = ExchangeSettings()
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.query = query
        self.cookies = cookies
        self.body = body
        self.contentType = contentType
        self.cookieCommands = cookieCommands
        self.settings = settings
    }

    /// The URL with the query that's appended.
    package var wholeURL: String {
        guard !self.query.isEmpty else { return self.url }
        let query = self.query.map { "\($0.name)=\(Self.percentEncoded($0.value))" }.joined(separator: "&")
        if self.url.hasSuffix("?") { return self.url + query }
        return self.url + (self.url.contains("?") ? "&" : "?") + query
    }

    /// All but RFC 3986's unreserved characters.
    package static func percentEncoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count < 2 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    package func hasHeader(_ name: String) -> Bool {
        self.headers.contains { $0.name.lowercased() == name.lowercased() }
    }
}
