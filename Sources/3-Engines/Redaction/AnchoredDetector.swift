/// A detector that an anchor stands for, and what a look at one or two bytes beside the anchor says before it's asked: most
/// short literals are parts of other words.
struct AnchoredDetector: Sendable {
    /// Its place in the table.
    let index: Int
    /// So far behind the anchor's first byte one of these must stand.
    private let distance: Int
    private let set: ByteSet
    /// Whether no letter or digit may stand before the anchor, but for the end of an escape.
    private let startsToken: Bool
    /// Whether it finds something only where a word for a secret stands behind the anchor (`SecretWords`).
    let needsSecret: Bool

    init(_ index: Int, _ form: Detector.Form, _ anchor: [UInt8]) {
        self.index = index
        let hasPunctuation = anchor.contains { !$0.isAlphanumeric }
        let notInWord = ByteSet.alphanumeric.inverted
        // Behind an option (`-u `) it may be another option.
        if case .account = form {
            self.needsSecret = anchor.first != UInt8(ascii: "-")
        } else {
            self.needsSecret = false
        }
        switch form {
        case .token(let pattern, _):
            self.startsToken = anchor.count < 4 || !hasPunctuation
            if let item = pattern.items.first, item.least > 0 {
                (self.distance, self.set) = (anchor.count + item.least - 1, item.set)
            } else {
                (self.distance, self.set) = (0, .any)
            }
        case .coordinate:
            let name = anchor.prefix(while: \.isLetter).count
            (self.startsToken, self.distance, self.set) = (true, name, notInWord)
        case .bearer:
            (self.startsToken, self.distance, self.set) = (true, anchor.count, ByteSet(" "))
        case .named:
            (self.startsToken, self.distance, self.set) = (false, anchor.count, notInWord)
        case .jwt, .netrc:
            (self.startsToken, self.distance, self.set) = (true, 0, .any)
        default:
            (self.startsToken, self.distance, self.set) = (false, 0, .any)
        }
    }

    /// Whether the detector could say anything but no of an anchor at `start`; true where what has arrived doesn't tell.
    @inline(__always)
    func mayFind(at start: Int, _ window: Window) -> Bool {
        let offset = start + self.distance
        if offset < window.end {
            if !self.set.contains(window.base[offset - window.first]) { return false }
        } else if window.finished, self.distance > 0 {
            return false
        }
        guard self.startsToken, window.at(start - 1).isAlphanumeric else { return true }
        // As `View.startsToken` has it, less exactly.
        return window.at(start - 2) == UInt8(ascii: "\\") || window.at(start - 3) == UInt8(ascii: "%")
            || window.at(start - 1) == UInt8(ascii: "m")
    }
}
