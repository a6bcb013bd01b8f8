/// A change on an agent's host. What undoes it is worked out there, and is written down there before it's made.
package struct HostChange: Hashable, Sendable, Codable {
    /// The host, as its agent serves it.
    package var target: TargetName
    /// Under which it's made: a lease on ``target``.
    package var lease: LeaseID
    package var action: HostAction

    package init(target: TargetName, lease: LeaseID, action: HostAction) {
        self.target = target
        self.lease = lease
        self.action = action
    }
}

package enum HostAction: Hashable, Sendable, Codable {
    /// One of the runbooks that the host declares.
    case runbook(name: String, parameters: [String: String])
    /// A whole file; without content it's to be no more.
    case file(path: String, content: String?)
    /// One of the HTTP calls that the host declares.
    case call(name: String, parameters: [String: String])
}

/// What a gateway wants of a change on an agent's host. Each may be sent again, and then does nothing more.
package struct ChangeOrder: Hashable, Sendable {
    package enum Verb: String, Hashable, Sendable {
        case apply
        /// Without ``ChangeOrder/isUrgent`` one that's stuck isn't tried before its time.
        case undo
        /// It doesn't go back by itself any more; its undo stays until `settle`.
        case keep
        /// The gateway has it on record that it was kept, or has gone back: nothing more is to be known of it.
        case settle
    }

    package var verb: Verb
    package var set: ChangeSetID
    /// Which of the set's changes.
    package var number: Int
    /// Of the set.
    package var title: String
    package var change: HostChange
    /// The lease, where it's to be applied.
    package var grant: LeaseGrant?
    /// Why it's to go back, in one line, and who asked for it.
    package var cause: String?
    package var by: IdentityName?
    package var isUrgent: Bool

    package init(
        _ verb: Verb, set: ChangeSetID, number: Int, title: String, change: HostChange, grant: LeaseGrant? = nil,
        cause: String? = nil, by: IdentityName? = nil, isUrgent: Bool = false
    ) {
        self.verb = verb
        self.set = set
        self.number = number
        self.title = title
        self.change = change
        self.grant = grant
        self.cause = cause
        self.by = by
        self.isUrgent = isUrgent
    }
}

/// What has become of a change on an agent's host.
package struct ChangeReport: Hashable, Sendable {
    package var set: ChangeSetID
    package var number: Int
    package var target: TargetName
    /// `intent` while it's being applied.
    package var state: ChangeState
    /// Why it goes back, or has gone, where the host itself decided that: its time was up, or it couldn't be applied.
    package var failure: GloveboxFailure?
    /// What had changed since, and by whom if it's known: it was left as it is.
    package var conflict: ChangeConflict?

    package init(
        set: ChangeSetID, number: Int, target: TargetName, state: ChangeState, failure: GloveboxFailure? = nil,
        conflict: ChangeConflict? = nil
    ) {
        self.set = set
        self.number = number
        self.target = target
        self.state = state
        self.failure = failure
        self.conflict = conflict
    }
}

/// An error as it's told and kept.
package struct GloveboxFailure: Hashable, Sendable, Codable {
    package var code: String
    package var message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    package init(_ error: GloveboxError) {
        self.init(code: error.code.rawValue, message: error.message)
    }

    package var error: GloveboxError { GloveboxError(.init(self.code), self.message) }
}

extension HostAction {
    /// Its kind and what of it, without values: `runbook 'deploy'`.
    package var title: String {
        switch self {
        case .runbook(let name, _): "runbook '\(name)'"
        case .file(let path, _): "file '\(path)'"
        case .call(let name, _): "call '\(name)'"
        }
    }

    /// With its values, in one line.
    package var summary: String {
        switch self {
        case .runbook(_, let parameters), .call(_, let parameters):
            ([self.title] + parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
                .joined(separator: " ")
        case .file(_, let content?): "\(self.title): \(content.utf8.count) bytes"
        case .file(_, nil): "\(self.title) is removed"
        }
    }

    package var kind: String {
        switch self {
        case .runbook: "runbook"
        case .file: "file"
        case .call: "call"
        }
    }
}

extension ChangeSet {
    /// It ends with the first of these that ends, unless it's kept.
    package var leases: Set<LeaseID> {
        var leases: Set = [self.lease]
        for case .host(let change) in self.changes { leases.insert(change.lease) }
        return leases
    }
}
