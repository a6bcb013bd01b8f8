import GloveboxCore
import SensitiveNames

extension MaskingProfile {
    /// Detectors of values under the names that the profile has rules for. A rule that shows has none: what stands under such
    /// a name is judged like any other text.
    var nameDetectors: [Detector] {
        self.names.values.sorted { $0.name < $1.name }.filter { $0.treatment != .show }.compactMap { rule in
            let anchors = Self.spellings(of: rule.name).filter { (2...64).contains($0.utf8.count) }
            guard !anchors.isEmpty else { return nil }
            return Detector(
                name: "named_value", kind: rule.kind ?? Kind("named"), place: "profile \(self.name)",
                form: .profiled(rule.treatment), pattern: nil, anchors: anchors, ignoresCase: true, validator: .none,
                reach: 4096, positive: [], negative: [])
        }
    }

    /// As it's written, and with each of `_`, `-`, `.` and nothing between its words: `nick_name`, `nickName`.
    static func spellings(of name: String) -> [String] {
        var words: [String] = [""]
        var before: UInt8 = 0
        for byte in name.utf8 {
            guard byte.isAlphanumeric else {
                // Of what isn't ASCII, and of other marks, there is no other spelling.
                guard [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), 0x20].contains(byte) else {
                    return [name.lowercased()]
                }
                if words.last != "" { words.append("") }
                before = byte
                continue
            }
            if byte.isUpper, before.isLower || before.isDigit { words.append("") }
            words[words.count - 1].append(Character(Unicode.Scalar(byte.lowercased)))
            before = byte
        }
        words.removeAll(where: \.isEmpty)
        var spellings: [String] = []
        for separator in ["", "_", "-", "."] where !spellings.contains(words.joined(separator: separator)) {
            spellings.append(words.joined(separator: separator))
        }
        return spellings
    }
}

extension View {
    private static let ofName = ByteSet("_-.").union(.alphanumeric)
    private static let aroundName = ByteSet("_-.")
    private static let closers = ByteSet("\"'`]\\")

    /// The value under a name that is the anchor, and no part of another.
    mutating func profiled(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let first = self.run(of: Self.aroundName, backFrom: start, most: 8)
        let last = self.run(of: Self.aroundName, from: start + anchorCount, most: 8)
        guard !Self.ofName.contains(self.at(first - 1)) || self.startsToken(first),
            !Self.ofName.contains(self.at(last))
        else { return nil }
        let closed = self.run(of: Self.closers, from: last, most: 4)
        let blank = self.run(of: .blanks, from: closed, most: 64)
        guard let (value, _) = self.valueStart(name: first..<last, closed: closed, blank: blank) else { return nil }
        // What follows the name of a pseudonym's kind is that pseudonym.
        if self.at(first - 1) == 0xB9, self.at(first - 2) == 0x80, self.at(first - 3) == 0xE2 { return nil }
        if self.at(blank) == UInt8(ascii: ">"), self.at(first - 1) == UInt8(ascii: "<"),
            let content = self.elementContent(kind: detector.kind, name: first..<last, from: value)
        {
            return content
        }
        return self.value(
            kind: detector.kind, certain: true, name: SensitiveName(.secret), at: value, isHeader: false)
    }
}
