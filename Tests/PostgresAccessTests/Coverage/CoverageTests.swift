import Glibc
import NIOCore
import PostgresWire
import TestSupport
import Testing

@testable import PostgresAccess

/// Puts a value into every message that a server can send, and holds what a client gets of it against
/// `docs/coverage-postgres.md`, which is what this finds and nothing else.
@Suite("Every message of a server's", .timeLimit(.minutes(5)))
struct CoverageTests {
    private static let file = Repository.file("docs/coverage-postgres.md")

    /// Rows that say the same but for their place stand in one.
    private struct Row: Hashable {
        var message: String
        var format: String
        var seed: String
        var source: String
        var treatment: String
    }

    @Test("no value gets out by any of them, and the documentation says of each what becomes of it")
    func coverage() async throws {
        let probes = Probe.results + Probe.texts + Probe.forms
        #expect(Set(probes.map(\.kind)) == Set(BackendMessage.Kind.allCases), "each kind of message is tried")
        let shop = try await CoverageShop()
        var found: [(row: Row, probe: Probe)] = []
        for probe in probes {
            let frames: [Frame]
            let sent: Frame?
            do {
                (frames, sent) = try await probe.run(shop)
            } catch {
                Issue.record("\(probe.kind) \(probe.format), \(probe.place): \(error)")
                continue
            }
            let observed = Observation(kind: probe.kind, seed: probe.seed, frames: frames, sent: sent)
            #expect(!observed.isOut, "\(probe.kind) \(probe.format), \(probe.place): \(frames.texts)")
            let row = Row(
                message: probe.kind.title, format: probe.format, seed: probe.place.isEmpty ? "none" : probe.seed.title,
                source: probe.source.rawValue,
                treatment: observed.treatment)
            found.append((row, probe))
        }
        await shop.backend.close()
        let document = Self.document(Self.grouped(found))
        if getenv("GLOVEBOX_WRITE_DOCS") != nil { try writeFile(Self.file, Array(document.utf8), mode: 0o644) }
        let committed = String(decoding: try readFile(Self.file), as: UTF8.self)
        #expect(committed == document, "run this test with GLOVEBOX_WRITE_DOCS=1, and look at what changes")
    }

    /// Rows in the order of their coming, each with the places that it holds for.
    private static func grouped(_ found: [(row: Row, probe: Probe)]) -> [(row: Row, places: [String])] {
        var order: [Row] = []
        var places: [Row: [String]] = [:]
        for (row, probe) in found {
            let isOne = found.allSatisfy {
                $0.probe.place != probe.place || $0.probe.kind != probe.kind || $0.row == row
            }
            let place = isOne ? probe.place : "\(probe.place)\(probe.variant.map { ", \($0)" } ?? "")"
            if places[row] == nil { order.append(row) }
            if !(places[row] ?? []).contains(place) { places[row, default: []].append(place) }
        }
        return order.map { ($0, places[$0] ?? []) }
    }

    private static func document(_ rows: [(row: Row, places: [String])]) -> String {
        var lines = [
            """
            # What becomes of a value in each message of PostgreSQL's

            Made by `PostgresAccessTests/CoverageTests`, which puts a value into each message and writes down what a client
            got; the test fails where a value gets out, or where this page says something else. To make it anew:
            `GLOVEBOX_WRITE_DOCS=1 swift test --filter CoverageTests` (with the flags of `scripts/build-flags.sh`).

            The value is an e-mail address, which detectors know by its shape, or one of a classified column, which has none.
            It comes from a real PostgreSQL, or, where that can't be made to send it, from a scripted server in its place.
            *Session ended* and *refused* name the code that the client is told.

            | message | format | value | where it stands | sent by | what the client gets |
            |---|---|---|---|---|---|
            """
        ]
        for (row, places) in rows.sorted(by: { $0.row.message < $1.row.message }) {
            lines.append(
                "| \(row.message) | \(row.format) | \(row.seed) | \(places.joined(separator: "; ")) | \(row.source) | \(row.treatment) |"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension BackendMessage.Kind {
    /// As the manual writes it.
    fileprivate var title: String {
        let name = "\(self)"
        return name.prefix(1).uppercased() + name.dropFirst()
    }
}

extension [Frame] {
    fileprivate var texts: [String] { self.map { String(decoding: $0.bytes.readableBytesView, as: UTF8.self) } }
}
