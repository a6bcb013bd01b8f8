import Contracts
package import GloveboxCore

private let morning = WallTime(nanoseconds: 1_735_689_600_123_456_789)

/// A lease with something in every part.
package func exampleLease(
    _ id: LeaseID = .random(), holder: String = "ada", target: String = "shop-db", openedAfter seconds: Int = 0,
    state: LeaseState = .active
) throws -> Lease {
    let opened = morning.advanced(by: .seconds(seconds))
    return Lease(
        id: id, holder: try IdentityName(holder), target: try TargetName(target), purpose: "INC-4711 „ß“ \u{0} '\"",
        capabilities: [.read, .write, .observe], limits: Limits(rows: .max, bytes: 1, seconds: nil, sessions: 3),
        maskingProfile: "default", rule: "oncall", longest: .seconds(3600),
        openedAt: opened,
        expiry: LeaseExpiry(
            wall: opened.advanced(by: .seconds(900)), bootID: BootID("boot-1"),
            deadline: BootInstant(nanoseconds: .max - 1), remainder: .nanoseconds(899_999_999_999)),
        state: state,
        verifier: ScramVerifier(
            salt: [0, 255, 1], iterations: 4096, storedKey: Array(repeating: 7, count: 32),
            serverKey: Array(repeating: 9, count: 32)))
}

extension StorageBehaviour {
    static let leases: [StorageBehaviour] = [
        StorageBehaviour("a lease is read as it was written, to the nanosecond") { store in
            let active = try exampleLease()
            let ended = try exampleLease(state: .ended(.holderDisabled, at: morning))
            try await store.insert(active)
            try await store.insert(ended)
            try expectEqual(try await store.lease(active.id), active, "active lease")
            try expectEqual(try await store.lease(ended.id), ended, "ended lease")
            try expectEqual(try await store.lease(.random()), nil, "unknown lease")
        },
        StorageBehaviour("a lease's name is taken once") { store in
            let lease = try exampleLease()
            try await store.insert(lease)
            try await expectFailure(.conflict, "second lease") { try await store.insert(lease) }
            try expectEqual(try await store.leases(LeaseFilter()).count, 1, "leases")
        },
        StorageBehaviour("an update returns the lease with the next version, which is what's stored") { store in
            var lease = try exampleLease()
            try await store.insert(lease)
            lease.limits.rows = 5
            let first = try await store.update(lease)
            try expectEqual(first.version, lease.version + 1, "version")
            try expectEqual(try await store.lease(lease.id), first, "stored lease")
            let second = try await store.update(first)
            try expectEqual(second.version, lease.version + 2, "version after the second update")
        },
        StorageBehaviour("an update of a lease that somebody else wrote is refused and changes nothing") { store in
            let lease = try exampleLease()
            try await store.insert(lease)
            let winner = try await store.update(lease)
            try await expectFailure(.storeConflict, "stale lease") { _ = try await store.update(lease) }
            var ahead = winner
            ahead.version += 1
            try await expectFailure(.storeConflict, "version from nowhere") { [ahead] in
                _ = try await store.update(ahead)
            }
            try expectEqual(try await store.lease(lease.id), winner, "stored lease")
        },
        StorageBehaviour("an update of a lease that isn't there is refused") { store in
            let lease = try exampleLease()
            try await expectFailure(.notFound, "lease") { _ = try await store.update(lease) }
        },
        StorageBehaviour("of fifty who update one version of a lease exactly one succeeds") { store in
            let lease = try exampleLease()
            try await store.insert(lease)
            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        var mine = lease
                        mine.limits.rows = Int64(number)
                        do {
                            _ = try await store.update(mine)
                            return 1
                        } catch let error as GloveboxError where error.code == .storeConflict {
                            return 0
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            try expectEqual(winners, 1, "winners")
            try expectEqual(try await store.lease(lease.id)?.version, 1, "version")
        },
        StorageBehaviour("leases are listed newest first, by holder, target and whether they're active") { store in
            let a = try exampleLease(holder: "ada", target: "shop-db", openedAfter: 1)
            let b = try exampleLease(holder: "grace", target: "shop-db", openedAfter: 3)
            let c = try exampleLease(
                holder: "ada", target: "orders", openedAfter: 2, state: .ended(.expired, at: morning))
            let d = try exampleLease(holder: "ada", target: "orders", openedAfter: 4)
            for lease in [a, b, c, d] { try await store.insert(lease) }
            let ada = try IdentityName("ada")
            let orders = try TargetName("orders")
            func list(_ filter: LeaseFilter) async throws -> [LeaseID] { try await store.leases(filter).map(\.id) }
            try expectEqual(try await list(LeaseFilter()), [d.id, b.id, c.id, a.id], "all")
            try expectEqual(try await list(LeaseFilter(holder: ada)), [d.id, c.id, a.id], "of a holder")
            try expectEqual(try await list(LeaseFilter(target: orders)), [d.id, c.id], "of a target")
            try expectEqual(try await list(LeaseFilter(activeOnly: true)), [d.id, b.id, a.id], "active")
            try expectEqual(
                try await list(LeaseFilter(holder: ada, target: orders, activeOnly: true)), [d.id], "all three")
            try expectEqual(try await list(LeaseFilter(holder: try IdentityName("linus"))), [], "of nobody")
        },
        StorageBehaviour("a lease that has ended is no longer listed as active") { store in
            var lease = try exampleLease()
            try await store.insert(lease)
            lease.state = .ended(.admin, at: morning)
            _ = try await store.update(lease)
            try expectEqual(try await store.leases(LeaseFilter(activeOnly: true)).count, 0, "active leases")
            try expectEqual(try await store.leases(LeaseFilter()).map(\.state), [lease.state], "all leases")
        },
    ]
}
