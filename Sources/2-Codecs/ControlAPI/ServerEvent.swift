/// One event of a stream of server-sent events (WHATWG HTML, section 9.2).
package struct ServerEvent: Sendable, Hashable {
    /// Where to go on when the stream breaks, for `Last-Event-ID`.
    package var id: String?
    package var name: String?
    package var data: String

    package init(id: String? = nil, name: String? = nil, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }

    package static let contentType = "text/event-stream"

    /// Keeps the connection from looking dead; readers pass it over.
    package static let alive = ServerEvent(data: "")

    /// Tells no more than where to go on: readers note it, and pass it over.
    package static func place(_ id: String) -> ServerEvent { ServerEvent(id: id, data: "") }

    /// `id` and `name` have no line ends.
    package var bytes: [UInt8] {
        guard self != Self.alive else { return Array(":\n\n".utf8) }
        var text = ""
        if let id { text += "id: \(id)\n" }
        guard self.name != nil || !self.data.isEmpty else { return Array((text + "\n").utf8) }
        if let name { text += "event: \(name)\n" }
        for line in self.data.split(separator: "\n", omittingEmptySubsequences: false) { text += "data: \(line)\n" }
        return Array((text + "\n").utf8)
    }
}

/// Reads such a stream, however it's cut.
package struct ServerEventReader: Sendable {
    private var line: [UInt8] = []
    private var endedWithReturn = false
    private var data: [String] = []
    private var name: String?
    private var id: String?
    /// In bytes; a line that's longer is none of a gateway's.
    private static let longestLine = 32 << 20

    package init() {}

    /// - Returns: `nil` when a line is too long.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [ServerEvent]? {
        var events: [ServerEvent] = []
        for byte in bytes {
            switch byte {
            case 0x0A:
                if !self.endedWithReturn, let event = self.endLine() { events.append(event) }
                self.endedWithReturn = false
            case 0x0D:
                self.endedWithReturn = true
                if let event = self.endLine() { events.append(event) }
            default:
                self.endedWithReturn = false
                guard self.line.count < Self.longestLine else { return nil }
                self.line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> ServerEvent? {
        defer { self.line.removeAll(keepingCapacity: true) }
        guard !self.line.isEmpty else {
            defer {
                self.data = []
                self.name = nil
            }
            guard !self.data.isEmpty else { return nil }
            return ServerEvent(id: self.id, name: self.name, data: self.data.joined(separator: "\n"))
        }
        let text = String(decoding: self.line, as: UTF8.self)
        let field = text.prefix { $0 != ":" }
        var value = text.dropFirst(field.count + 1)
        if value.first == " " { value = value.dropFirst() }
        switch field {
        case "data": self.data.append(String(value))
        case "event": self.name = String(value)
        case "id": self.id = String(value)
        default: break
        }
        return nil
    }
}
