import Contracts
package import GloveboxCore

private let morning = WallTime(nanoseconds: 1_735_689_600_123_456_789)

/// A set with something in every part.
package func exampleChangeSet(
    _ id: ChangeSetID = .random(), holder: String = "ada", lease: LeaseID = .random(), state: ChangeState = .applied
) throws -> ChangeSet {
    let (ada, other) = (try IdentityName("ada"), ChangeSetID.random())
    return ChangeSet(
        id: id, title: "„ß“ \u{0} '\"", holder: try IdentityName(holder), lease: lease, target: try TargetName("flags"),
        changes: [
            .flag(FlagChange(key: "a", definition: #"{"state":"ENABLED"}"#, former: nil)),
            .flag(FlagChange(key: "b", definition: nil, former: "{}")),
        ],
        plannedAt: morning,
        journal: [
            ChangeEntry(at: morning, .applying(step: 0)), ChangeEntry(at: morning, .applied(step: 0)),
            ChangeEntry(at: morning, .kept(by: ada)),
            ChangeEntry(at: morning, .undoAsked(.guardTripped("errors", reason: "7"))),
            ChangeEntry(at: morning, .undoAsked(.leaseEnded(.expired))),
            ChangeEntry(at: morning, .undoAsked(.failed(code: "c", message: "m"))),
            ChangeEntry(at: morning, .undoAsked(.asked(by: ada))), ChangeEntry(at: morning, .undoing(step: 0)),
            ChangeEntry(at: morning, .undoFailed(step: 0, attempts: 2, code: "c", message: "m")),
            ChangeEntry(at: morning, .undone(step: 0, conflicts: [ChangeConflict(change: 1, by: other)])),
        ], state: state)
}

extension StorageBehaviour {
    static let changes: [StorageBehaviour] = [
        StorageBehaviour("a change is read as it was written, in every state") { store in
            for state in ChangeState.allCases {
                let set = try exampleChangeSet(state: state)
                try await store.insert(set)
                try expectEqual(try await store.changeSet(set.id), set, "\(state)")
            }
            try expectEqual(try await store.changeSet(.random()), nil, "unknown change")
        },
        StorageBehaviour("changes are listed newest first, by holder, lease and whether they're open") { store in
            let lease = LeaseID.random()
            let first = try exampleChangeSet(lease: lease, state: .kept)
            let second = try exampleChangeSet(holder: "bob", lease: lease, state: .stuck)
            let third = try exampleChangeSet(state: .undone)
            for set in [first, second, third] { try await store.insert(set) }
            try expectEqual(try await store.changeSets(ChangeFilter()), [third, second, first], "all")
            try expectEqual(try await store.changeSets(ChangeFilter(lease: lease)), [second, first], "lease")
            try expectEqual(try await store.changeSets(ChangeFilter(openOnly: true)), [second], "open")
            try expectEqual(
                try await store.changeSets(ChangeFilter(holder: try IdentityName("bob"), lease: lease)), [second],
                "both")
        },
        StorageBehaviour("a change and the flags that it leads to are written both or neither") { store in
            var set = try exampleChangeSet()
            let target = set.target
            try expectEqual(try await store.flags(of: target), nil, "no flags yet")
            let before = FlagState(target: target, epoch: 7, base: ["a": "{}"])
            try await store.put(before)
            try await store.insert(set)
            set.state = .undoing
            let after = FlagState(
                target: target, epoch: 8, base: ["a": "{}"],
                layers: [
                    FlagLayer(
                        set: set.id,
                        entries: [.init(change: 1, key: "a", definition: nil, overtakenBy: ChangeSetID.random())])
                ])
            let next = try await store.update(set, leadingTo: after)
            try expectEqual(next.version, set.version + 1, "version")
            try expectEqual(try await store.changeSet(set.id), next, "stored change")
            try expectEqual(try await store.flags(of: target), after, "flags")
            try await expectFailure(.storeConflict, "a stale change") { [set] in
                _ = try await store.update(set, leadingTo: before)
            }
            try expectEqual(try await store.flags(of: target), after, "flags after a stale change")
            _ = try await store.update(next, leadingTo: nil)
            try expectEqual(try await store.flags(of: target), after, "flags without a change of theirs")
        },
    ]
}
