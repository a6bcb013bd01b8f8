/// Numbers of bytes as people write them: a whole number with `B`, `kB`, `MB`, `GB`, `TB` (powers of 1,000) or `KiB`,
/// `MiB`, `GiB`, `TiB` (powers of 1,024), or without a unit. IEC 80000-13.
package enum ByteCount {
    private static let units: [String: Int64] = [
        "": 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    /// `nil` when `text` is not such a number, or one beyond 64 bits.
    package static func parse(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "_") }
        var unit = text[digits.endIndex...]
        if unit.first == " " { unit = unit.dropFirst() }
        guard let count = Int64(digits: String(digits)), let size = Self.units[String(unit)] else { return nil }
        let (bytes, isTooMany) = count.multipliedReportingOverflow(by: size)
        return isTooMany ? nil : bytes
    }
}

extension Int64 {
    /// Decimal digits with an optional sign; a single `_` may stand between two digits.
    init?(digits text: String) {
        let isNegative = text.hasPrefix("-")
        let groups = text.dropFirst(isNegative ? 1 : 0).split(separator: "_", omittingEmptySubsequences: false)
        guard groups.allSatisfy({ group in !group.isEmpty && group.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return nil }
        self.init((isNegative ? "-" : "") + groups.joined())
    }
}
