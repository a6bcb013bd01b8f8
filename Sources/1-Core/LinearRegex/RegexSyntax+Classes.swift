extension RegexParser {
    // MARK: escapes

    /// What stands behind a `\`, outside of a class.
    mutating func escape() throws(LinearRegexError) -> RegexNode {
        let start = self.place
        guard let next = self.peek(1) else { throw self.fault("a '\\' with nothing behind it") }
        switch next {
        case "A":
            self.place += 2
            return .assertion(.textStart)
        case "z":
            self.place += 2
            return .assertion(.textEnd)
        case "b":
            self.place += 2
            for (form, assertion) in [
                ("{start}", RegexAssertion.wordStart), ("{end}", .wordEnd), ("{start-half}", .wordStartHalf),
                ("{end-half}", .wordEndHalf),
            ] where self.take(form) {
                return .assertion(assertion)
            }
            return .assertion(self.flags.isUnicode ? .wordBoundary : .asciiWordBoundary)
        case "B":
            self.place += 2
            return .assertion(self.flags.isUnicode ? .notWordBoundary : .notASCIIWordBoundary)
        case "<":
            self.place += 2
            return .assertion(.wordStart)
        case ">":
            self.place += 2
            return .assertion(.wordEnd)
        case "1"..."9": throw self.fault("a back-reference, which has no linear time", at: start)
        default:
            if let perl = try self.perlClass() { return .scalarClass(perl) }
            return self.literal(try self.escapedScalar())
        }
    }

    /// `\d`, `\w`, `\s`, `\p…` and their opposites; nil where something else is escaped.
    private mutating func perlClass() throws(LinearRegexError) -> ScalarClass? {
        let isUnicode = self.flags.isUnicode
        switch self.peek(1) {
        case "d": return self.passed(isUnicode ? .digits : .asciiDigits)
        case "D": return self.passed(.complement(isUnicode ? .digits : .asciiDigits))
        case "s": return self.passed(isUnicode ? .space : .asciiSpace)
        case "S": return self.passed(.complement(isUnicode ? .space : .asciiSpace))
        case "w": return self.passed(isUnicode ? .word : .asciiWord)
        case "W": return self.passed(.complement(isUnicode ? .word : .asciiWord))
        case "p": return try self.property(isNegated: false)
        case "P": return try self.property(isNegated: true)
        default: return nil
        }
    }

    private mutating func passed(_ scalarClass: ScalarClass) -> ScalarClass {
        self.place += 2
        return scalarClass
    }

    private mutating func property(isNegated: Bool) throws(LinearRegexError) -> ScalarClass {
        let start = self.place
        self.place += 2
        var name = String.UnicodeScalarView()
        var isNegated = isNegated
        if self.next == "{" {
            self.place += 1
            if self.next == "^" {
                isNegated.toggle()
                self.place += 1
            }
            while let next = self.next, next != "}" {
                name.append(next)
                self.place += 1
            }
            guard self.next == "}" else { throw self.fault("a '\\p{' that isn't closed", at: start) }
            self.place += 1
        } else if let next = self.next {
            name.append(next)
            self.place += 1
        }
        if String(name).lowercased() == "ascii" {
            return isNegated ? .complement(.ranges([0...0x7F])) : .ranges([0...0x7F])
        }
        guard let property = ScalarProperty(named: String(name)) else {
            throw self.fault(
                "'\(String(name).prefix(40))' is no general category or property that is known here (scripts aren't)",
                at: start)
        }
        let found = ScalarClass.property(property)
        let inCase = self.flags.isCaseInsensitive ? ScalarClass.anyCase(found) : found
        return isNegated ? .complement(inCase) : inCase
    }

    /// One character behind a `\`.
    private mutating func escapedScalar() throws(LinearRegexError) -> Unicode.Scalar {
        let start = self.place
        guard let next = self.peek(1) else { throw self.fault("a '\\' with nothing behind it") }
        self.place += 2
        switch next {
        case "a": return "\u{7}"
        case "f": return "\u{C}"
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "v": return "\u{B}"
        case "x": return try self.hexadecimal(2, start)
        case "u": return try self.hexadecimal(4, start)
        case "U": return try self.hexadecimal(8, start)
        case "0": throw self.fault("octal escapes aren't known: write \\x00", at: start)
        default:
            guard next.isASCII, !("a"..."z").contains(next), !("A"..."Z").contains(next), !("0"..."9").contains(next)
            else { throw self.fault("there is no escape '\\\(next)'", at: start) }
            return next
        }
    }

    private mutating func hexadecimal(_ digits: Int, _ start: Int) throws(LinearRegexError) -> Unicode.Scalar {
        var text = ""
        if self.next == "{" {
            self.place += 1
            while let next = self.next, next != "}", text.count <= 8 {
                text.unicodeScalars.append(next)
                self.place += 1
            }
            guard self.next == "}" else { throw self.fault("a '{' that isn't closed", at: start) }
            self.place += 1
        } else {
            while text.count < digits, let next = self.next {
                text.unicodeScalars.append(next)
                self.place += 1
            }
            guard text.count == digits else { throw self.fault("\(digits) hexadecimal digits are wanted", at: start) }
        }
        guard text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16), let scalar = Unicode.Scalar(value)
        else { throw self.fault("'\(text.prefix(10))' is no Unicode scalar in hexadecimal", at: start) }
        return scalar
    }

    // MARK: classes

    mutating func bracketClass() throws(LinearRegexError) -> ScalarClass {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= Self.deepest else { throw self.fault("nested too deeply: \(Self.deepest) levels at most") }
        let start = self.place
        self.place += 1
        var isNegated = false
        self.skipIgnored()
        if self.next == "^" {
            isNegated = true
            self.place += 1
        }
        var whole: ScalarClass?
        var combine: (ScalarClass, ScalarClass) -> ScalarClass = { .union([$0, $1]) }
        while true {
            let items = try self.items(start, isFirst: whole == nil)
            whole = whole.map { combine($0, items) } ?? items
            if self.take("&&") {
                combine = { .intersection($0, $1) }
            } else if self.take("--") {
                combine = { .difference($0, $1) }
            } else if self.take("~~") {
                combine = { .symmetricDifference($0, $1) }
            } else {
                break
            }
        }
        guard self.next == "]" else { throw self.fault("a '[' that isn't closed", at: start) }
        self.place += 1
        let found = whole ?? .ranges([])
        let inCase = self.flags.isCaseInsensitive ? ScalarClass.anyCase(found) : found
        return isNegated ? .complement(inCase) : inCase
    }

    /// A class's items up to an operator or its end.
    private mutating func items(_ start: Int, isFirst: Bool) throws(LinearRegexError) -> ScalarClass {
        var ranges: [ClosedRange<UInt32>] = []
        var others: [ScalarClass] = []
        self.skipIgnored()
        // A ']' that stands first is one.
        if isFirst, self.next == "]" {
            ranges.append(0x5D...0x5D)
            self.place += 1
        }
        while true {
            self.skipIgnored()
            guard let next = self.next else { throw self.fault("a '[' that isn't closed", at: start) }
            if next == "]" { break }
            if let after = self.peek(1), after == next,
                next == "&" || next == "~" || (next == "-" && self.peek(2) != "]")
            {
                break
            }
            if next == "[" {
                if let posix = try self.posixClass() {
                    others.append(posix)
                } else {
                    others.append(try self.bracketClass())
                }
                continue
            }
            if next == "\\", let perl = try self.perlClass() {
                others.append(perl)
                continue
            }
            let first = try self.classScalar()
            self.skipIgnored()
            guard self.next == "-", let after = self.peek(1), after != "]", after != "-" else {
                ranges.append(first.value...first.value)
                continue
            }
            let dash = self.place
            self.place += 1
            self.skipIgnored()
            let last = try self.classScalar()
            guard first <= last else { throw self.fault("a range whose end is below its start", at: dash) }
            ranges.append(first.value...last.value)
        }
        if others.isEmpty { return .ranges(ranges) }
        return .union([.ranges(ranges)] + others)
    }

    private mutating func classScalar() throws(LinearRegexError) -> Unicode.Scalar {
        guard let next = self.next else { throw self.fault("a '[' that isn't closed") }
        if next == "\\" {
            // In a class `\b` isn't a boundary, and none of these is a character.
            if let after = self.peek(1), "dDwWsSpP".unicodeScalars.contains(after) {
                throw self.fault("a class can't be the end of a range")
            }
            return try self.escapedScalar()
        }
        self.place += 1
        return next
    }

    /// `[:alpha:]` and its like; nil where none stands here.
    private mutating func posixClass() throws(LinearRegexError) -> ScalarClass? {
        guard self.peek(1) == ":" else { return nil }
        let names: [(String, [ClosedRange<UInt32>])] = [
            ("alnum", [0x30...0x39, 0x41...0x5A, 0x61...0x7A]), ("alpha", [0x41...0x5A, 0x61...0x7A]),
            ("ascii", [0...0x7F]), ("blank", [0x09...0x09, 0x20...0x20]), ("cntrl", [0...0x1F, 0x7F...0x7F]),
            ("digit", [0x30...0x39]), ("graph", [0x21...0x7E]), ("lower", [0x61...0x7A]), ("print", [0x20...0x7E]),
            ("punct", [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]), ("space", [0x09...0x0D, 0x20...0x20]),
            ("upper", [0x41...0x5A]), ("word", [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]),
            ("xdigit", [0x30...0x39, 0x41...0x46, 0x61...0x66]),
        ]
        for (name, ranges) in names {
            if self.take("[:\(name):]") { return .ranges(ranges) }
            if self.take("[:^\(name):]") { return .complement(.ranges(ranges)) }
        }
        return nil
    }
}
