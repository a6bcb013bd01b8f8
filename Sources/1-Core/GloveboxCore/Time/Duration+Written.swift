extension Duration {
    /// A span as people write it: whole numbers with the units `d`, `h`, `m`, `s`, `ms`, largest first, each at most
    /// once and without spaces: `90s`, `15m`, `1h30m`. `nil` for anything else.
    package init?(written text: String) {
        let units: [(name: String, milliseconds: Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
        ]
        var rest = text.utf8[...]
        var nextUnit = 0
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { !(0x30...0x39).contains($0) }
            rest = rest[unit.endIndex...]
            guard let count = Int64(String(decoding: digits, as: UTF8.self)),
                let index = units[nextUnit...].firstIndex(where: { $0.name.utf8.elementsEqual(unit) })
            else { return nil }
            let (part, isTooLong) = count.multipliedReportingOverflow(by: units[index].milliseconds)
            let (sum, isSumTooLong) = total.addingReportingOverflow(part)
            guard !isTooLong, !isSumTooLong else { return nil }
            total = sum
            nextUnit = index + 1
        }
        self = .milliseconds(total)
    }

    /// The span as people write it, to the millisecond: `1h30m`, `15m`, `0s`.
    package var written: String {
        guard self >= .zero else { return "-\((.zero - self).written)" }
        let (seconds, attoseconds) = self.components
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
            (attoseconds / 1_000_000_000_000_000, "ms"),
        ]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return text.isEmpty ? "0s" : text
    }
}
