import FlagRules
package import GloveboxCore

/// Leased changes lie over the flags like sheets of glass, in the order in which they came: what's seen of a flag is its
/// uppermost one. One that's taken away lets through what's under it, so that two people who change one flag each get
/// back to what there was without them, in whichever order they end.
extension FlagState {
    /// Whose changes lie over a flag, uppermost last.
    package func sets(on key: String) -> [ChangeSetID] {
        self.layers.filter { layer in layer.entries.contains { $0.key == key && $0.overtakenBy == nil } }.map(\.set)
    }

    /// What a set has changed that another has changed since.
    package func conflicts(of set: ChangeSetID) -> [ChangeConflict] {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return [] }
        return self.layers[index].entries.compactMap { entry in
            let later = self.layers[(index + 1)...].last { layer in
                // One that fewer see leaves what the others see.
                (layer.scope == nil || layer.scope == self.layers[index].scope)
                    && layer.entries.contains { $0.key == entry.key && $0.overtakenBy == nil }
            }
            return (later?.set ?? entry.overtakenBy).map { ChangeConflict(change: entry.change, by: $0) }
        }
    }

    /// Applies some of a set's changes; done again it changes nothing.
    /// - Parameter percent: of a rollout, its first share.
    package mutating func apply(_ set: ChangeSet, _ changes: Range<Int>, percent: Int? = nil) {
        let entries = changes.compactMap { index -> FlagLayer.Entry? in
            guard case .flag(let flag) = set.changes[index] else { return nil }
            return FlagLayer.Entry(
                change: index, key: flag.key, definition: flag.definition, patch: flag.patch, share: percent)
        }
        guard !self.layers.contains(where: { $0.set == set.id }), !entries.isEmpty else { return }
        self.layers.append(FlagLayer(set: set.id, scope: set.scope, entries: entries))
        self.epoch += 1
    }

    /// Brings a set's flags to another share, as its rollout goes on; done again it changes nothing.
    package mutating func roll(_ set: ChangeSetID, to percent: Int) {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return }
        let former = self.layers[index].entries
        for place in former.indices { self.layers[index].entries[place].share = percent }
        if self.layers[index].entries != former { self.epoch += 1 }
    }

    /// Takes a set's changes away; done again it changes nothing. Returns what has changed since, and stays.
    package mutating func undo(_ set: ChangeSetID) -> [ChangeConflict] {
        let conflicts = self.conflicts(of: set)
        let count = self.layers.count
        self.layers.removeAll { $0.set == set }
        if self.layers.count < count { self.epoch += 1 }
        return conflicts
    }

    /// Whether a set can be kept without another's leased change becoming a part of it: what it makes of a flag has to be
    /// its own, or to lie on what the flags are without leases.
    /// - Throws: `change_not_open`, with whose change lies beneath.
    package func checkKeeping(_ set: ChangeSetID) throws(GloveboxError) {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return }
        for entry in self.layers[index].entries where entry.overtakenBy == nil {
            guard entry.share ?? 100 >= 100 else {
                throw GloveboxError(
                    .changeNotOpen,
                    "change \(set) is in force for \(entry.share ?? 0) % alone: it can't be kept like that")
            }
            let beneath = self.layers[..<index].last { layer in
                layer.scope == nil && layer.entries.contains { $0.key == entry.key && $0.overtakenBy == nil }
            }
            if entry.patch != nil, let beneath {
                throw GloveboxError(
                    .changeNotOpen,
                    "change \(set) sets a part of flag '\(entry.key)', and the rest is what change \(beneath.set) makes of it while its lease lasts: wait for that, keep it first, or give a whole definition"
                )
            }
        }
    }

    /// A set's changes become what the flags are without leases; what it has changed of an earlier set's is its own now.
    package mutating func keep(_ set: ChangeSetID) {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return }
        for entry in self.layers[index].entries where entry.overtakenBy == nil {
            self.base[entry.key] = entry.over(self.base[entry.key])
            for lower in self.layers[..<index].indices {
                for place in self.layers[lower].entries.indices
                where self.layers[lower].entries[place].key == entry.key
                    && self.layers[lower].entries[place].overtakenBy == nil
                {
                    self.layers[lower].entries[place].overtakenBy = set
                }
            }
        }
        self.layers.remove(at: index)
        self.epoch += 1
    }
}
