import Contracts
package import GloveboxCore

private let morning = WallTime(nanoseconds: 1_735_689_600_123_456_789)

/// An approval with something in every part.
package func exampleApproval(
    _ id: ApprovalID = .random(), asker: String = "ada", askedAfter seconds: Int = 0, state: ApprovalState = .pending
) throws -> Approval {
    let asked = morning.advanced(by: .seconds(seconds))
    return Approval(
        id: id, kind: .lease, asker: try IdentityName(asker), subject: [0, 255, 1],
        digest: Array(repeating: 7, count: 32),
        requirement: state == .unreviewed
            ? nil
            : ApprovalRequirement(count: 2, groups: ["leads", "oncall"], within: .nanoseconds(3_599_999_999_999)),
        requestedAt: asked,
        expiry: state == .unreviewed
            ? nil
            : LeaseExpiry(
                wall: asked.advanced(by: .seconds(900)), bootID: BootID("boot-1"),
                deadline: BootInstant(nanoseconds: .max - 1), remainder: .nanoseconds(899_999_999_999)),
        votes: [
            ApprovalVote(by: try IdentityName("bob"), verdict: .grant, at: asked, reason: "„ß“ \u{0} '\""),
            ApprovalVote(by: try IdentityName("eve"), verdict: .deny, at: asked, reason: nil),
        ],
        state: state, lease: state == .pending ? nil : .random())
}

extension StorageBehaviour {
    static let approvals: [StorageBehaviour] = [
        StorageBehaviour("an approval is read as it was written, in every state") { store in
            for state in [
                ApprovalState.pending, .granted, .denied(at: morning), .expired(at: morning), .withdrawn(at: morning),
                .used(at: morning), .unreviewed, .reviewed(by: try IdentityName("bob"), at: morning, note: "fine"),
            ] {
                let approval = try exampleApproval(state: state)
                try await store.insert(approval)
                try expectEqual(try await store.approval(approval.id), approval, "\(state)")
            }
            try expectEqual(try await store.approval(.random()), nil, "unknown approval")
        },
        StorageBehaviour("an approval's name is taken once") { store in
            let approval = try exampleApproval()
            try await store.insert(approval)
            try await expectFailure(.conflict, "second approval") { try await store.insert(approval) }
            try expectEqual(try await store.approvals(ApprovalFilter()).count, 1, "approvals")
        },
        StorageBehaviour("an update of an approval counts its version, and a stale one is refused") { store in
            var approval = try exampleApproval()
            try await expectFailure(.notFound, "what isn't there") { [approval] in _ = try await store.update(approval)
            }
            try await store.insert(approval)
            approval.state = .granted
            let next = try await store.update(approval)
            try expectEqual(next.version, approval.version + 1, "version")
            try expectEqual(try await store.approval(approval.id), next, "stored approval")
            try await expectFailure(.storeConflict, "stale approval") { [approval] in
                _ = try await store.update(approval)
            }
            try expectEqual(try await store.approval(approval.id), next, "stored approval after the stale write")
        },
        StorageBehaviour("approvals are listed newest first, by asker, whether they're open, whether reviewed") {
            store in
            let a = try exampleApproval(askedAfter: 1)
            let b = try exampleApproval(asker: "grace", askedAfter: 3, state: .granted)
            let c = try exampleApproval(askedAfter: 2, state: .used(at: morning))
            let d = try exampleApproval(askedAfter: 4, state: .unreviewed)
            let e = try exampleApproval(
                askedAfter: 5, state: .reviewed(by: try IdentityName("bob"), at: morning, note: "fine"))
            for approval in [a, b, c, d, e] { try await store.insert(approval) }
            let ada = try IdentityName("ada")
            func list(_ filter: ApprovalFilter) async throws -> [ApprovalID] {
                try await store.approvals(filter).map(\.id)
            }
            try expectEqual(try await list(ApprovalFilter()), [e.id, d.id, b.id, c.id, a.id], "all")
            try expectEqual(try await list(ApprovalFilter(asker: ada)), [e.id, d.id, c.id, a.id], "of an asker")
            try expectEqual(try await list(ApprovalFilter(openOnly: true)), [b.id, a.id], "open")
            try expectEqual(try await list(ApprovalFilter(asker: ada, openOnly: true)), [a.id], "an asker's open ones")
            try expectEqual(try await list(ApprovalFilter(unreviewedOnly: true)), [d.id], "unreviewed")
        },
        StorageBehaviour("a lease is inserted with the use of its approval, or neither is written") { store in
            var approval = try exampleApproval(state: .granted)
            try await store.insert(approval)
            approval.state = .used(at: morning)
            let lease = try exampleLease()
            try await store.insert(lease, using: approval)
            try expectEqual(try await store.lease(lease.id), lease, "lease")
            try expectEqual(try await store.approval(approval.id)?.state, approval.state, "approval")

            let other = try exampleLease()
            try await expectFailure(.storeConflict, "an approval that was used meanwhile") { [approval] in
                try await store.insert(other, using: approval)
            }
            try expectEqual(try await store.lease(other.id), nil, "lease of a stale approval")

            var second = try exampleApproval(state: .granted)
            try await store.insert(second)
            second.state = .used(at: morning)
            try await expectFailure(.conflict, "a lease that's there") { [second] in
                try await store.insert(lease, using: second)
            }
            try expectEqual(try await store.approval(second.id)?.state, .granted, "approval of a lease that's there")
        },
        StorageBehaviour("of fifty who use one approval exactly one gets a lease") { store in
            var approval = try exampleApproval(state: .granted)
            try await store.insert(approval)
            approval.state = .used(at: morning)
            let winners = try await withThrowingTaskGroup(of: Int.self) { [approval] group in
                for _ in 0..<50 {
                    group.addTask {
                        do {
                            try await store.insert(try exampleLease(), using: approval)
                            return 1
                        } catch let error as GloveboxError where error.code == .storeConflict {
                            return 0
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            try expectEqual(winners, 1, "winners")
            try expectEqual(try await store.leases(LeaseFilter()).count, 1, "leases")
        },
    ]
}
