import LinearRegex

extension HurlReader {
    // MARK: numbers

    /// An integer or a decimal number; nil, and nothing taken, where none stands here.
    mutating func number() throws(HurlError) -> HurlNumber? {
        let start = self.position
        guard self.byte?.isDigit == true || (self.byte == UInt8(ascii: "-") && self.peek(1)?.isDigit == true) else {
            return nil
        }
        _ = self.take("-")
        let digits = self.take { $0.isDigit }
        guard digits.utf8.count == 1 || !digits.hasPrefix("0") else {
            throw HurlError(.badNumber, "a number doesn't begin with a 0 that counts for nothing", at: start)
        }
        guard self.byte == UInt8(ascii: ".") else {
            let text = self.text(from: start)
            let value = Int64(text).map { HurlNumber.Value.integer($0) } ?? .bigInteger(text)
            return HurlNumber(source: text, value: value, span: self.span(from: start))
        }
        self.advance()
        guard self.byte?.isDigit == true else {
            throw self.fault(.badNumber, "digits were expected behind the '.', and not \(self.here)")
        }
        _ = self.take { $0.isDigit }
        let text = self.text(from: start)
        guard let value = Double(text), value.isFinite else {
            throw HurlError(.badNumber, "'\(text.prefix(40))' is too large", at: start)
        }
        return HurlNumber(source: text, value: .float(value), span: self.span(from: start))
    }

    /// - Parameter least: what the number is at least.
    mutating func integer(atLeast least: Int64, _ what: String) throws(HurlError) -> HurlNumber {
        let start = self.position
        guard let number = try self.number() else { throw self.expected(what) }
        guard case .integer(let value) = number.value, value >= least else {
            throw HurlError(.badNumber, "\(what) was expected, and not \(number.source.prefix(40))", at: start)
        }
        return number
    }

    mutating func duration() throws(HurlError) -> HurlDuration {
        let number = try self.integer(atLeast: 0, "a duration as 500ms, 2s, 1m or 1h, or a placeholder")
        let start = self.position
        let word = self.take { $0.isLetter }
        if word.isEmpty { return HurlDuration(number: number, unit: nil) }
        guard let unit = HurlDuration.Unit(rawValue: word) else {
            throw HurlError(.badNumber, "'\(word.prefix(20))' is no unit: they are ms, s, m and h", at: start)
        }
        return HurlDuration(number: number, unit: unit)
    }

    // MARK: bytes and files

    /// `hex,…;` or `base64,…;`, whose name was found to stand here.
    mutating func bytes(_ form: HurlBytes.Form) throws(HurlError) -> HurlBytes {
        let start = self.position
        self.advance(form.rawValue.utf8.count + 1)
        let before = self.spaces()
        let digits = self.position
        let bytes: [UInt8]
        switch form {
        case .hexadecimal: bytes = try self.hexadecimalDigits()
        case .base64: bytes = try self.base64Digits()
        }
        let source = self.text(from: digits)
        let after = self.spaces()
        guard self.take(";") else { throw self.fault(.badBytes, "';' was expected, and not \(self.here)") }
        return HurlBytes(
            form: form, before: before, source: source, after: after, bytes: bytes, span: self.span(from: start))
    }

    private mutating func hexadecimalDigits() throws(HurlError) -> [UInt8] {
        var bytes: [UInt8] = []
        var half: UInt32?
        while let digit = self.byte?.hexadecimal {
            if let high = half {
                bytes.append(UInt8(truncatingIfNeeded: high << 4 | digit))
                half = nil
            } else {
                half = digit
            }
            self.advance()
        }
        guard half == nil else { throw self.fault(.badBytes, "an even number of hexadecimal digits was expected") }
        return bytes
    }

    /// With blanks and line ends among them, which count for nothing; padding may be left out.
    private mutating func base64Digits() throws(HurlError) -> [UInt8] {
        let start = self.position
        var lastDigit = self.position
        var digits: [UInt8] = []
        while let byte = self.byte {
            if byte.isWord || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=") {
                digits.append(byte)
                self.advance()
                lastDigit = self.position
            } else if byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
                self.advance()
            } else {
                break
            }
        }
        if self.byte != UInt8(ascii: ";") { self.goBack(to: lastDigit) }
        guard let bytes = Self.base64(digits) else {
            throw HurlError(.badBytes, "this is no base64", at: start)
        }
        return bytes
    }

    static func base64(_ digits: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        let unpadded = digits.prefix { $0 != UInt8(ascii: "=") }
        let padding = digits.count - unpadded.count
        guard padding <= 2, digits.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") }), unpadded.count % 4 != 1,
            padding == 0 || digits.count % 4 == 0
        else { return nil }
        for digit in unpadded {
            let value: UInt32
            switch digit {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(digit) - 0x41
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(digit) - 0x61 + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(digit) - 0x30 + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }

    /// `file,NAME;`, whose name was found to stand here.
    mutating func fileReference() throws(HurlError) -> HurlFileReference {
        let start = self.position
        self.advance(5)
        let before = self.spaces()
        let name = try self.filename()
        let after = self.spaces()
        guard self.take(";") else { throw self.expected("';' behind the name of the file") }
        return HurlFileReference(before: before, name: name, after: after, span: self.span(from: start))
    }

    // MARK: expressions

    /// `/…/` in one line.
    mutating func regex() throws(HurlError) -> HurlRegex {
        let start = self.position
        self.advance()
        let inner = self.position
        var pattern: [UInt8] = []
        while let byte = self.byte, !self.isAtLineEnd, byte != UInt8(ascii: "/") {
            if byte == UInt8(ascii: "\\"), let escaped = self.peek(1), escaped == UInt8(ascii: "/") {
                // Only the slash's escape is Hurl's own.
                pattern.append(escaped)
                self.advance(2)
            } else {
                pattern.append(byte)
                self.advance()
            }
        }
        let source = self.text(from: inner)
        guard self.take("/") else { throw self.expected("the closing '/'") }
        let text = String(decoding: pattern, as: UTF8.self)
        do throws(LinearRegexError) {
            _ = try LinearRegex(text)
        } catch {
            let place = error.offset.map { ", at its character \($0 + 1)" } ?? ""
            throw HurlError(.badRegex, "the expression is none: \(error.message)\(place)", at: start)
        }
        return HurlRegex(pattern: text, source: source, span: self.span(from: start))
    }
}
