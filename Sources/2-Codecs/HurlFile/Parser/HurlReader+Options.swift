extension HurlReader {
    /// One line of `[Options]`; nil, and nothing taken, where none stands here.
    mutating func option() throws(HurlError) -> HurlOption? {
        let start = self.position
        let word = self.take {
            $0.isWord || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
        }
        let nameSpan = self.span(from: start)
        let gapBeforeColon = self.spaces()
        guard !word.isEmpty, self.take(":") else {
            self.goBack(to: start)
            return nil
        }
        guard let name = HurlOptionName(rawValue: word) else {
            let known = HurlOptionName.allCases.map(\.rawValue)
            let hint = EditDistance.nearest(to: word, of: known).map { ": did you mean '\($0)'?" } ?? ""
            throw HurlError(.unknownOption, "there is no option '\(word.prefix(40))'\(hint)", at: start)
        }
        let gapAfterColon = self.spaces()
        return HurlOption(
            name: name, nameSpan: nameSpan, gapBeforeColon: gapBeforeColon, gapAfterColon: gapAfterColon,
            value: try self.optionValue(name))
    }

    private mutating func optionValue(_ name: HurlOptionName) throws(HurlError) -> HurlOptionValue {
        switch name.shape {
        case .text: return .text(try self.valueTemplate())
        case .filename: return .text(try self.filename())
        case .filenameAndPassword: return .text(try self.filename(withPassword: true))
        case .variable: return .variable(try self.variableDefinition())
        case .verbosity:
            let start = self.position
            let word = self.take { $0.isLetter }
            guard ["brief", "verbose", "debug"].contains(word) else {
                self.goBack(to: start)
                throw self.expected("brief, verbose or debug")
            }
            return .word(word)
        case .boolean, .natural, .count, .duration: break
        }
        if self.isAt("{{") { return .placeholder(try self.placeholder()) }
        switch name.shape {
        case .natural: return .number(try self.integer(atLeast: 0, "a number from 0, or a placeholder"))
        case .count: return .number(try self.integer(atLeast: -1, "a number from -1 (without end), or a placeholder"))
        case .duration: return .duration(try self.duration())
        case .boolean, .text, .filename, .filenameAndPassword, .variable, .verbosity: break
        }
        let start = self.position
        switch self.take(while: { $0.isWord }) {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default:
            self.goBack(to: start)
            throw self.expected("true, false or a placeholder")
        }
    }

    private mutating func variableDefinition() throws(HurlError) -> HurlVariableDefinition {
        let start = self.position
        guard let name = self.variableName() else { throw self.expected("a variable's name") }
        guard HurlFunction(rawValue: name) == nil, ShellOnlyFeature[.function(name)] == nil else {
            throw HurlError(.badTemplate, "'\(name)' is a function: the variable wants another name", at: start)
        }
        let nameSpan = self.span(from: start)
        let before = self.spaces()
        guard self.take("=") else { throw self.expected("'='") }
        let after = self.spaces()
        return HurlVariableDefinition(
            name: name, nameSpan: nameSpan, before: before, after: after, value: try self.variableValue())
    }

    /// What's no other value as a whole is text.
    private mutating func variableValue() throws(HurlError) -> HurlVariableDefinition.Value {
        let start = self.position
        if self.byte == UInt8(ascii: "\"") {
            let text = try self.quotedTemplate()
            if self.isAtValueEnd { return .text(text) }
            self.goBack(to: start)
            return .text(try self.valueTemplate())
        }
        let value: HurlVariableDefinition.Value?
        if let number = try? self.number() {
            value = .number(number)
        } else {
            self.goBack(to: start)
            switch self.take(while: { $0.isWord }) {
            case "null": value = .null
            case "true": value = .boolean(true)
            case "false": value = .boolean(false)
            default: value = nil
            }
        }
        if let value, self.isAtValueEnd { return value }
        self.goBack(to: start)
        return .text(try self.valueTemplate())
    }

    /// Nothing but blanks up to the line's end or a comment.
    private var isAtValueEnd: Bool {
        var rest = self
        _ = rest.spaces()
        return rest.isAtLineEnd || rest.byte == UInt8(ascii: "#")
    }
}
