package import Contracts
import GloveboxCore
import Identity
import Policy
import PostgresAccess
import Redaction
package import Telemetry

extension AgentRole {
    /// Looks at the agent of `folder`, whether or not it runs; changes nothing, and signs in nowhere.
    package static func examine(_ folder: String, time: any TimeSource) async -> [Finding] {
        let configuration: AgentConfiguration
        do {
            configuration = try Self.configuration(folder)
        } catch {
            return [await .of("agent configuration") { throw error }]
        }
        var findings = [Finding("agent configuration", .ok, "\(folder)/agent.yaml is sound")]
        var ceiling: CeilingDocument?
        findings.append(
            await .of("agent ceiling") {
                ceiling = try Self.ceiling(configuration)
                return "\(configuration.ceiling) is sound"
            })
        findings += await Self.masking(configuration, now: time.wall)
        let credentials = Self.credentialsFolder(folder)
        findings.append(await Self.certificate(credentials, configuration.name, now: time.wall))
        findings.append(.disk("agent disk", folder))
        let (host, port) = (configuration.gatewayHost, configuration.gatewayPort)
        let isThere = await Finding.listens(host, port)
        findings.append(
            Finding(
                "agent's gateway", isThere ? .ok : .failed,
                isThere
                    ? "something listens on \(host):\(port)"
                    : "nothing answers on \(host):\(port): does the gateway run, and may this host reach it? ('gateway' in agent.yaml)"
            ))
        for (name, target) in configuration.targets.sorted(by: { $0.key < $1.key }) {
            findings.append(await Self.target(name, target.service, isInCeiling: ceiling?.targets[name] != nil))
        }
        return findings
    }

    /// Own detectors, profiles and what they allow, and whether canaries stay in.
    private static func masking(_ configuration: AgentConfiguration, now: WallTime) async -> [Finding] {
        var rules: RedactionRules?
        var findings: [Finding] = [
            await .of("agent masking") {
                let read = try AgentMasking.rules(configuration)
                try AgentMasking.check(read)
                rules = read
                let count = configuration.detectors.count
                let own = count == 0 ? "" : "own detectors of \(count) files, "
                return "\(own)profiles \(read.profileNames.joined(separator: ", ")); no canary came out"
            }
        ]
        for name in rules?.profileNames ?? [] {
            guard let profile = try? rules?.profile(named: name) else { continue }
            let over = profile.allowances.filter { $0.until <= now }
            guard !over.isEmpty else { continue }
            let reasons = over.map { "'\($0.reason)'" }.joined(separator: ", ")
            let found =
                "what it allows for \(reasons) is over, and masked again: remove it from 'allow', or write a later day"
            findings.append(Finding("masking profile \(name)", .warning, found))
        }
        return findings
    }

    private static func certificate(_ folder: String, _ name: AgentName, now: WallTime) async -> Finding {
        do {
            try AgentCredentials(folder: folder).check(agent: name)
            let pem = String(decoding: try PrivateFile.read("\(folder)/client.pem", sharing: true), as: UTF8.self)
            return .certificate(
                "agent certificate", until: try CertificateReader.read(pem: pem).notAfter, now: now,
                least: .seconds(4 * 3600),
                mend: "run the agent, which renews it, or enrol again where it has run out")
        } catch {
            return await .of("agent certificate") { throw error }
        }
    }

    private static func target(
        _ name: TargetName, _ service: TargetConfiguration.Service, isInCeiling: Bool
    ) async -> Finding {
        let check = "target \(name)"
        guard isInCeiling else {
            return Finding(check, .warning, "the ceiling doesn't name it, so it isn't served: add it there")
        }
        guard case .postgres(let target) = service else {
            return Finding(check, .ok, "what of it may be changed is in agent.yaml and in the ceiling")
        }
        for signIn in target.signIns.values {
            do {
                _ = try await signIn.credential?.read()
            } catch {
                return Finding(
                    check, .failed,
                    "the password of '\(signIn.user)' can't be read: see 'roles' of this target in agent.yaml")
            }
        }
        let isThere: Bool
        switch target.address {
        case .tcp(let host, let port): isThere = await Finding.listens(host, port)
        case .unix(let path): isThere = await Finding.listens(atSocket: path)
        }
        return Finding(
            check, isThere ? .ok : .failed,
            isThere ? "something listens there" : "nothing answers there: does the database run? (agent.yaml)")
    }
}
