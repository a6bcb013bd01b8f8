import Contracts
import GloveboxCore
import Suites
import Synchronization

/// What all cases of one run share: the run itself, its limits, and what was declared of it.
final class RunRoom: Sendable {
    let suite: TestSuite
    let control: any RunControl
    let tools: RunTools
    let begun: RunBegun
    let rate: RateLimit
    let permits: Permits
    let writes: Budget
    private let stock: MarkStock
    private let undos: UndoLedger
    private let reason = Mutex<String?>(nil)

    init(_ suite: TestSuite, _ control: any RunControl, _ tools: RunTools, _ begun: RunBegun) {
        self.suite = suite
        self.control = control
        self.tools = tools
        self.begun = begun
        self.rate = RateLimit(perSecond: suite.limits.rate, tools.time)
        self.permits = Permits(suite.limits.concurrency)
        self.writes = Budget(suite.limits.writes)
        self.stock = MarkStock()
        self.undos = UndoLedger()
    }

    /// Of the same run, for requests that another version is to answer.
    init(sharing other: RunRoom, version: String?) {
        var suite = other.suite
        suite.version = version
        self.suite = suite
        self.control = other.control
        self.tools = other.tools
        self.begun = other.begun
        self.rate = other.rate
        self.permits = other.permits
        self.writes = other.writes
        self.stock = other.stock
        self.undos = other.undos
    }

    /// Why the run is over; the first reason stays.
    var endedBecause: String? { self.reason.withLock { $0 } }

    func end(because reason: String) { self.reason.withLock { $0 = $0 ?? reason } }

    /// Before the first request of a case that may write.
    func declareUndo(of testCase: SuiteCase) async throws(GloveboxError) {
        guard case .steps(let steps) = testCase.undo else { return }
        let undo = CaseUndo(
            testCase: testCase.name, steps: steps.map { $0.filled(run: self.begun.run, case: testCase.name) })
        do {
            try await self.undos.declare(undo, self.control)
        } catch let error as GloveboxError {
            throw GloveboxError(
                .undoNotDeclared, "nothing was written, since the undo couldn't be: \(error.message)", cause: error)
        } catch {
            throw GloveboxError(.undoNotDeclared, "nothing was written, since the undo couldn't be", cause: error)
        }
    }

    /// One at least, and so many at most.
    /// - Throws: `run_ended`, `mark_not_issued`.
    func marks(_ count: Int, for testCase: SuiteCase) async throws(GloveboxError) -> [MarkStock.Mark] {
        let key = MarkStock.Key(testCase: testCase.name, version: self.suite.version)
        let now = self.tools.time.boot
        let stocked = self.stock.take(max(count, 1), key, at: now)
        if !stocked.isEmpty { return stocked }
        let wish = MarkWish(
            testCase: testCase.name, methods: testCase.methods, routes: self.suite.routes,
            version: self.suite.version, count: self.stock.wish(count, key, at: now))
        let failure: any Error
        do {
            let marks = try await self.control.marks(wish)
            let taken = self.stock.take(max(count, 1), of: marks, key, askedAt: now)
            if !taken.isEmpty { return taken }
            failure = GloveboxError(.markNotIssued, "the gateway gave no mark")
        } catch {
            failure = error
        }
        if case .ended(let reason)? = try? await self.control.standing() {
            self.end(because: reason)
            throw GloveboxError(.runEnded, "the run has ended: \(reason)")
        }
        let why = (failure as? GloveboxError)?.message ?? "\(failure)"
        throw GloveboxError(.markNotIssued, "there's no mark for this request: \(why)", cause: failure)
    }
}

/// Which undos are written down. Of several that ask for the same at once one sees to it, and the others wait for that.
private actor UndoLedger {
    private var declared: Set<String> = []
    private var underWay: Set<String> = []
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    func declare(_ undo: CaseUndo, _ control: any RunControl) async throws {
        let name = undo.testCase
        while self.underWay.contains(name) {
            await withCheckedContinuation { self.waiting[name, default: []].append($0) }
        }
        guard !self.declared.contains(name) else { return }
        self.underWay.insert(name)
        defer {
            self.underWay.remove(name)
            for one in self.waiting.removeValue(forKey: name) ?? [] { one.resume() }
        }
        try await control.declareUndo(undo)
        self.declared.insert(name)
    }
}
