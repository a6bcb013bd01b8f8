import Contracts
import GloveboxCore

private let morning = WallTime(nanoseconds: 1_735_689_600_123_456_789)

private func token(_ name: String, holder: String = "robot", hash: UInt8) throws -> TokenEntry {
    TokenEntry(
        hash: Array(repeating: hash, count: 32), name: try TokenName(name), holder: try IdentityName(holder),
        scope: .operations(["openLease"]), createdBy: try IdentityName("ada"), createdAt: morning,
        expiresAt: morning.advanced(by: .seconds(60)))
}

extension StorageBehaviour {
    static let tokens: [StorageBehaviour] = [
        StorageBehaviour("a token is found by its name and by its hash, and listed by name") { store in
            let (one, other) = (try token("west", hash: 1), try token("east", hash: 2))
            try await store.insert(one)
            try await store.insert(other)
            try expectEqual(try await store.token(one.name), one, "by name")
            try expectEqual(try await store.token(hash: other.hash), other, "by hash")
            try expectEqual(try await store.token(hash: Array(repeating: 3, count: 32)), nil, "unknown hash")
            try expectEqual(try await store.tokens(), [other, one], "all")
        },
        StorageBehaviour("a token's name and hash are taken once") { store in
            try await store.insert(try token("ci", hash: 1))
            try await expectFailure(.conflict, "name") { try await store.insert(try token("ci", hash: 2)) }
            try await expectFailure(.conflict, "hash") { try await store.insert(try token("cd", hash: 1)) }
        },
        StorageBehaviour("a token is revoked once, and keeps the time of it") { store in
            var ci = try token("ci", hash: 1)
            try await store.insert(ci)
            try expectEqual(try await store.revokeToken(ci.name, at: morning), true, "first revocation")
            let later = morning.advanced(by: .seconds(1))
            try expectEqual(try await store.revokeToken(ci.name, at: later), false, "second revocation")
            try expectEqual(try await store.revokeToken(try TokenName("cd"), at: later), false, "unknown token")
            ci.revokedAt = morning
            try expectEqual(try await store.token(hash: ci.hash), ci, "token")
        },
        StorageBehaviour("all tokens of a holder are revoked, and nobody else's") { store in
            for (name, holder, hash) in [("a", "robot", 1), ("b", "robot", 2), ("c", "other", 3)] as [(_, _, UInt8)] {
                try await store.insert(try token(name, holder: holder, hash: hash))
            }
            try await store.revokeTokens(of: try IdentityName("robot"), at: morning)
            let revoked = try await store.tokens().filter { $0.revokedAt != nil }.map(\.name.rawValue)
            try expectEqual(revoked, ["a", "b"], "revoked")
        },
    ]

    /// What ends when somebody is disabled or removed.
    static let endings: [StorageBehaviour] = [
        StorageBehaviour("all valid certificates of a subject are revoked, and nobody else's") { store in
            let (ada, west) = (
                CertificateSubject.identity(try IdentityName("ada")), CertificateSubject.agent(try AgentName("ada"))
            )
            let later = morning.advanced(by: .seconds(60))
            for (serial, subject, notAfter) in [
                ("01", ada, later), ("02", ada, later), ("03", west, later), ("04", ada, morning),
            ] {
                try await store.insert(CertificateEntry(serial: serial, subject: subject, notAfter: notAfter))
            }
            try await store.revokeCertificates(of: ada, at: morning)
            var revoked: [String] = []
            for serial in ["01", "02", "03"] {
                if try await store.certificate(serial: serial)?.isRevoked == true { revoked.append(serial) }
            }
            try expectEqual(revoked, ["01", "02"], "revoked")
        },
        StorageBehaviour("a withdrawn invitation opens nothing, and nobody else's is withdrawn") { store in
            let later = morning.advanced(by: .seconds(60))
            let guests: [InviteEntry.Guest] = [
                .person(try IdentityName("ada"), .member), .agent(try AgentName("ada")),
                .person(try IdentityName("grace"), .member),
            ]
            for (index, guest) in guests.enumerated() {
                try await store.insert(
                    InviteEntry(codeHash: [UInt8(index)], guest: guest, invitedBy: nil, expiresAt: later))
            }
            try await store.withdrawInvites(for: .identity(try IdentityName("ada")), at: morning)
            for (index, isLeft) in [false, true, true].enumerated() {
                let redeemed = try await store.redeemInvite(codeHash: [UInt8(index)], at: morning)
                try expectEqual(redeemed != nil, isLeft, "invitation \(index)")
            }
        },
        StorageBehaviour("an agent is removed if nobody else wrote it meanwhile, and its name is free again") { store in
            let agent = AgentEntry(name: try AgentName("west"), createdAt: morning)
            try await expectFailure(.notFound, "unknown agent") { try await store.remove(agent) }
            try await store.insert(agent)
            try await store.update(agent)
            try await expectFailure(.storeConflict, "stale agent") { try await store.remove(agent) }
            var read = agent
            read.version = 1
            try await store.remove(read)
            try expectEqual(try await store.agent(agent.name), nil, "agent")
            try await store.insert(agent)
        },
    ]

    static let creations: [StorageBehaviour] = [
        StorageBehaviour("a creation's key is claimed once, until it runs out or is free again") { store in
            let one = CreationEntry(
                keyHash: [1], digest: [2], claimedAt: morning, expiresAt: morning.advanced(by: .seconds(60)))
            var again = one
            again.digest = [3]
            try expectEqual(try await store.claim(one, at: morning), nil, "first claim")
            try expectEqual(try await store.claim(again, at: morning), one, "second claim")
            try await store.settle([1], created: "lease x")
            var settled = one
            settled.created = "lease x"
            try expectEqual(try await store.claim(again, at: morning), settled, "claim of what was settled")
            try expectEqual(try await store.claim(again, at: one.expiresAt), nil, "claim of what has run out")
            try await store.release([1])
            try expectEqual(try await store.claim(one, at: morning), nil, "claim of what was released")
            try await store.settle([9], created: "nothing")
            try await store.release([9])
        },
        StorageBehaviour("of fifty who claim one key at once exactly one does") { store in
            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let entry = CreationEntry(
                            keyHash: [1], digest: [UInt8(number)], claimedAt: morning,
                            expiresAt: morning.advanced(by: .seconds(60)))
                        return try await store.claim(entry, at: morning) == nil ? 1 : 0
                    }
                }
                return try await group.reduce(0, +)
            }
            try expectEqual(winners, 1, "winners")
        },
    ]
}
