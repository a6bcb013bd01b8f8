import GloveboxCore
import Testing

@testable import Changes

@Suite("Changes on hosts")
struct HostStepTests {
    private static let noon = WallTime(nanoseconds: 1_735_732_800_000_000_000)

    private static func host(_ name: String) throws -> Change {
        .host(
            HostChange(
                target: try TargetName("host"), lease: .random(), action: .runbook(name: name, parameters: [:])))
    }

    @Test("a set's flags are one step where they stand together, and each change on a host is one of its own")
    func steps() throws {
        let flag = Change.flag(FlagChange(key: "k", definition: "{}", former: nil))
        let set = ChangeSet(
            id: .random(), title: "t", holder: try IdentityName("ada"), lease: .random(),
            target: try TargetName("flags"), changes: [try Self.host("a"), flag, flag, try Self.host("b")],
            plannedAt: Self.noon)
        var machine = ChangeMachine(set)
        #expect(machine.steps == [0..<1, 1..<3, 3..<4])
        #expect(machine.hostChange(0) != nil && machine.hostChange(1) == nil && machine.hostChange(2) != nil)
        #expect(set.leases.count == 3)
        for step in 0..<3 {
            #expect(machine.begin(at: Self.noon) == .apply(step: step))
            machine.applied(step: step, at: Self.noon)
        }
        #expect(machine.state == .applied && machine.hasApplied(2) && !machine.hasBegunUndo(2))
        #expect(try machine.undo(.told("its lease ended"), at: Self.noon))
        #expect(machine.begin(at: Self.noon) == .undo(step: 2, after: .zero))
        #expect(machine.hasBegunUndo(2))
        #expect(machine.cause?.summary == "its lease ended")
    }

    @Test(
        "what is there decides whether a file is put back: the applied is, the former is left, anything else is a conflict"
    )
    func exact() {
        for wasApplied in [true, false] {
            func judge(_ isFormer: Bool, _ isApplied: Bool) -> UndoJudgement {
                UndoJudgement(
                    wasApplied: wasApplied, isExact: true, isFormer: isFormer, isBeneath: false, isApplied: isApplied,
                    isAsLeft: nil)
            }
            #expect(judge(false, true) == .undo)
            #expect(judge(true, false) == .nothing)
            #expect(judge(true, true) == .nothing)
            #expect(judge(false, false) == .conflict)
        }
    }

    @Test("a file with the applied content is somebody else's once its permissions or its owner were changed")
    func permissions() {
        func judge(_ isFormer: Bool, _ isApplied: Bool, _ isAsLeft: Bool) -> UndoJudgement {
            UndoJudgement(
                wasApplied: true, isExact: true, isFormer: isFormer, isBeneath: false, isApplied: isApplied,
                isAsLeft: isAsLeft)
        }
        #expect(judge(false, true, true) == .undo)
        #expect(judge(false, true, false) == .conflict)
        #expect(judge(true, true, false) == .nothing)
    }

    @Test(
        "a runbook that was broken off is undone whatever can be seen; one that was applied only while its check says so"
    )
    func inexact() {
        for (isFormer, isApplied) in [(true, false), (false, false), (nil, nil), (false, true)] as [(Bool?, Bool?)] {
            for isAsLeft in [nil, true, false] as [Bool?] {
                let halfway = UndoJudgement(
                    wasApplied: false, isExact: false, isFormer: isFormer, isBeneath: false, isApplied: isApplied,
                    isAsLeft: isAsLeft)
                #expect(halfway == .undo)
            }
        }
        func judge(_ isFormer: Bool?, _ isApplied: Bool?) -> UndoJudgement {
            UndoJudgement(
                wasApplied: true, isExact: false, isFormer: isFormer, isBeneath: false, isApplied: isApplied,
                isAsLeft: nil)
        }
        #expect(judge(false, true) == .undo)
        #expect(judge(nil, nil) == .undo)
        #expect(judge(true, false) == .nothing)
        #expect(judge(false, false) == .conflict)
    }

    @Test("without a check, what is there has to be what the runbook left; where that isn't known it's undone")
    func unchecked() {
        func judge(_ isFormer: Bool?, _ isApplied: Bool?, _ isAsLeft: Bool?) -> UndoJudgement {
            UndoJudgement(
                wasApplied: true, isExact: false, isFormer: isFormer, isBeneath: false, isApplied: isApplied,
                isAsLeft: isAsLeft)
        }
        #expect(judge(false, nil, true) == .undo)
        #expect(judge(false, nil, false) == .conflict)
        #expect(judge(false, nil, nil) == .undo)
        for isAsLeft in [nil, true, false] as [Bool?] { #expect(judge(true, nil, isAsLeft) == .nothing) }
        // A check knows better.
        #expect(judge(false, true, false) == .undo)
        #expect(judge(false, false, true) == .conflict)
    }

    @Test("a file that stands as it did before one that was broken off goes back further, and by hand it's a conflict")
    func beneath() {
        func judge(wasApplied: Bool) -> UndoJudgement {
            UndoJudgement(
                wasApplied: wasApplied, isExact: true, isFormer: false, isBeneath: true, isApplied: false,
                isAsLeft: nil)
        }
        #expect(judge(wasApplied: false) == .undo)
        #expect(judge(wasApplied: true) == .conflict)
    }
}
