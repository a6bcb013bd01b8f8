package import Contracts
package import GloveboxCore
package import JSONDocument

/// An answer in the form in which answers are compared and kept: what counts of it, taken apart.
package struct ObservedAnswer: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case none
        case json(JSON)
        /// The page's source; compared as a ``HTMLTree``.
        case html(String)
        case text(String)
        /// Neither: its media type, how many bytes, and their 64-bit FNV-1a.
        case bytes(type: String, count: Int, digest: UInt64)

        /// What a report calls it.
        package var kind: String {
            switch self {
            case .none: "none"
            case .json: "json"
            case .html: "html"
            case .text: "text"
            case .bytes: "bytes"
            }
        }
    }

    /// 200, or the code of why there's no answer.
    package var status: String
    /// Names in small letters, in order of names. Values of one name are joined, as RFC 9110, section 5.3, allows; but
    /// cookies, which are an object by their names.
    package var headers: JSONObject
    package var body: Body
    /// Who answered, from `x-served-by`: `web@2, orders@2`. Not compared.
    package var servedBy: String?
    /// From the request's start to the answer's end, in microseconds. Nil where there's no answer.
    package var latency: Int64?

    package init(
        status: String, headers: JSONObject = JSONObject(), body: Body = .none, servedBy: String? = nil,
        latency: Int64? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.servedBy = servedBy
        self.latency = latency
    }

    /// The case ended before this request, which is made of what an earlier one was answered.
    package static let notSent = ObservedAnswer(status: "not_sent")

    /// No answer came.
    package init(failed error: GloveboxError) {
        self.init(status: error.code.rawValue)
    }

    /// The last of the answers that one request led to: before it there are redirects.
    package init(_ answers: [ExchangeAnswer], _ rules: HeaderRules = HeaderRules()) {
        guard let answer = answers.last else {
            self.init(status: GloveboxError.Code.exchangeFailed.rawValue)
            return
        }
        self.init(
            status: "\(answer.status)", headers: Self.headers(of: answer, rules), body: Self.body(of: answer),
            servedBy: answer.headers(rules.servedBy).last, latency: answer.timings.total)
    }

    private static func headers(of answer: ExchangeAnswer, _ rules: HeaderRules) -> JSONObject {
        var values: [String: [String]] = [:]
        for field in answer.headers {
            let name = field.name.lowercased()
            if rules.counts(name) { values[name, default: []].append(field.value) }
        }
        return JSONObject(
            values.sorted { $0.key < $1.key }.map { name, values in
                JSONObject.Member(
                    name, name == "set-cookie" ? self.cookies(values) : .string(values.joined(separator: ", ")))
            })
    }

    private static func cookies(_ values: [String]) -> JSON {
        let cookies = values.map { value in
            let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return JSONObject.Member(String(parts[0]), .string(parts.count > 1 ? String(parts[1]) : ""))
        }
        return .object(JSONObject(JSONObject(cookies).sortedMembers))
    }

    private static func body(of answer: ExchangeAnswer) -> Body {
        guard case .success(let bytes) = answer.body else {
            return .bytes(type: "undecodable", count: answer.rawBody.count, digest: self.digest(answer.rawBody))
        }
        if bytes.isEmpty { return .none }
        let whole = answer.headers("content-type").last ?? ""
        let type = whole.prefix { $0 != ";" && $0 != " " }.lowercased()
        if type == "application/json" || type.hasSuffix("+json") || type.isEmpty, let json = try? JSON(parsing: bytes) {
            return .json(json)
        }
        let isText =
            type.hasPrefix("text/") || type.hasSuffix("xml") || type.hasSuffix("json") || type.hasSuffix("javascript")
            || type.isEmpty || type == "application/x-www-form-urlencoded"
        // A byte order mark is none of the text's letters, and files keep none.
        let letters = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        guard isText, let text = String(validating: letters, as: UTF8.self) else {
            return .bytes(type: type, count: bytes.count, digest: self.digest(bytes))
        }
        return type == "text/html" || type == "application/xhtml+xml" ? .html(text) : .text(text)
    }

    private static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// Which headers are compared: all but those of the connection, and those that say what's compared by itself.
package struct HeaderRules: Hashable, Sendable {
    /// Names, with `*` for any letters.
    package static let uncounted = [
        // Of one connection (RFC 9110, section 7.6.1).
        "connection", "keep-alive", "proxy-*", "te", "trailer", "transfer-encoding", "upgrade", "alt-svc", "via",
        // Bodies are compared themselves, without their codings, and times by `date` and latency.
        "content-length", "age", "server-timing",
        // Says which version answers, which is what differs on purpose; and the marks of tests.
        "x-served-by", "glovebox-*",
    ]

    package var uncounted: [String]
    /// In which header services say their versions.
    package var servedBy: String

    package init(uncounted: [String] = Self.uncounted, servedBy: String = "x-served-by") {
        self.uncounted = uncounted
        self.servedBy = servedBy
    }

    func counts(_ name: String) -> Bool {
        !self.uncounted.contains { PathPattern.matches(glob: $0, name) }
    }
}

extension ObservedAnswer {
    /// The parts that are compared as trees, with what their paths begin with.
    var parts: [(root: AnswerPath.Root, value: JSON)] {
        [(.header, .object(self.headers))] + self.bodyParts
    }

    var bodyParts: [(root: AnswerPath.Root, value: JSON)] {
        switch self.body {
        case .none: []
        case .json(let json): [(.json, json)]
        case .html(let source): [(.html, HTMLTree.json(Array(source.utf8)))]
        case .text(let text): [(.text, .array(Self.lines(text).map { .string($0) }))]
        case .bytes(let type, let count, let digest):
            [(.body, .string("\(count) bytes of \(type), \(String(digest, radix: 16))"))]
        }
    }

    static func lines(_ text: String) -> [String] {
        // By bytes: to Swift both letters of a line's end are one character.
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { String(decoding: $0.last == 0x0D ? $0.dropLast() : $0, as: UTF8.self) }
    }
}
