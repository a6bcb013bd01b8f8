import Contracts
import ControlAPI
import ControlServer
import GloveboxCore

extension GatewayOperations {
    func sessions(_ page: PageRequest, _ call: Call) async throws -> Page<SessionStatus> {
        // Newest first; the cursor is the last session of the page before, which may have ended since.
        var last: SessionTable.Entry?
        if let after = page.after {
            last = SessionID(rawValue: after).flatMap { self.sessionTable.entry($0) }
            guard last != nil else {
                throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
            }
        }
        var items: [SessionStatus] = []
        for entry in self.sessionTable.open where last.map({ $0.isBefore(entry) }) ?? true {
            guard let status = try await self.status(entry), call.reach.includes(status.holder) else { continue }
            guard items.count < page.limit else { return Page(items: items, next: items.last?.id.rawValue) }
            items.append(status)
        }
        return Page(items: items)
    }

    func sessionRecords(_ id: SessionID, _ page: PageRequest, _ call: Call) async throws -> SessionRecords {
        let entry = try await self.within(call.reach, id).entry
        var after = entry.position
        if let cursor = page.after {
            guard let position = UInt64(cursor) else {
                throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
            }
            after = max(after, position)
        }
        // Before it's read, so that nothing is passed over that comes meanwhile.
        let end = self.log.position
        let found = try await self.log.read(
            after: after, limit: page.limit, where: RecordFilter(lease: entry.lease))
        return SessionRecords(
            items: found.records.filter { $0.record.session == id }.map(RecordEntry.init),
            next: String(found.next ?? max(after, end)))
    }

    func endSession(_ id: SessionID, _ call: Call) async throws -> SessionStatus {
        let (entry, status) = try await self.within(call.reach, id)
        guard let name = call.caller.identity, entry.endedAt == nil else {
            throw GloveboxError(.notFound, "session '\(id)' has ended already")
        }
        // First the end, as with leases: one that can't be recorded is still one.
        self.ports.endSession(
            id, GloveboxError(.sessionCut, "\(name) ended this session: ask them why, the lease is still open"))
        try await self.log.append([
            Record(
                time: self.time.wall, identity: status.holder, target: entry.target, lease: entry.lease, session: id,
                event: .sessionCut(by: name))
        ])
        return status
    }

    private func within(
        _ reach: Reach, _ id: SessionID
    ) async throws -> (entry: SessionTable.Entry, status: SessionStatus) {
        guard let entry = self.sessionTable.entry(id), let status = try await self.status(entry),
            reach.includes(status.holder)
        else { throw GloveboxError(.notFound, "there is no session '\(id)' that you may see") }
        return (entry, status)
    }

    private func status(_ entry: SessionTable.Entry) async throws -> SessionStatus? {
        guard let lease = try await self.storage.lease(entry.lease) else { return nil }
        return SessionStatus(
            id: entry.session, lease: entry.lease, holder: lease.holder, target: entry.target, client: entry.client,
            openedAt: entry.openedAt, endedAt: entry.endedAt)
    }
}

extension GloveboxError.Code {
    /// Somebody who watches over sessions ended this one.
    static let sessionCut = Self("session_cut")
}
