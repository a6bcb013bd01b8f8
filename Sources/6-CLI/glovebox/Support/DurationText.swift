import GloveboxCore

/// Durations on the command line.
enum DurationText {
    /// As ``Duration/init(written:)`` has it: `90s`, `15m`, `1h30m`, `2d`.
    /// - Throws: `invalid_argument`.
    static func parse(_ text: String) throws(GloveboxError) -> Duration {
        guard let duration = Duration(written: text), duration > .zero else {
            throw GloveboxError(
                .invalidArgument, "'\(text.prefix(40))' is not a duration: write 90s, 15m, 1h30m or 2d")
        }
        return duration
    }

    /// To the second, the two greatest units.
    static func show(_ duration: Duration) -> String {
        var rest = max(0, duration.components.seconds)
        var parts: [String] = []
        for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] as [(String, Int64)]
        where rest >= length && parts.count < 2 {
            parts.append("\(rest / length)\(unit)")
            rest %= length
        }
        return parts.isEmpty ? "0s" : parts.joined()
    }
}
