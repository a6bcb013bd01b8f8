/// What a short look at a value says about which tiers it needs. Never says no where a detector would say yes:
/// each condition is one that every finding of the tier meets.
struct Prefilter {
    /// Every token of the table has at least so many bytes in a row without a blank.
    static let shortestToken = 16
    /// What has names and blanks alone has at least so many bytes (`user "a" pass "b"`), and with a digit so many
    /// (`dob 1/2/1935`).
    static let shortestPhrase = 16
    static let shortestPhraseWithDigit = 12
    /// Every number that is a finding has at least so many digits.
    static let fewestDigits = 7
    /// Of those that have letters, too.
    static let fewestDigitsBesideLetters = 6

    /// Whether a literal's detector could find something.
    var needsLiterals = false
    /// Whether a mail address, a number or encoded text could be there.
    var needsBytes = false

    var isClean: Bool { !self.needsLiterals && !self.needsBytes }

    init(_ bytes: UnsafeRawBufferPointer) {
        var digits = 0
        var run = 0
        var longest = 0
        var hasAt = false
        var hasLetter = false
        // What stands between a name and its value (`=`, `:`, `>`, `'`), or opens an option or an armour (`--`, ` -p`).
        var hasSeparator = false
        // What an escape, a character reference or a byte in percents begins with.
        var hasMark = false
        var hasDot = false
        var colons = 0
        var before: UInt8 = 0
        for byte in bytes {
            run = byte > 0x20 ? run + 1 : 0
            if run > longest { longest = run }
            if byte.isDigit {
                digits += 1
            } else if byte.isLetter {
                hasLetter = true
            } else if byte >= 0x80 {
                hasLetter = true
                // The end of a colon of Chinese and Japanese text.
                if byte == 0x9A, before == 0xBC { hasSeparator = true }
            } else if byte == UInt8(ascii: "@") {
                hasAt = true
            } else if byte == UInt8(ascii: ".") {
                hasDot = true
            } else if byte == UInt8(ascii: ":") {
                colons += 1
                hasSeparator = true
            } else if byte == UInt8(ascii: "/"), before == UInt8(ascii: "@") {
                // The host of Oracle's databases.
                hasSeparator = true
            } else if byte == UInt8(ascii: "=") || byte == UInt8(ascii: ">")
                || byte == UInt8(ascii: "'")
                || (byte == UInt8(ascii: "-") && (before == UInt8(ascii: "-") || before == 0x20))
            {
                hasSeparator = true
            } else if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "&") {
                hasMark = true
            }
            before = byte
        }
        self.needsLiterals =
            longest >= Self.shortestToken
            || hasLetter
                && (hasSeparator || hasDot || bytes.count >= Self.shortestPhrase
                    || (bytes.count >= Self.shortestPhraseWithDigit && digits >= 1))
        self.needsBytes =
            hasAt || hasMark || digits >= Self.fewestDigitsBesideLetters || colons >= 2 || longest >= Self.shortestToken
    }
}
