import HTTPWire

/// A response as a client reads it.
struct ResponseReading: Hashable, Sendable {
    var status: Int
    var body: String
    var isWhole: Bool

    /// The final responses among these bytes, to requests other than HEAD; the last may not be whole.
    static func read(_ bytes: [UInt8]) -> [ResponseReading] {
        var responses: [ResponseReading] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var reader = ResponseHeadReader(HeadLimits())
            guard (try? rest.withUnsafeBytes({ try reader.read($0) })) == true else { break }
            rest = rest.dropFirst(reader.head.length)
            if reader.head.isInterim { continue }
            var body = BodyReader(reader.head.framing(toHead: false), HeadLimits())
            var content: [UInt8] = []
            var at = 0
            var isWhole = false
            reading: while true {
                guard let step = try? rest.withUnsafeBytes({ try body.next($0, at: &at) }) else { break }
                switch step {
                case .content(let range):
                    content += rest[(rest.startIndex + range.lowerBound)..<(rest.startIndex + range.upperBound)]
                case .end:
                    isWhole = true
                    break reading
                case .more: break reading
                }
            }
            rest = rest.dropFirst(at)
            responses.append(
                ResponseReading(
                    status: reader.head.status, body: String(decoding: content, as: UTF8.self), isWhole: isWhole))
            if !isWhole { break }
        }
        return responses
    }
}
