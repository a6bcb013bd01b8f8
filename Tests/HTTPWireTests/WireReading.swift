import HTTPWire

/// What was read from a connection's bytes, as text, so that two readings can be compared.
enum WireEvent: Hashable {
    case head(String)
    case content(String)
    case end(trailers: [String])
    case refused(HTTPRefusal.Code)
}

/// Reads a client's bytes as a server does: heads and bodies, one after another.
struct RequestReading {
    private var reader: RequestHeadReader
    private var body: BodyReader?
    private var bytes: [UInt8] = []
    private let limits: HeadLimits
    private(set) var events: [WireEvent] = []
    private(set) var heads: [RequestHead] = []
    private var isRefused = false

    init(_ limits: HeadLimits = HeadLimits()) {
        self.limits = limits
        self.reader = RequestHeadReader(limits)
    }

    static func events(_ text: String, _ limits: HeadLimits = HeadLimits()) -> [WireEvent] {
        Self.events(Array(text.utf8), limits)
    }

    static func events(_ bytes: [UInt8], _ limits: HeadLimits = HeadLimits()) -> [WireEvent] {
        var reading = RequestReading(limits)
        reading.feed(bytes)
        return reading.events
    }

    /// The events when the bytes come in two parts, or each by itself.
    static func events(_ bytes: [UInt8], cutAt cut: Int?, _ limits: HeadLimits = HeadLimits()) -> [WireEvent] {
        var reading = RequestReading(limits)
        if let cut {
            reading.feed(Array(bytes[..<cut]))
            reading.feed(Array(bytes[cut...]))
        } else {
            for byte in bytes { reading.feed([byte]) }
        }
        return reading.events
    }

    static func head(_ text: String) -> RequestHead? {
        var reading = RequestReading()
        reading.feed(Array(text.utf8))
        return reading.heads.first
    }

    mutating func feed(_ more: [UInt8]) {
        guard !self.isRefused else { return }
        self.bytes += more
        do {
            while try self.step() {}
        } catch {
            self.isRefused = true
            self.events.append(.refused(error.code))
        }
    }

    private mutating func step() throws(HTTPRefusal) -> Bool {
        if self.body != nil { return try self.stepBody() }
        guard !self.bytes.isEmpty else { return false }
        let result = self.bytes.withUnsafeBytes { bytes -> Result<Bool, HTTPRefusal> in
            do throws(HTTPRefusal) { return .success(try self.reader.read(bytes)) } catch { return .failure(error) }
        }
        guard try result.get() else { return false }
        let head = self.reader.head
        self.heads.append(head)
        self.events.append(.head(self.text(of: head)))
        self.bytes.removeFirst(head.length)
        self.reader.reset()
        self.body = BodyReader(head.framing, self.limits)
        return true
    }

    private mutating func stepBody() throws(HTTPRefusal) -> Bool {
        guard var body = self.body else { return false }
        var at = 0
        let result = self.bytes.withUnsafeBytes { bytes -> Result<BodyReader.Step, HTTPRefusal> in
            do throws(HTTPRefusal) {
                return .success(try body.next(bytes, at: &at))
            } catch {
                return .failure(error)
            }
        }
        let step = try result.get()
        self.body = body
        switch step {
        case .content(let range):
            let text = String(decoding: self.bytes[range], as: UTF8.self)
            // Where it was cut is of no matter.
            if case .content(let before) = self.events.last {
                self.events[self.events.count - 1] = .content(before + text)
            } else {
                self.events.append(.content(text))
            }
        case .end:
            let trailers = body.trailers.map { line in
                String(decoding: body.trailerBytes[Int(line.name)..<(Int(line.end) - 2)], as: UTF8.self)
            }
            self.events.append(.end(trailers: trailers))
            self.body = nil
        case .more: break
        }
        self.bytes.removeFirst(at)
        return step != .more
    }

    private func text(of head: RequestHead) -> String {
        func text(_ place: RequestHead.Place) -> String {
            String(decoding: self.bytes[place.at..<place.end], as: UTF8.self)
        }
        let fields = head.fields.map { line in
            let name = text(RequestHead.Place(Int(line.name), Int(line.nameLength)))
            return "\(name)=\(text(RequestHead.Place(Int(line.value), Int(line.valueLength))))"
        }
        return "\(text(head.methodPlace)) \(text(head.target)) 1.\(head.minorVersion) \(fields.joined(separator: ";"))"
    }
}
