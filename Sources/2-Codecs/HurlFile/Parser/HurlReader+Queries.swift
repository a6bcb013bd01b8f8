extension HurlReader {
    /// Letters and digits.
    private mutating func word() -> String { self.take { $0.isWord } }

    private func nearest(_ word: String, of known: [String]) -> String {
        guard let nearest = EditDistance.nearest(to: word, of: known) else { return "" }
        return ": did you mean '\(nearest)'?"
    }

    // MARK: queries

    mutating func query() throws(HurlError) -> HurlQuery {
        let start = self.position
        let word = self.word()
        guard let name = HurlQueryName(rawValue: word) else {
            guard !word.isEmpty else { throw self.expected("a query, as status, header or jsonpath") }
            let hint = self.nearest(word, of: HurlQueryName.allCases.map(\.rawValue))
            throw HurlError(.unknownQuery, "there is no query '\(word.prefix(40))'\(hint)", at: start)
        }
        var argument: HurlSpaced<HurlQueryArgument>?
        switch name {
        case .status, .version, .url, .body, .duration, .bytes, .rawbytes, .sha256, .md5, .ip, .redirects: break
        case .header, .xpath, .jsonpath, .variable:
            argument = HurlSpaced(
                space: try self.gap("'\(word)'"),
                value: .text(try self.quotedTemplate("a text in quotes behind '\(word)'")))
        case .regex:
            argument = HurlSpaced(space: try self.gap("'regex'"), value: try self.regexArgument())
        case .cookie:
            argument = HurlSpaced(space: try self.gap("'cookie'"), value: .cookie(try self.cookiePath()))
        case .certificate:
            argument = HurlSpaced(
                space: try self.gap("'certificate'"), value: .certificate(try self.certificateField()))
        }
        return HurlQuery(name: name, argument: argument, span: self.span(from: start))
    }

    /// One blank at least.
    mutating func gap(_ before: String) throws(HurlError) -> String {
        let space = self.spaces()
        guard !space.isEmpty else { throw self.expected("a blank behind \(before)") }
        return space
    }

    private mutating func regexArgument() throws(HurlError) -> HurlQueryArgument {
        switch self.byte {
        case UInt8(ascii: "/"): .regex(try self.regex())
        case UInt8(ascii: "\""): .text(try self.quotedTemplate())
        default: throw self.expected("an expression in quotes or slashes")
        }
    }

    private mutating func cookiePath() throws(HurlError) -> HurlCookiePath {
        guard self.take("\"") else { throw self.expected("a cookie's name in quotes") }
        let start = self.position
        var pieces: [HurlTemplate.Piece] = []
        var value = ""
        var run = self.position
        while let byte = self.byte, !self.isAtLineEnd, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "[") {
            if byte == UInt8(ascii: "{"), self.peek(1) == byte {
                if self.position.offset > run.offset {
                    pieces.append(.text(value: value, source: self.text(from: run)))
                }
                pieces.append(.placeholder(try self.placeholder()))
                (value, run) = ("", self.position)
            } else if byte == UInt8(ascii: "\\") {
                value.unicodeScalars.append(try self.escape("\"`#\\/"))
            } else {
                if let scalar = self.scalar { value.unicodeScalars.append(scalar) }
                self.advanceScalar()
            }
        }
        if self.position.offset > run.offset {
            pieces.append(.text(value: value, source: self.text(from: run)))
        }
        guard !pieces.isEmpty else { throw self.expected("a cookie's name") }
        let name = HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start))
        let bracket = self.position
        var attribute: HurlCookiePath.Attribute?
        if self.take("[") {
            _ = self.spaces()
            let place = self.position
            let word = self.take { $0.isLetter || $0 == UInt8(ascii: "-") }
            attribute = HurlCookiePath.Attribute.allCases.first { $0.rawValue.lowercased() == word.lowercased() }
            guard attribute != nil else {
                let known = HurlCookiePath.Attribute.allCases.map(\.rawValue).joined(separator: ", ")
                throw HurlError(.syntax, "a cookie's attribute was expected, one of \(known)", at: place)
            }
            _ = self.spaces()
            guard self.take("]") else { throw self.expected("']'") }
        }
        let attributeSource = self.text(from: bracket)
        guard self.take("\"") else { throw self.expected("the closing '\"'") }
        return HurlCookiePath(name: name, attribute: attribute, attributeSource: attributeSource)
    }

    private mutating func certificateField() throws(HurlError) -> HurlCertificateField {
        guard self.take("\"") else { throw self.expected("a field of the certificate in quotes") }
        let start = self.position
        let word = self.take { $0.isWord || $0 == UInt8(ascii: "-") }
        guard let field = HurlCertificateField(rawValue: word), self.take("\"") else {
            let known = HurlCertificateField.allCases.map(\.rawValue).joined(separator: ", ")
            throw HurlError(.syntax, "a field of the certificate was expected, one of \(known)", at: start)
        }
        return field
    }

    // MARK: filters

    /// As many as stand here, each with the blanks before it.
    mutating func filters() throws(HurlError) -> [HurlSpaced<HurlFilter>] {
        var filters: [HurlSpaced<HurlFilter>] = []
        while true {
            let before = self.position
            let space = self.spaces()
            let start = self.position
            guard !space.isEmpty, let name = HurlFilterName(rawValue: self.word()) else {
                self.goBack(to: before)
                return filters
            }
            filters.append(HurlSpaced(space: space, value: try self.filter(name, from: start)))
        }
    }

    private mutating func filter(_ name: HurlFilterName, from start: SourcePosition) throws(HurlError) -> HurlFilter {
        var arguments: [HurlSpaced<HurlFilterArgument>] = []
        for argument in name.shape {
            let space = try self.gap("'\(name.rawValue)'")
            let value: HurlFilterArgument
            switch argument {
            case .text: value = .text(try self.quotedTemplate("a text in quotes behind '\(name.rawValue)'"))
            case .regex:
                switch try self.regexArgument() {
                case .regex(let regex): value = .regex(regex)
                case .text(let text): value = .text(text)
                case .cookie, .certificate: throw self.expected("an expression in quotes or slashes")
                }
            case .integer:
                if self.isAt("{{") {
                    value = .placeholder(try self.placeholder())
                } else {
                    value = .integer(try self.integer(atLeast: .min, "an integer or a placeholder"))
                }
            }
            arguments.append(HurlSpaced(space: space, value: value))
        }
        return HurlFilter(name: name, arguments: arguments, span: self.span(from: start))
    }

    // MARK: predicates

    mutating func predicate() throws(HurlError) -> HurlPredicate {
        let start = self.position
        var gapAfterNot: String?
        if self.take("not") {
            let space = self.spaces()
            if space.isEmpty { self.goBack(to: start) } else { gapAfterNot = space }
        }
        let place = self.position
        let (name, source) = try self.predicateName()
        guard name.takesValue else {
            return HurlPredicate(
                gapAfterNot: gapAfterNot, name: name, source: source, value: nil, span: self.span(from: start))
        }
        let space = self.spaces()
        guard name.isOperator && source == name.rawValue || !space.isEmpty else {
            throw self.expected("a blank behind '\(source)'")
        }
        let valuePlace = self.position
        let value = try self.predicateValue()
        guard Self.fits(value, name) else {
            throw HurlError(.syntax, "'\(source)' can't be followed by this kind of value", at: valuePlace)
        }
        _ = place
        return HurlPredicate(
            gapAfterNot: gapAfterNot, name: name, source: source, value: HurlSpaced(space: space, value: value),
            span: self.span(from: start))
    }

    private mutating func predicateName() throws(HurlError) -> (HurlPredicateName, String) {
        let start = self.position
        for sign in [HurlPredicateName.equal, .notEqual, .greaterOrEqual, .lessOrEqual, .greater, .less] {
            let count = sign.rawValue.utf8.count
            if (0..<count).allSatisfy({ self.peek($0) == Array(sign.rawValue.utf8)[$0] }) {
                self.advance(count)
                return (sign, sign.rawValue)
            }
        }
        let word = self.word()
        if let name = HurlPredicateName(word: word) { return (name, word) }
        guard !word.isEmpty else { throw self.expected("a filter, or a predicate as == or exists,") }
        let known =
            HurlPredicateName.allCases.filter { !$0.isOperator }.map(\.rawValue)
            + HurlFilterName.allCases.map(\.rawValue)
        throw HurlError(
            .unknownPredicate,
            "'\(word.prefix(40))' is neither a filter nor a predicate\(self.nearest(word, of: known))", at: start)
    }

    private static func fits(_ value: HurlPredicateValue, _ name: HurlPredicateName) -> Bool {
        switch (name, value) {
        case (_, .placeholder), (_, .text): true
        case (.greater, .number), (.greaterOrEqual, .number), (.less, .number), (.lessOrEqual, .number): true
        case (.greater, _), (.greaterOrEqual, _), (.less, _), (.lessOrEqual, _): false
        case (.startsWith, .bytes), (.endsWith, .bytes), (.startsWith, .multiline), (.endsWith, .multiline): true
        case (.startsWith, _), (.endsWith, _): false
        case (.matches, .regex): true
        case (.matches, _): false
        default: true
        }
    }

    private mutating func predicateValue() throws(HurlError) -> HurlPredicateValue {
        let start = self.position
        switch self.byte {
        case UInt8(ascii: "\""): return .text(try self.quotedTemplate())
        case UInt8(ascii: "`"):
            return self.isAt("```") ? .multiline(try self.multiline()) : .text(try self.backtickTemplate())
        case UInt8(ascii: "/"): return .regex(try self.regex())
        case UInt8(ascii: "{") where self.isAt("{{"): return .placeholder(try self.placeholder())
        default: break
        }
        if let number = try self.number() { return .number(number) }
        if self.isAt("hex,") { return .bytes(try self.bytes(.hexadecimal)) }
        if self.isAt("base64,") { return .bytes(try self.bytes(.base64)) }
        if self.isAt("file,") { return .file(try self.fileReference()) }
        switch self.word() {
        case "null": return .null
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default:
            self.goBack(to: start)
            throw self.expected("a value (text in quotes, a number, true, false, null, bytes, {{variable}})")
        }
    }
}

/// How far words are apart, for hints in errors.
enum EditDistance {
    /// The known word that is one change away, or two where it's long.
    static func nearest(to word: String, of known: [String]) -> String? {
        let word = Array(word.lowercased().utf8)
        guard word.count <= 40 else { return nil }
        return known.map { ($0, self.distance(word, Array($0.lowercased().utf8))) }
            .filter { $0.1 <= (word.count > 5 ? 2 : 1) }
            .min { $0.1 < $1.1 }?.0
    }

    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in right.indices {
                let above = row[place + 1]
                row[place + 1] = min(above + 1, row[place] + 1, diagonal + (byte == right[place] ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
