/// Where a value comes from.
package struct HurlQuery: Hashable, Sendable {
    package var name: HurlQueryName
    package var argument: HurlSpaced<HurlQueryArgument>?
    package var span: SourceSpan
}

package enum HurlQueryName: String, Hashable, Sendable, CaseIterable {
    case status
    case version
    case url
    case header
    case cookie
    case body
    case xpath
    case jsonpath
    case regex
    case variable
    case duration
    case bytes
    case rawbytes
    case sha256
    case md5
    case certificate
    case ip
    case redirects
}

package enum HurlQueryArgument: Hashable, Sendable {
    case text(HurlTemplate)
    case regex(HurlRegex)
    case cookie(HurlCookiePath)
    case certificate(HurlCertificateField)
}

/// `"NAME[Attribute]"`
package struct HurlCookiePath: Hashable, Sendable {
    package enum Attribute: String, Hashable, Sendable, CaseIterable {
        case value = "Value"
        case expires = "Expires"
        case maxAge = "Max-Age"
        case domain = "Domain"
        case path = "Path"
        case secure = "Secure"
        case httpOnly = "HttpOnly"
        case sameSite = "SameSite"
    }

    package var name: HurlTemplate
    package var attribute: Attribute?
    /// With its brackets and blanks, as written; empty where there's none.
    package var attributeSource: String
}

package enum HurlCertificateField: String, Hashable, Sendable, CaseIterable {
    case subject = "Subject"
    case issuer = "Issuer"
    case startDate = "Start-Date"
    case expireDate = "Expire-Date"
    case serialNumber = "Serial-Number"
    case subjectAltName = "Subject-Alt-Name"
    case value = "Value"
}

/// What makes another value out of one.
package struct HurlFilter: Hashable, Sendable {
    package var name: HurlFilterName
    package var arguments: [HurlSpaced<HurlFilterArgument>]
    package var span: SourceSpan
}

package enum HurlFilterArgument: Hashable, Sendable {
    case text(HurlTemplate)
    case regex(HurlRegex)
    case integer(HurlNumber)
    case placeholder(HurlPlaceholder)
}

package enum HurlFilterName: String, Hashable, Sendable, CaseIterable {
    case base64Decode
    case base64Encode
    case base64UrlSafeDecode
    case base64UrlSafeEncode
    case charsetDecode
    case charsetEncode
    case count
    case dateFormat
    case daysAfterNow
    case daysBeforeNow
    case decode
    case first
    case format
    case htmlEscape
    case htmlUnescape
    case jsonpath
    case last
    case location
    case nth
    case regex
    case replace
    case replaceRegex
    case split
    case toDate
    case toFloat
    case toHex
    case toInt
    case toString
    case urlDecode
    case urlEncode
    case urlQueryParam
    case utf8Decode
    case utf8Encode
    case xpath

    enum Argument {
        case text
        case regex
        case integer
    }

    /// What it's followed by.
    var shape: [Argument] {
        switch self {
        case .charsetDecode, .charsetEncode, .dateFormat, .decode, .format, .jsonpath, .split, .toDate, .urlQueryParam,
            .xpath:
            [.text]
        case .nth: [.integer]
        case .regex: [.regex]
        case .replace: [.text, .text]
        case .replaceRegex: [.regex, .text]
        case .base64Decode, .base64Encode, .base64UrlSafeDecode, .base64UrlSafeEncode, .count, .daysAfterNow,
            .daysBeforeNow, .first, .htmlEscape, .htmlUnescape, .last, .location, .toFloat, .toHex, .toInt, .toString,
            .urlDecode, .urlEncode, .utf8Decode, .utf8Encode:
            []
        }
    }
}

/// What a value is held against.
package struct HurlPredicate: Hashable, Sendable {
    /// The blanks behind `not`; nil where it doesn't stand there.
    package var gapAfterNot: String?
    package var name: HurlPredicateName
    /// As written: the operators have names too, of old.
    package var source: String
    package var value: HurlSpaced<HurlPredicateValue>?
    package var span: SourceSpan

    package var isNegated: Bool { self.gapAfterNot != nil }
}

package enum HurlPredicateName: String, Hashable, Sendable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case greaterOrEqual = ">="
    case less = "<"
    case lessOrEqual = "<="
    case startsWith
    case endsWith
    case contains
    case includes
    case matches
    case exists
    case isBoolean
    case isCollection
    case isDate
    case isEmpty
    case isFloat
    case isInteger
    case isIpv4
    case isIpv6
    case isIsoDate
    case isList
    case isNumber
    case isObject
    case isString
    case isUuid

    init?(word: String) {
        switch word {
        case "equals": self = .equal
        case "notEquals": self = .notEqual
        case "greaterThan": self = .greater
        case "greaterThanOrEquals": self = .greaterOrEqual
        case "lessThan": self = .less
        case "lessThanOrEquals": self = .lessOrEqual
        default: self.init(rawValue: word)
        }
    }

    package var takesValue: Bool {
        switch self {
        case .equal, .notEqual, .greater, .greaterOrEqual, .less, .lessOrEqual, .startsWith, .endsWith, .contains,
            .includes, .matches:
            true
        case .exists, .isBoolean, .isCollection, .isDate, .isEmpty, .isFloat, .isInteger, .isIpv4, .isIpv6, .isIsoDate,
            .isList, .isNumber, .isObject, .isString, .isUuid:
            false
        }
    }

    /// Written in signs, which need no blank before the value.
    var isOperator: Bool { self.rawValue.utf8.allSatisfy { $0 < UInt8(ascii: "A") } }
}

package enum HurlPredicateValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(HurlNumber)
    case text(HurlTemplate)
    case multiline(HurlMultiline)
    case bytes(HurlBytes)
    case file(HurlFileReference)
    case regex(HurlRegex)
    case placeholder(HurlPlaceholder)
}
