import Contracts
import GloveboxCore
import HurlFile
import JSONDocument
import JSONPath
import LinearRegex

/// An answer with what has been worked out of it, so that many asserts on one body read it once.
struct AnswerReading {
    /// The redirects, then the answer itself.
    let answers: [ExchangeAnswer]
    let answer: ExchangeAnswer
    private var text: Result<String, SuiteError>?
    private var json: Result<JSON, SuiteError>?

    /// Nil where there's no answer at all.
    init?(_ answers: [ExchangeAnswer]) {
        guard let answer = answers.last else { return nil }
        self.answers = answers
        self.answer = answer
    }

    /// The body without its content codings.
    func bytes() throws(SuiteError) -> [UInt8] {
        do throws(GloveboxError) {
            return try self.answer.body.get()
        } catch {
            throw SuiteError(.badEncoding, error.message)
        }
    }

    /// The body by the charset that the answer names, UTF-8 where it names none.
    mutating func bodyText() throws(SuiteError) -> String {
        if let text = self.text { return try text.get() }
        do throws(SuiteError) {
            let text = try Charset.decoded(try self.bytes(), label: MediaType.charset(self.contentType) ?? "utf-8")
            self.text = .success(text)
            return text
        } catch {
            self.text = .failure(error)
            throw error
        }
    }

    mutating func document() throws(SuiteError) -> JSON {
        if let json = self.json { return try json.get() }
        let text = try self.bodyText()
        do throws(SuiteError) {
            let json = try JSON(suite: text)
            self.json = .success(json)
            return json
        } catch {
            self.json = .failure(error)
            throw error
        }
    }

    var contentType: String? { self.answer.headers("content-type").first }
    var isHTML: Bool { MediaType.isHTML(self.contentType) }
}

/// A Content-Type's parts (RFC 9110, section 8.3).
enum MediaType {
    static func charset(_ type: String?) -> String? {
        for parameter in (type ?? "").split(separator: ";").dropFirst() {
            let parts = parameter.split(separator: "=", maxSplits: 1).map {
                $0.filter { !$0.isWhitespace && $0 != "\"" }
            }
            if parts.count == 2, parts[0].lowercased() == "charset" { return parts[1] }
        }
        return nil
    }

    static func isHTML(_ type: String?) -> Bool {
        let essence = (type ?? "").prefix { $0 != ";" }.lowercased()
        return essence.contains("html")
    }
}

extension SuiteScope {
    /// What a query comes to; nil where there's nothing.
    func value(of query: HurlQuery, in reading: inout AnswerReading) throws(SuiteError) -> SuiteValue? {
        do throws(SuiteError) {
            return try self.unplacedValue(of: query, in: &reading)
        } catch {
            throw error.at(query.span)
        }
    }

    private func unplacedValue(
        of query: HurlQuery, in reading: inout AnswerReading
    ) throws(SuiteError) -> SuiteValue? {
        let answer = reading.answer
        switch query.name {
        case .status: return .integer(answer.status)
        case .version: return .string(String(answer.version.rawValue.dropFirst("HTTP/".count)))
        case .url: return .string(answer.url)
        case .header:
            let values = answer.headers(try self.text(query))
            return values.count > 1 ? .list(values.map { .string($0) }) : values.first.map { .string($0) }
        case .cookie: return try self.cookie(query, answer)
        case .body: return .string(try reading.bodyText())
        case .xpath:
            let format: SuiteMarkup = reading.isHTML ? .html : .xml
            return try self.xpath(try reading.bodyText(), format, try self.text(query))
        case .jsonpath: return try self.jsonPath(try self.text(query), in: try reading.document())
        case .regex:
            let text = try reading.bodyText()
            switch query.argument?.value {
            case .regex(let regex): return try self.captured(try self.regex(regex.pattern), in: text)
            default: return try self.captured(try self.regex(try self.text(query)), in: text)
            }
        case .variable: return self.variables[try self.text(query)]
        case .duration: return .integer(answer.timings.total / 1_000)
        case .bytes: return .bytes(try reading.bytes())
        case .rawbytes: return .bytes(answer.rawBody)
        case .sha256: return .bytes(try self.digest(.sha256, try reading.bytes()))
        case .md5: return .bytes(try self.digest(.md5, try reading.bytes()))
        case .certificate:
            guard case .certificate(let field) = query.argument?.value else { return nil }
            return try Self.fact(field, answer.certificate)
        case .ip: return answer.address.map { .string($0) }
        case .redirects:
            // Where each led to is what was asked next.
            return .list(
                zip(reading.answers, reading.answers.dropFirst()).map { hop, next in
                    .response(status: hop.status, location: next.url)
                })
        }
    }

    private func text(_ query: HurlQuery) throws(SuiteError) -> String {
        guard case .text(let template) = query.argument?.value else {
            throw SuiteError(.wrongKind, "'\(query.name.rawValue)' wants a text in quotes")
        }
        return try self.text(template)
    }

    private static func fact(
        _ field: HurlCertificateField, _ certificate: ExchangeAnswer.Certificate?
    ) throws(SuiteError) -> SuiteValue? {
        guard let certificate else { return nil }
        let text: String?
        switch field {
        case .subject: text = certificate.subject
        case .issuer: text = certificate.issuer
        case .serialNumber: text = certificate.serialNumber
        case .subjectAltName: text = certificate.subjectAltName
        case .value: text = certificate.value
        case .startDate:
            return try self.date(certificate.startDate, ["%b %d %H:%M:%S %Y GMT", "%Y-%m-%d %H:%M:%S GMT"])
        case .expireDate:
            return try self.date(certificate.expireDate, ["%b %d %H:%M:%S %Y GMT", "%Y-%m-%d %H:%M:%S GMT"])
        }
        return text.map { .string($0) }
    }

    private static func date(_ text: String?, _ formats: [String]) throws(SuiteError) -> SuiteValue? {
        guard let text else { return nil }
        for format in formats {
            if let date = DateReading.date(text, by: try DateFormat(format)) { return .date(date) }
        }
        throw SuiteError(.badInput, "'\(text.prefix(60))' is no date as it's usually written")
    }

    // MARK: cookies

    private func cookie(_ query: HurlQuery, _ answer: ExchangeAnswer) throws(SuiteError) -> SuiteValue? {
        guard case .cookie(let path) = query.argument?.value else { return nil }
        let name = try self.text(path.name)
        let cookies = answer.headers("set-cookie").compactMap { SetCookie($0) }
        guard let cookie = cookies.first(where: { $0.name.isSame(as: name) }) else { return nil }
        switch path.attribute ?? .value {
        case .value: return .string(cookie.value)
        case .expires:
            return try Self.date(
                cookie["expires"],
                ["%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S %z"])
        case .maxAge: return cookie["max-age"].flatMap { SuiteNumber(integer: $0) }.map { .number($0) }
        case .domain: return cookie["domain"].map { .string($0) }
        case .path: return cookie["path"].map { .string($0) }
        case .secure: return cookie["secure"].map { _ in .unit }
        case .httpOnly: return cookie["httponly"].map { _ in .unit }
        case .sameSite: return cookie["samesite"].map { .string($0) }
        }
    }

    // MARK: JSON

    /// What a JSONPath expression finds in a text of JSON.
    func jsonPath(_ expression: String, in text: String) throws(SuiteError) -> SuiteValue? {
        try self.jsonPath(expression, in: try JSON(suite: text))
    }

    private func jsonPath(_ expression: String, in document: JSON) throws(SuiteError) -> SuiteValue? {
        let query: JSONPathQuery
        do throws(JSONFault) {
            query = try JSONPathQuery(expression, dialect: .hurl)
        } catch {
            throw SuiteError(
                .badQuery, "'\(expression.prefix(80))' is no JSONPath: \(error.what), at its character \(error.column)")
        }
        do throws(GloveboxError) {
            return try query.hurlValue(in: document, coerces: self.coercesJSONPath).map { SuiteValue($0) }
        } catch {
            throw SuiteError(.tooMuchWork, error.message)
        }
    }
}

/// A Set-Cookie header (RFC 6265, section 5.2).
struct SetCookie {
    let name: String
    let value: String
    private let attributes: [(name: String, value: String)]

    init?(_ header: String) {
        let parts = header.split(separator: ";", omittingEmptySubsequences: false).map { Self.pair($0) }
        guard let first = parts.first, let value = first.value, !first.name.isEmpty else { return nil }
        self.name = first.name
        self.value = value
        self.attributes = parts.dropFirst().map { ($0.name.lowercased(), $0.value ?? "") }
    }

    /// Of several of one name the last counts.
    subscript(_ name: String) -> String? { self.attributes.last { $0.name == name }?.value }

    private static func pair(_ text: Substring) -> (name: String, value: String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        func trimmed(_ text: Substring) -> String {
            String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        return (parts.first.map { trimmed($0) } ?? "", parts.count > 1 ? trimmed(parts[1]) : nil)
    }
}

extension JSON {
    fileprivate init(suite text: String) throws(SuiteError) {
        do throws(JSONFault) {
            self = try JSON(parsing: Array(text.utf8))
        } catch {
            throw SuiteError(.badInput, "the text is no JSON: \(error.what), at \(error.line):\(error.column)")
        }
    }
}

extension SuiteValue {
    init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .boolean(value)
        case .number(let number):
            self = .number(
                (number.isWrittenAsInteger ? SuiteNumber(integer: number.text) : nil) ?? .float(number.double))
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(elements.map { SuiteValue($0) })
        case .object(let object): self = .object(object.members.map { ($0.name, SuiteValue($0.value)) })
        }
    }
}
