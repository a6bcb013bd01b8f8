/// The word of `known` that somebody who wrote `text` most likely meant: the one with the fewest single-letter edits,
/// if they're at most two and fewer than half of its letters. The first of several.
package func closest(to text: String, among known: [String]) -> String? {
    let typed = Array(text.lowercased().prefix(64))
    var best: (word: String, edits: Int)?
    for word in known {
        let edits = editDistance(typed, Array(word.lowercased()))
        guard edits <= 2, edits * 2 < max(word.count, 2) + 1, edits < best?.edits ?? .max else { continue }
        best = (word, edits)
    }
    return best?.word
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in 1..<(a.count + 1) {
        var row = [i]
        for j in 1..<(b.count + 1) {
            let replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
            var least = min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { least = min(least, rows[i - 2][j - 2] + 1) }
            row.append(least)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
