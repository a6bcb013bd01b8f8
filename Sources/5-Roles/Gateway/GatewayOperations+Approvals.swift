import Contracts
import ControlAPI
import ControlServer
import GloveboxCore

extension GatewayOperations {
    func approvals(_ query: ApprovalQuery, _ call: Call) async throws -> Page<ApprovalStatus> {
        var filter = ApprovalFilter(
            asker: query.asker, openOnly: query.openOnly, unreviewedOnly: query.unreviewedOnly)
        if case .own = call.reach {
            guard query.asker == nil || call.reach.includes(query.asker) else { return Page(items: []) }
            filter.asker = call.caller.identity
        }
        // Newest first; the cursor is the last approval of the page before.
        var found = try await self.storage.approvals(filter)[...]
        if let after = query.page.after {
            guard let index = found.firstIndex(where: { $0.id.rawValue == after }) else {
                throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
            }
            found = found[found.index(after: index)...]
        }
        let page = found.prefix(query.page.limit)
        var items: [ApprovalStatus] = []
        for approval in page { items.append(try await self.approvals.status(approval)) }
        return Page(items: items, next: page.count < found.count ? page.last?.id.rawValue : nil)
    }

    func approval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus {
        try await self.approvals.status(try await self.within(call.reach, id))
    }

    func grantApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus {
        try await self.vote(.grant, id, verdict, call)
    }

    func denyApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus {
        try await self.vote(.deny, id, verdict, call)
    }

    private func vote(
        _ word: ApprovalVote.Verdict, _ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call
    ) async throws -> ApprovalStatus {
        try await self.approvals.status(
            try await self.approvals.vote(
                word, on: id, digest: verdict.digest, by: try self.identity(call), reason: verdict.reason))
    }

    func withdrawApproval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus {
        _ = try await self.within(call.reach, id)
        return try await self.approvals.status(
            try await self.approvals.withdraw(id, by: try self.identity(call)))
    }

    func reviewApproval(_ id: ApprovalID, _ review: ApprovalReview, _ call: Call) async throws -> ApprovalStatus {
        try await self.approvals.status(
            try await self.approvals.review(id, note: review.note, by: try self.identity(call)))
    }

    private func within(_ reach: Reach, _ id: ApprovalID) async throws -> Approval {
        let unseen = GloveboxError(.notFound, "there is no approval '\(id)' that you may see")
        do {
            let approval = try await self.approvals.approval(id)
            guard reach.includes(approval.asker) else { throw unseen }
            return approval
        } catch let error as GloveboxError where error.code == .notFound {
            throw unseen
        }
    }

    private func identity(_ call: Call) throws(GloveboxError) -> IdentityName {
        guard let name = call.caller.identity else { throw GloveboxError(.forbidden, "agents approve nothing") }
        return name
    }
}
