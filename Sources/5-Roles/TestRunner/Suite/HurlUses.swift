import HurlFile
import Suites

/// What a case's file needs from outside: variables that nothing before has set, and files.
///
/// Parts are gone through in the order in which they're run: options, request, captures, then all that's held against
/// the answer.
struct HurlUses {
    struct Use: Hashable {
        var name: String
        var position: SourcePosition
    }

    /// Each once, at its first place.
    private(set) var variables: [Use] = []
    /// As far as their names are fixed.
    private(set) var files: [Use] = []
    private var known: Set<String> = []

    init(_ document: HurlDocument) {
        for entry in document.entries {
            for option in entry.request.options { self.take(option) }
            self.take(entry.request)
            if let response = entry.response { self.take(response) }
        }
    }

    private mutating func use(_ placeholder: HurlPlaceholder) {
        if case .variable(let name) = placeholder.expression.source, self.known.insert(name).inserted {
            self.variables.append(Use(name: name, position: placeholder.span.start))
        }
        for filter in placeholder.expression.filters { self.take(filter.value) }
    }

    private mutating func take(_ template: HurlTemplate) {
        for piece in template.pieces {
            if case .placeholder(let placeholder) = piece { self.use(placeholder) }
        }
    }

    private mutating func take(_ option: HurlOption) {
        switch option.value {
        case .boolean, .number, .duration, .word: break
        case .placeholder(let placeholder): self.use(placeholder)
        case .variable(let definition):
            if case .text(let template) = definition.value { self.take(template) }
            self.known.insert(definition.name)
        case .text(let template):
            self.take(template)
            guard let text = template.fixedValue else { return }
            switch option.name {
            case .cacert, .key: self.files.append(Use(name: text, position: template.span.start))
            case .cert:
                self.files.append(Use(name: SuiteScope.certificate(text).file, position: template.span.start))
            default: break
            }
        }
    }

    private mutating func take(_ request: HurlRequest) {
        self.take(request.start.content.url)
        for header in request.headers { self.take(header.content) }
        for section in request.sections {
            switch section.content {
            case .keyValues(let lines): for line in lines { self.take(line.content) }
            case .multipart(let lines):
                for line in lines {
                    switch line.content {
                    case .text(let keyValue): self.take(keyValue)
                    case .file(let file):
                        self.take(file.key)
                        self.take(file.file)
                        if let type = file.contentType { self.take(type) }
                    }
                }
            case .options, .captures, .asserts: break
            }
        }
        if let body = request.body { self.take(body.content) }
    }

    private mutating func take(_ response: HurlResponse) {
        for capture in response.captures {
            self.take(capture.name)
            self.take(capture.query)
            for filter in capture.filters { self.take(filter.value) }
            if let name = capture.name.fixedValue { self.known.insert(name) }
        }
        for header in response.headers { self.take(header.content) }
        if let body = response.body { self.take(body.content) }
        for assertion in response.asserts {
            self.take(assertion.query)
            for filter in assertion.filters { self.take(filter.value) }
            if let value = assertion.predicate.value { self.take(value.value) }
        }
    }

    private mutating func take(_ keyValue: HurlKeyValue) {
        self.take(keyValue.key)
        self.take(keyValue.value)
    }

    private mutating func take(_ file: HurlFileReference) {
        self.take(file.name)
        if let name = file.name.fixedValue { self.files.append(Use(name: name, position: file.span.start)) }
    }

    private mutating func take(_ body: HurlBody) {
        switch body {
        case .json(let json): self.take(json)
        case .xml, .bytes: break
        case .multiline(let multiline): self.take(multiline)
        case .oneline(let template): self.take(template)
        case .file(let file): self.take(file)
        }
    }

    private mutating func take(_ json: HurlJSON) {
        for piece in json.pieces {
            if case .placeholder(let placeholder, _) = piece { self.use(placeholder) }
        }
    }

    private mutating func take(_ multiline: HurlMultiline) {
        switch multiline.content {
        case .text(let template): self.take(template)
        case .graphQL(let template, let variables):
            self.take(template)
            if let variables { self.take(variables.value) }
        case .bytes: break
        }
    }

    private mutating func take(_ query: HurlQuery) {
        switch query.argument?.value {
        case .text(let template): self.take(template)
        case .cookie(let path): self.take(path.name)
        case .regex, .certificate, nil: break
        }
    }

    private mutating func take(_ filter: HurlFilter) {
        for argument in filter.arguments {
            switch argument.value {
            case .text(let template): self.take(template)
            case .placeholder(let placeholder): self.use(placeholder)
            case .regex, .integer: break
            }
        }
    }

    private mutating func take(_ value: HurlPredicateValue) {
        switch value {
        case .text(let template): self.take(template)
        case .multiline(let multiline): self.take(multiline)
        case .file(let file): self.take(file)
        case .placeholder(let placeholder): self.use(placeholder)
        case .null, .boolean, .number, .bytes, .regex: break
        }
    }
}
