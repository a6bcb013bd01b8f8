import JSONDocument
import LinearRegex

// MARK: - Conditions

extension JSONPathParser {
    /// Section 2.3.5's logical-expr: `||` binds less than `&&`.
    mutating func condition() throws(JSONFault) -> Condition {
        try self.nested { parser throws(JSONFault) in
            var options = [try parser.conjunction()]
            while parser.continues("||") { options.append(try parser.conjunction()) }
            return options.count == 1 ? options[0] : .any(options)
        }
    }

    private mutating func conjunction() throws(JSONFault) -> Condition {
        var terms = [try self.term()]
        while self.continues("&&") { terms.append(try self.term()) }
        return terms.count == 1 ? terms[0] : .all(terms)
    }

    /// Steps over this sign and the space around it, if it's what comes next.
    private mutating func continues(_ sign: StaticString) -> Bool {
        let end = self.place
        self.skipSpace()
        guard self.skip(sign) else {
            self.place = end
            return false
        }
        self.skipSpace()
        return true
    }

    private mutating func term() throws(JSONFault) -> Condition {
        if self.byte == UInt8(ascii: "!") {
            self.place += 1
            self.skipSpace()
            if self.byte == UInt8(ascii: "(") { return .not(try self.parenthesized()) }
            let start = self.place
            let negated = try self.test()
            if case .comparison = negated {
                throw self.fault("a comparison is negated in parentheses: !(…)", at: start)
            }
            return .not(negated)
        }
        return self.byte == UInt8(ascii: "(") ? try self.parenthesized() : try self.test()
    }

    private mutating func parenthesized() throws(JSONFault) -> Condition {
        self.place += 1
        self.skipSpace()
        let condition = try self.condition()
        self.skipSpace()
        guard self.skip(")") else { throw self.missing("a ')' is wanted here") }
        return condition
    }

    /// A comparison, a query that has to come to something, or a function that is true or false.
    private mutating func test() throws(JSONFault) -> Condition {
        let start = self.place
        let left = try self.expression()
        let end = self.place
        self.skipSpace()
        if let comparison = try self.comparison() {
            let first = try self.operand(left, at: start)
            self.skipSpace()
            let second = self.place
            return .comparison(first, comparison, try self.operand(try self.expression(), at: second))
        }
        self.place = end
        switch left {
        case .query(let query): return .exists(query)
        case .condition(let condition): return condition
        case .operand(.literal):
            throw self.fault("a literal is no condition: compare it with something", at: start)
        case .operand:
            throw self.fault(
                "what this function gives is no condition: compare it with something", at: start)
        }
    }

    private mutating func comparison() throws(JSONFault) -> Comparison? {
        if self.skip("==") { return .equal }
        if self.skip("!=") { return .unequal }
        if self.skip("<=") { return .lessOrEqual }
        if self.skip(">=") { return .greaterOrEqual }
        if self.skip("<") { return .less }
        if self.skip(">") { return .greater }
        if self.byte == UInt8(ascii: "=") { throw self.fault("equal is written '=='") }
        return nil
    }
}

// MARK: - What conditions are made of

extension JSONPathParser {
    /// One of the three kinds of section 2.4.1, before it's known which is wanted.
    private enum Expression {
        case operand(Operand)
        case query(Query)
        case condition(Condition)
    }

    private mutating func expression() throws(JSONFault) -> Expression {
        switch self.byte {
        case UInt8(ascii: "$"), UInt8(ascii: "@"): return .query(try self.query())
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            return .operand(.literal(.string(try self.string())))
        case .some(UInt8(ascii: "-")), .some(0x30...0x39):
            return .operand(.literal(.number(try self.number())))
        case .some(0x61...0x7A): return try self.word()
        default: throw self.missing("a query, a literal or a function is wanted here")
        }
    }

    /// What stands where a value is wanted.
    private func operand(_ expression: Expression, at start: Int) throws(JSONFault) -> Operand {
        switch expression {
        case .operand(let operand): return operand
        case .query(let query):
            guard query.isSingular else {
                throw self.fault(
                    "this query may come to several values, and one is wanted: select by names and numbers alone",
                    at: start)
            }
            return .query(query)
        case .condition:
            throw self.fault("this function is true or false, and a value is wanted", at: start)
        }
    }

    /// `true`, `false`, `null` or a function.
    private mutating func word() throws(JSONFault) -> Expression {
        let start = self.place
        while let byte = self.byte,
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
        {
            self.place += 1
        }
        let word = String(decoding: self.bytes[start..<self.place], as: UTF8.self)
        if self.byte == UInt8(ascii: "(") {
            return try self.nested { parser throws(JSONFault) in try parser.function(word, at: start) }
        }
        switch word {
        case "true": return .operand(.literal(.bool(true)))
        case "false": return .operand(.literal(.bool(false)))
        case "null": return .operand(.literal(.null))
        default:
            throw self.fault(
                "'\(word.prefix(40))' means nothing here: text is written in quotes", at: start)
        }
    }

    /// Section 2.4's five, from their `(` on.
    private mutating func function(_ name: String, at start: Int) throws(JSONFault) -> Expression {
        let isKnown = ["length", "count", "value", "match", "search"].contains(name)
        guard isKnown else {
            throw self.fault(
                "there's no function '\(name.prefix(40))': there are length, count, value, match, search",
                at: start)
        }
        self.place += 1
        self.skipSpace()
        var arguments: [(expression: Expression, start: Int)] = []
        if self.byte != UInt8(ascii: ")") {
            repeat {
                self.skipSpace()
                let start = self.place
                arguments.append((try self.expression(), start))
                self.skipSpace()
            } while self.skip(",")
        }
        guard self.skip(")") else { throw self.missing("a ',' or ')' is wanted here") }
        let wanted = name == "match" || name == "search" ? 2 : 1
        guard arguments.count == wanted else {
            throw self.fault("\(name) takes \(wanted == 1 ? "one argument" : "two arguments")", at: start)
        }
        let (first, place) = arguments[0]
        switch name {
        case "length": return .operand(.length(try self.operand(first, at: place)))
        case "count": return .operand(.count(try self.nodes(first, of: name, at: place)))
        case "value": return .operand(.value(try self.nodes(first, of: name, at: place)))
        default:
            let subject = try self.operand(first, at: place)
            let pattern = try self.pattern(
                try self.operand(arguments[1].expression, at: arguments[1].start), wholly: name == "match",
                at: arguments[1].start)
            return .condition(
                .matches(Match(subject: subject, pattern: pattern, isWhole: name == "match")))
        }
    }

    private func nodes(_ expression: Expression, of name: String, at start: Int) throws(JSONFault) -> Query {
        guard case .query(let query) = expression else {
            throw self.fault("\(name) takes a query", at: start)
        }
        return query
    }

    /// Literals are made into patterns once.
    private func pattern(
        _ operand: Operand, wholly: Bool, at start: Int
    ) throws(JSONFault) -> PatternOperand {
        let dialect: PatternDialect = self.dialect == .hurl ? .rust : .iRegexp
        guard case .literal(let literal) = operand else { return .computed(operand, dialect) }
        guard case .string(let text) = literal else { return .unusable }
        do throws(LinearRegexError) {
            return .compiled(try dialect.regex(text, wholly: wholly))
        } catch {
            switch error.code {
            case .tooLarge, .tooMuchWork:
                throw JSONFault(.jsonPathTooLarge, at: start, of: self.bytes, error.message)
            case .invalid:
                guard dialect == .iRegexp else {
                    throw self.fault("this is no pattern: \(error.message)", at: start)
                }
                return .unusable
            }
        }
    }
}
