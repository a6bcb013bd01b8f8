/// A version by Semantic Versioning 2.0.0, read as generously as flagd's `sem_ver` does: with a `v` before it, and with
/// minor and patch left out.
struct SemanticVersion: Equatable {
    var major: UInt64
    var minor: UInt64
    var patch: UInt64
    /// What's behind the hyphen, by its dots. What's behind a plus doesn't count (section 10).
    var prerelease: [Substring]

    init?(_ text: String) {
        var text = text
        let core = text.withUTF8 { Self.core($0) }
        guard let core else { return nil }
        (self.major, self.minor, self.patch) = core.numbers
        self.prerelease = []
        guard let hyphen = core.prerelease else { return }
        // A prerelease belongs to a whole version.
        guard core.count == 3 else { return nil }
        let bytes = text.utf8
        let start = bytes.index(bytes.startIndex, offsetBy: hyphen.lowerBound)
        let list = text[start..<bytes.index(bytes.startIndex, offsetBy: hyphen.upperBound)]
        self.prerelease = list.split(separator: ".")
        // A number with a zero before it would be equal to another one (section 9).
        guard self.prerelease.allSatisfy({ Self.isNumber($0) || !$0.allSatisfy(\.isWholeNumber) }) else { return nil }
    }

    private struct Core {
        var numbers: (UInt64, UInt64, UInt64) = (0, 0, 0)
        /// How many of them are written.
        var count = 0
        /// Its bytes, behind the hyphen.
        var prerelease: Range<Int>?
    }

    private static func core(_ bytes: UnsafeBufferPointer<UInt8>) -> Core? {
        var core = Core()
        var place = 0
        if let first = bytes.first, first == UInt8(ascii: "v") || first == UInt8(ascii: "V") { place = 1 }
        while true {
            let start = place
            var number: UInt64 = 0
            while place < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[place] {
                let (tens, isTooLong) = number.multipliedReportingOverflow(by: 10)
                let (sum, isTooLarge) = tens.addingReportingOverflow(UInt64(bytes[place] - UInt8(ascii: "0")))
                guard !isTooLong, !isTooLarge else { return nil }
                number = sum
                place += 1
            }
            guard place > start, bytes[start] != UInt8(ascii: "0") || place == start + 1 else { return nil }
            switch core.count {
            case 0: core.numbers.0 = number
            case 1: core.numbers.1 = number
            default: core.numbers.2 = number
            }
            core.count += 1
            guard place < bytes.count else { return core }
            guard bytes[place] == UInt8(ascii: "."), core.count < 3 else { break }
            place += 1
        }
        let plus = bytes[place...].firstIndex(of: UInt8(ascii: "+"))
        if bytes[place] == UInt8(ascii: "-") {
            let list = place + 1..<(plus ?? bytes.count)
            guard Self.isList(bytes[list]) else { return nil }
            core.prerelease = list
        } else if plus != place {
            return nil
        }
        if let plus, !Self.isList(bytes[(plus + 1)...]) { return nil }
        return core
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            && (text.first != "0" || text.utf8.count == 1)
    }

    /// Identifiers between dots, each of letters, digits and hyphens.
    private static func isList(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var isEmpty = true
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "."):
                if isEmpty { return false }
                isEmpty = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
                isEmpty = false
            default: return false
            }
        }
        return !isEmpty
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
