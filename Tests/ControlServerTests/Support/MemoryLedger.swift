import Contracts
import GloveboxCore

/// A ledger that outlives the servers on it, as a store does.
actor MemoryLedger: CreationLedger {
    private(set) var entries: [[UInt8]: CreationEntry] = [:]

    func claim(_ creation: CreationEntry, at time: WallTime) -> CreationEntry? {
        if let there = self.entries[creation.keyHash], there.expiresAt > time { return there }
        self.entries[creation.keyHash] = creation
        return nil
    }

    func settle(_ keyHash: [UInt8], created: String) { self.entries[keyHash]?.created = created }
    func release(_ keyHash: [UInt8]) { self.entries[keyHash] = nil }
}
