/// Two texts line by line, what's the same in both beside each other.
enum SideBySide {
    struct Row: Hashable {
        var left: String?
        var right: String?

        var isSame: Bool { self.left == self.right }
    }

    /// Beyond this many lines, the middle that differs isn't looked into.
    private static let most = 1_000

    /// By the longest run of lines that both have in order.
    static func rows(_ left: String, _ right: String) -> [Row] {
        let (left, right) = (self.lines(left), self.lines(right))
        var start = 0
        while start < min(left.count, right.count), left[start].utf8.elementsEqual(right[start].utf8) { start += 1 }
        var end = 0
        while end < min(left.count, right.count) - start,
            left[left.count - 1 - end].utf8.elementsEqual(right[right.count - 1 - end].utf8)
        { end += 1 }
        var rows = left[..<start].map { Row(left: $0, right: $0) }
        rows += self.middle(Array(left[start..<(left.count - end)]), Array(right[start..<(right.count - end)]))
        rows += left[(left.count - end)...].map { Row(left: $0, right: $0) }
        return rows
    }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func middle(_ left: [String], _ right: [String]) -> [Row] {
        guard !left.isEmpty, !right.isEmpty, left.count <= self.most, right.count <= self.most else {
            return self.paired(left[...], right[...])
        }
        let width = right.count + 1
        var lengths = [Int32](repeating: 0, count: (left.count + 1) * width)
        for i in left.indices.reversed() {
            for j in right.indices.reversed() {
                lengths[i * width + j] =
                    left[i] == right[j]
                    ? lengths[(i + 1) * width + j + 1] + 1
                    : max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
            }
        }
        var rows: [Row] = []
        var (i, j, fromLeft, fromRight) = (0, 0, 0, 0)
        while i < left.count, j < right.count {
            if left[i] == right[j] {
                rows += self.paired(left[fromLeft..<i], right[fromRight..<j])
                rows.append(Row(left: left[i], right: right[j]))
                i += 1
                j += 1
                (fromLeft, fromRight) = (i, j)
            } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
        return rows + self.paired(left[fromLeft...], right[fromRight...])
    }

    private static func paired(_ left: ArraySlice<String>, _ right: ArraySlice<String>) -> [Row] {
        (0..<max(left.count, right.count)).map { offset in
            Row(
                left: offset < left.count ? left[left.startIndex + offset] : nil,
                right: offset < right.count ? right[right.startIndex + offset] : nil)
        }
    }
}
