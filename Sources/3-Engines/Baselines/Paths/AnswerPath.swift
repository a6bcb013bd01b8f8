import JSONPath

/// Which values of an answer are meant, list elements taken together: `status`, `header.etag`, `$.lines[*].sku`,
/// `/html/body/table/tbody/tr[*]/td.stock/text()`, `text[*]`.
///
/// What's learned, counted and said is by these paths; where exactly a value was, ``AnswerPlace`` says.
package struct AnswerPath: Hashable, Sendable {
    /// Which part of an answer a path is in.
    package enum Root: Hashable, Sendable, CaseIterable {
        /// The status, or why there's no answer.
        case status
        case header
        /// Whether an answer came late.
        case latency
        /// The media type and size of a body that's neither JSON, HTML nor text.
        case body
        case json
        case html
        /// A text's lines.
        case text
    }

    package enum Step: Hashable, Sendable {
        case name(String)
        /// Any element of a list.
        case each
    }

    package var root: Root
    package var steps: [Step]

    package init(_ root: Root, _ steps: [Step] = []) {
        self.root = root
        self.steps = steps
    }

    package func appending(_ step: Step) -> Self { Self(self.root, self.steps + [step]) }
}

extension AnswerPath: CustomStringConvertible, Comparable {
    package var description: String {
        var text = self.root.written
        for step in self.steps {
            switch step {
            case .each: text += "[*]"
            case .name(let name): text += self.root.written(name)
            }
        }
        return text
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.root == b.root ? a.description < b.description : a.root.order < b.root.order
    }
}

extension AnswerPath.Root {
    /// Status first, then headers, latency and bodies: as reports have them.
    fileprivate var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// What paths of it begin with.
    var written: String {
        switch self {
        case .status: "status"
        case .header: "header"
        case .latency: "latency"
        case .body: "body"
        case .json: "$"
        case .html: ""
        case .text: "text"
        }
    }

    func written(_ name: String) -> String {
        if self == .html { return "/\(name)" }
        let isPlain =
            !name.isEmpty
            && name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
        return isPlain ? ".\(name)" : "['\(NormalizedPath.escaped(name))']"
    }
}

/// Where exactly one value is. In JSON it's RFC 9535's normalized path, such as `$['lines'][0]['sku']`.
package struct AnswerPlace: Hashable, Sendable, CustomStringConvertible {
    package enum Step: Hashable, Sendable {
        case name(String)
        case index(Int)
    }

    package var root: AnswerPath.Root
    package var steps: [Step]

    package init(_ root: AnswerPath.Root, _ steps: [Step] = []) {
        self.root = root
        self.steps = steps
    }

    package var description: String {
        var text = self.root.written
        for step in self.steps {
            switch step {
            // As XPath counts elements, and editors lines.
            case .index(let index): text += "[\(self.root == .json ? index : index + 1)]"
            case .name(let name):
                text += self.root == .json ? "['\(NormalizedPath.escaped(name))']" : self.root.written(name)
            }
        }
        return text
    }
}

extension UInt8 {
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }
    var isLetterOrDigit: Bool { self.isDigit || self.isLetter }
}
