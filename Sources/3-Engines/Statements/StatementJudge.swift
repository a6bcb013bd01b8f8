import Synchronization

/// Judges texts by ``StatementRules``, and remembers what it said of each.
package final class StatementJudge: Sendable {
    package enum Verdict: Hashable, Sendable {
        case allowed(StatementOutputs)
        case refused(StatementRefusal)
    }

    private struct Memory {
        var verdicts: [String: Verdict] = [:]
        var bytes = 0
    }

    private let parser: StatementParser
    package let rules: StatementRules
    private let memory = Mutex(Memory())

    /// Of texts that are remembered.
    private static let mostBytes = 4 << 20
    private static let longestRemembered = 16 << 10

    package init(parser: StatementParser, rules: StatementRules) {
        self.parser = parser
        self.rules = rules
    }

    /// The verdict, if it takes no more than a moment; otherwise nil, and ``judge(_:done:)`` has it.
    package func verdict(of text: String) -> Verdict? {
        if let known = self.memory.withLock({ $0.verdicts[text] }) { return known }
        do throws(ParseFailure) {
            guard let tree = try self.parser.parseIfShort(text) else { return nil }
            return self.remember(text, self.verdict(of: tree, text))
        } catch {
            return .refused(StatementRefusal(error))
        }
    }

    /// - Parameter done: called on another thread.
    package func judge(_ text: String, done: @escaping @Sendable (Verdict) -> Void) {
        self.parser.parse(text) { result in
            switch result {
            case .success(let tree): done(self.remember(text, self.verdict(of: tree, text)))
            case .failure(let failure): done(.refused(StatementRefusal(failure)))
            }
        }
    }

    private func verdict(of tree: SyntaxTree, _ text: String) -> Verdict {
        do throws(StatementRefusal) {
            return .allowed(try self.rules.judge(tree))
        } catch {
            var refusal = error
            if let offset = refusal.offset.take() {
                refusal.position = String(decoding: text.utf8.prefix(offset), as: UTF8.self).unicodeScalars.count + 1
            }
            return .refused(refusal)
        }
    }

    private func remember(_ text: String, _ verdict: Verdict) -> Verdict {
        let size = text.utf8.count
        guard size <= Self.longestRemembered else { return verdict }
        self.memory.withLock { memory in
            if memory.bytes + size > Self.mostBytes { memory = Memory() }
            if memory.verdicts.updateValue(verdict, forKey: text) == nil { memory.bytes += size + 64 }
        }
        return verdict
    }
}
