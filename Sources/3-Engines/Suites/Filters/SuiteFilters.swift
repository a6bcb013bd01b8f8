package import HurlFile
package import LinearRegex

extension SuiteScope {
    /// Passes a value through filters, one after the other.
    /// - Parameter value: nil where a query found nothing.
    /// - Returns: nil where a filter found nothing.
    /// - Throws: ``SuiteError``, about the filter that couldn't be applied.
    package func filtered(
        _ value: SuiteValue?, by filters: [HurlSpaced<HurlFilter>]
    ) throws(SuiteError) -> SuiteValue? {
        var value = value
        for filter in filters.map(\.value) {
            guard let input = value else {
                throw SuiteError(
                    .missingInput, "there is no value for '\(filter.name.rawValue)' to work on", at: filter.span)
            }
            do throws(SuiteError) {
                value = try self.filtered(input, by: filter)
            } catch {
                throw error.at(filter.span)
            }
        }
        return value
    }

    private func filtered(_ value: SuiteValue, by filter: HurlFilter) throws(SuiteError) -> SuiteValue? {
        let name = filter.name
        switch name {
        case .base64Decode, .base64UrlSafeDecode:
            let text = try self.text(value, name)
            guard let bytes = Base64Text.decoded(text, forURL: name == .base64UrlSafeDecode) else {
                throw SuiteError(.badInput, "the text is no base64: \(self.shown(value))")
            }
            return .bytes(bytes)
        case .base64Encode: return .string(Base64Text.encoded(try self.bytes(value, name), forURL: false))
        case .base64UrlSafeEncode: return .string(Base64Text.encoded(try self.bytes(value, name), forURL: true))
        case .toHex: return .string(try self.bytes(value, name).map { SuiteValue.hexadecimal($0) }.joined())
        case .decode, .charsetDecode:
            return .string(try Charset.decoded(try self.bytes(value, name), label: try self.text(filter, 0)))
        case .charsetEncode:
            return .bytes(try Charset.encoded(try self.text(value, name), label: try self.text(filter, 0)))
        case .utf8Decode: return .string(try Charset.decoded(try self.bytes(value, name), label: "utf-8"))
        case .utf8Encode: return .bytes(Array(try self.text(value, name).utf8))
        case .count:
            switch value {
            case .list(let items): return .integer(items.count)
            case .bytes(let bytes): return .integer(bytes.count)
            case .nodeset(let count): return .integer(count)
            default: throw self.wrong(value, name, "a list, bytes or nodes")
            }
        case .first: return try self.list(value, name).first
        case .last: return try self.list(value, name).last
        case .nth: return try self.item(try self.list(value, name), try self.integer(filter))
        case .location:
            guard case .response(_, let location) = value else { throw self.wrong(value, name, "a response") }
            return location.map { .string($0) }
        case .daysAfterNow: return .integer(try self.date(value, name).days(since: self.now()))
        case .daysBeforeNow: return .integer(self.now().days(since: try self.date(value, name)))
        case .dateFormat, .format:
            return .string(try DateFormat(try self.text(filter, 0)).text(try self.date(value, name)))
        case .toDate:
            let format = try DateFormat(try self.text(filter, 0))
            guard let date = DateReading.date(try self.text(value, name), by: format) else {
                throw SuiteError(.badInput, "the text isn't a date by the format: \(self.shown(value))")
            }
            return .date(date)
        case .htmlEscape: return .string(HTMLText.escaped(try self.text(value, name)))
        case .htmlUnescape: return .string(HTMLText.unescaped(try self.text(value, name)))
        case .urlEncode: return .string(URLText.encoded(try self.text(value, name)))
        case .urlDecode: return .string(URLText.decoded(try self.text(value, name)))
        case .urlQueryParam:
            return try URLText.parameter(try self.text(filter, 0), in: try self.text(value, name)).map { .string($0) }
        case .jsonpath: return try self.jsonPath(try self.text(filter, 0), in: try self.json(value, name))
        case .xpath: return try self.xpath(try self.text(value, name), .html, try self.text(filter, 0))
        case .regex: return try self.captured(try self.regex(filter, 0), in: try self.text(value, name))
        case .replace:
            return .string(
                TextBytes.replacing(
                    try self.text(filter, 0), with: try self.text(filter, 1), in: try self.text(value, name)))
        case .replaceRegex:
            let regex = try self.regex(filter, 0)
            let template = try self.text(filter, 1)
            let text = try self.text(value, name)
            return .string(
                try self.matching { () throws(LinearRegexError) in try regex.replacingMatches(in: text, with: template)
                })
        case .split:
            let pieces = TextBytes.split(try self.text(value, name), by: try self.text(filter, 0))
            return .list(pieces.map { .string($0) })
        case .toInt: return try self.toInt(value)
        case .toFloat: return try self.toFloat(value)
        case .toString:
            guard let text = value.rendered else { throw self.wrong(value, name, "what has a text of its own") }
            return .string(text)
        }
    }

    // MARK: what a filter works on

    private func wrong(_ value: SuiteValue, _ name: HurlFilterName, _ wanted: String) -> SuiteError {
        SuiteError(.badInput, "'\(name.rawValue)' works on \(wanted), and not on \(self.shown(value))")
    }

    private func text(_ value: SuiteValue, _ name: HurlFilterName) throws(SuiteError) -> String {
        guard case .string(let text) = value else { throw self.wrong(value, name, "a string") }
        return text
    }

    private func bytes(_ value: SuiteValue, _ name: HurlFilterName) throws(SuiteError) -> [UInt8] {
        guard case .bytes(let bytes) = value else { throw self.wrong(value, name, "bytes") }
        return bytes
    }

    private func date(_ value: SuiteValue, _ name: HurlFilterName) throws(SuiteError) -> SuiteDate {
        guard case .date(let date) = value else { throw self.wrong(value, name, "a date") }
        return date
    }

    private func list(_ value: SuiteValue, _ name: HurlFilterName) throws(SuiteError) -> [SuiteValue] {
        guard case .list(let items) = value else { throw self.wrong(value, name, "a list") }
        return items
    }

    /// A string is a text of JSON; what came of JSON already is written again.
    private func json(_ value: SuiteValue, _ name: HurlFilterName) throws(SuiteError) -> String {
        switch value {
        case .string(let text): return text
        case .list, .object:
            if let text = value.json { return text }
            throw self.wrong(value, name, "JSON")
        default: throw self.wrong(value, name, "a string, a list or an object")
        }
    }

    private func item(_ items: [SuiteValue], _ index: Int64) throws(SuiteError) -> SuiteValue {
        let place = index < 0 ? index + Int64(items.count) : index
        guard let place = Int(exactly: place), items.indices.contains(place) else {
            throw SuiteError(.badInput, "there is no item \(index) in a list of \(items.count)")
        }
        return items[place]
    }

    private func toInt(_ value: SuiteValue) throws(SuiteError) -> SuiteValue {
        switch value {
        case .number(.float(let float)):
            guard float.isFinite else { break }
            return .number(.integer(Int64(exactly: float.rounded(.towardZero)) ?? (float < 0 ? .min : .max)))
        case .number: return value
        case .string(let text):
            if let number = SuiteNumber(integer: text) { return .number(number) }
        default: break
        }
        throw self.wrong(value, .toInt, "a number, or a string with an integer in it,")
    }

    private func toFloat(_ value: SuiteValue) throws(SuiteError) -> SuiteValue {
        switch value {
        case .number(let number): return .number(.float(number.double))
        case .string(let text):
            if let float = SuiteValue.double(text) { return .number(.float(float)) }
        default: break
        }
        throw self.wrong(value, .toFloat, "a number, or a string with a number in it,")
    }

    // MARK: arguments

    private func text(_ filter: HurlFilter, _ index: Int) throws(SuiteError) -> String {
        guard index < filter.arguments.count, case .text(let template) = filter.arguments[index].value else {
            throw SuiteError(.wrongKind, "'\(filter.name.rawValue)' wants a text in quotes")
        }
        return try self.text(template)
    }

    private func integer(_ filter: HurlFilter) throws(SuiteError) -> Int64 {
        switch filter.arguments.first?.value {
        case .integer(let number):
            if case .integer(let value) = number.value { return value }
        case .placeholder(let placeholder):
            let value = try self.value(placeholder)
            if case .number(.integer(let integer)) = value { return integer }
            throw SuiteError(.wrongKind, "an integer is wanted, and not \(self.shown(value))", at: placeholder.span)
        default: break
        }
        throw SuiteError(.wrongKind, "'\(filter.name.rawValue)' wants an integer")
    }

    private func regex(_ filter: HurlFilter, _ index: Int) throws(SuiteError) -> LinearRegex {
        guard index < filter.arguments.count else { throw SuiteError(.wrongKind, "an expression is wanted") }
        switch filter.arguments[index].value {
        case .regex(let regex): return try self.regex(regex.pattern)
        case .text(let template): return try self.regex(try self.text(template))
        case .integer, .placeholder: throw SuiteError(.wrongKind, "an expression is wanted")
        }
    }

    // MARK: expressions

    func regex(_ pattern: String) throws(SuiteError) -> LinearRegex {
        do throws(LinearRegexError) {
            return try LinearRegex(pattern)
        } catch {
            throw SuiteError(.badRegex, "'\(pattern.prefix(80))' is no expression: \(error.message)")
        }
    }

    func matching<Value>(_ body: () throws(LinearRegexError) -> Value) throws(SuiteError) -> Value {
        do throws(LinearRegexError) {
            return try body()
        } catch {
            throw SuiteError(.tooMuchWork, error.message)
        }
    }

    /// What the first group of a match took; nil without a match or a group.
    package func captured(_ regex: LinearRegex, in text: String) throws(SuiteError) -> SuiteValue? {
        let match = try self.matching { () throws(LinearRegexError) in try regex.firstMatch(in: text) }
        guard let range = match?.groups.first ?? nil else { return nil }
        return .string(String(decoding: Array(text.utf8)[range], as: UTF8.self))
    }
}
