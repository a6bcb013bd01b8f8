/// Which argument of a command is a secret, as a manual page would write it: `-p …`, `-u _:…`, `/user:_ …`.
///
/// The secret is `…`, an argument of any kind `_`. The first word may be an option (`-p`, `/user:_`), behind which as many
/// arguments follow as there are words; without one the words count from the command on, options aside. A secret may have
/// text before it (`-p…`, `pass:…`), or all up to the first of a delimiter (`_:…`), and may end before the last `@`
/// (`_/…@`). In quotes (`"…"`) it must be in quotes in the command, too.
struct CommandPattern: Sendable {
    /// Nil where the words count from the command on.
    let option: [UInt8]?
    /// Whether the option goes on behind these bytes.
    let isOpenOption: Bool
    /// How many arguments stand between the option, or the command, and the one with the secret.
    let skipped: Int
    let prefix: [UInt8]
    let delimiter: UInt8?
    let endsAtSign: Bool
    let isQuoted: Bool
    /// Whether the secret's argument begins with an option's text: `-p…`, `--user=_:…`.
    let isAttached: Bool

    /// - Returns: nil when `text` isn't one.
    init?(_ text: String) {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let last = words.popLast(), let mark = last.firstIndex(of: "…"), !words.contains("") else { return nil }
        if let first = words.first, first.hasPrefix("-") || first.hasPrefix("/") {
            self.isOpenOption = first.hasSuffix("_")
            self.option = Array((self.isOpenOption ? String(first.dropLast()) : first).utf8)
            words.removeFirst()
        } else {
            self.isOpenOption = false
            self.option = nil
        }
        guard words.allSatisfy({ $0 == "_" }) else { return nil }
        self.skipped = words.count
        let tail = last[last.index(after: mark)...]
        var before = String(last[..<mark])
        self.isQuoted = before == "\"" && tail == "\""
        self.endsAtSign = tail == "@"
        guard self.isQuoted || self.endsAtSign || tail.isEmpty else { return nil }
        if self.isQuoted { before = "" }
        if let any = before.firstIndex(of: "_") {
            let delimiter = before[before.index(after: any)...].utf8
            guard delimiter.count == 1 else { return nil }
            self.delimiter = delimiter.first
            before = String(before[..<any])
        } else {
            self.delimiter = nil
        }
        self.prefix = Array(before.utf8)
        self.isAttached = self.option == nil && (before.hasPrefix("-") || before.hasPrefix("/"))
    }

    /// Longest row of options in one letter each.
    private static let mostLetters = 5

    /// Whether `argument` is the option, or a row of options in one letter each (`-sSu`) that has its letters: the last of
    /// them at the end, where its own argument is the next.
    func isOption(_ argument: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let option = self.option else { return false }
        if self.isOpenOption { return argument.starts(with: option) && argument.count > option.count }
        if argument.elementsEqual(option) { return true }
        guard (2...3).contains(option.count), option[1].isLetter, argument.first == UInt8(ascii: "-"),
            argument.count > option.count, argument.count <= Self.mostLetters + 1,
            argument.dropFirst().allSatisfy(\.isLetter), option.dropFirst().allSatisfy(argument.contains)
        else { return false }
        return self.skipped > 0 || option.count > 2 || argument.last == option.last
    }
}
