/// `[Name]` and what's in it.
package struct HurlSection: Hashable, Sendable {
    package var heading: HurlLine<HurlSectionHeading>
    package var content: HurlSectionContent
}

package struct HurlSectionHeading: Hashable, Sendable {
    package var name: HurlSectionName
    /// As written: several have a longer name too.
    package var source: String
    package var span: SourceSpan
}

package enum HurlSectionName: String, Hashable, Sendable, CaseIterable {
    case options = "Options"
    case query = "Query"
    case basicAuth = "BasicAuth"
    case form = "Form"
    case multipart = "Multipart"
    case cookies = "Cookies"
    case captures = "Captures"
    case asserts = "Asserts"

    init?(source: String) {
        switch source {
        case "QueryStringParams": self = .query
        case "FormParams": self = .form
        case "MultipartFormData": self = .multipart
        default: self.init(rawValue: source)
        }
    }

    /// Whether it belongs to a response; to a request otherwise.
    package var isOfResponse: Bool { self == .captures || self == .asserts }
}

package enum HurlSectionContent: Hashable, Sendable {
    /// `Query`, `Form`, `Cookies`, and `BasicAuth`, which has one at most.
    case keyValues([HurlLine<HurlKeyValue>])
    case multipart([HurlLine<HurlMultipartField>])
    case options([HurlLine<HurlOption>])
    case captures([HurlLine<HurlCapture>])
    case asserts([HurlLine<HurlAssert>])
}

package enum HurlMultipartField: Hashable, Sendable {
    case text(HurlKeyValue)
    case file(HurlMultipartFile)
}

package struct HurlMultipartFile: Hashable, Sendable {
    package var key: HurlTemplate
    package var gapBeforeColon: String
    package var gapAfterColon: String
    package var file: HurlFileReference
    package var gapBeforeType: String
    /// Nil where it follows from the file's name.
    package var contentType: HurlTemplate?
}

package struct HurlCapture: Hashable, Sendable {
    package var name: HurlTemplate
    package var gapBeforeColon: String
    package var gapAfterColon: String
    package var query: HurlQuery
    package var filters: [HurlSpaced<HurlFilter>]
    /// The blanks before `redact`; nil where it doesn't stand there.
    package var gapBeforeRedact: String?

    package var isRedacted: Bool { self.gapBeforeRedact != nil }
}

package struct HurlAssert: Hashable, Sendable {
    package var query: HurlQuery
    package var filters: [HurlSpaced<HurlFilter>]
    package var gap: String
    package var predicate: HurlPredicate
}

/// Something with the blanks before it.
package struct HurlSpaced<Value: Hashable & Sendable>: Hashable, Sendable {
    package var space: String
    package var value: Value
}

extension HurlRequest {
    private func keyValues(_ name: HurlSectionName) -> [HurlKeyValue] {
        for section in self.sections where section.heading.content.name == name {
            if case .keyValues(let lines) = section.content { return lines.map(\.content) }
        }
        return []
    }

    package var query: [HurlKeyValue] { self.keyValues(.query) }
    package var form: [HurlKeyValue] { self.keyValues(.form) }
    package var cookies: [HurlKeyValue] { self.keyValues(.cookies) }
    package var basicAuth: HurlKeyValue? { self.keyValues(.basicAuth).first }

    package var multipart: [HurlMultipartField] {
        for section in self.sections {
            if case .multipart(let lines) = section.content { return lines.map(\.content) }
        }
        return []
    }

    package var options: [HurlOption] {
        for section in self.sections {
            if case .options(let lines) = section.content { return lines.map(\.content) }
        }
        return []
    }
}

extension HurlResponse {
    package var captures: [HurlCapture] {
        for section in self.sections {
            if case .captures(let lines) = section.content { return lines.map(\.content) }
        }
        return []
    }

    package var asserts: [HurlAssert] {
        for section in self.sections {
            if case .asserts(let lines) = section.content { return lines.map(\.content) }
        }
        return []
    }
}
