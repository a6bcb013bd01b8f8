import Contracts
import GloveboxCore

private let morning = WallTime(nanoseconds: 1_735_689_600_123_456_789)

extension StorageBehaviour {
    static let entries: [StorageBehaviour] = [
        StorageBehaviour("an identity is read as it was written, and an unknown one is nil") { store in
            let ada = IdentityEntry(name: try IdentityName("ada"), role: .admin, isDisabled: true, createdAt: morning)
            try await store.insert(ada)
            try expectEqual(try await store.identity(ada.name), ada, "identity")
            try expectEqual(try await store.identity(try IdentityName("grace")), nil, "unknown identity")
        },
        StorageBehaviour("identities and agents are listed by name") { store in
            for name in ["grace", "ada", "linus"] {
                try await store.insert(IdentityEntry(name: try IdentityName(name), role: .member, createdAt: morning))
                try await store.insert(AgentEntry(name: try AgentName(name), createdAt: morning))
            }
            try expectEqual(try await store.identities().map(\.name.rawValue), ["ada", "grace", "linus"], "identities")
            try expectEqual(try await store.agents().map(\.name.rawValue), ["ada", "grace", "linus"], "agents")
        },
        StorageBehaviour("a name is taken once, and what's stored stays") { store in
            let ada = IdentityEntry(name: try IdentityName("ada"), role: .member, createdAt: morning)
            let agent = AgentEntry(name: try AgentName("ada"), createdAt: morning)
            try await store.insert(ada)
            try await store.insert(agent)
            var other = ada
            other.role = .admin
            try await expectFailure(.conflict, "second identity") { [other] in try await store.insert(other) }
            try await expectFailure(.conflict, "second agent") { try await store.insert(agent) }
            try expectEqual(try await store.identity(ada.name), ada, "identity after the second insert")
        },
        StorageBehaviour("an update of an identity counts its version") { store in
            var ada = IdentityEntry(name: try IdentityName("ada"), role: .member, createdAt: morning)
            try await store.insert(ada)
            ada.isDisabled = true
            try await store.update(ada)
            ada.version = 1
            try expectEqual(try await store.identity(ada.name), ada, "identity")
        },
        StorageBehaviour("an update that read an older version is refused and changes nothing") { store in
            let ada = IdentityEntry(name: try IdentityName("ada"), role: .member, createdAt: morning)
            let agent = AgentEntry(name: try AgentName("west"), createdAt: morning)
            try await store.insert(ada)
            try await store.insert(agent)
            try await store.update(ada)
            try await store.update(agent)
            var stale = ada
            stale.role = .admin
            try await expectFailure(.storeConflict, "stale identity") { [stale] in try await store.update(stale) }
            try await expectFailure(.storeConflict, "stale agent") { try await store.update(agent) }
            try expectEqual(try await store.identity(ada.name)?.role, .member, "role")
        },
        StorageBehaviour("an update of what isn't there is refused") { store in
            let ada = IdentityEntry(name: try IdentityName("ada"), role: .member, createdAt: morning)
            let agent = AgentEntry(name: try AgentName("west"), createdAt: morning)
            try await expectFailure(.notFound, "identity") { try await store.update(ada) }
            try await expectFailure(.notFound, "agent") { try await store.update(agent) }
            try expectEqual(try await store.identities(), [], "identities")
        },
        StorageBehaviour("an agent is read as it was written and updated") { store in
            var agent = AgentEntry(name: try AgentName("west"), createdAt: morning)
            try await store.insert(agent)
            try expectEqual(try await store.agent(agent.name), agent, "agent")
            agent.isQuarantined = true
            try await store.update(agent)
            agent.version = 1
            try expectEqual(try await store.agent(agent.name), agent, "agent after the update")
            try expectEqual(try await store.agent(try AgentName("east")), nil, "unknown agent")
        },
    ]

    static let invitations: [StorageBehaviour] = [
        StorageBehaviour("an invitation is redeemed once, with the time of its use") { store in
            let invite = InviteEntry(
                codeHash: Array(0..<32), guest: .person(try IdentityName("ada"), .approver),
                invitedBy: try IdentityName("grace"), expiresAt: morning.advanced(by: .seconds(60)))
            try await store.insert(invite)
            var used = invite
            used.usedAt = morning
            try expectEqual(try await store.redeemInvite(codeHash: invite.codeHash, at: morning), used, "first use")
            try expectEqual(try await store.redeemInvite(codeHash: invite.codeHash, at: morning), nil, "second use")
        },
        StorageBehaviour("an invitation that has run out isn't redeemed, at its very moment either") { store in
            let invite = InviteEntry(
                codeHash: Array(0..<32), guest: .agent(try AgentName("west")), invitedBy: nil, expiresAt: morning)
            try await store.insert(invite)
            try expectEqual(try await store.redeemInvite(codeHash: invite.codeHash, at: morning), nil, "at expiry")
            let before = morning.advanced(by: .nanoseconds(-1))
            let redeemed = try await store.redeemInvite(codeHash: invite.codeHash, at: before)
            try expectEqual(redeemed?.guest, invite.guest, "just before expiry")
        },
        StorageBehaviour("an unknown code redeems nothing, nor does the beginning of one") { store in
            let invite = InviteEntry(
                codeHash: Array(0..<32), guest: .agent(try AgentName("west")), invitedBy: nil,
                expiresAt: morning.advanced(by: .seconds(60)))
            try await store.insert(invite)
            for hash in [Array(1..<33), Array(0..<31), []] as [[UInt8]] {
                try expectEqual(try await store.redeemInvite(codeHash: hash, at: morning), nil, "\(hash.count) bytes")
            }
        },
        StorageBehaviour("of fifty who redeem one invitation at once exactly one succeeds") { store in
            let invite = InviteEntry(
                codeHash: Array(0..<32), guest: .person(try IdentityName("ada"), .member), invitedBy: nil,
                expiresAt: morning.advanced(by: .seconds(60)))
            try await store.insert(invite)
            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await store.redeemInvite(codeHash: invite.codeHash, at: morning) == nil ? 0 : 1
                    }
                }
                return try await group.reduce(0, +)
            }
            try expectEqual(winners, 1, "winners")
        },
        StorageBehaviour("a code's hash is taken once") { store in
            let invite = InviteEntry(
                codeHash: Array(0..<32), guest: .agent(try AgentName("west")), invitedBy: nil, expiresAt: morning)
            try await store.insert(invite)
            try await expectFailure(.conflict, "second invitation") { try await store.insert(invite) }
        },
    ]

    static let certificates: [StorageBehaviour] = [
        StorageBehaviour("a certificate is read as it was written, and revoked once") { store in
            var certificate = CertificateEntry(
                serial: "00ab12", subject: .identity(try IdentityName("ada")), notAfter: morning)
            try await store.insert(certificate)
            try expectEqual(try await store.certificate(serial: "00ab12"), certificate, "certificate")
            try expectEqual(try await store.revokeCertificate(serial: "00ab12"), true, "first revocation")
            try expectEqual(try await store.revokeCertificate(serial: "00ab12"), false, "second revocation")
            certificate.isRevoked = true
            try expectEqual(try await store.certificate(serial: "00ab12"), certificate, "certificate, revoked")
        },
        StorageBehaviour("an unknown serial is nil, and there's nothing to revoke") { store in
            try expectEqual(try await store.certificate(serial: "ff"), nil, "certificate")
            try expectEqual(try await store.revokeCertificate(serial: "ff"), false, "revocation")
        },
        StorageBehaviour("a serial is taken once") { store in
            let certificate = CertificateEntry(
                serial: "00ab12", subject: .agent(try AgentName("west")), notAfter: morning)
            try await store.insert(certificate)
            try await expectFailure(.conflict, "second certificate") { try await store.insert(certificate) }
        },
    ]
}
