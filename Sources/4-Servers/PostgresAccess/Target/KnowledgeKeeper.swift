import GloveboxCore
import Synchronization

/// Reads of each target's catalogue only what a minute has made old, and once however many sessions open at a time.
///
/// Whoever is told nil reads, and then says what came of it (``settle(_:_:at:)``); others that come meanwhile wait for it.
final class KnowledgeKeeper: Sendable {
    struct Key: Hashable, Sendable {
        var target: TargetName
        /// Each has a role of its own, and rules of its own.
        var capability: Capability
    }

    private struct Entry {
        var known: TargetKnowledge?
        var readAt: BootInstant?
        var isBeingRead = false
        var waiting: [CheckedContinuation<TargetKnowledge?, Never>] = []
    }

    /// How long what was read is believed.
    static let life = Duration.seconds(60)

    private let entries = Mutex<[Key: Entry]>([:])

    /// What is known; nil where the caller is to read it.
    func knowledge(_ key: Key, at now: BootInstant) async -> TargetKnowledge? {
        await withCheckedContinuation { continuation in
            let answer = self.entries.withLock { entries -> TargetKnowledge?? in
                var entry = entries.removeValue(forKey: key) ?? Entry()
                defer { entries[key] = entry }
                if let known = entry.known, let readAt = entry.readAt, readAt.duration(to: now) < Self.life {
                    return .some(known)
                }
                if entry.isBeingRead {
                    entry.waiting.append(continuation)
                    return .none
                }
                entry.isBeingRead = true
                return .some(nil)
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// - Parameter knowledge: nil where it couldn't be read: those who wait then read for themselves, as what one client
    ///   asked for may have been what failed.
    /// - Returns: what to go by: the object of before where it says the same, so that sessions of hours share it.
    @discardableResult
    func settle(_ key: Key, _ knowledge: TargetKnowledge?, at now: BootInstant) -> TargetKnowledge? {
        let (kept, waiting) = self.entries.withLock { entries in
            var entry = entries.removeValue(forKey: key) ?? Entry()
            defer { entries[key] = entry }
            if let knowledge {
                if let known = entry.known, known.says(theSameAs: knowledge) {} else { entry.known = knowledge }
                entry.readAt = now
            }
            entry.isBeingRead = false
            defer { entry.waiting = [] }
            return (knowledge == nil ? nil : entry.known, entry.waiting)
        }
        for continuation in waiting { continuation.resume(returning: kept) }
        return kept
    }

    /// How many wait for what another reads.
    func waiting(for key: Key) -> Int {
        self.entries.withLock { $0[key]?.waiting.count ?? 0 }
    }

    /// Something was asked for that isn't known: whoever comes next reads anew.
    func expire(_ key: Key) {
        self.entries.withLock { $0[key]?.readAt = nil }
    }
}
