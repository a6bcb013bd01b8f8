/// What follows a literal in a token: a row of byte sets with how often each may occur.
///
/// Written as a regular expression of literals, sets (`[A-Za-z0-9_-]`), and the repeats `{n}`, `{n,}`, `{n,m}`, `+`, `*`
/// and `?`. Matching is greedy and never goes back, so it takes one look at each byte.
struct Pattern: Sendable {
    struct Item: Sendable {
        var set: ByteSet
        var least: Int
        var most: Int
    }

    var items: [Item] = []
    /// Every byte that may occur: how a match that is longer than the detector's reach goes on.
    var continuation = ByteSet()

    /// More than any detector's reach.
    private static let mostRepeats = 65_536

    /// - Returns: nil when `text` isn't such an expression.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard let set = Self.set(bytes, &index), let (least, most) = Self.repeats(bytes, &index) else { return nil }
            self.items.append(Item(set: set, least: least, most: most))
            self.continuation = self.continuation.union(set)
        }
        guard !self.items.isEmpty else { return nil }
    }

    private static func set(_ bytes: [UInt8], _ index: inout Int) -> ByteSet? {
        var set = ByteSet()
        let byte = bytes[index]
        index += 1
        if byte == UInt8(ascii: "\\") {
            guard index < bytes.count else { return nil }
            set.insert(bytes[index])
            index += 1
            return set
        }
        guard byte == UInt8(ascii: "[") else {
            set.insert(byte)
            return set
        }
        while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
            let start = bytes[index]
            index += 1
            if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "-"), bytes[index + 1] != UInt8(ascii: "]") {
                let end = bytes[index + 1]
                guard start <= end else { return nil }
                set.insert(start...end)
                index += 2
            } else {
                set.insert(start)
            }
        }
        guard index < bytes.count else { return nil }
        index += 1
        return set
    }

    private static func repeats(_ bytes: [UInt8], _ index: inout Int) -> (least: Int, most: Int)? {
        guard index < bytes.count else { return (1, 1) }
        switch bytes[index] {
        case UInt8(ascii: "+"):
            index += 1
            return (1, .max)
        case UInt8(ascii: "*"):
            index += 1
            return (0, .max)
        case UInt8(ascii: "?"):
            index += 1
            return (0, 1)
        case UInt8(ascii: "{"):
            guard let close = bytes[index...].firstIndex(of: UInt8(ascii: "}")) else { return nil }
            let parts = String(decoding: bytes[(index + 1)..<close], as: UTF8.self)
                .split(separator: ",", omittingEmptySubsequences: false)
            index = close + 1
            guard let least = parts.first.flatMap({ Int($0) }), least <= Self.mostRepeats else { return nil }
            if parts.count == 1 { return (least, least) }
            return parts[1].isEmpty ? (least, .max) : Int(parts[1]).map { (least, $0) }
        default:
            return (1, 1)
        }
    }

    enum Match {
        case none
        /// Up to this offset.
        case ends(Int)
        /// Beyond the detector's reach, which lies here.
        case open(Int)
    }

    /// The fewest bytes that a match has.
    var least: Int { self.items.reduce(0) { $0 + $1.least } }

    /// Matches from `start`. The byte behind the match must not be one that the last item could have taken.
    func match(_ view: inout View, from start: Int) -> Match {
        var offset = start
        for item in self.items {
            let end = view.run(of: item.set, from: offset, most: item.most)
            if end >= view.high, view.clipped { return .open(view.high) }
            guard end - offset >= item.least else { return .none }
            offset = end
        }
        if let last = self.items.last, last.most != .max, last.set.contains(view.at(offset)) { return .none }
        return .ends(offset)
    }
}
