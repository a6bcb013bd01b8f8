import ArgumentParser
import ControlAPI
import ControlClient
import GloveboxCore

struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "Sessions: the connections that are open under leases.",
        subcommands: [List.self, Watch.self, End.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the sessions that are open, newest first.",
            discussion: "Members see their own, everybody else sees all.")

        @OptionGroup var output: OutputOptions

        func run() async throws {
            let sessions = try await SignedIn.call { client, _ in try await allItems { try await client.sessions($0) } }
            if self.output.json { return try Terminal.show(json: sessions) }
            Terminal.show(
                Terminal.table(
                    ["Session", "Lease", "Holder", "Target", "Client", "Opened"],
                    sessions.map { session in
                        [
                            session.id.rawValue, session.lease.rawValue, session.holder.rawValue,
                            session.target.rawValue, session.client ?? "", session.openedAt.forPeople,
                        ]
                    }))
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Watch a session's records as they come, from its beginning to its end.",
            discussion: "Statements and values are masked, as everywhere. With --json, one record a line.")

        private static let interval = Duration.seconds(1)

        @Argument(
            help: "The session's identifier, as 'session list' shows it.", transform: argument { try SessionID($0) })
        var session: SessionID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await SignedIn.call { client, _ in
                var after: String?
                var seen: Set<String> = []
                while true {
                    let found = try await client.sessionRecords(self.session, after: after)
                    for record in found.items where seen.insert(record.id).inserted {
                        try self.show(record)
                        if record.event == "session_ended" { return }
                    }
                    if found.next == after { try await Task.sleep(for: Self.interval) }
                    after = found.next
                }
            }
        }

        private func show(_ record: RecordEntry) throws {
            guard !self.output.json else {
                return Terminal.show(String(decoding: try JSONForm.encode(record), as: UTF8.self))
            }
            Terminal.show(
                Terminal.harmless("\(record.time.forPeople)  \(record.event)  \(record.details.summary)"))
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a session now; its lease stays open ('lease end' ends that).")

        @Argument(
            help: "The session's identifier, as 'session list' shows it.", transform: argument { try SessionID($0) })
        var session: SessionID
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try await SignedIn.call { client, _ in try await client.endSession(self.session) }
            if self.output.json { return try Terminal.show(json: session) }
            Terminal.show("session \(session.id) of \(session.holder) on \(session.target) was ended")
        }
    }
}
