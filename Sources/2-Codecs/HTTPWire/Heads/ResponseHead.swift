/// A response's head, read and judged (RFC 9112, 4 and 6). It holds no bytes: places count from the head's first.
package struct ResponseHead: Hashable, Sendable {
    package internal(set) var status = 0
    package internal(set) var minorVersion: UInt8 = 1
    package internal(set) var reason = RequestHead.Place(0, 0)
    package internal(set) var fields: [FieldLine] = []
    package internal(set) var seen: FieldSet = []
    package internal(set) var contentLength: UInt64?
    package internal(set) var isChunked = false
    /// The connection may serve another request when the response has ended.
    package internal(set) var isPersistent = true
    /// For which the server keeps the connection without a request, in seconds, where it says so.
    package internal(set) var keepAliveTimeout: Int?
    /// The value of `Upgrade`, where `Connection` names it too.
    package internal(set) var upgrade: RequestHead.Place?
    package internal(set) var hasNominated = false
    /// All of its bytes, the empty line included.
    package internal(set) var length = 0

    package init() {}

    package var isInterim: Bool { self.status < 200 && self.status != 101 }

    /// What follows it (RFC 9112, 6.3).
    package func framing(toHead isHead: Bool) -> BodyFraming {
        if isHead || self.status < 200 || self.status == 204 || self.status == 304 { return .none }
        if self.isChunked { return .chunked }
        if let contentLength = self.contentLength { return contentLength == 0 ? .none : .length(contentLength) }
        return .untilClose
    }
}

/// Reads response heads from a connection's bytes. After a refusal it's of no further use.
package struct ResponseHeadReader: Sendable {
    package private(set) var head = ResponseHead()
    private let limits: HeadLimits
    private var fields = FieldLineReader()
    private var scanned = 0
    private var isInFields = false

    package init(_ limits: HeadLimits) {
        self.limits = limits
    }

    package mutating func reset() {
        self.scanned = 0
        self.isInFields = false
    }

    /// - Parameter bytes: from the head's first on, as many as there are; with each call the same ones and more.
    /// - Returns: whether the head is whole; then `head` tells what it is.
    package mutating func read(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Bool {
        if !self.isInFields {
            let end = try ByteScan.lineEnd(
                bytes, scanned: &self.scanned, bound: self.limits.requestLine, tooLong: .headTooLarge)
            guard let end else { return false }
            self.head = ResponseHead()
            try self.head.readStatusLine(bytes, end)
            self.fields.reset(at: end + 2)
            self.isInFields = true
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
}

extension ResponseHead {
    /// RFC 9112, 4: `HTTP-version SP status-code SP [reason]`; the last space is left out by some.
    mutating func readStatusLine(_ bytes: UnsafeRawBufferPointer, _ end: Int) throws(HTTPRefusal) {
        guard end >= 12, HTTPVersion.isPrefixed(bytes, 0), bytes[5] == UInt8(ascii: "1"), bytes[6] == 0x2E,
            bytes[7] == UInt8(ascii: "0") || bytes[7] == UInt8(ascii: "1"), bytes[8] == 0x20
        else { throw HTTPRefusal(.statusLineInvalid) }
        self.minorVersion = bytes[7] &- UInt8(ascii: "0")
        for index in 9..<12 {
            guard bytes[index].isDigit else { throw HTTPRefusal(.statusLineInvalid) }
            self.status = self.status * 10 + Int(bytes[index] &- 0x30)
        }
        guard self.status >= 100, self.status < 600, end == 12 || bytes[12] == 0x20 else {
            throw HTTPRefusal(.statusLineInvalid)
        }
        if end > 13 { self.reason = RequestHead.Place(13, end - 13) }
    }

    /// `timeout=5, max=100`: the number behind the first name.
    private static func keepAliveTimeout(_ bytes: UnsafeRawBufferPointer, _ line: FieldLine) -> Int? {
        let start = Int(line.value)
        let end = start + Int(line.valueLength)
        guard line.valueLength > 8, ByteScan.isSame(bytes, start, 8, "timeout=") else { return nil }
        var seconds: Int?
        for index in (start + 8)..<min(end, start + 14) {
            guard bytes[index].isDigit else { break }
            seconds = (seconds ?? 0) * 10 + Int(bytes[index] - 0x30)
        }
        return seconds
    }

    mutating func judge(_ reader: inout FieldLineReader, _ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        var codings = 0
        var (hasClose, hasKeepAlive, hasUpgradeOption) = (false, false, false)
        var upgrade: FieldLine?
        var nominations: [FieldLine] = []
        for line in reader.lines where line.known != .other {
            switch line.known {
            case .contentLength:
                guard self.contentLength == nil else { throw HTTPRefusal(.contentLengthRepeated) }
                self.contentLength = try BodyFraming.contentLength(bytes, line)
            case .transferEncoding:
                codings += 1
                try BodyFraming.checkChunked(bytes, line, isRepeated: codings > 1)
            case .connection:
                let options = try ConnectionOptions(bytes, line)
                hasClose = hasClose || options.hasClose
                hasKeepAlive = hasKeepAlive || options.hasKeepAlive
                hasUpgradeOption = hasUpgradeOption || options.hasUpgrade
                if options.namesOthers { nominations.append(line) }
            case .upgrade: upgrade = line
            case .keepAlive: self.keepAliveTimeout = Self.keepAliveTimeout(bytes, line)
            default: break
            }
        }
        for line in nominations {
            try ConnectionOptions.nominate(&reader, bytes, line)
            self.hasNominated = true
        }
        if codings > 0 {
            guard self.contentLength == nil else { throw HTTPRefusal(.contentLengthWithTransferEncoding) }
            guard self.minorVersion == 1 else { throw HTTPRefusal(.transferEncodingInHTTP10) }
            // RFC 9112, 6.1: these have none.
            guard self.status >= 200, self.status != 204 else { throw HTTPRefusal(.transferEncodingInvalid) }
            self.isChunked = true
        }
        self.isPersistent = !hasClose && (self.minorVersion == 1 || hasKeepAlive)
        if hasUpgradeOption, let upgrade {
            self.upgrade = RequestHead.Place(Int(upgrade.value), Int(upgrade.valueLength))
        }
    }
}
