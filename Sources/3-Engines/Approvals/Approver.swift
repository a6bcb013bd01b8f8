package import GloveboxCore

/// Somebody who may have a say in an approval, as the store and the policy know them at this moment.
package struct Approver: Hashable, Sendable {
    package var name: IdentityName
    package var role: Role
    package var isDisabled: Bool
    /// The groups of the policy that they belong to.
    package var groups: Set<String>

    package init(name: IdentityName, role: Role, isDisabled: Bool = false, groups: Set<String> = []) {
        self.name = name
        self.role = role
        self.isDisabled = isDisabled
        self.groups = groups
    }

    /// Whether their role lets them approve and review at all.
    package var mayApprove: Bool {
        !self.isDisabled && (self.role == .approver || self.role == .admin)
    }
}

extension ApprovalRequirement {
    /// Why `approver` has no say in what `asker` asks for; `nil` if they have.
    func objection(to approver: Approver, asker: IdentityName) -> String? {
        if approver.name == asker { return "nobody approves what they ask for themselves: somebody else has to" }
        if approver.isDisabled { return "\(approver.name) is disabled" }
        guard approver.mayApprove else {
            return "role \(approver.role.rawValue) approves nothing: an approver or an administrator has to"
        }
        guard self.groups.isEmpty || !approver.groups.isDisjoint(with: self.groups) else {
            let groups = self.groups.joined(separator: ", ")
            return "\(approver.name) is in none of the groups that may approve this: \(groups)"
        }
        return nil
    }
}
