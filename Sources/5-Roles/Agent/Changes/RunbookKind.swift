import Changes
import Commands
package import GloveboxCore
import NIOPosix

/// A runbook with its parameters put in.
struct RunbookPlan: Sendable, Codable {
    var name: String
    var former: ArgumentTemplate?
    var check: ArgumentTemplate?
    var apply: ArgumentTemplate?
    var undo: ArgumentTemplate
    var user: String?
    var timeout: Duration
    var output: Int

    /// Runbooks are about the same thing when they ask for the same thing's former state.
    var subject: String? { self.former.map { "runbook \($0.arguments())" } }
}

/// Threads that wait for programs.
struct ChangeThreads: Sendable {
    let pool: NIOThreadPool
}

struct RunbookKind: ChangeKind {
    private let plan: RunbookPlan
    private let tools: HostTools
    private let command = CommandRun()

    init(_ plan: RunbookPlan, _ tools: HostTools) {
        self.plan = plan
        self.tools = tools
    }

    var subject: String? { self.plan.subject }
    var isExact: Bool { false }

    func look() async throws -> [UInt8]? {
        guard let former = self.plan.former else { return nil }
        let outcome = try await self.run(former.arguments(), "former")
        guard outcome.status == 0, !outcome.isCut else { throw self.failed("former", outcome) }
        var output = outcome.output[...]
        while let last = output.last, last == 0x0A || last == 0x0D { output.removeLast() }
        guard output.count <= 4096, let text = String(validating: output, as: UTF8.self),
            text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else {
            throw GloveboxError(
                .changeFailed, "'former' of runbook '\(self.plan.name)' has to print one line of at most 4 KiB")
        }
        return Array(output)
    }

    func isApplied() async throws -> Bool? {
        guard let check = self.plan.check else { return nil }
        let outcome = try await self.run(check.arguments(), "check")
        switch outcome.status {
        case 0: return true
        case 1: return false
        default: throw self.failed("check", outcome)
        }
    }

    func hasMade(_ state: [UInt8]) -> Bool? { nil }

    func apply() async throws {
        guard let apply = self.plan.apply else { return }
        let outcome = try await self.run(apply.arguments(), "apply")
        guard outcome.status == 0 else { throw self.failed("apply", outcome) }
    }

    func undo(_ former: [UInt8]?) async throws {
        let former = former.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let outcome = try await self.run(self.plan.undo.arguments(former: former), "undo")
        guard outcome.status == 0 else { throw self.failed("undo", outcome) }
    }

    func interrupt() { self.command.interrupt() }

    private func run(_ arguments: [String], _ step: String) async throws -> CommandRun.Outcome {
        let outcome: CommandRun.Outcome
        do {
            outcome = try await self.command.run(
                arguments, user: self.plan.user, timeout: self.plan.timeout, limit: self.plan.output,
                mark: .change(self.tools.mark), on: self.tools.threads.pool)
        } catch let failure as CommandRun.Failure {
            throw GloveboxError(.changeFailed, failure.description)
        }
        // What only looks is on record where it failed; its output is what undoing needs, and stays here.
        switch step {
        case "apply", "undo":
            await self.tools.ran(
                "\(step) of runbook '\(self.plan.name)'", outcome.text, outcome.output, outcome.isCut)
        case "check" where outcome.status == 0 || outcome.status == 1: break
        case _ where outcome.status == 0: break
        default:
            await self.tools.ran(
                "\(step) of runbook '\(self.plan.name)'", outcome.text, outcome.output, outcome.isCut)
        }
        return outcome
    }

    private func failed(_ step: String, _ outcome: CommandRun.Outcome) -> GloveboxError {
        GloveboxError(
            .changeFailed,
            "'\(step)' of runbook '\(self.plan.name)' failed (\(outcome.text)): see 'glovebox audit list --event change_ran'"
        )
    }
}

extension CommandRun.Mark {
    /// Of the processes of a change, so that an agent that died finds those that it left.
    static func change(_ mark: String) -> Self { Self("GLOVEBOX_CHANGE", mark) }
}

extension GloveboxError.Code {
    /// A change on a host couldn't be made, or undone.
    package static let changeFailed = Self("change_failed")
}
