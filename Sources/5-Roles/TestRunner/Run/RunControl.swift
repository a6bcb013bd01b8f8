package import GloveboxCore

/// What a run asks of the gateway. It's begun under a lease, by whoever implements this; what's said here is of one run
/// at a time: after ``end(_:)`` another may be begun, as each trial of a race is a run of its own.
///
/// May be called from several tasks at once.
package protocol RunControl: Sendable {
    /// - Throws: why there's no run. Then nothing has been changed.
    func begin(_ plan: RunPlan) async throws -> RunBegun

    /// As many as were wished for, each good for one request that's sent within a minute. They're taken for opaque.
    func marks(_ wish: MarkWish) async throws -> [String]

    /// Returns when the undo is written down where it will be run. Of one case it counts once, however often it's said.
    func declareUndo(_ undo: CaseUndo) async throws

    /// Asked once a second, and when no mark is to be had.
    func standing() async throws -> RunStanding

    /// Undoes what was declared, the latest first. Of a run that has ended by itself it says what was left.
    func end(_ outcome: RunOutcome) async throws -> [Leftover]
}

/// What a run wants to do, at most.
package struct RunPlan: Hashable, Sendable {
    package var title: String
    /// The target that's the edge.
    package var edge: String
    package var routes: [SuiteRoute]
    /// That is to answer; nil for whichever serves users.
    package var version: String?
    package var flags: [SuiteFlag]
    package var guards: [SuiteGuard]
    package var limits: SuiteLimits
    /// Of all cases together.
    package var methods: Set<String>
    package var cases: [Case]
    /// Of a race: `CASE, trial N`.
    package var trial: String?

    package struct Case: Hashable, Sendable {
        package var name: String
        package var writes: Bool
        package var undo: CaseUndoing

        package init(name: String, writes: Bool, undo: CaseUndoing) {
            self.name = name
            self.writes = writes
            self.undo = undo
        }
    }

    package init(
        title: String, edge: String, routes: [SuiteRoute], version: String? = nil, flags: [SuiteFlag] = [],
        guards: [SuiteGuard] = [], limits: SuiteLimits = SuiteLimits(), methods: Set<String> = ["GET"],
        cases: [Case] = [], trial: String? = nil
    ) {
        self.title = title
        self.edge = edge
        self.routes = routes
        self.version = version
        self.flags = flags
        self.guards = guards
        self.limits = limits
        self.methods = methods
        self.cases = cases
        self.trial = trial
    }
}

package struct RunBegun: Hashable, Sendable {
    /// The run's identifier, as marks carry it.
    package var run: String
    /// Nil where it ends with nothing but ``RunControl/end(_:)``.
    package var lasts: Duration?
    /// `KEY=VARIANT` of the flags that the run has, for the report.
    package var flags: [String]

    package init(run: String, lasts: Duration? = nil, flags: [String] = []) {
        self.run = run
        self.lasts = lasts
        self.flags = flags
    }
}

package struct MarkWish: Hashable, Sendable {
    /// The name.
    package var testCase: String
    package var methods: Set<String>
    package var routes: [SuiteRoute]
    package var version: String?
    /// 1 to 100.
    package var count: Int

    package init(
        testCase: String, methods: Set<String>, routes: [SuiteRoute], version: String? = nil, count: Int = 1
    ) {
        self.testCase = testCase
        self.methods = methods
        self.routes = routes
        self.version = version
        self.count = count
    }

    package static let mostAtOnce = 100
}

package struct CaseUndo: Hashable, Sendable {
    /// The name.
    package var testCase: String
    /// In the order in which they're run, `{{run}}` and `{{case}}` put in.
    package var steps: [UndoStep]

    package init(testCase: String, steps: [UndoStep]) {
        self.testCase = testCase
        self.steps = steps
    }
}

package enum RunStanding: Hashable, Sendable {
    case running
    /// A guard tripped, the lease ended, somebody revoked it.
    case ended(reason: String)
}

package struct RunOutcome: Hashable, Sendable {
    package enum Verdict: String, Hashable, Sendable {
        case passed
        case flaky
        case failed
        case error
    }

    package var verdict: Verdict
    /// Why it ended before its time.
    package var endedEarly: String?
    /// How many cases came to what.
    package var passed: Int
    package var failed: Int

    package init(verdict: Verdict, endedEarly: String? = nil, passed: Int = 0, failed: Int = 0) {
        self.verdict = verdict
        self.endedEarly = endedEarly
        self.passed = passed
        self.failed = failed
    }
}

/// What couldn't be undone.
package struct Leftover: Hashable, Sendable {
    package var testCase: String
    package var what: String
    package var why: String

    package init(testCase: String, what: String, why: String) {
        self.testCase = testCase
        self.what = what
        self.why = why
    }
}

extension GloveboxError.Code {
    /// The run was over: a guard tripped, its lease ended, or it was stopped.
    package static let runEnded = Self("run_ended")
    /// A request was to go where the suite's routes don't lead.
    package static let caseRouteNotAllowed = Self("case_route_not_allowed")
    /// A run may not write more than its budget.
    package static let writeBudgetSpent = Self("write_budget_spent")
    /// The undo of a case couldn't be written down, so that it wrote nothing.
    package static let undoNotDeclared = Self("undo_not_declared")
    /// The edge served a test's request as an ordinary user's.
    package static let markNotTaken = Self("mark_not_taken")
    /// The gateway gave no mark for a request.
    package static let markNotIssued = Self("mark_not_issued")
}
