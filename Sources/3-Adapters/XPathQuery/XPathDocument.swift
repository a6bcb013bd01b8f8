import CXML2
package import GloveboxCore

/// A document of XML or HTML that XPath 1.0 is asked of, by libxml2.
///
/// Nothing is fetched, no DTD is read, and a document that declares entities of its own is refused, since written out it
/// could be of any size. A query takes a bounded number of steps.
package final class XPathDocument {
    package enum Format: Hashable, Sendable {
        case xml
        /// As far as it can be made sense of.
        case html
    }

    package enum Value: Hashable, Sendable {
        /// How many nodes there are.
        case nodes(Int)
        case number(Double)
        case string(String)
        case boolean(Bool)
    }

    /// In bytes.
    package static let largest = 16 << 20
    package static let longestExpression = 4_096
    /// Of libxml2's own account: about a second.
    package static let mostSteps: UInt = 10_000_000

    private let document: xmlDocPtr

    private static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    /// - Throws: `xpath_bad_document`, `xpath_too_large`.
    package init(_ text: String, _ format: Format) throws(GloveboxError) {
        let bytes = text.utf8.map { CChar(bitPattern: $0) }
        guard Self.isReady, bytes.count <= Self.largest, let count = Int32(exactly: bytes.count) else {
            throw GloveboxError(.xpathTooLarge, "the document has more than \(Self.largest) bytes")
        }
        let quiet = XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue | XML_PARSE_NONET.rawValue
        let document: xmlDocPtr? =
            switch format {
            case .xml: xmlReadMemory(bytes, count, nil, "UTF-8", Int32(quiet))
            case .html: htmlReadMemory(bytes, count, nil, "UTF-8", Int32(quiet | XML_PARSE_RECOVER.rawValue))
            }
        guard let document else {
            throw GloveboxError(.xpathBadDocument, "the text is no \(format == .xml ? "XML" : "HTML")")
        }
        if let subset = document.pointee.intSubset, subset.pointee.entities != nil {
            xmlFreeDoc(document)
            throw GloveboxError(
                .xpathBadDocument, "the document declares entities of its own, which aren't written out")
        }
        guard xmlDocGetRootElement(document) != nil else {
            xmlFreeDoc(document)
            throw GloveboxError(.xpathBadDocument, "the text has no element in it")
        }
        self.document = document
    }

    deinit {
        xmlFreeDoc(self.document)
    }

    /// The namespaces that the root element declares are known by their prefixes, the default one by `_`.
    /// - Throws: `xpath_invalid`, `xpath_too_large`.
    package func value(_ expression: String) throws(GloveboxError) -> Value {
        guard expression.utf8.count <= Self.longestExpression, !expression.utf8.contains(0) else {
            throw GloveboxError(.xpathTooLarge, "the expression has more than \(Self.longestExpression) bytes")
        }
        guard let context = xmlXPathNewContext(self.document) else {
            throw GloveboxError(.xpathTooLarge, "there's no memory left for the query")
        }
        defer { xmlXPathFreeContext(context) }
        context.pointee.opLimit = Self.mostSteps
        // libxml2 would write to the standard error stream.
        context.pointee.error = { _, _ in }
        self.registerNamespaces(context)
        guard let result = xmlXPathEvalExpression(expression, context) else {
            if context.pointee.opCount >= context.pointee.opLimit {
                throw GloveboxError(.xpathTooLarge, "the query takes more than \(Self.mostSteps) steps")
            }
            throw GloveboxError(.xpathInvalid, "'\(expression.prefix(80))' is no XPath 1.0 that can be worked out here")
        }
        defer { xmlXPathFreeObject(result) }
        switch result.pointee.type {
        case XPATH_NODESET: return .nodes(Int(result.pointee.nodesetval?.pointee.nodeNr ?? 0))
        case XPATH_NUMBER: return .number(result.pointee.floatval)
        case XPATH_BOOLEAN: return .boolean(result.pointee.boolval != 0)
        case XPATH_STRING:
            return .string(result.pointee.stringval.map { String(cString: $0) } ?? "")
        default: throw GloveboxError(.xpathInvalid, "the query comes to what is no value")
        }
    }

    private func registerNamespaces(_ context: xmlXPathContextPtr) {
        guard let root = xmlDocGetRootElement(self.document) else { return }
        var next = root.pointee.nsDef
        while let namespace = next {
            if let prefix = namespace.pointee.prefix {
                xmlXPathRegisterNs(context, prefix, namespace.pointee.href)
            } else {
                xmlXPathRegisterNs(context, "_", namespace.pointee.href)
            }
            next = namespace.pointee.next
        }
    }
}

extension GloveboxError.Code {
    /// A text isn't XML, or not HTML; or it declares entities.
    package static let xpathBadDocument = Self("xpath_bad_document")
    /// An expression isn't XPath 1.0, or uses a function, prefix or variable that isn't known.
    package static let xpathInvalid = Self("xpath_invalid")
    /// The document, the expression or the work is over a limit.
    package static let xpathTooLarge = Self("xpath_too_large")
}
