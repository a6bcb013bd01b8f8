import GloveboxCore
import Logging

/// Room that's kept on the gateway's disk for break-glass.
struct EmergencyRoom: Sendable {
    /// Gives the room up, and opens the log again on it.
    /// - Throws: `journal_unavailable` when that doesn't help.
    var giveUp: @Sendable () async throws -> Void
    /// Takes it back; returns whether it's there.
    var takeBack: @Sendable () async -> Bool
}

/// Break-glass while the gateway's disk is full: the room that's kept for it is given up, and from then on, until it's
/// there again, it's break-glass's alone. Nobody else opens a lease or a session, so that nobody else fills it.
extension LeaseService {
    /// - Parameter failure: that of a write, if nobody else has noticed one yet.
    /// - Throws: why nothing can be written even so.
    func makeRoom(_ failure: GloveboxError? = nil) async throws {
        guard self.refusal != nil || failure != nil else { return }
        self.isEmergency = true
        self.logger.critical("break-glass while nothing can be written: the room that's kept for it is given up")
        do {
            try await self.emergencyRoom.giveUp()
        } catch {
            self.logger.critical("there's no room even so", metadata: ["error": "\(error)"])
            throw self.refusal ?? error
        }
        await self.logMended()
        await self.storeAll()
        if let refusal { throw refusal }
    }

    /// Whether it's log or store that can't be written.
    static func isFull(_ error: GloveboxError) -> Bool {
        error.code == .journalUnavailable || error.code == .unavailable
    }

    /// Ends the emergency once the room is there again.
    func endEmergency() async {
        guard self.isEmergency, self.refusal == nil, await self.emergencyRoom.takeBack() else { return }
        self.isEmergency = false
        self.logger.notice("there's room again, also for break-glass: leases and sessions may open")
    }

    /// Whether this lease may be used now.
    func checkEmergency(_ lease: Lease) throws(GloveboxError) {
        if case .breakGlass = lease.approval { return }
        try self.checkEmergency()
    }

    func checkEmergency() throws(GloveboxError) {
        guard self.isEmergency else { return }
        throw GloveboxError(
            .journalUnavailable,
            "the gateway's disk is full, and what is left is for break-glass alone: make room; it goes on by itself then"
        )
    }
}
