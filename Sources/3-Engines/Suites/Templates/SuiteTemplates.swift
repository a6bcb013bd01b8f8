package import HurlFile

extension SuiteScope {
    /// What an expression comes to.
    package func value(_ placeholder: HurlPlaceholder) throws(SuiteError) -> SuiteValue {
        let expression = placeholder.expression
        let source: SuiteValue
        switch expression.source {
        case .variable(let name):
            guard let value = self.variables[name] else {
                throw SuiteError(.unknownVariable, "there is no variable '\(name.prefix(80))'", at: expression.span)
            }
            source = value
        case .function(.newDate): source = .date(self.now())
        case .function(.newUuid): source = .string(self.uuid())
        }
        guard let value = try self.filtered(source, by: expression.filters) else {
            throw SuiteError(.missingInput, "the expression comes to nothing", at: expression.span)
        }
        return value
    }

    /// A template as text.
    package func text(_ template: HurlTemplate) throws(SuiteError) -> String {
        var text = ""
        for piece in template.pieces {
            switch piece {
            case .text(let value, _): text += value
            case .placeholder(let placeholder): text += try self.text(placeholder)
            }
        }
        return text
    }

    private func text(_ placeholder: HurlPlaceholder) throws(SuiteError) -> String {
        let value = try self.value(placeholder)
        guard let text = value.rendered else {
            throw SuiteError(.wrongKind, "a \(value.kind) can't be written as text", at: placeholder.span)
        }
        return text
    }

    /// JSON with its placeholders replaced: within a string by a part of it, elsewhere by a value.
    package func text(_ json: HurlJSON) throws(SuiteError) -> String {
        var text = ""
        for piece in json.pieces {
            switch piece {
            case .text(let source): text += source
            case .placeholder(let placeholder, inString: true):
                text += SuiteValue.escaped(try self.text(placeholder))
            case .placeholder(let placeholder, inString: false):
                let value = try self.value(placeholder)
                guard let source = value.json else {
                    throw SuiteError(.wrongKind, "a \(value.kind) can't be written in JSON", at: placeholder.span)
                }
                text += source
            }
        }
        return text
    }

    /// A text of several lines, as bytes: a GraphQL query is the JSON that's sent for it.
    package func bytes(_ multiline: HurlMultiline) throws(SuiteError) -> [UInt8] {
        switch multiline.content {
        case .text(let template): return Array(try self.text(template).utf8)
        case .bytes(let bytes, _): return bytes
        case .graphQL(let query, let variables):
            let text = SuiteValue.escaped(try self.text(query))
            guard let variables else { return Array("{\"query\":\"\(text)\"}".utf8) }
            return Array("{\"query\":\"\(text)\",\"variables\":\(try self.text(variables.value))}".utf8)
        }
    }

    /// A body as it's sent or expected.
    package func body(_ body: HurlBody) throws(SuiteError) -> SuiteBody {
        switch body {
        case .json(let json): return SuiteBody(bytes: Array(try self.text(json).utf8), contentType: "application/json")
        case .xml(let xml): return SuiteBody(bytes: Array(xml.source.utf8), contentType: "application/xml")
        case .oneline(let template): return SuiteBody(bytes: Array(try self.text(template).utf8), isText: true)
        case .bytes(let bytes): return SuiteBody(bytes: bytes.bytes, isText: false)
        case .file(let file): return SuiteBody(bytes: try self.bytes(file), isText: false)
        case .multiline(let multiline):
            let bytes = try self.bytes(multiline)
            switch multiline.language {
            case .json, .graphQL: return SuiteBody(bytes: bytes, contentType: "application/json")
            case .xml: return SuiteBody(bytes: bytes, contentType: "application/xml")
            case .text, .raw: return SuiteBody(bytes: bytes, isText: true)
            case .base64, .hexadecimal: return SuiteBody(bytes: bytes, isText: false)
            }
        }
    }

    /// What a file that's named holds.
    package func bytes(_ file: HurlFileReference) throws(SuiteError) -> [UInt8] {
        do throws(SuiteError) {
            return try self.file(try self.text(file.name))
        } catch {
            throw error.at(file.span)
        }
    }

    // MARK: options

    package func boolean(_ option: HurlOption) throws(SuiteError) -> Bool {
        switch option.value {
        case .boolean(let value): return value
        case .placeholder(let placeholder):
            let value = try self.value(placeholder)
            if case .boolean(let boolean) = value { return boolean }
            throw SuiteError(.wrongKind, "true or false is wanted, and not \(self.shown(value))", at: placeholder.span)
        default: throw SuiteError(.wrongKind, "'\(option.name.rawValue)' isn't true or false", at: option.nameSpan)
        }
    }

    /// A number or a count, of which -1 is without end.
    package func integer(_ option: HurlOption) throws(SuiteError) -> Int64 {
        switch option.value {
        case .number(let number):
            if case .integer(let value) = number.value { return value }
        case .placeholder(let placeholder):
            let value = try self.value(placeholder)
            let least: Int64 = option.name == .limitRate ? 0 : -1
            if case .number(.integer(let integer)) = value, integer >= least { return integer }
            throw SuiteError(
                .wrongKind, "an integer from \(least) is wanted, and not \(self.shown(value))", at: placeholder.span)
        default: break
        }
        throw SuiteError(.wrongKind, "'\(option.name.rawValue)' is no number", at: option.nameSpan)
    }

    package func milliseconds(_ option: HurlOption) throws(SuiteError) -> Int64 {
        switch option.value {
        case .duration(let duration): return duration.milliseconds
        case .placeholder(let placeholder):
            let value = try self.value(placeholder)
            if case .number(.integer(let integer)) = value, integer >= 0 { return integer }
            throw SuiteError(
                .wrongKind, "a number of milliseconds is wanted, and not \(self.shown(value))", at: placeholder.span)
        default: throw SuiteError(.wrongKind, "'\(option.name.rawValue)' is no duration", at: option.nameSpan)
        }
    }

    package func text(_ option: HurlOption) throws(SuiteError) -> String {
        guard case .text(let template) = option.value else {
            throw SuiteError(.wrongKind, "'\(option.name.rawValue)' is no text", at: option.nameSpan)
        }
        return try self.text(template)
    }

    package func value(_ definition: HurlVariableDefinition) throws(SuiteError) -> SuiteValue {
        switch definition.value {
        case .null: .null
        case .boolean(let value): .boolean(value)
        case .number(let number): SuiteValue(number)
        case .text(let template): .string(try self.text(template))
        }
    }
}

/// A body's bytes, and what's known of them.
package struct SuiteBody: Hashable, Sendable {
    package var bytes: [UInt8]
    /// What a request is sent with where it names no type itself.
    package var contentType: String?
    /// Whether a response is held against it as text, decoded by its charset, rather than as bytes.
    package var isText: Bool

    init(bytes: [UInt8], isText: Bool) {
        self.bytes = bytes
        self.isText = isText
    }

    init(bytes: [UInt8], contentType: String) {
        self.bytes = bytes
        self.contentType = contentType
        self.isText = true
    }
}

extension SuiteValue {
    init(_ number: HurlNumber) {
        switch number.value {
        case .integer(let value): self = .number(.integer(value))
        case .bigInteger(let digits): self = .number(.bigInteger(digits))
        case .float(let value): self = .number(.float(value))
        }
    }
}
