import ArgumentParser
import AuditFiles
import ControlAPI
import ControlClient
import Foundation
import GloveboxCore
import TransparencyLog

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "The record of who did what.",
        discussion: """
            Each look at the log is held against the last checkpoint that you saw of it, which is kept beside your profile: \
            if the log was altered since, the command says so and exits \(ExitStatus.altered.rawValue).
            """,
        subcommands: [
            List.self, Show.self, Follow.self, Export.self, Prove.self, Verify.self, CheckpointCommand.self,
        ])

    /// Calls the API after a look at the log.
    fileprivate static func call<Value: Sendable>(
        _ body: (_ client: ControlClient) async throws -> Value
    ) async throws -> Value {
        try await SignedIn.call { client, place in
            try await place.log.look(client)
            return try await body(client)
        }
    }

    /// Which records are asked for.
    struct Filter: ParsableArguments {
        @Option(help: "Only this lease's.", transform: argument { try LeaseID($0) })
        var lease: LeaseID?
        @Option(help: "Only this identity's.", transform: argument { try IdentityName($0) })
        var identity: IdentityName?
        @Option(help: "Only on this target.", transform: argument { try TargetName($0) })
        var target: TargetName?
        @Option(
            name: [.long, .customLong("event")], help: "Only this kind, such as lease_opened or statement.")
        var kind: String?
        @Option(help: "Only from this moment on, such as 2026-11-25T07:00:00Z.", transform: argument(Self.moment))
        var since: Timestamp?
        @Option(help: "Only from before this moment.", transform: argument(Self.moment))
        var until: Timestamp?

        @Sendable private static func moment(_ text: String) throws -> Timestamp {
            guard let moment = Timestamp(text) else {
                throw GloveboxError(.invalidArgument, "'\(text)' is no moment: 2026-11-25T07:00:00Z is the form")
            }
            return moment
        }

        func query(_ page: PageRequest = PageRequest()) -> RecordQuery {
            RecordQuery(
                identity: self.identity, target: self.target, lease: self.lease, event: self.kind, since: self.since,
                until: self.until, page: page)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List records, oldest first.",
            discussion: "Auditors and administrators see all, everybody else what belongs to their own leases.")

        @OptionGroup var filter: Filter
        @Option(help: "The newest N of them; 0 for all.")
        var limit = 1000
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard self.limit >= 0 else { throw ValidationError("--limit: a number from 0 up is wanted") }
        }

        func run() async throws {
            let records = try await AuditCommand.call { client in
                var records: [RecordEntry] = []
                try await allPages {
                    try await client.records(self.filter.query($0))
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
                    records.map(\.cells)))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a record with all of its details.")

        @Argument(help: "ORIGIN:NUMBER, as 'audit list' shows it.")
        var record: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let id = try AuditCommand.recordID(self.record)
            let record = try await AuditCommand.call { client in try await client.record(id) }
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

extension AuditCommand {
    fileprivate static func recordID(_ text: String) throws(GloveboxError) -> RecordID {
        guard let id = RecordID(text) else {
            throw GloveboxError(
                .invalidArgument, "'\(text.prefix(80))' is not a record's name: ORIGIN:NUMBER is wanted")
        }
        return id
    }

    struct Follow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show records as they come in, until Ctrl-C.",
            discussion: "With --json, one record a line.")

        @OptionGroup var filter: Filter
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await AuditCommand.call { client in
                try await client.follow(self.filter.query()) { record in
                    if self.output.json { return try Terminal.show(jsonLine: record) }
                    Terminal.show(record.cells.map(Terminal.harmless).filter { !$0.isEmpty }.joined(separator: "  "))
                }
            }
        }
    }

    struct Export: AsyncParsableCommand {
        enum Format: String, CaseIterable, ExpressibleByArgument {
            case jsonl, ocsf
        }

        static let configuration = CommandConfiguration(
            abstract: "Write records as JSON lines, oldest first.",
            discussion: "jsonl: as the API has them. ocsf: as events of the Open Cybersecurity Schema Framework 1.3.")

        @Option(help: "\(Format.allCases.map(\.rawValue).joined(separator: " or ")).")
        var format = Format.jsonl
        @OptionGroup var filter: Filter

        func run() async throws {
            try await AuditCommand.call { client in
                var request = PageRequest(limit: PageRequest.mostLimit)
                let progress = Progress("records written", besideResults: true)
                defer { progress.end() }
                var written: UInt64 = 0
                while true {
                    let page = try await client.records(self.filter.query(request))
                    for record in page.items {
                        switch self.format {
                        case .jsonl: try Terminal.show(jsonLine: record)
                        case .ocsf: try Terminal.show(jsonLine: OCSFEvent(record).json)
                        }
                    }
                    written += UInt64(page.items.count)
                    progress.reached(written)
                    guard let next = page.next else { return }
                    request.after = next
                }
            }
        }
    }

    struct Prove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show that a record is in the log, and check it.",
            discussion: "With --json, all that somebody else needs to check it with the log's public key.")

        @Argument(help: "ORIGIN:NUMBER, as 'audit list' shows it.")
        var record: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let id = try AuditCommand.recordID(self.record)
            let (proof, checkpoint) = try await SignedIn.call { client, place in
                let proof = try await client.proof(of: id)
                let known = try KnownCheckpoint(key: NoteVerifier(proof.key), note: Array(proof.checkpoint.utf8))
                // The checkpoint that it's under has to be one of the log that was seen.
                try await place.log.look(client, including: known)
                return (proof, known.checkpoint)
            }
            let entry = try Self.bytes(proof.entry)
            try TreeProof.checkInclusion(
                index: proof.index, size: checkpoint.size, leaf: TreeHash.leaf(entry).bytes,
                proof: proof.inclusion.map(Self.bytes), root: checkpoint.root.bytes)
            if self.output.json { return try Terminal.show(json: proof) }
            Terminal.show(
                Terminal.fields([
                    ("Record", proof.record), ("Leaf", "\(proof.index) of \(checkpoint.size)"),
                    ("Log", checkpoint.origin), ("Root", Base64.text(checkpoint.root.bytes)),
                    ("Proof", "\(proof.inclusion.count) hashes; it holds"),
                ]))
        }

        private static func bytes(_ text: String) throws(GloveboxError) -> [UInt8] {
            guard let bytes = Base64.decode(Array(text.utf8)[...]) else {
                throw GloveboxError(.proofInvalid, "the proof doesn't hold: it isn't base 64")
            }
            return bytes
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a copy of a log's folder, without a gateway.",
            discussion: """
                Every record is held against the tree, and the tree against its signed checkpoint. That finds whatever was \
                altered by somebody without the log's key; against one who has it, give a checkpoint that was kept \
                elsewhere.
                """)

        @Argument(help: "The folder, STATE/gateway/log of a gateway that's stopped, or a copy of it.")
        var folder: String
        @Option(help: "The log's public key: STATE/gateway/log.pub.")
        var key: String
        @Option(help: "A checkpoint that was kept, as 'audit checkpoint' shows it.")
        var checkpoint: String?
        @OptionGroup var output: OutputOptions

        struct Finding: Codable {
            var log: String
            var records: UInt64
            var root: String
            var pruned: UInt64
            var unsigned: UInt64
        }

        func run() async throws {
            let key = try NoteVerifier(Self.text(self.key))
            let older = try self.checkpoint.map { Array(try Self.read($0)) }
            let progress = Progress("records checked")
            defer { progress.end() }
            let found = try TreeVerification.verify(folder: self.folder, key: key, older: older) {
                progress.reached($0, of: $1)
            }
            progress.end()
            let finding = Finding(
                log: found.checkpoint.origin, records: found.checkpoint.size,
                root: Base64.text(found.checkpoint.root.bytes), pruned: found.pruned, unsigned: found.unsigned)
            if self.output.json { return try Terminal.show(json: finding) }
            let against = older == nil ? "" : "; it goes on from the given checkpoint"
            Terminal.show("\(finding.log): \(finding.records) records, all as they were signed for\(against)")
            if found.pruned > 0 { Terminal.show("The oldest \(found.pruned) were pruned; their hashes are there.") }
            if found.unsigned > 0 {
                Terminal.show("\(found.unsigned) more came in after the last checkpoint, and aren't signed for.")
            }
        }

        private static func text(_ path: String) throws(GloveboxError) -> String {
            let line = String(decoding: try Self.read(path), as: UTF8.self)
            return String(line.hasSuffix("\n") ? line.dropLast() : line[...])
        }

        private static func read(_ path: String) throws(GloveboxError) -> Data {
            guard let data = FileManager.default.contents(atPath: path) else {
                throw GloveboxError(.invalidArgument, "can't read \(path): is the path right?")
            }
            return data
        }
    }

    struct CheckpointCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "checkpoint", abstract: "Show the log's last checkpoint, to keep it elsewhere.",
            discussion: """
                After a gateway was restored it has a new log, which is refused until you have made sure of it and say \
                --accept. A log that altered what it had signed for is never accepted.
                """)

        @Flag(help: "Take the gateway's log for the right one though it's another than before.")
        var accept = false
        @OptionGroup var output: OutputOptions

        struct Shown: Codable {
            var key: String
            var checkpoint: String
        }

        func run() async throws {
            let known = try await SignedIn.call { client, place in
                try await place.log.look(client, accepting: self.accept)
            }
            let note = String(decoding: known.note, as: UTF8.self)
            if self.output.json {
                return try Terminal.show(json: Shown(key: known.key.description, checkpoint: note))
            }
            Terminal.note("key: \(known.key)")
            Terminal.write(note, to: STDOUT_FILENO)
        }
    }
}

extension RecordEntry {
    /// As a table has them.
    fileprivate var cells: [String] {
        [
            self.id, self.time.forPeople, self.event, self.identity?.rawValue ?? "", self.target?.rawValue ?? "",
            self.lease?.rawValue ?? "", self.details.summary,
        ]
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
