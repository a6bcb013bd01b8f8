import Contracts
import HurlFile

extension SuiteScope {
    /// A request of a file as it's sent, every template in it worked out.
    func request(_ request: HurlRequest, _ options: EntryOptions) throws(SuiteError) -> ExchangeRequest {
        let line = request.start.content
        let url = try self.text(line.url)
        let lower = url.prefix(8).lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else {
            throw SuiteError(
                .badURL, "'\(self.secrets.masked(url).prefix(100))' is no URL: it begins with http:// or https://",
                at: line.url.span)
        }
        var sent = ExchangeRequest(method: line.method, url: url, settings: options.settings)
        sent.headers = try self.fields(request.headers.map(\.content))
        // What the request itself says counts more.
        sent.headers += options.headers.filter { header in !sent.hasHeader(header.name) }
        if let basic = request.basicAuth {
            let user = "\(try self.text(basic.key)):\(try self.text(basic.value))"
            sent.settings.user = user
            sent.settings.scheme = .basic
        }
        for name in options.withoutHeaders { sent.headers.removeAll { $0.name.lowercased() == name.lowercased() } }
        sent.query = try self.fields(request.query)
        sent.cookies = try self.fields(request.cookies)
        sent.cookieCommands = Self.cookieCommands(request)
        let form = try self.fields(request.form)
        if !form.isEmpty {
            sent.body = .form(form)
            sent.contentType = "application/x-www-form-urlencoded"
        } else if !request.multipart.isEmpty {
            sent.body = .multipart(try self.parts(request.multipart))
        } else if let body = request.body?.content {
            let value = try self.body(body)
            sent.body = .bytes(value.bytes)
            sent.contentType = value.contentType
        }
        return sent
    }

    private func fields(_ keyValues: [HurlKeyValue]) throws(SuiteError) -> [ExchangeRequest.Field] {
        var fields: [ExchangeRequest.Field] = []
        for keyValue in keyValues {
            fields.append(ExchangeRequest.Field(try self.text(keyValue.key), try self.text(keyValue.value)))
        }
        return fields
    }

    private func parts(_ fields: [HurlMultipartField]) throws(SuiteError) -> [ExchangeRequest.Part] {
        var parts: [ExchangeRequest.Part] = []
        for field in fields {
            switch field {
            case .text(let keyValue):
                parts.append(
                    ExchangeRequest.Part(
                        name: try self.text(keyValue.key), content: Array(try self.text(keyValue.value).utf8)))
            case .file(let file):
                let name = try self.text(file.file.name)
                let type = try file.contentType.map { (type) throws(SuiteError) in try self.text(type) }
                parts.append(
                    ExchangeRequest.Part(
                        name: try self.text(file.key), content: try self.bytes(file.file), fileName: name,
                        contentType: type ?? Self.contentType(ofFile: name)))
            }
        }
        return parts
    }

    /// By what a file's name ends with, as Hurl has it.
    static func contentType(ofFile name: String) -> String {
        switch name.split(separator: ".", omittingEmptySubsequences: false).last?.lowercased() {
        case "gif": "image/gif"
        case "jpg", "jpeg": "image/jpeg"
        case "png": "image/png"
        case "svg": "image/svg+xml"
        case "txt": "text/plain"
        case "htm", "html": "text/html"
        case "pdf": "application/pdf"
        case "xml": "application/xml"
        default: "application/octet-stream"
        }
    }

    /// `# @cookie_storage_clear` and `# @cookie_storage_set: LINE` above a request.
    private static func cookieCommands(_ request: HurlRequest) -> [ExchangeRequest.CookieCommand] {
        var commands: [ExchangeRequest.CookieCommand] = []
        for line in request.start.leading {
            let text = self.trimmed((line.comment?.text ?? "")[...])
            let setting = "@cookie_storage_set:"
            if text == "@cookie_storage_clear" { commands.append(.clear) }
            if text.hasPrefix(setting) { commands.append(.set(self.trimmed(text.dropFirst(setting.count)))) }
        }
        return commands
    }
}
