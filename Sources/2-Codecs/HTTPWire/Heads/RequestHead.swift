/// A request's head, read and judged (RFC 9112, 3 and 6; RFC 9110, 7). It holds no bytes: everything is a place among the
/// bytes that it was read from, counted from their first.
package struct RequestHead: Hashable, Sendable {
    package enum Method: UInt8, Hashable, Sendable {
        case get, head, post, put, delete, options, patch, other

        /// Of the safe ones those that are known: they may be sent again (RFC 9110, 9.2.1).
        package var isSafe: Bool { self == .get || self == .head || self == .options }
    }

    /// Some of the head's bytes.
    package struct Place: Hashable, Sendable {
        package var at: Int
        package var length: Int

        package init(_ at: Int, _ length: Int) {
            self.at = at
            self.length = length
        }

        package var end: Int { self.at + self.length }
    }

    package internal(set) var method = Method.other
    package internal(set) var methodPlace = Place(0, 0)
    /// What goes on in the request line: path and query, or `*`.
    package internal(set) var target = Place(0, 0)
    /// Without the query. It begins with `/`, or is `*`, or empty where a whole URI has none.
    package internal(set) var path = Place(0, 0)
    /// The path has but one spelling: no escapes, dots behind slashes, doubled slashes.
    package internal(set) var isPathPlain = true
    /// Host and port; empty only where HTTP/1.0 names none.
    package internal(set) var authority = Place(0, 0)
    /// The host of the authority, without the port.
    package internal(set) var host = Place(0, 0)
    package internal(set) var minorVersion: UInt8 = 1
    package internal(set) var fields: [FieldLine] = []
    package internal(set) var seen: FieldSet = []
    package internal(set) var framing = BodyFraming.none
    /// The client would use the connection again.
    package internal(set) var isPersistent = true
    /// `Expect: 100-continue` for a body.
    package internal(set) var expectsContinue = false
    /// The value of `Upgrade`, where `Connection` names it too.
    package internal(set) var upgrade: Place?
    /// `Connection` names further fields.
    package internal(set) var hasNominated = false
    /// All of its bytes, the empty line included.
    package internal(set) var length = 0

    package init() {}
}

/// Reads request heads from a connection's bytes. After a refusal it's of no further use.
package struct RequestHeadReader: Sendable {
    package private(set) var head = RequestHead()
    private let limits: HeadLimits
    private var fields = FieldLineReader()
    /// Where the request line begins; behind it once that's read.
    private var start = 0
    private var scanned = 0
    private var isInFields = false
    private var hasSkipped = false

    package init(_ limits: HeadLimits) {
        self.limits = limits
    }

    /// To read the connection's next head.
    package mutating func reset() {
        self.start = 0
        self.scanned = 0
        self.isInFields = false
        self.hasSkipped = false
    }

    /// Some of the head was read.
    package var hasBegun: Bool { self.scanned > 0 }

    /// - Parameter bytes: from the head's first on, as many as there are; with each call the same ones and more.
    /// - Returns: whether the head is whole; then `head` tells what it is.
    package mutating func read(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Bool {
        if !self.isInFields {
            guard try self.readRequestLine(bytes) else { return false }
        }
        let end = try self.fields.read(
            bytes, bound: self.limits.head, mostLines: self.limits.fields, tooLong: .headTooLarge)
        guard let end else { return false }
        self.head.length = end
        self.head.seen = self.fields.seen
        try self.head.judge(&self.fields, bytes)
        self.head.fields = self.fields.lines
        return true
    }

    private mutating func readRequestLine(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Bool {
        // RFC 9112, 2.2: an empty line before the request, as some clients once sent behind a body, is passed over.
        if !self.hasSkipped, let first = bytes.first {
            if first == UInt8(ascii: "\r") {
                guard bytes.count > 1 else { return false }
                guard bytes[1] == UInt8(ascii: "\n") else { throw HTTPRefusal(.bareCarriageReturn) }
                self.start = 2
                self.scanned = 2
            }
            self.hasSkipped = true
        }
        let bound = self.start + self.limits.requestLine
        let end = try ByteScan.lineEnd(bytes, scanned: &self.scanned, bound: bound, tooLong: .requestLineTooLong)
        guard let end else { return false }
        self.head = RequestHead()
        try self.head.readRequestLine(bytes, self.start, end)
        self.fields.reset(at: end + 2)
        self.isInFields = true
        return true
    }
}
