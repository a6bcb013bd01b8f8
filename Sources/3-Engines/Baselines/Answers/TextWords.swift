/// A text taken apart into words and what stands between them, so that a time or an identifier in it is one word.
enum TextWords {
    /// All words and separators in order; joined they're the text, but that white space is one blank.
    static func words(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        var words: [String] = []
        var place = 0
        while place < bytes.count {
            let start = place
            if let end = self.httpDate(bytes, place) {
                place = end
            } else if self.isSpace(bytes[place]) {
                while place < bytes.count, self.isSpace(bytes[place]) { place += 1 }
                words.append(" ")
                continue
            } else if self.separators.contains(bytes[place]) {
                place += 1
            } else {
                while place < bytes.count, !self.isSpace(bytes[place]), !self.separators.contains(bytes[place]) {
                    place += 1
                }
                // What ends a sentence or a clause isn't part of its last word.
                while place - start > 1, self.endings.contains(bytes[place - 1]) { place -= 1 }
            }
            words.append(String(decoding: bytes[start..<place], as: UTF8.self))
        }
        return words
    }

    private static let separators = Set(",;\"'()[]{}<>=&?|#".utf8)
    private static let endings = Set(".:!".utf8)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func httpDate(_ bytes: [UInt8], _ place: Int) -> Int? {
        let end = place + HTTPDate.length
        guard end <= bytes.count, bytes[place + 3] == UInt8(ascii: ","),
            HTTPDate.seconds(String(decoding: bytes[place..<end], as: UTF8.self)) != nil
        else { return nil }
        return end
    }
}
