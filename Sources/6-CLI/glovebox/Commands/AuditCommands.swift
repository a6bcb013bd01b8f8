import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "The record of who did what.", subcommands: [List.self, Show.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List records, oldest first.",
            discussion: "Auditors and administrators see all, everybody else what belongs to their own leases.")

        @Option(help: "Only this lease's.", transform: argument { try LeaseID($0) })
        var lease: LeaseID?
        @Option(help: "Only this identity's.", transform: argument { try IdentityName($0) })
        var identity: IdentityName?
        @Option(help: "Only on this target.", transform: argument { try TargetName($0) })
        var target: TargetName?
        @Option(help: "Only this kind, such as lease_opened or statement.")
        var event: String?
        @Option(help: "The newest N of them; 0 for all.")
        var limit = 1000
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard self.limit >= 0 else { throw ValidationError("--limit: a number from 0 up is wanted") }
        }

        func run() async throws {
            let records = try await SignedIn.call { client, _ in
                var records: [RecordEntry] = []
                try await allPages {
                    try await client.records(
                        RecordQuery(
                            identity: self.identity, target: self.target, lease: self.lease, event: self.event, page: $0
                        ))
                } each: {
                    records += $0
                    if self.limit > 0 { records = Array(records.suffix(self.limit)) }
                }
                return records
            }
            if self.output.json { return try Terminal.show(json: records) }
            Terminal.show(
                Terminal.table(
                    ["Record", "Time", "Event", "Identity", "Target", "Lease", "Details"],
                    records.map { record in
                        [
                            record.id, record.time.forPeople, record.event, record.identity?.rawValue ?? "",
                            record.target?.rawValue ?? "", record.lease?.rawValue ?? "", record.details.summary,
                        ]
                    }))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a record with all of its details.")

        @Argument(help: "ORIGIN:NUMBER, as 'audit list' shows it.")
        var record: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard let id = RecordID(self.record) else {
                throw GloveboxError(
                    .invalidArgument, "'\(self.record.prefix(80))' is not a record's name: ORIGIN:NUMBER is wanted")
            }
            let record = try await SignedIn.call { client, _ in try await client.record(id) }
            if self.output.json { return try Terminal.show(json: record) }
            Terminal.show(
                Terminal.fields(
                    [
                        ("Record", record.id), ("Time", record.time.description), ("Event", record.event),
                        ("Identity", record.identity?.rawValue), ("Target", record.target?.rawValue),
                        ("Lease", record.lease?.rawValue), ("Session", record.session?.rawValue),
                    ] + record.details.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) }))
        }
    }
}

extension [String: JSONValue] {
    /// The details on one line of at most 100 characters.
    var summary: String {
        let line = self.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }.joined(separator: " ")
        return line.count <= 100 ? line : line.prefix(99) + "…"
    }
}

extension JSONValue {
    /// Strings without quotes, everything else as JSON.
    fileprivate var text: String {
        if case .string(let text) = self { return text }
        return (try? JSONForm.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
