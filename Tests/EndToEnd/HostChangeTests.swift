import Glibc
import TestSupport
import Testing

private struct OpenedOnHost: Decodable {
    var id: String
}

@Suite("Changes on agents' hosts", .serialized, .timeLimit(.minutes(6)))
struct HostChangeTests {
    private static func refused(_ result: Subprocess.Result, _ code: String) -> Bool {
        result.status != 0 && result.errors.hasSuffix("[\(code)]\n")
    }

    @Test("a runbook is applied under a lease and goes back by one command; the agent's records tell both, redacted")
    func runbook() async throws {
        let host = try await ChangedHost()
        let admin = host.admin
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        #expect(set.state == "applied" && set.target == "shop-host")
        #expect(set.changes.map(\.key) == ["deploy"] && set.changes.map(\.parameters) == [["version": "v2"]])
        #expect(try host.version == "v2")
        let preview = try await admin.ask(RollbackOfHosts.self, "rollback", "--all", "--preview")
        #expect(preview.isPreview && preview.changes.map(\.id) == [set.id])
        #expect(try host.version == "v2")
        let back = try await admin.ask(RollbackOfHosts.self, "rollback")
        #expect(back.changes.map(\.state) == ["undone"])
        #expect(try host.version == "v1")
        // Once each: nothing was done twice.
        #expect(try host.history == ["v2", "v1"])

        let applied = try await admin.record(event: "change_applied") { $0.id.hasPrefix("agent/") }
        #expect(applied.identity == "admin" && applied.target == "shop-host" && applied.lease == set.lease)
        let undone = try await admin.record(event: "change_undone") { $0.id.hasPrefix("agent/") }
        #expect(undone.details["by"]?.string == "admin" && undone.details["change"]?.string == set.id)
        let ran = try await admin.record(event: "change_ran") {
            $0.details["what"]?.string == "apply of runbook 'deploy'"
        }
        let output = try #require(ran.details["output"]?.string)
        #expect(ran.details["outcome"]?.string == "exit 0")
        #expect(output.contains("deployed v2") && output.contains("‹"), "\(output)")
        #expect(!output.contains("ada.lovelace@example.com"), "\(output)")
        await host.stop()
    }

    @Test("what the ceiling, the declaration or the lease don't allow isn't run")
    func refusals() async throws {
        let host = try await ChangedHost()
        for (change, code) in [
            ("- runbook: {name: deploy, parameters: {version: '--help'}}", "invalid_argument"),
            ("- runbook: {name: deploy, parameters: {version: '$(touch x)'}}", "invalid_argument"),
            ("- runbook: {name: deploy}", "invalid_argument"),
            ("- runbook: {name: forbidden}", "ceiling_denied"),
            ("- runbook: {name: nowhere}", "not_found"),
            ("- file: {path: '\(host.folder)/elsewhere.txt', content: x}", "ceiling_denied"),
            ("- file: {path: '\(host.folder)/link.conf', content: x}", "file_unusable"),
            ("- file: {path: '\(host.folder)/conf/../a.conf', content: x}", "invalid_argument"),
            ("- call: {name: elsewhere}", "ceiling_denied"),
        ] {
            let result = try await host.tryApply(change)
            #expect(
                Self.refused(result, "change_not_open") && result.errors.contains(code) || Self.refused(result, code),
                "\(change): \(result.errors)")
        }
        #expect(try host.version == "v1" && host.history.isEmpty)
        #expect(try host.read("secret.txt") == "never changed")
        #expect(access("\(host.folder)/elsewhere.txt", F_OK) != 0)
        await host.stop()
    }

    @Test("a file is replaced with its permissions kept, and put back; what stood there is in no clear text outside")
    func file() async throws {
        let host = try await ChangedHost()
        chmod("\(host.folder)/a.conf", 0o640)
        let set = try await host.apply("- file: {path: '\(host.folder)/a.conf', content: 'new'}")
        #expect(set.state == "applied" && set.changes.map(\.kind) == ["file"])
        #expect(try host.read("a.conf") == "new")
        #expect(try host.mode("a.conf") == 0o640)
        let made = try await host.apply("- file: {path: '\(host.folder)/b.conf', content: 'made'}")
        #expect(try host.read("b.conf") == "made")
        for root in [host.shop.state, host.shop.agentState] {
            let found = try await Subprocess.run(["grep", "-rlF", "what stood there", root])
            #expect(found.output == "", "\(found.output)")
        }
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", made.id).state == "undone")
        #expect(access("\(host.folder)/b.conf", F_OK) != 0)
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", set.id).state == "undone")
        #expect(try host.read("a.conf") == "what stood there")
        #expect(try host.mode("a.conf") == 0o640)
        await host.stop()
    }

    @Test("somebody else's change is named as a conflict, and isn't overwritten")
    func conflict() async throws {
        let host = try await ChangedHost()
        let file = try await host.apply("- file: {path: '\(host.folder)/a.conf', content: 'new'}")
        try writeFile("\(host.folder)/a.conf", Array("by hand".utf8))
        let back = try await host.admin.ask(ChangeOfHost.self, "change", "undo", file.id)
        #expect(back.state == "undone" && back.changes.map(\.isChangedOutside) == [true])
        #expect(try host.read("a.conf") == "by hand")
        let told = try await host.admin.record(event: "change_undone") { $0.id.hasPrefix("agent/") }
        #expect("\(told.details["conflicts"] as Any)".contains("changed since without Glovebox"))

        let deployed = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        try writeFile("\(host.folder)/version", Array("v7\n".utf8))
        let left = try await host.admin.ask(ChangeOfHost.self, "change", "undo", deployed.id)
        #expect(left.state == "undone" && left.changes.map(\.isChangedOutside) == [true])
        #expect(try host.version == "v7")
        await host.stop()
    }

    @Test("of two who deploy one after the other each goes back alone, in whichever order; at the end all is as it was")
    func layers() async throws {
        let host = try await ChangedHost()
        let first = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        let second = try await host.apply("- runbook: {name: deploy, parameters: {version: v3}}")
        let left = try await host.admin.ask(ChangeOfHost.self, "change", "undo", first.id)
        #expect(left.changes.map(\.changedSinceBy) == [second.id])
        #expect(try host.version == "v3")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", second.id).state == "undone")
        #expect(try host.version == "v1")
        await host.stop()
    }

    @Test(
        "one that goes back under another that's stuck hands on what it goes back to, and is told by whom it was changed"
    )
    func underStuck() async throws {
        let host = try await ChangedHost()
        let first = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        let second = try await host.apply("- runbook: {name: deploy, parameters: {version: v3}}")
        // Tried after 1 s, 2 s, 4 s and 8 s.
        try writeFile("\(host.folder)/failures", Array("4".utf8))
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", second.id).state == "stuck")
        let left = try await host.admin.ask(RollbackOfHosts.self, "rollback", first.id)
        #expect(left.changes.map(\.state) == ["undone"])
        #expect(left.changes.first?.changes.map(\.changedSinceBy) == [second.id])
        #expect(left.changes.first?.changes.first?.isChangedOutside != true)
        try await host.untilState(second.id, "undone")
        #expect(try host.version == "v1")
        #expect(try host.history == ["v2", "v3", "v1"])

        let file = try await host.apply("- file: {path: '\(host.folder)/a.conf', content: 'AAA'}")
        let other = try await host.apply("- file: {path: '\(host.folder)/a.conf', content: 'BBB'}")
        // A link in its place, which is followed nowhere.
        rename("\(host.folder)/a.conf", "\(host.folder)/away")
        symlink("\(host.folder)/secret.txt", "\(host.folder)/a.conf")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", other.id).state == "stuck")
        let under = try await host.admin.ask(ChangeOfHost.self, "change", "undo", file.id)
        #expect(under.state == "undone" && under.changes.map(\.changedSinceBy) == [other.id])
        rename("\(host.folder)/away", "\(host.folder)/a.conf")
        try await host.untilState(other.id, "undone")
        #expect(try host.read("a.conf") == "what stood there")
        await host.stop()
    }

    @Test("a runbook without a check overwrites neither what was set by hand since, nor what was kept")
    func unchecked() async throws {
        let host = try await ChangedHost()
        let first = try await host.apply("- runbook: {name: release, parameters: {version: v2}}")
        try writeFile("\(host.folder)/version", Array("v7\n".utf8))
        let left = try await host.admin.ask(ChangeOfHost.self, "change", "undo", first.id)
        #expect(left.state == "undone" && left.changes.map(\.isChangedOutside) == [true])
        #expect(try host.version == "v7")

        let second = try await host.apply("- runbook: {name: release, parameters: {version: v3}}")
        let kept = try await host.apply("- runbook: {name: release, parameters: {version: v4}}")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "keep", kept.id).state == "kept")
        let under = try await host.admin.ask(ChangeOfHost.self, "change", "undo", second.id)
        #expect(under.state == "undone" && under.changes.map(\.changedSinceBy) == [kept.id])
        #expect(try host.version == "v4")

        let third = try await host.apply("- runbook: {name: release, parameters: {version: v5}}")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", third.id).state == "undone")
        #expect(try host.version == "v4")
        await host.stop()
    }

    @Test("an HTTP call is undone by its declared inverse, with its token from a file")
    func call() async throws {
        let host = try await ChangedHost()
        let set = try await host.apply("- call: {name: drain, parameters: {node: n1}}")
        #expect(try host.read("drained") == "n1 Bearer sesame")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", set.id).state == "undone")
        #expect(try host.read("drained") == "")
        // Nobody answers, which is said in words, and whoever looks afterwards finds it on record.
        _ = await host.receiver.stop()
        let failed = try await host.tryApply("- call: {name: drain, parameters: {node: n1}}")
        #expect(failed.status != 0 && failed.errors.contains("of call 'drain' failed: "), "\(failed.errors)")
        #expect(failed.errors.contains("change_failed") && !failed.errors.contains("internal"))
        let ran = try await host.admin.record(event: "change_ran") {
            $0.details["what"]?.string == "check of call 'drain'"
        }
        #expect(ran.details["outcome"]?.string?.hasPrefix("HTTP") == false)
        // Nothing was sent, so there's nothing to undo.
        let all = try await host.admin.ask([ChangeOfHost].self, "change", "list", "--all")
        #expect(all.map(\.state) == ["undone", "undone"])
        try await eventually(timeout: .seconds(30), "an empty journal") { try await host.journal().isEmpty }
        #expect(try await host.admin.records(event: "change_stuck").isEmpty)
        await host.stop()
    }

    @Test("an undo that fails twice is stuck, says what a person can do, and then works by itself")
    func stuck() async throws {
        let host = try await ChangedHost()
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        try writeFile("\(host.folder)/failures", Array("2".utf8))
        #expect(try await host.admin.glovebox(["lease", "end", set.lease]).succeeded)
        try await eventually(timeout: .seconds(30), "a stuck change") {
            try await host.admin.ask(ChangeOfHost.self, "change", "show", set.id).failure != nil
        }
        try await host.untilState(set.id, "undone")
        #expect(try host.version == "v1")
        let stuck = try await host.admin.record(event: "change_stuck") { $0.id.hasPrefix("agent/") }
        #expect(stuck.details["code"]?.string == "change_failed")
        let runs = try await host.admin.records(event: "change_ran").filter {
            $0.details["what"]?.string == "undo of runbook 'deploy'"
        }
        #expect(runs.map { $0.details["outcome"]?.string } == ["exit 3", "exit 3", "exit 0"])
        await host.stop()
    }

    @Test("what failed to apply goes back: a set of flags and host is all or nothing, in order")
    func allOrNothing() async throws {
        let host = try await ChangedHost()
        let good = try await host.apply(
            """
            - flag: {key: checkout, defaultVariant: new}
            - runbook: {target: shop-host, name: deploy, parameters: {version: v2}}
            - file: {target: shop-host, path: '\(host.folder)/a.conf', content: 'new'}
            """, on: ["shop-flags", "shop-host"])
        #expect(good.state == "applied" && good.target == "shop-flags")
        #expect(try await host.variant() == "new" && host.version == "v2" && host.read("a.conf") == "new")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", good.id).state == "undone")
        #expect(try await host.variant() == "old" && host.version == "v1" && host.read("a.conf") == "what stood there")

        let result = try await host.tryApply(
            """
            - file: {target: shop-host, path: '\(host.folder)/a.conf', content: 'new'}
            - flag: {key: checkout, defaultVariant: new}
            - runbook: {target: shop-host, name: deploy, parameters: {version: broken}}
            """, on: ["shop-flags", "shop-host"])
        #expect(Self.refused(result, "change_not_open"), "\(result.errors)")
        #expect(try await host.variant() == "old" && host.version == "v1" && host.read("a.conf") == "what stood there")
        await host.stop()
    }

    @Test(
        "cut off from its gateway, the agent undoes by itself when the time is up, and the gateway learns it; what's kept stays"
    )
    func cutOff() async throws {
        let proxy = try await TunnelProxy.start()
        let host = try await ChangedHost(proxy: proxy)
        let kept = try await host.apply("- file: {path: '\(host.folder)/a.conf', content: 'kept'}", for: "15s")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "keep", kept.id).state == "kept")
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}", for: "15s")
        #expect(try host.version == "v2")
        proxy.set(.cut)
        try await eventually(timeout: .seconds(60), "the way back without a gateway") { try host.version == "v1" }
        proxy.set(.passing)
        try await host.untilState(set.id, "undone")
        #expect(try host.read("a.conf") == "kept")
        let told = try await host.admin.record(event: "change_undone") { $0.id.hasPrefix("agent/") }
        #expect(told.details["cause"]?.string == "its lease ended (expired)")
        await host.stop()
    }

    @Test("a set over several targets is kept by whom the rule of each lets, and is under each of its leases")
    func everyLease() async throws {
        let host = try await ChangedHost(ruleKeeps: false)
        let set = try await host.apply(
            """
            - flag: {key: checkout, defaultVariant: new}
            - runbook: {target: shop-host, name: deploy, parameters: {version: v2}}
            """, on: ["shop-flags", "shop-host"])
        let kept = try await host.admin.glovebox(["change", "keep", set.id])
        #expect(Self.refused(kept, "policy_denied") && kept.errors.contains("host-changes"), "\(kept.errors)")
        // Under the host's lease as under that of the flags.
        let leases = try await host.admin.records(event: "lease_opened").filter { $0.target == "shop-host" }
        let lease = try #require(leases.compactMap(\.lease).last)
        #expect(try await host.admin.glovebox(["change", "list", "--lease", lease]).output.contains(set.id))
        #expect(try await host.admin.glovebox(["rollback", "--lease", lease]).succeeded)
        #expect(try host.version == "v1")
        await host.stop()
    }

    @Test("no file is written, nor a runbook run, on what is no host; nothing is left open by that")
    func noHost() async throws {
        let host = try await ChangedHost()
        let result = try await host.tryApply(
            "- file: {target: shop-flags, path: '\(host.folder)/a.conf', content: x}", on: ["shop-flags"])
        #expect(Self.refused(result, "invalid_argument"), "\(result.errors)")
        let empty = try await host.tryApply("[]")
        #expect(empty.status != 0 && empty.errors.contains("is empty"), "\(empty.errors)")
        #expect(try await host.admin.records(event: "lease_ended").count == 1)
        await host.stop()
    }

    @Test("a lease that was opened for a set ends with it where the set fails on its host, and a given one doesn't")
    func leaseOfAFailure() async throws {
        let host = try await ChangedHost()
        let broken = "- runbook: {target: shop-host, name: deploy, parameters: {version: broken}}"
        let failed = try await host.tryApply(broken)
        #expect(Self.refused(failed, "change_not_open"), "\(failed.errors)")
        #expect(try await host.admin.leases().map(\.state) == ["ended"])
        let lease = try await host.admin.ask(
            OpenedOnHost.self, "lease", "open", "shop-host", "--capability", "change", "--for", "10m", "--reason", "x")
        let under = try await host.tryApply(broken, under: lease.id)
        #expect(Self.refused(under, "change_not_open"), "\(under.errors)")
        #expect(try await host.admin.lease(lease.id).state == "active")
        await host.stop()
    }

    @Test("a gateway that dies while a set is applied leaves who waits for it with the set's name, and goes on with it")
    func gatewayKilledWhileApplying() async throws {
        let host = try await ChangedHost()
        // The agent dies first, so that the set waits for it.
        try writeFile("\(host.folder)/murder", [])
        async let waiting = host.tryApply("- runbook: {name: deploy, parameters: {version: v2}}")
        #expect(await host.apart.agent.finished(timeout: .seconds(30)))
        try await eventually(timeout: .seconds(30), "a set that's being applied") {
            try await host.admin.ask([ChangeOfHost].self, "change", "list").map(\.state) == ["intent"]
        }
        let set = try #require(try await host.admin.ask([ChangeOfHost].self, "change", "list").first)
        await host.apart.kill(host.apart.gateway)
        let result = try await waiting
        #expect(Self.refused(result, "gateway_unreachable"), "\(result.errors)")
        #expect(
            result.errors.contains("\(set.id) may have been applied")
                && result.errors.contains("'glovebox change show \(set.id)'"), "\(result.errors)")
        try await host.apart.startGateway()
        try host.apart.startAgent()
        try await host.untilState(set.id, "applied")
        #expect(try host.version == "v2")
        await host.stop()
    }

    @Test("a host whose ceiling lets nothing be kept doesn't keep, whatever its gateway says; the change goes back")
    func ceilingOfKeeping() async throws {
        let host = try await ChangedHost(mayKeep: false)
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        let kept = try await host.admin.glovebox(["change", "keep", set.id])
        #expect(Self.refused(kept, "unavailable"), "\(kept.errors)")
        let refusal = try await host.admin.record(event: "change_refused")
        #expect(refusal.details["code"]?.string == "ceiling_denied")
        #expect(try await host.admin.glovebox(["lease", "end", set.lease]).succeeded)
        try await host.untilState(set.id, "undone")
        #expect(try host.version == "v1")
        await host.stop()
    }

    @Test("an undo whose host is gone is stuck, and is done when the host is back")
    func hostGone() async throws {
        let host = try await ChangedHost()
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        await host.apart.kill(host.apart.agent)
        try await eventually(timeout: .seconds(30), "an agent that's away") {
            try await host.admin.targets().contains { $0.name == "shop-host" && !$0.isOnline }
        }
        let asked = try await host.admin.ask(ChangeOfHost.self, "change", "undo", set.id)
        #expect(asked.state == "stuck" && asked.failure?.code == "agent_offline")
        #expect(try host.version == "v2")
        try host.apart.startAgent()
        try await host.untilState(set.id, "undone")
        #expect(try host.version == "v1")
        await host.stop()
    }

    @Test("a gateway that's killed goes on with what it had begun")
    func gatewayKilled() async throws {
        let host = try await ChangedHost()
        let set = try await host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        await host.apart.kill(host.apart.gateway)
        try await host.apart.startGateway()
        try await host.shop.untilOnline("shop-host")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "show", set.id).state == "applied")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", set.id).state == "undone")
        #expect(try host.version == "v1")
        await host.stop()
    }

    @Test("killed while its runbook runs, the agent ends what it left, and goes on")
    func killedWhileRunning() async throws {
        let host = try await ChangedHost()
        try writeFile("\(host.folder)/murder", [])
        async let applied = host.apply("- runbook: {name: deploy, parameters: {version: v2}}")
        #expect(await host.apart.agent.finished(timeout: .seconds(30)))
        #expect(host.apart.agent.snapshot.status == 128 + SIGKILL)
        try host.apart.startAgent()
        let set = try await applied
        #expect(set.state == "applied")
        #expect(try host.version == "v2")
        #expect(try await host.admin.ask(ChangeOfHost.self, "change", "undo", set.id).state == "undone")
        #expect(try host.version == "v1")
        await host.stop()
    }

    /// Each synchronisation and rename of the agent's journal, and then of the files that it changes.
    @Test(
        "killed at any step of applying and undoing each kind, it goes on, and all is as it has to be",
        arguments: [
            "/agent/changes/", "/changed",
        ])
    func killedAtEachStep(_ path: String) async throws {
        let host = try await ChangedHost()
        let folder = try TemporaryFolder()
        let library = try await Fault.library(in: folder)
        let change = """
            - runbook: {name: deploy, parameters: {version: v2}}
            - file: {path: '\(host.folder)/a.conf', content: 'new'}
            - call: {name: drain, parameters: {node: n1}}
            """
        var (step, deaths, isThrough) = (1, 0, false)
        while !isThrough, step < 120 {
            await host.apart.kill(host.apart.agent)
            let fault = Fault(path: path, step: step, half: false, library: library)
            try host.apart.startAgent(fault)
            try await host.shop.untilOnline("shop-host")
            let victim = host.apart.agent
            let rescue = Task {
                while !victim.snapshot.finished { try await Task.sleep(for: .milliseconds(50)) }
                try host.apart.startAgent()
            }
            let set = try await host.apply(change)
            #expect(set.state == "applied", "step \(step)")
            #expect(try host.version == "v2" && host.read("a.conf") == "new", "step \(step)")
            #expect(try host.read("drained") == "n1 Bearer sesame", "step \(step)")
            _ = try await host.admin.glovebox(["change", "undo", set.id])
            try await host.untilState(set.id, "undone")
            #expect(try host.version == "v1" && host.read("a.conf") == "what stood there", "step \(step)")
            #expect(try host.read("drained") == "", "step \(step)")
            if victim.snapshot.finished {
                #expect(victim.snapshot.status == 128 + SIGKILL)
                deaths += 1
                try await rescue.value
            } else {
                isThrough = true
                rescue.cancel()
                _ = await rescue.result
            }
            // Settled: the next death is one of the next change's.
            try await eventually(timeout: .seconds(60), "an empty journal") { try await host.journal().isEmpty }
            step += Repository.runsAllTests || path == "/changed" ? 1 : 4
        }
        #expect(isThrough && deaths >= 3, "\(deaths) deaths, \(step) steps")
        // Nothing is left behind of what died halfway.
        let left = try await Subprocess.run(["find", host.folder, "-name", ".*glovebox*"])
        #expect(left.output == "")
        await host.stop()
    }
}
