import GloveboxCore

/// Durations as people write them: `90s`, `15m`, `1h30m`, `2d`.
enum DurationText {
    private static let units: [(Character, Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

    /// - Throws: `invalid_argument`.
    static func parse(_ text: String) throws(GloveboxError) -> Duration {
        var seconds: Int64 = 0
        var digits = ""
        var units = Self.units[...]
        for character in text {
            if character.isASCII, character.isNumber, digits.count < 9 {
                digits.append(character)
                continue
            }
            guard let count = Int64(digits), let index = units.firstIndex(where: { $0.0 == character }) else {
                throw Self.wrong(text)
            }
            seconds += count * units[index].1
            // Each unit once, the greater first.
            units = units[(index + 1)...]
            digits = ""
        }
        guard digits.isEmpty, seconds > 0 else { throw Self.wrong(text) }
        return .seconds(seconds)
    }

    /// To the second, the two greatest units.
    static func show(_ duration: Duration) -> String {
        var rest = max(0, duration.components.seconds)
        var parts: [String] = []
        for (unit, length) in Self.units where rest >= length && parts.count < 2 {
            parts.append("\(rest / length)\(unit)")
            rest %= length
        }
        return parts.isEmpty ? "0s" : parts.joined()
    }

    private static func wrong(_ text: String) -> GloveboxError {
        GloveboxError(.invalidArgument, "'\(text.prefix(40))' is not a duration: write 90s, 15m, 1h30m or 2d")
    }
}
