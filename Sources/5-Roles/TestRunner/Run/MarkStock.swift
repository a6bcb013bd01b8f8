import GloveboxCore
import Synchronization

/// Marks that were asked for beyond what a try of a case wanted: the next one's. Each is good for one case and one version.
///
/// A gateway bounds how often it's asked, so that whoever sends a case again and again asks for more at once: for as many as were
/// used of late.
final class MarkStock: Sendable {
    struct Mark: Hashable, Sendable {
        var token: String
        var until: BootInstant
    }

    struct Key: Hashable, Sendable {
        var testCase: String
        var version: String?
    }

    private struct Shelf {
        var marks: [Mark] = []
        /// When the latest of them were taken.
        var taken: [BootInstant] = []
    }

    /// A mark is good for a minute at most; a request takes its time, too.
    static let life = Duration.seconds(40)

    private let shelves = Mutex<[Key: Shelf]>([:])

    /// At most so many, all good; none where there are none.
    func take(_ count: Int, _ key: Key, at now: BootInstant) -> [Mark] {
        self.shelves.withLock { shelves in
            var shelf = shelves.removeValue(forKey: key) ?? Shelf()
            defer { shelves[key] = shelf }
            shelf.marks.removeAll { $0.until <= now }
            let marks = Array(shelf.marks.prefix(count))
            shelf.marks.removeFirst(marks.count)
            shelf.taken = (shelf.taken + marks.map { _ in now }).suffix(MarkWish.mostAtOnce)
            return marks
        }
    }

    /// How many to ask for where `count` are wanted.
    func wish(_ count: Int, _ key: Key, at now: BootInstant) -> Int {
        self.shelves.withLock { shelves in
            let lately = shelves[key]?.taken.count { $0.advanced(by: Self.life) > now } ?? 0
            return min(max(count, lately, 1), MarkWish.mostAtOnce)
        }
    }

    /// Takes so many of those that came, for whoever asked for them: others who take at that moment get what's beyond.
    func take(_ count: Int, of tokens: [String], _ key: Key, askedAt then: BootInstant) -> [Mark] {
        let until = then.advanced(by: Self.life)
        let marks = tokens.map { Mark(token: $0, until: until) }
        self.shelves.withLock { shelves in
            var shelf = shelves.removeValue(forKey: key) ?? Shelf()
            shelf.marks += marks.dropFirst(count)
            shelf.taken = (shelf.taken + marks.prefix(count).map { _ in then }).suffix(MarkWish.mostAtOnce)
            shelves[key] = shelf
        }
        return Array(marks.prefix(count))
    }
}
