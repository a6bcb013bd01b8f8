import Changes
import GloveboxCore

/// All that's needed to make a change on this host and to undo it, as the journal keeps it: nothing is read from
/// `agent.yaml` or the gateway once it's written down.
enum HostPlan: Sendable, Codable {
    case runbook(RunbookPlan)
    case file(FilePlan)
    case call(CallPlan)

    func kind(_ tools: HostTools) -> any ChangeKind {
        switch self {
        case .runbook(let plan): RunbookKind(plan, tools)
        case .file(let plan): FileKind(plan, tools)
        case .call(let plan): CallKind(plan, tools)
        }
    }

    /// See ``ChangeKind/subject``.
    var subject: String? {
        switch self {
        case .runbook(let plan): plan.subject
        case .file(let plan): plan.subject
        case .call: nil
        }
    }

    /// Whether it does nothing when it's applied.
    var onlyTakesBack: Bool {
        switch self {
        case .runbook(let plan): plan.apply == nil
        case .file: false
        case .call(let plan): plan.apply == nil
        }
    }

    /// The same, of one host.
    func subject(on target: TargetName) -> String? { self.subject.map { "\(target) \($0)" } }
}

/// What kinds of changes need of the agent.
struct HostTools: Sendable {
    /// `SET.NUMBER`
    var mark: String
    /// Puts what was run on record, once for each program or request: what, how it ended, and its output as it came.
    var ran: @Sendable (_ what: String, _ outcome: String, _ output: [UInt8], _ isCut: Bool) async -> Void
    /// Runs a program.
    var threads: ChangeThreads
}
