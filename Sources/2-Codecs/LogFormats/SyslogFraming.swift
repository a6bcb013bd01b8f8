/// Cuts a stream of syslog into messages, by RFC 6587: each either counted (`LENGTH SP <…`) or ended by a line feed (or a
/// NUL, as syslog(3) has it on a stream socket).
package struct SyslogFraming: Sendable {
    private static let mostDigits = 7

    private let most: Int
    private var held: [UInt8] = []
    /// Up to where `held` has no end of a line.
    private var searched = 0

    /// - Parameter most: bytes of a message.
    package init(most: Int) {
        self.most = most
    }

    /// - Throws: when a message is longer than may be; the rest of the stream can't be trusted then.
    package mutating func take(_ bytes: some Collection<UInt8>) throws(LogFormatError) -> [[UInt8]] {
        self.held += bytes
        var messages: [[UInt8]] = []
        var start = 0
        while let (message, end) = try self.next(at: start) {
            if !message.isEmpty { messages.append(Array(message)) }
            start = end
            self.searched = end
        }
        self.held.removeFirst(start)
        self.searched -= start
        return messages
    }

    /// What was left at the stream's end: a line without its line feed.
    /// - Throws: when it's a part of a counted message.
    package mutating func finish() throws(LogFormatError) -> [UInt8]? {
        defer { self.held = [] }
        if case .counted = self.form(at: 0) { throw LogFormatError("the stream ends within a message") }
        return self.held.isEmpty ? nil : self.held
    }

    private enum Form {
        case counted(start: Int, count: Int)
        case line
        case unknown
    }

    private func form(at start: Int) -> Form {
        var offset = start
        var count = 0
        while offset < self.held.count, (0x30...0x39).contains(self.held[offset]) {
            // A count doesn't begin with 0.
            guard offset - start < Self.mostDigits, offset > start || self.held[offset] != 0x30 else { return .line }
            count = count * 10 + Int(self.held[offset] - 0x30)
            offset += 1
        }
        if offset == self.held.count { return .unknown }
        guard offset > start, self.held[offset] == 0x20 else { return .line }
        if offset + 1 == self.held.count { return .unknown }
        return self.held[offset + 1] == UInt8(ascii: "<") ? .counted(start: offset + 1, count: count) : .line
    }

    private mutating func next(at start: Int) throws(LogFormatError) -> (ArraySlice<UInt8>, Int)? {
        switch self.form(at: start) {
        case .unknown: return nil
        case .counted(let first, let count):
            guard count <= self.most else { throw LogFormatError("a message is longer than \(self.most) bytes") }
            return first + count <= self.held.count ? (self.held[first..<(first + count)], first + count) : nil
        case .line:
            let from = max(start, self.searched)
            guard let end = self.held[from...].firstIndex(where: { $0 == 0x0A || $0 == 0 }) else {
                guard self.held.count - start <= self.most else {
                    throw LogFormatError("a message is longer than \(self.most) bytes")
                }
                self.searched = self.held.count
                return nil
            }
            guard end - start <= self.most else {
                throw LogFormatError("a message is longer than \(self.most) bytes")
            }
            return (self.held[start..<end], end + 1)
        }
    }
}

/// Cuts a stream into lines. One that's longer than may be is cut into pieces.
package struct LineFraming: Sendable {
    private let most: Int
    private var held: [UInt8] = []

    package init(most: Int) {
        self.most = most
    }

    package mutating func take(_ bytes: some Collection<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0A) {
            self.hold(rest[..<end], &lines)
            lines.append(self.held)
            self.held = []
            rest = rest[rest.index(after: end)...]
        }
        self.hold(rest, &lines)
        return lines
    }

    package mutating func finish() -> [UInt8]? {
        defer { self.held = [] }
        return self.held.isEmpty ? nil : self.held
    }

    private mutating func hold(_ bytes: some Collection<UInt8>, _ lines: inout [[UInt8]]) {
        self.held += bytes
        while self.held.count > self.most {
            lines.append(Array(self.held.prefix(self.most)))
            self.held.removeFirst(self.most)
        }
    }
}
