extension HurlReader {
    /// A body; nil, and nothing taken, where none stands here.
    mutating func body() throws(HurlError) -> HurlBody? {
        switch self.byte {
        case UInt8(ascii: "`"):
            return self.isAt("```") ? .multiline(try self.multiline()) : .oneline(try self.backtickTemplate())
        case UInt8(ascii: "<"): return .xml(try self.xml())
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "-"): return .json(try self.json())
        case .some(let byte) where byte.isDigit: return .json(try self.json())
        default: break
        }
        if self.isAt("hex,") { return .bytes(try self.bytes(.hexadecimal)) }
        if self.isAt("base64,") { return .bytes(try self.bytes(.base64)) }
        if self.isAt("file,") { return .file(try self.fileReference()) }
        let start = self.position
        let word = self.take { $0.isWord }
        self.goBack(to: start)
        return ["true", "false", "null"].contains(word) ? .json(try self.json()) : nil
    }

    // MARK: JSON

    mutating func json() throws(HurlError) -> HurlJSON {
        let start = self.position
        var pieces: [HurlJSON.Piece] = []
        var run = self.position
        try self.jsonValue(&pieces, &run)
        if self.position.offset > run.offset { pieces.append(.text(self.text(from: run))) }
        return HurlJSON(pieces: pieces, span: self.span(from: start))
    }

    private mutating func jsonSpace() {
        while let byte = self.byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { self.advance() }
    }

    private mutating func jsonPlaceholder(
        _ pieces: inout [HurlJSON.Piece], _ run: inout SourcePosition, inString: Bool
    ) throws(HurlError) {
        if self.position.offset > run.offset { pieces.append(.text(self.text(from: run))) }
        pieces.append(.placeholder(try self.placeholder(), inString: inString))
        run = self.position
    }

    private mutating func jsonValue(
        _ pieces: inout [HurlJSON.Piece], _ run: inout SourcePosition
    ) throws(HurlError) {
        switch self.byte {
        case UInt8(ascii: "{") where self.isAt("{{"): try self.jsonPlaceholder(&pieces, &run, inString: false)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            // The closure can't take what's passed in and out: the two are given along.
            var (inner, place) = (pieces, run)
            pieces = []
            try self.nested { reader throws(HurlError) in try reader.jsonCollection(&inner, &place) }
            (pieces, run) = (inner, place)
        case UInt8(ascii: "\""): try self.jsonString(&pieces, &run)
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): try self.jsonNumber()
        default:
            let start = self.position
            let word = self.take { $0.isLetter }
            guard ["true", "false", "null"].contains(word) else {
                self.goBack(to: start)
                throw self.fault(.badJSON, "a value of JSON was expected, and not \(self.here)")
            }
        }
    }

    private mutating func jsonCollection(
        _ pieces: inout [HurlJSON.Piece], _ run: inout SourcePosition
    ) throws(HurlError) {
        let isObject = self.byte == UInt8(ascii: "{")
        let (closing, name) = isObject ? (UInt8(ascii: "}"), "'}'") : (UInt8(ascii: "]"), "']'")
        self.advance()
        self.jsonSpace()
        guard self.byte != closing else { return self.advance() }
        while true {
            if isObject {
                guard self.byte == UInt8(ascii: "\"") else {
                    throw self.fault(.badJSON, "a name in quotes was expected, and not \(self.here)")
                }
                try self.jsonString(&pieces, &run)
                self.jsonSpace()
                guard self.take(":") else { throw self.fault(.badJSON, "':' was expected, and not \(self.here)") }
                self.jsonSpace()
            }
            try self.jsonValue(&pieces, &run)
            self.jsonSpace()
            let comma = self.position
            guard self.take(",") else { break }
            self.jsonSpace()
            if self.byte == closing { throw HurlError(.badJSON, "a value was expected behind the last ','", at: comma) }
        }
        guard self.byte == closing else {
            throw self.fault(.badJSON, "',' or \(name) was expected, and not \(self.here)")
        }
        self.advance()
    }

    private mutating func jsonNumber() throws(HurlError) {
        let start = self.position
        _ = self.take("-")
        let digits = self.take { $0.isDigit }
        guard !digits.isEmpty, digits == "0" || !digits.hasPrefix("0") else {
            throw HurlError(.badJSON, "this is no number of JSON", at: start)
        }
        if self.take(".") {
            guard self.byte?.isDigit == true else { throw self.fault(.badJSON, "digits were expected behind the '.'") }
            _ = self.take { $0.isDigit }
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            self.advance()
            if !self.take("-") { _ = self.take("+") }
            guard self.byte?.isDigit == true else { throw self.fault(.badJSON, "digits were expected behind the 'e'") }
            _ = self.take { $0.isDigit }
        }
    }

    private mutating func jsonString(
        _ pieces: inout [HurlJSON.Piece], _ run: inout SourcePosition
    ) throws(HurlError) {
        let start = self.position
        self.advance()
        while let byte = self.byte, byte != UInt8(ascii: "\"") {
            switch byte {
            case UInt8(ascii: "{") where self.isAt("{{"): try self.jsonPlaceholder(&pieces, &run, inString: true)
            case UInt8(ascii: "\\"): try self.jsonEscape()
            case ..<0x20: throw self.fault(.badJSON, "a control character in a text of JSON has to be escaped")
            default: self.advance()
            }
        }
        guard self.take("\"") else { throw HurlError(.badJSON, "the text in quotes has no end", at: start) }
    }

    private mutating func jsonEscape() throws(HurlError) {
        let start = self.position
        self.advance()
        guard let byte = self.byte else { throw HurlError(.badJSON, "nothing stands behind '\\'", at: start) }
        if byte == UInt8(ascii: "u") {
            self.advance()
            let digits = self.position
            while self.position.offset < digits.offset + 4, self.byte?.hexadecimal != nil { self.advance() }
            guard self.position.offset == digits.offset + 4 else {
                throw HurlError(.badJSON, "'\\u' wants four hexadecimal digits", at: start)
            }
        } else if "\"\\/bfnrt".utf8.contains(byte) {
            self.advance()
        } else {
            throw HurlError(.badJSON, "there is no such escape in JSON", at: start)
        }
    }

    // MARK: XML

    /// As far as the root element goes, with what may stand before it. Whether it's well-formed in all is for whoever
    /// reads it; here tags have to close one another.
    mutating func xml() throws(HurlError) -> HurlXML {
        let start = self.position
        var open: [String] = []
        var hasRoot = false
        repeat {
            if self.isAt("<!--") {
                try self.skip("-->", "a comment of XML")
            } else if self.isAt("<?") {
                try self.skip("?>", "a processing instruction of XML")
            } else if self.isAt("<![CDATA[") {
                guard !open.isEmpty else { throw self.fault(.badXML, "an element was expected") }
                try self.skip("]]>", "a CDATA section")
            } else if self.isAt("<!") {
                guard !hasRoot else { throw self.fault(.badXML, "a declaration has to stand before the root element") }
                try self.declaration()
            } else if self.isAt("</") {
                let place = self.position
                self.advance(2)
                let name = self.xmlName()
                _ = self.take { $0.isXMLSpace }
                guard let wanted = open.popLast(), wanted == name, self.take(">") else {
                    throw HurlError(.badXML, "this closing tag closes nothing that's open", at: place)
                }
            } else if self.byte == UInt8(ascii: "<") {
                let place = self.position
                self.advance()
                let name = self.xmlName()
                guard !name.isEmpty else { throw HurlError(.badXML, "the name of an element was expected", at: place) }
                hasRoot = true
                if try self.attributes(place) { open.append(name) }
                if open.count > 10_000 {
                    throw HurlError(.tooLarge, "nested too deeply: 10,000 levels at most", at: place)
                }
            } else if !open.isEmpty {
                guard !self.isAtEnd else { throw self.fault(.badXML, "the element '\(open[0].prefix(40))' has no end") }
                self.advance()
            } else if let byte = self.byte, byte.isXMLSpace {
                self.advance()
            } else {
                throw self.fault(.badXML, "an element was expected, and not \(self.here)")
            }
        } while !hasRoot || !open.isEmpty
        return HurlXML(source: self.text(from: start), span: self.span(from: start))
    }

    private mutating func xmlName() -> String {
        self.take { $0.isWord || $0 >= 0x80 || "_-.:".utf8.contains($0) }
    }

    private mutating func skip(_ end: StaticString, _ what: String) throws(HurlError) {
        let start = self.position
        self.advance(2)
        while !self.isAtEnd {
            if self.take(end) { return }
            self.advance()
        }
        throw HurlError(.badXML, "\(what) has no end", at: start)
    }

    /// `<!DOCTYPE …>`, with what stands in its brackets.
    private mutating func declaration() throws(HurlError) {
        let start = self.position
        var depth = 0
        while let byte = self.byte {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                try self.quoted(byte, start)
                continue
            }
            if self.isAt("<!--") {
                try self.skip("-->", "a comment of XML")
                continue
            }
            self.advance()
            if byte == UInt8(ascii: "<") { depth += 1 }
            if byte == UInt8(ascii: ">") { depth -= 1 }
            if depth == 0 { return }
        }
        throw HurlError(.badXML, "a declaration has no end", at: start)
    }

    private mutating func quoted(_ quote: UInt8, _ start: SourcePosition) throws(HurlError) {
        self.advance()
        while let byte = self.byte {
            self.advance()
            if byte == quote { return }
        }
        throw HurlError(.badXML, "a text in quotes has no end", at: start)
    }

    /// To the end of a tag; whether the element is left open.
    private mutating func attributes(_ start: SourcePosition) throws(HurlError) -> Bool {
        while let byte = self.byte {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                try self.quoted(byte, start)
            } else if self.take("/>") {
                return false
            } else if self.take(">") {
                return true
            } else if byte == UInt8(ascii: "<") {
                throw self.fault(.badXML, "the tag before this has no end")
            } else {
                self.advance()
            }
        }
        throw HurlError(.badXML, "a tag has no end", at: start)
    }
}

extension UInt8 {
    fileprivate var isXMLSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
