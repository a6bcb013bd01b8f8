import Contracts
import GloveboxCore
import Leases
import Logging

/// What the store has of the leases. While it can't be written nothing opens and every session ends, since a gateway that
/// starts anew would believe the store; it's tried every second until it takes all that it lacks.
extension LeaseService {
    /// Steps on one lease may overlap while they wait for the disk, so the newest version is written over, and an ended
    /// lease stays ended.
    func store(_ lease: Lease) async throws {
        try await self.storing {
            while let stored = try await self.storage.lease(lease.id), stored.isActive {
                var row = lease
                row.version = stored.version
                do {
                    _ = try await self.storage.update(row)
                    return
                } catch let error as GloveboxError where error.code == .storeConflict {
                    continue
                }
            }
        }
    }

    func storeEnding(_ lease: Lease) async throws {
        self.unstored[lease.id] = lease
        try await self.store(lease)
        self.unstored[lease.id] = nil
    }

    /// Writes down the ends that the store lacks, and what's left of each lease.
    func storeAll() async {
        do {
            for lease in self.unstored.values { try await self.storeEnding(lease) }
            let now = self.time.reading
            for id in self.active.keys {
                guard var machine = self.active[id], machine.keepRemainder(at: now) || self.storeRefusal != nil
                else { continue }
                self.keep(machine)
                try await self.store(machine.lease)
            }
        } catch {
            // Whoever found it out first has told.
            return
        }
        guard self.storeRefusal != nil else { return }
        self.storeRefusal = nil
        self.logger.notice("the store can be written again: leases and sessions may open")
    }

    func storing(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            // A task that's cancelled ends with its gateway, or with the call of a client that went away.
            if !Task.isCancelled { self.storeFailed(error) }
            throw error
        }
    }

    func storeFailed(_ error: any Error) {
        guard self.storeRefusal == nil else { return }
        let refusal = GloveboxError(
            .unavailable,
            "the gateway can't write its store, so nothing may be opened: make room or mend its disk, as its log says; it goes on by itself then",
            cause: error)
        self.storeRefusal = refusal
        self.logger.critical(
            "the store can't be written: new access is refused, open sessions end", metadata: ["error": "\(error)"])
        self.effects.cutAll(refusal)
        self.alarm.ring()
    }
}
