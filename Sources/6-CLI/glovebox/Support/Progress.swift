#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How far long work has come: a line on a terminal that's written over, and gone when the work is done. Nothing where
/// standard error is no terminal.
final class Progress {
    private static let interval = Duration.milliseconds(200)

    private let what: String
    private let isShown: Bool
    private var last: ContinuousClock.Instant?
    private var isThere = false

    /// - Parameters:
    ///   - what: is counted, such as `records checked`.
    ///   - besideResults: whether results are written meanwhile, which on the same terminal show how far it is.
    init(_ what: String, besideResults: Bool = false) {
        self.what = what
        self.isShown =
            isatty(STDERR_FILENO) == 1 && !(besideResults && isatty(STDOUT_FILENO) == 1)
            && (getenv("TERM").map { String(cString: $0) != "dumb" } ?? false)
    }

    func reached(_ count: UInt64, of total: UInt64? = nil) {
        let now = ContinuousClock.now
        guard self.isShown, self.last.map({ now - $0 >= Self.interval }) ?? true else { return }
        self.last = now
        self.isThere = true
        let all = total.map { " of \($0) (\(count * 100 / max(1, $0)) %)" } ?? ""
        Terminal.write("\r\u{1B}[K\(count)\(all) \(self.what)", to: STDERR_FILENO)
    }

    /// Takes the line away.
    func end() {
        guard self.isThere else { return }
        self.isThere = false
        Terminal.write("\r\u{1B}[K", to: STDERR_FILENO)
    }
}
