import FlagRules
package import GloveboxCore

extension ChangeSet {
    /// Holds each step of its rollout against its flags as they are.
    /// - Throws: `flags_invalid` where a flag can't be changed for a share.
    package func checkShares() throws(GloveboxError) {
        for step in self.rollout?.steps ?? [] {
            for change in self.changes {
                guard case .flag(let flag) = change else { continue }
                _ = try FlagShare.definition(
                    of: flag.key, from: flag.former, to: flag.definition, percent: step.percent)
            }
        }
    }
}
