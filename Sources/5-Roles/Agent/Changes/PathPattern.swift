/// A path of a ceiling, `/etc/shop/*.conf`: a `*` stands for any part of one name, and for no `/`.
enum PathPattern {
    static func matches(_ pattern: String, _ path: String) -> Bool {
        let (patterns, parts) = (
            pattern.split(separator: "/", omittingEmptySubsequences: false),
            path.split(separator: "/", omittingEmptySubsequences: false)
        )
        return patterns.count == parts.count && zip(patterns, parts).allSatisfy { Self.matches(name: $0, $1) }
    }

    private static func matches(name pattern: Substring, _ name: Substring) -> Bool {
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard pieces.count > 1, let first = pieces.first, let last = pieces.last else { return pattern == name }
        guard name.hasPrefix(first), name.count >= first.count + last.count, name.hasSuffix(last) else { return false }
        var rest = name.dropFirst(first.count).dropLast(last.count)
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        // A hidden file is meant only where it's written so.
        return first.isEmpty ? name.first != "." : true
    }
}
