/// Names a set of changes. Not a secret.
package struct ChangeSetID: RandomIdentifier {
    package static let length = 12
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Changes that apply as one, in order, all or back, with their undo: a value as the store keeps it. The engine `Changes`
/// says how it goes on; nothing of it is done that isn't in ``journal`` before.
package struct ChangeSet: Hashable, Sendable, Codable {
    package var id: ChangeSetID
    /// What it's for, in one line.
    package var title: String
    package var holder: IdentityName
    /// Ends with it, unless it's kept; changes on hosts name further ones (``leases``).
    package var lease: LeaseID
    package var target: TargetName
    package var changes: [Change]
    /// Under which it may stay.
    package var guards: [GuardCondition]
    /// Whether its flags are changed for a share after the other.
    package var rollout: Rollout?
    /// Who sees its flags changed; `nil` for everyone.
    package var scope: FlagScope?
    package var plannedAt: WallTime
    /// What has been begun and done, oldest first.
    package var journal: [ChangeEntry]
    /// What ``journal`` comes to.
    package var state: ChangeState
    /// Counts the writes of the row.
    package var version: Int64

    /// That of a row that was written once.
    package static let firstVersion: Int64 = 0

    package init(
        id: ChangeSetID, title: String, holder: IdentityName, lease: LeaseID, target: TargetName, changes: [Change],
        guards: [GuardCondition] = [], rollout: Rollout? = nil, scope: FlagScope? = nil, plannedAt: WallTime,
        journal: [ChangeEntry] = [], state: ChangeState = .intent, version: Int64 = Self.firstVersion
    ) {
        self.id = id
        self.title = title
        self.holder = holder
        self.lease = lease
        self.target = target
        self.changes = changes
        self.guards = guards
        self.rollout = rollout
        self.scope = scope
        self.plannedAt = plannedAt
        self.journal = journal
        self.state = state
        self.version = version
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.id = try container.decode(ChangeSetID.self, forKey: .id)
        self.title = try container.decode(String.self, forKey: .title)
        self.holder = try container.decode(IdentityName.self, forKey: .holder)
        self.lease = try container.decode(LeaseID.self, forKey: .lease)
        self.target = try container.decode(TargetName.self, forKey: .target)
        self.changes = try container.decode([Change].self, forKey: .changes)
        // Sets that were stored before there were guards have none.
        self.guards = try container.decodeIfPresent([GuardCondition].self, forKey: .guards) ?? []
        self.rollout = try container.decodeIfPresent(Rollout.self, forKey: .rollout)
        self.scope = try container.decodeIfPresent(FlagScope.self, forKey: .scope)
        self.plannedAt = try container.decode(WallTime.self, forKey: .plannedAt)
        self.journal = try container.decode([ChangeEntry].self, forKey: .journal)
        self.state = try container.decode(ChangeState.self, forKey: .state)
        self.version = try container.decode(Int64.self, forKey: .version)
    }
}

package enum ChangeState: String, Hashable, Sendable, Codable, CaseIterable {
    /// Written down; not all of it is applied.
    case intent
    case applied
    /// It goes back.
    case undoing
    /// It's to go back, and hasn't yet: tried again and again.
    case stuck
    /// It outlives its lease.
    case kept
    case undone

    /// Whether there's something to undo, or still to do.
    package var isOpen: Bool {
        switch self {
        case .intent, .applied, .undoing, .stuck: true
        case .kept, .undone: false
        }
    }
}

/// One thing that a set changes, with what undoes it.
package enum Change: Hashable, Sendable, Codable {
    case flag(FlagChange)
    case host(HostChange)
}

/// A flag defined anew.
package struct FlagChange: Hashable, Sendable, Codable {
    package var key: String
    /// As flagd's files have it, JSON; `nil` for a flag that's to be no more.
    package var definition: String?
    /// What it was when this was written down; `nil` for a flag that wasn't there.
    package var former: String?
    /// Where it's a part alone that's changed.
    package var patch: FlagPatch?

    package init(key: String, definition: String?, former: String?, patch: FlagPatch? = nil) {
        self.key = key
        self.definition = definition
        self.former = former
        self.patch = patch
    }
}

/// Why a set goes back.
package enum UndoCause: Hashable, Sendable, Codable {
    case asked(by: IdentityName)
    case leaseEnded(LeaseEnd)
    /// A guard of the set's, by its name, and what it saw.
    case guardTripped(String, reason: String)
    /// One of its changes couldn't be applied.
    case failed(code: String, message: String)
    /// On an agent's host: the gateway's reason, in one line.
    case told(String)
}

/// A change that has changed again since: it's left as it is.
package struct ChangeConflict: Hashable, Sendable, Codable {
    /// Which of the set's changes.
    package var change: Int
    /// `nil` for somebody who changed it without Glovebox.
    package var by: ChangeSetID?

    package init(change: Int, by: ChangeSetID?) {
        self.change = change
        self.by = by
    }
}

/// One entry of a set's journal. Steps are numbered from 0, in the order in which they apply.
package struct ChangeEntry: Hashable, Sendable, Codable {
    package enum Event: Hashable, Sendable, Codable {
        /// Written before the step begins, as `undoing` is.
        case applying(step: Int)
        case applied(step: Int)
        /// The share of a rollout is that of its step so and so, counted from 0.
        case rolledOut(step: Int)
        case kept(by: IdentityName)
        case undoAsked(UndoCause)
        case undoing(step: Int)
        case undone(step: Int, conflicts: [ChangeConflict])
        /// The last attempt alone is kept, with how many there were.
        case undoFailed(step: Int, attempts: Int, code: String, message: String)
    }

    package var at: WallTime
    package var event: Event

    package init(at: WallTime, _ event: Event) {
        self.at = at
        self.event = event
    }
}
