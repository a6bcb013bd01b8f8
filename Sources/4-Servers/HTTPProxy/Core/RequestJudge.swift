package import HTTPWire

/// Looks at the heads of requests, and says which are marked. It's asked on the event loop, once for each request that has
/// a `baggage` field and a route, and has to answer at once: an ordinary request pays for a bit in a set.
package protocol RequestJudge: Sendable {
    func judge(_ request: borrowing RequestView) -> RequestVerdict
}

package enum RequestVerdict: Hashable, Sendable {
    case ordinary
    /// As ordinary, with another head: a false mark is taken out.
    case edited(HeadEdit)
    case marked(RequestMark)
    /// It asks to be served as a test's or not at all, and isn't one's.
    case refused
}

/// What becomes of the head that's sent on.
package struct HeadEdit: Hashable, Sendable {
    /// Names in lower case: all lines of these are left out.
    package var removed: [String]
    /// Names and values, added behind the others. Neither may hold a line's end.
    package var added: [Field]

    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(removed: [String] = [], added: [Field] = []) {
        self.removed = removed
        self.added = added
    }
}

/// How a marked request is served: with upstream connections of its own, and answered with `Cache-Control: no-store`.
package struct RequestMark: Hashable, Sendable {
    package var edit: HeadEdit
    /// The version of the route's service that serves it; `nil`: as an ordinary one's.
    package var version: String?
    /// What the access log calls it: a run's or a case's identifier.
    package var label: String

    package init(edit: HeadEdit, version: String?, label: String) {
        self.edit = edit
        self.version = version
        self.label = label
    }
}

/// A request's head while it's being judged. It can't be kept: the bytes are gone afterwards.
package struct RequestView: ~Copyable {
    private let head: RequestHead
    private let bytes: UnsafeRawBufferPointer
    /// The names of the request's route and its service.
    package let route: String
    package let service: String

    init(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, route: String, service: String) {
        self.head = head
        self.bytes = bytes
        self.route = route
        self.service = service
    }

    package var method: String { self.text(self.head.methodPlace) }
    /// With its query, as it was sent.
    package var target: String { self.text(self.head.target) }
    /// In its one spelling.
    package var path: String { String(decoding: RequestPath.normal(self.bytes, self.head.path), as: UTF8.self) }
    package var host: String { self.text(self.head.host) }

    /// Calls `body` with the value of each line of this name, in order.
    package func withValues(of field: KnownField, _ body: (UnsafeRawBufferPointer) -> Void) {
        for line in self.head.fields where line.known == field {
            body(UnsafeRawBufferPointer(rebasing: self.bytes[Int(line.value)..<Int(line.value + line.valueLength)]))
        }
    }

    private func text(_ place: RequestHead.Place) -> String {
        String(decoding: self.bytes[place.at..<place.end], as: UTF8.self)
    }
}
