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
    /// - Parameter shares: of a rollout, the definitions of its first share, by the changes' places.
    package mutating func apply(_ set: ChangeSet, _ changes: Range<Int>, shares: [Int: String] = [:]) {
        let entries = changes.compactMap { index -> FlagLayer.Entry? in
            guard case .flag(let flag) = set.changes[index] else { return nil }
            return FlagLayer.Entry(change: index, key: flag.key, definition: shares[index] ?? flag.definition)
        }
        guard !self.layers.contains(where: { $0.set == set.id }), !entries.isEmpty else { return }
        self.layers.append(FlagLayer(set: set.id, scope: set.scope, entries: entries))
        self.epoch += 1
    }

    /// Defines some of a set's flags anew, by its changes' places, as its rollout goes on; done again it changes nothing.
    package mutating func redefine(_ set: ChangeSetID, _ definitions: [Int: String]) {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return }
        let former = self.layers[index].entries
        for place in former.indices {
            if let definition = definitions[former[place].change] {
                self.layers[index].entries[place].definition = definition
            }
        }
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

    /// A set's changes become what the flags are without leases; what it has changed of an earlier set's is its own now.
    package mutating func keep(_ set: ChangeSetID) {
        guard let index = self.layers.firstIndex(where: { $0.set == set }) else { return }
        for entry in self.layers[index].entries where entry.overtakenBy == nil {
            self.base[entry.key] = entry.definition
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
