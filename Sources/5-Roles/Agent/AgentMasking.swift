import Contracts
import GloveboxCore
import Identity
import Logging
import Policy
import PostgresAccess
import Redaction
import Synchronization
import YAMLDocument

/// What an agent masks by, as its files say, and whether it may be trusted: canaries go through it when it's loaded and
/// at intervals.
final class AgentMasking: Sendable {
    private let folder: String
    private let condition: AgentCondition
    private let logger: Logger
    private let check: Check
    private let state: Mutex<RedactionRules>

    /// Sends canaries through rules; throws when one comes out.
    typealias Check = @Sendable (RedactionRules) throws -> Void

    /// - Throws: `configuration_invalid` with file and line, `redaction_failed`.
    init(
        folder: String, _ configuration: AgentConfiguration, condition: AgentCondition, logger: Logger,
        check: @escaping Check = AgentMasking.check
    ) throws {
        self.check = check
        self.folder = folder
        self.condition = condition
        self.logger = logger
        let rules = try Self.rules(configuration)
        // Before any session: an agent whose masking leaks doesn't start.
        try check(rules)
        self.state = Mutex(rules)
    }

    var rules: RedactionRules { self.state.withLock { $0 } }

    /// Reads the files that a configuration names. Profiles may name the kinds of its columns, and of the ceiling's.
    ///
    /// - Throws: `configuration_invalid` with file and line, also for a target whose profile isn't there.
    static func rules(_ configuration: AgentConfiguration) throws -> RedactionRules {
        // One that can't be read is refused where it's asked for.
        let ceiling = try? AgentRole.ceiling(configuration)
        let classified =
            configuration.targets.values.flatMap { $0.postgres?.classifications.map(\.kind) ?? [] }
            + (ceiling?.targets.values.flatMap { $0.columns.map { Kind($0.kind) } } ?? [])
        let rules = try RedactionRules(
            own: configuration.detectors.map { ($0, try PrivateFile.read($0, sharing: true)) },
            profiles: configuration.maskingProfiles.map {
                try YAMLNode(bytes: try PrivateFile.read($0, sharing: true), file: $0)
            }, classified: Set(classified))
        for target in configuration.targets.values {
            guard let masking = target.masking, !rules.profileNames.contains(masking.name) else { continue }
            throw masking.node.error(
                "there is no masking profile '\(masking.name)': name its file under 'masking', or one of "
                    + rules.profileNames.joined(separator: ", "))
        }
        return rules
    }

    /// Reads `agent.yaml` and the files that it names anew. Sessions that open from now on are masked by them; those that
    /// run keep theirs. What can't be read, or lets a canary out, changes nothing.
    ///
    /// - Returns: whether it's in force.
    func reload() -> Bool {
        do {
            let rules = try Self.rules(try AgentRole.configuration(self.folder))
            try self.check(rules)
            self.state.withLock { $0 = rules }
            self.condition.reload(failing: nil)
            self.condition.masking(failing: nil)
            self.logger.notice(
                "masking is read anew", metadata: ["profiles": "\(rules.profileNames.joined(separator: " "))"])
            return true
        } catch {
            let error = Self.shown(error)
            self.condition.reload(failing: error)
            self.logger.error(
                "masking stays as it was: mend the file and reload again", metadata: ["error": "\(error)"])
            return false
        }
    }

    private static func shown(_ error: any Error) -> GloveboxError {
        error as? GloveboxError ?? GloveboxError(.redactionFailed, "masking failed: see the agent's log", cause: error)
    }

    /// Sends canaries through the rules, by each profile.
    ///
    /// - Throws: `canary_leaked`, or why masking failed.
    @Sendable static func check(_ rules: RedactionRules) throws {
        let canaries = MaskingCanaries()
        for name in rules.profileNames {
            try canaries.check { try rules.masker(profile: name, pseudonyms: Pseudonyms(linkable: false)) }
        }
    }

    /// Sends canaries at intervals, until the task is cancelled.
    ///
    /// - Parameter seal: ends all sessions, and lets none open any more; called once until a reload has been good.
    func watch(every interval: Duration, time: any TimeSource, seal: (GloveboxError) -> Void) async {
        while (try? await time.sleep(until: time.boot.advanced(by: interval))) != nil {
            do {
                try self.check(self.rules)
            } catch {
                let error = Self.shown(error)
                let isNew = self.condition.maskingFailure == nil
                self.condition.masking(failing: error)
                self.logger.critical(
                    "a canary wasn't masked: sessions end, and none may open", metadata: ["error": "\(error)"])
                if isNew { seal(error) }
            }
        }
    }
}
