import ArgumentParser
import Contracts
import ControlAPI
import Gateway
import GloveboxCore

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy all that a gateway is to a folder, on its host, while it runs or doesn't.",
        discussion: """
            The copy holds the CA's key and the log's: whoever has it can be your gateway. Keep it as you keep those.
            """)

    @Option(help: "The folder that the gateway runs on.")
    var state: String

    @Option(help: "The folder to make; it mustn't be there yet.")
    var to: String

    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var folder: String
        var files: Int
        var bytes: Int
        var records: UInt64
    }

    func run() async throws {
        let report = try await GatewayBackup.make(of: self.state, in: self.to, time: SystemTime())
        guard !self.output.json else {
            return try Terminal.show(
                json: Answer(
                    folder: self.to, files: report.files, bytes: report.size, records: report.logPosition))
        }
        Terminal.show(
            "\(self.to) has the gateway as it is now: \(report.files) files, \(report.size >> 10) KiB, \(report.logPosition) records"
        )
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a gateway's folder of a backup, on the host that it is to run on.",
        discussion: """
            All leases of the backup are over. Whoever enrolled, or renewed a certificate, since it was made enrols again.
            """)

    @Option(help: "The folder that 'glovebox backup' made.")
    var from: String

    @Option(help: "The folder that the gateway is to run on; it mustn't hold a gateway's state yet.")
    var state: String

    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var folder: String
        var madeAt: Timestamp
        var records: UInt64
        var logKey: String
        var endedLeases: Int
    }

    func run() async throws {
        let report = try await GatewayRestore.make(self.state, from: self.from, time: SystemTime())
        guard !self.output.json else {
            return try Terminal.show(
                json: Answer(
                    folder: self.state, madeAt: report.madeAt, records: report.logPosition,
                    logKey: report.logKey, endedLeases: report.endedLeases))
        }
        Terminal.show(
            """
            \(self.state) is the gateway as it was at \(report.madeAt.forPeople): \(report.logPosition) records; \(report.endedLeases) leases were ended
            Its log goes on under another name and key, which each agent's host accepts by 'glovebox agent accept-log', and \
            people by 'glovebox audit checkpoint --accept'. For those who verify it: \(report.logKey)
            """
        )
    }
}
