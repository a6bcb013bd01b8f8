/// One page of a list. `next` goes into the next request's `after`; it's absent on the last page.
package struct Page<Item: Sendable & Codable>: Sendable, Codable {
    package var items: [Item]
    package var next: String?

    package init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }
}

/// Which part of a list is asked for.
package struct PageRequest: Sendable, Hashable {
    package static let standardLimit = 100
    package static let mostLimit = 1000

    /// A cursor that an earlier page's `next` gave; its form is the list's own affair.
    package var after: String?
    /// 1 to ``mostLimit``.
    package var limit: Int

    package init(after: String? = nil, limit: Int = Self.standardLimit) {
        self.after = after
        self.limit = limit
    }
}
