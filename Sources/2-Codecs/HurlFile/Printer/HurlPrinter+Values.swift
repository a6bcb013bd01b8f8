extension HurlPrinter {
    mutating func template(_ template: HurlTemplate) {
        self.write(template.delimiter.rawValue)
        for piece in template.pieces {
            switch piece {
            case .text(_, let source): self.write(source)
            case .placeholder(let placeholder): self.placeholder(placeholder)
            }
        }
        self.write(template.delimiter.rawValue)
    }

    mutating func placeholder(_ placeholder: HurlPlaceholder) {
        self.write("{{")
        self.space(placeholder.before, canonical: "")
        switch placeholder.expression.source {
        case .variable(let name): self.write(name)
        case .function(let function): self.write(function.rawValue)
        }
        self.filters(placeholder.expression.filters)
        self.space(placeholder.after, canonical: "")
        self.write("}}")
    }

    mutating func file(_ file: HurlFileReference) {
        self.write("file,")
        self.space(file.before, canonical: "")
        self.template(file.name)
        self.space(file.after, canonical: "")
        self.write(";")
    }

    private mutating func bytes(_ bytes: HurlBytes) {
        self.write("\(bytes.form.rawValue),")
        self.space(bytes.before, canonical: "")
        self.write(bytes.source)
        self.space(bytes.after, canonical: "")
        self.write(";")
    }

    private mutating func regex(_ regex: HurlRegex) { self.write("/\(regex.source)/") }

    // MARK: queries

    mutating func query(_ query: HurlQuery) {
        self.write(query.name.rawValue)
        guard let argument = query.argument else { return }
        self.space(argument.space)
        switch argument.value {
        case .text(let text): self.template(text)
        case .regex(let regex): self.regex(regex)
        case .cookie(let path):
            self.write("\"")
            self.template(path.name)
            if self.isCanonical {
                if let attribute = path.attribute { self.write("[\(attribute.rawValue)]") }
            } else {
                self.write(path.attributeSource)
            }
            self.write("\"")
        case .certificate(let field): self.write("\"\(field.rawValue)\"")
        }
    }

    mutating func filters(_ filters: [HurlSpaced<HurlFilter>]) {
        for filter in filters {
            self.space(filter.space)
            self.write(filter.value.name.rawValue)
            for argument in filter.value.arguments {
                self.space(argument.space)
                switch argument.value {
                case .text(let text): self.template(text)
                case .regex(let regex): self.regex(regex)
                case .integer(let number): self.write(number.source)
                case .placeholder(let placeholder): self.placeholder(placeholder)
                }
            }
        }
    }

    mutating func predicate(_ predicate: HurlPredicate) {
        if let gap = predicate.gapAfterNot {
            self.write("not")
            self.space(gap)
        }
        self.write(self.isCanonical ? predicate.name.rawValue : predicate.source)
        guard let value = predicate.value else { return }
        self.space(value.space)
        switch value.value {
        case .null: self.write("null")
        case .boolean(let value): self.write(value ? "true" : "false")
        case .number(let number): self.write(number.source)
        case .text(let text): self.template(text)
        case .multiline(let multiline): self.multiline(multiline)
        case .bytes(let bytes): self.bytes(bytes)
        case .file(let file): self.file(file)
        case .regex(let regex): self.regex(regex)
        case .placeholder(let placeholder): self.placeholder(placeholder)
        }
    }

    // MARK: bodies

    mutating func body(_ body: HurlBody) {
        switch body {
        case .json(let json): self.json(json)
        case .xml(let xml): self.write(xml.source)
        case .multiline(let multiline): self.multiline(multiline)
        case .oneline(let text): self.template(text)
        case .bytes(let bytes): self.bytes(bytes)
        case .file(let file): self.file(file)
        }
    }

    private mutating func json(_ json: HurlJSON) {
        for piece in json.pieces {
            switch piece {
            case .text(let text): self.write(text)
            case .placeholder(let placeholder, _): self.placeholder(placeholder)
            }
        }
    }

    private mutating func multiline(_ multiline: HurlMultiline) {
        self.write("```")
        if self.isCanonical {
            let words = multiline.options.map(\.rawValue)
            let language = multiline.language.rawValue
            self.write((language.isEmpty ? words : [language] + words).joined(separator: ","))
        } else {
            self.write(multiline.heading)
        }
        self.write(multiline.newline)
        switch multiline.content {
        case .text(let text): self.template(text)
        case .bytes(_, let source): self.write(source)
        case .graphQL(let query, let variables):
            self.template(query)
            if let variables {
                self.write("variables")
                self.space(variables.before)
                self.json(variables.value)
                self.write(variables.after)
            }
        }
        self.write("```")
    }
}
