package import JSONDocument

/// An HTML page as a tree that's compared as JSON is. An element is an object: `@NAME` for an attribute, `text()` for
/// the text right in it, and one member for its children of each label, a list of them. A label is the tag with the
/// first class (`td.price`); cells without one have their column (`td:2`), since columns are what tables keep.
/// `order()` is the order of labels, where there are several.
package enum HTMLTree {
    /// Elements in each other; what's deeper is taken for a neighbour.
    static let deepest = 100
    private static let void: Set<String> = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
    ]
    /// Of these a place has one, and the path needs no `[*]`.
    private static let single: Set<String> = [
        "html", "head", "body", "title", "thead", "tbody", "tfoot", "main", "header", "footer", "nav", "h1", "caption",
    ]
    /// Which open elements a start tag ends (the specification's implied end tags).
    private static let ended: [String: Set<String>] = [
        "li": ["li"], "dt": ["dt", "dd"], "dd": ["dt", "dd"], "option": ["option"], "tr": ["tr", "td", "th"],
        "td": ["td", "th"], "th": ["td", "th"], "tbody": ["thead", "tbody", "tr", "td", "th"],
        "tfoot": ["thead", "tbody", "tr", "td", "th"], "body": ["head"], "p": ["p"], "div": ["p"], "ul": ["p"],
        "table": ["p"],
    ]

    private final class Element {
        let tag: String
        let label: String
        let attributes: [HTMLTokens.Attribute]
        var texts: [String] = []
        var children: [Element] = []
        var cells = 0

        init(_ tag: String, _ attributes: [HTMLTokens.Attribute], column: Int) {
            self.tag = tag
            self.attributes = attributes
            let name = attributes.first { $0.name == "class" }?.value.split(separator: " ").first.map(String.init)
            let isName = name?.utf8.allSatisfy {
                $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
            let plain = String(tag.map { "/[]*".contains($0) ? "_" : $0 })
            if let name, isName == true {
                self.label = "\(plain).\(name)"
            } else {
                self.label = tag == "td" || tag == "th" ? "\(plain):\(column)" : plain
            }
        }
    }

    package static func json(_ bytes: [UInt8]) -> JSON {
        var tokens = HTMLTokens(bytes)
        let root = Element("", [], column: 0)
        var open = [root]
        while let token = tokens.next() {
            switch token {
            case .text(let text):
                let words = Self.collapsed(text)
                if !words.isEmpty { open.last?.texts.append(words) }
            case .start(let name, let attributes, let closesItself):
                if let ended = Self.ended[name] {
                    while open.count > 1, let last = open.last, ended.contains(last.tag) { open.removeLast() }
                }
                if name == "td" || name == "th" { open.last?.cells += 1 }
                let element = Element(name, attributes, column: open.last?.cells ?? 0)
                open.last?.children.append(element)
                if !closesItself, !Self.void.contains(name), open.count <= Self.deepest { open.append(element) }
            case .end(let name):
                // An end tag of what isn't open ends nothing.
                if let index = open.lastIndex(where: { $0.tag == name }), index > 0 { open.removeSubrange(index...) }
            }
        }
        return Self.json(root)
    }

    private static func collapsed(_ text: String) -> String {
        text.split { $0.isWhitespace && $0 != "\u{A0}" }.joined(separator: " ")
    }

    private static func json(_ element: Element) -> JSON {
        var members = element.attributes.map { attribute in
            JSONObject.Member(
                "@" + String(attribute.name.map { "/[]*".contains($0) ? "_" : $0 }), .string(attribute.value))
        }
        if !element.texts.isEmpty {
            members.append(JSONObject.Member("text()", .string(element.texts.joined(separator: " "))))
        }
        var labels: [String] = []
        var byLabel: [String: [Element]] = [:]
        var order: [String] = []
        for child in element.children {
            if byLabel[child.label] == nil { labels.append(child.label) }
            byLabel[child.label, default: []].append(child)
            if order.last != child.label { order.append(child.label) }
        }
        for label in labels {
            let children = byLabel[label] ?? []
            let isSingle =
                children.count == 1
                && (Self.single.contains(children[0].tag) || ["td", "th"].contains(children[0].tag))
            members.append(
                JSONObject.Member(label, isSingle ? Self.json(children[0]) : .array(children.map { Self.json($0) })))
        }
        if labels.count > 1 { members.append(JSONObject.Member("order()", .string(order.joined(separator: " ")))) }
        return .object(JSONObject(members))
    }
}
