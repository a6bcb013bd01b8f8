import Agent
import ArgumentParser
import Contracts
import ControlAPI
import ControlClient
import Foundation
import Gateway
import GloveboxCore
import Telemetry

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look whether all is as it should be, and say what to mend.",
        discussion: """
            Looks at who you are and at your gateway; with --state also at the gateway or the agent of that folder. \
            Exit status 1 when something has failed; a warning is none.
            """)

    @Option(help: "The folder of a gateway or an agent of this host.")
    var state: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let time = SystemTime()
        var findings: [Finding] = []
        if let state {
            let roles = ["gateway.yaml", "agent.yaml"].filter {
                FileManager.default.fileExists(atPath: "\(state)/\($0)")
            }
            if roles.isEmpty {
                findings.append(
                    Finding(
                        "state", .failed, "\(state) holds neither gateway.yaml nor agent.yaml: name another folder"))
            }
            if roles.contains("gateway.yaml") { findings += await GatewayRole.examine(state, time: time) }
            if roles.contains("agent.yaml") { findings += await AgentRole.examine(state, time: time) }
        }
        // On a server there may be nobody who is signed in.
        let profile = try Profile.standardFolder(environment: ProcessInfo.processInfo.environment)
        if self.state == nil || (try? Profile.load(folder: profile)) != nil {
            findings += await Self.person(profile, time)
        }
        if self.output.json {
            try Terminal.show(json: findings)
        } else {
            Terminal.show(
                Terminal.table(
                    ["", "check", "found"], findings.map { [$0.verdict.rawValue, $0.check, $0.found] }))
        }
        if findings.contains(where: { $0.verdict == .failed }) {
            throw ProgramExit(status: ExitStatus.failure.rawValue)
        }
    }

    /// Of the clocks of a person's machine and the gateway: certificates begin five minutes before they're issued.
    private static let mostSkew = Duration.seconds(120)

    private static func person(_ folder: String, _ time: SystemTime) async -> [Finding] {
        let profile: Profile
        do {
            profile = try Profile.load(folder: folder)
        } catch {
            return [await .of("you") { throw error }]
        }
        var findings: [Finding] = [
            .certificate(
                "your certificate", until: profile.certificateExpiresAt, now: time.wall, least: .seconds(3600),
                mend: "ask for a new code and run 'glovebox login'")
        ]
        findings.append(
            await .of("your gateway") {
                let client = try ControlClient(profile, timeout: .seconds(10), time: time)
                do {
                    let subject = try await client.whoAmI().subject
                    findings += Self.answered(try await client.healthAndDate(), now: time.wall)
                    await client.shutdown()
                    return "\(profile.gateway) knows you as \(subject.kind.rawValue) \(subject.name)"
                } catch {
                    await client.shutdown()
                    throw error
                }
            })
        return findings
    }

    private static func answered(_ answer: (health: Health, date: String?), now: WallTime) -> [Finding] {
        let (health, own) = (answer.health, GloveboxVersion.current)
        var findings = [
            Finding(
                "gateway health", health.status == .ok ? .ok : .failed,
                health.reason ?? "it serves: its version is \(health.version)"),
            Finding(
                "versions", health.version == own ? .ok : .warning,
                health.version == own
                    ? "this program and the gateway are both \(own)"
                    : "this program is \(own) and the gateway \(health.version): install the same on both"),
        ]
        if let skew = answer.date.flatMap({ Self.skew($0, now) }) {
            let seconds = Int(skew / .seconds(1))
            let isOff = abs(seconds) > Int(Self.mostSkew / .seconds(1))
            findings.append(
                Finding(
                    "clocks", isOff ? .warning : .ok,
                    isOff
                        ? "this machine's clock is \(abs(seconds)) s \(seconds > 0 ? "behind" : "ahead of") the gateway's: set it, since certificates depend on it"
                        : "this machine and the gateway agree within \(max(1, abs(seconds))) s"))
        }
        return findings
    }

    /// How far the gateway's clock is ahead, by the header of its answer (RFC 9110, section 5.6.7).
    private static func skew(_ date: String, _ now: WallTime) -> Duration? {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        guard let date = format.date(from: date) else { return nil }
        return now.duration(to: WallTime(nanoseconds: Int64(date.timeIntervalSince1970) * 1_000_000_000))
    }
}
