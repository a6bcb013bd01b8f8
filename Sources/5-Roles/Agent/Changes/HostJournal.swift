import Changes
import Contracts
import Foundation
import GloveboxCore
import Identity

/// One change on this host, as the journal keeps it.
struct HostEntry: Sendable {
    struct Key: Hashable, Sendable {
        var set: ChangeSetID
        var number: Int

        var mark: String { "\(self.set).\(self.number)" }
    }

    var machine: ChangeMachine
    var number: Int
    var change: HostChange
    var plan: HostPlan
    /// What stood there before, sealed; or before an earlier change that has handed that on since.
    var former: String?
    /// What it stood on itself before that was handed to it: digests.
    var beneath: [String] = []
    /// What stood there right after it was applied: a digest. `nil` where that isn't known.
    var left: String?
    /// Changed the same afterwards, and was kept: it stays as that one has it.
    var overtaker: ChangeSetID?
    /// When it goes back by itself.
    var expiry: LeaseExpiry
    /// When it goes back at the latest, as the ceiling has it, however the lease is extended.
    var bound: LeaseExpiry
    /// The gateway wants to keep it: it doesn't go back by itself any more.
    var isHeld = false
    /// Why the host itself took it back.
    var failure: GloveboxFailure?
    /// When its undo is tried again; not kept.
    var due: BootInstant?
    /// Nothing of it was run or sent: not yet, or, of one that's applied, since it stood so before. One that's to be applied
    /// and is read from the journal may have been.
    var isUntouched = false

    var key: Key { Key(set: self.machine.set.id, number: self.number) }
    /// What of which host it's about: see ``HostPlan/subject``.
    var subject: String? { self.plan.subject(on: self.change.target) }

    var report: ChangeReport {
        let set = self.machine.set
        var report = ChangeReport(
            set: set.id, number: self.number, target: self.change.target,
            state: self.isHeld && set.state == .applied ? .kept : set.state, failure: self.failure)
        if set.state == .stuck, let failure = set.lastFailure { report.failure = GloveboxFailure(failure) }
        report.conflict = set.conflicts.first.map { ChangeConflict(change: self.number, by: $0.by) }
        return report
    }
}

/// The changes of this host that aren't over: a file each, replaced as a whole, durable before what it tells of is done.
struct HostJournal: Sendable {
    private struct Stored: Codable {
        var version = 1
        var set: ChangeSet
        var number: Int
        var change: HostChange
        var plan: HostPlan
        var former: String?
        var expiry: LeaseExpiry
        var bound: LeaseExpiry
        var isHeld: Bool
        var failure: GloveboxFailure?
        // Since the agent knows of these; without them it judges as it did before.
        var beneath: [String]?
        var left: String?
        var overtaker: ChangeSetID?
        var isUntouched: Bool?
    }

    private let folder: String

    /// - Throws: `file_unusable`, `file_exposed`.
    init(folder: String) throws(GloveboxError) {
        self.folder = folder
        try PrivateFile.makeFolder(folder)
    }

    private func path(_ key: HostEntry.Key) -> String { "\(self.folder)/\(key.mark).change" }

    /// Returns when it's on disk.
    func store(_ entry: HostEntry) throws(GloveboxError) {
        // While it may still be applied that's true of this moment alone.
        let isUntouched = entry.isUntouched && entry.machine.state != .intent
        let stored = Stored(
            set: entry.machine.set, number: entry.number, change: entry.change, plan: entry.plan,
            former: entry.former, expiry: entry.expiry, bound: entry.bound, isHeld: entry.isHeld,
            failure: entry.failure, beneath: entry.beneath.isEmpty ? nil : entry.beneath, left: entry.left,
            overtaker: entry.overtaker, isUntouched: isUntouched ? true : nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let bytes: [UInt8]
        do {
            bytes = Array(try encoder.encode(stored))
        } catch {
            throw GloveboxError(.journalUnavailable, "a change can't be written down", cause: error)
        }
        try PrivateFile.write(bytes, to: self.path(entry.key))
    }

    func remove(_ key: HostEntry.Key) throws(GloveboxError) { try PrivateFile.remove(self.path(key)) }

    /// All that were written down, in the order in which they were planned.
    /// - Throws: `journal_corrupt`, naming the file.
    func load() throws -> [HostEntry] {
        var entries: [HostEntry] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: self.folder) {
            let path = "\(self.folder)/\(name)"
            guard name.hasSuffix(".change") else {
                // Half written by one that died.
                if name.hasSuffix(".new") { try PrivateFile.remove(path) }
                continue
            }
            let stored: Stored
            do {
                stored = try JSONDecoder().decode(
                    Stored.self, from: Data(try PrivateFile.read(path, limit: 16 << 20)))
            } catch let error as GloveboxError {
                throw error
            } catch {
                throw GloveboxError(
                    .journalCorrupt,
                    "\(path) isn't what was written: it says how a change on this host goes back, so bring it back from a backup, or undo the change by hand and move the file away",
                    cause: error)
            }
            entries.append(
                HostEntry(
                    machine: ChangeMachine(stored.set), number: stored.number, change: stored.change,
                    plan: stored.plan, former: stored.former, beneath: stored.beneath ?? [], left: stored.left,
                    overtaker: stored.overtaker, expiry: stored.expiry, bound: stored.bound,
                    isHeld: stored.isHeld, failure: stored.failure, isUntouched: stored.isUntouched ?? false))
        }
        return entries.sorted {
            ($0.machine.set.plannedAt, $0.number) < ($1.machine.set.plannedAt, $1.number)
        }
    }
}
