package import GloveboxCore

/// A set of changes as the API shows it.
package struct ChangeStatus: Sendable, Codable {
    package struct Item: Sendable, Codable {
        /// `flag`, `runbook`, `file`, `call`
        package var kind: String
        /// Of the flag; the name of the runbook or call; the path of the file.
        package var key: String
        /// The host that it's on.
        package var target: TargetName?
        /// Of the runbook or call.
        package var parameters: [String: String]?
        /// What it's to be; absent where the flag is removed.
        package var definition: JSONValue?
        /// What it was when this was written down; absent where the flag wasn't there.
        package var former: JSONValue?
        /// Which set has changed it since: it's left as it is when this goes back.
        package var changedSinceBy: ChangeSetID?
        /// Whether it was changed since without Glovebox: it's left as it is then, too.
        package var isChangedOutside: Bool?

        package init(
            kind: String, key: String, definition: JSONValue?, former: JSONValue?, changedSinceBy: ChangeSetID?
        ) {
            self.kind = kind
            self.key = key
            self.definition = definition
            self.former = former
            self.changedSinceBy = changedSinceBy
        }

        package init(_ change: HostChange, isChangedSince: Bool, by: ChangeSetID?) {
            let action = change.action
            switch action {
            case .runbook(let name, let parameters), .call(let name, let parameters):
                self.init(kind: action.kind, key: name, definition: nil, former: nil, changedSinceBy: by)
                self.parameters = parameters
            case .file(let path, _):
                self.init(kind: action.kind, key: path, definition: nil, former: nil, changedSinceBy: by)
            }
            self.target = change.target
            if isChangedSince, by == nil { self.isChangedOutside = true }
        }
    }

    /// An undo that fails, and is tried again.
    package struct Failure: Sendable, Codable {
        package var attempts: Int
        package var code: String
        package var message: String

        package init(attempts: Int, code: String, message: String) {
            self.attempts = attempts
            self.code = code
            self.message = message
        }
    }

    /// A guard, and how it stands.
    package struct Guard: Sendable, Codable {
        package var name: String
        package var signal: String?
        package var query: String?
        package var atMost: Double?
        package var atLeast: Double?
        package var patience: Seconds
        /// `holds`, `unknown`, `tripped`; absent once nobody looks any more.
        package var verdict: String?
        /// What was measured last.
        package var value: Double?

        package init(_ condition: GuardCondition) {
            self.name = condition.name
            switch condition.sign {
            case .signal(let name): self.signal = name
            case .query(let text): self.query = text
            }
            switch condition.bound {
            case .atMost(let most): self.atMost = most
            case .atLeast(let least): self.atLeast = least
            }
            self.patience = Seconds(condition.patience)
        }
    }

    /// How many of those that evaluate flags by themselves run which epoch.
    package struct Clients: Sendable, Hashable, Codable {
        /// Absent for those that haven't said yet.
        package var epoch: Int64?
        package var count: Int

        package init(epoch: Int64?, count: Int) {
            self.epoch = epoch
            self.count = count
        }
    }

    package var id: ChangeSetID
    package var title: String
    package var holder: IdentityName
    package var lease: LeaseID
    package var target: TargetName
    package var state: ChangeState
    package var plannedAt: Timestamp
    package var changes: [Item]
    package var guards: [Guard]?
    package var rollout: [RolloutItem]?
    /// The share of a rollout that's in force.
    package var percent: Int?
    /// Who sees it; absent for everyone.
    package var scope: FlagScope?
    /// Of the target's flags, as they are now; absent where it has none.
    package var epoch: Int64?
    /// Newest first.
    package var clients: [Clients]
    /// How long until it goes back with its lease; absent once that's no matter.
    package var remaining: Seconds?
    package var keptBy: IdentityName?
    /// Why it goes back, or has gone.
    package var cause: String?
    package var failure: Failure?

    package init(_ set: ChangeSet, changes: [Item]) {
        self.id = set.id
        self.title = set.title
        self.holder = set.holder
        self.lease = set.lease
        self.target = set.target
        self.state = set.state
        self.plannedAt = Timestamp(set.plannedAt)
        self.changes = changes
        self.scope = set.scope
        self.clients = []
    }
}
