/// A version by Semantic Versioning 2.0.0, read as generously as flagd's `sem_ver` does: with a `v` before it, and with
/// minor and patch left out.
struct SemanticVersion: Equatable {
    var major: UInt64
    var minor: UInt64
    var patch: UInt64
    /// What's behind the hyphen, by its dots. What's behind a plus doesn't count (section 10).
    var prerelease: [Substring]

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.first == "v" || rest.first == "V" { rest.removeFirst() }
        if let plus = rest.firstIndex(of: "+") {
            guard Self.isList(rest[rest.index(after: plus)...]) else { return nil }
            rest = rest[..<plus]
        }
        self.prerelease = []
        if let hyphen = rest.firstIndex(of: "-") {
            let list = rest[rest.index(after: hyphen)...]
            guard Self.isList(list) else { return nil }
            self.prerelease = list.split(separator: ".")
            // A number with a zero before it would be equal to another one (section 9).
            guard self.prerelease.allSatisfy({ Self.isNumber($0) || !$0.allSatisfy(\.isWholeNumber) }) else {
                return nil
            }
            rest = rest[..<hyphen]
        }
        let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count), parts.allSatisfy(Self.isNumber) else { return nil }
        // A prerelease belongs to a whole version.
        guard parts.count == 3 || self.prerelease.isEmpty else { return nil }
        var numbers: [UInt64] = [0, 0, 0]
        for (index, part) in parts.enumerated() {
            guard let number = UInt64(part) else { return nil }
            numbers[index] = number
        }
        (self.major, self.minor, self.patch) = (numbers[0], numbers[1], numbers[2])
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            && (text.first != "0" || text.utf8.count == 1)
    }

    /// Identifiers between dots, each of letters, digits and hyphens.
    private static func isList(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { identifier in
            !identifier.isEmpty
                && identifier.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
    }
}

extension SemanticVersion: Comparable {
    /// Section 11.
    static func < (a: Self, b: Self) -> Bool {
        if a.major != b.major { return a.major < b.major }
        if a.minor != b.minor { return a.minor < b.minor }
        if a.patch != b.patch { return a.patch < b.patch }
        // A version before its release is older than the release.
        if a.prerelease.isEmpty || b.prerelease.isEmpty { return !a.prerelease.isEmpty && b.prerelease.isEmpty }
        for (one, other) in zip(a.prerelease, b.prerelease) where one != other {
            switch (Self.isNumber(one), Self.isNumber(other)) {
            case (true, true):
                return one.utf8.count != other.utf8.count ? one.utf8.count < other.utf8.count : one < other
            case (true, false): return true
            case (false, true): return false
            case (false, false): return one.utf8.lexicographicallyPrecedes(other.utf8)
            }
        }
        return a.prerelease.count < b.prerelease.count
    }
}

extension SemanticVersion {
    /// How `sem_ver` compares.
    enum Comparison: String {
        case equal = "="
        case different = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        /// Of one major version.
        case sameMajor = "^"
        /// Of one major and minor version.
        case sameMinor = "~"

        func holds(_ a: SemanticVersion, _ b: SemanticVersion) -> Bool {
            switch self {
            case .equal: a == b
            case .different: a != b
            case .less: a < b
            case .lessOrEqual: a <= b
            case .greater: a > b
            case .greaterOrEqual: a >= b
            case .sameMajor: a.major == b.major
            case .sameMinor: a.major == b.major && a.minor == b.minor
            }
        }
    }
}
