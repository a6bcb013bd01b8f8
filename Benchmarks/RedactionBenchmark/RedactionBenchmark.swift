import Foundation
import GloveboxCore
import NIOCore
import Redaction

/// What masking adds to a DataRow of ten text cells, and how fast a stream goes through the engine alone, without a program's
/// start, reading and writing. `scripts/bench redact` runs it on one core; it prints one JSON object.
///
///     RedactionBenchmark SECONDS [FILE]
@main
struct RedactionBenchmark {
    private struct Figures: Codable {
        var rows: Int
        var nanosecondsPerRow: Double
        var nanosecondsPerCell: Double
        var masked: Int
    }

    static func main() throws {
        guard (2...3).contains(CommandLine.arguments.count), let seconds = Double(CommandLine.arguments[1]) else {
            print("usage: RedactionBenchmark SECONDS [FILE]")
            return
        }
        if CommandLine.arguments.count == 3 { return try Self.stream(CommandLine.arguments[2], seconds: seconds) }
        let masker = try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: true))
        let clean = Self.rows()
        // Every second row has a mail address, as a table of customers has.
        let mixed = clean.enumerated().map { index, row in
            index % 2 == 0 ? row : row.dropLast() + [ByteBuffer(string: "customer.\(index)@example.com")]
        }
        var figures: [String: Figures] = [:]
        for (name, rows) in [("clean", clean), ("mixed", mixed)] {
            _ = try Self.mask(rows, masker, seconds: seconds / 10)
            figures[name] = try Self.mask(rows, masker, seconds: seconds)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }

    /// Megabytes a second of the file at `path`, again and again, each time as a stream of its own.
    private static func stream(_ path: String, seconds: Double) throws {
        let masker = try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false))
        let text = ByteBuffer(bytes: try Data(contentsOf: URL(fileURLWithPath: path)))
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(seconds))
        var fastest = 0.0
        repeat {
            let start = clock.now
            var stream = try RedactionStream(masker)
            var rest = text
            while let chunk = rest.readSlice(length: min(rest.readableBytes, 65_536)), chunk.readableBytes > 0 {
                var out = ByteBuffer()
                try stream.write(chunk, into: &out)
            }
            var out = ByteBuffer()
            try stream.finish(into: &out)
            fastest = max(fastest, Double(text.readableBytes) / ((clock.now - start) / .nanoseconds(1)) * 1000)
        } while clock.now < end
        let masked = masker.counts.values.reduce(0, +)
        print("{\"megabytesPerSecond\":\(fastest),\"masked\":\(masked)}")
    }

    private static func mask(_ rows: [[ByteBuffer]], _ masker: Masker, seconds: Double) throws -> Figures {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start.advanced(by: .seconds(seconds))
        var count = 0
        var masked = 0
        repeat {
            for row in rows {
                for (column, cell) in row.enumerated() {
                    let scope = PseudonymScope.column(table: 16_384, attribute: Int16(column + 1))
                    if try masker.mask(cell, as: .text, scope: scope) != .clean { masked += 1 }
                }
            }
            count += rows.count
        } while clock.now < end
        let passed = (clock.now - start) / .nanoseconds(1)
        return Figures(
            rows: count, nanosecondsPerRow: passed / Double(count),
            nanosecondsPerCell: passed / Double(count * rows[0].count), masked: masked)
    }

    /// An order's columns as a shop has them; nothing in them is to be masked.
    private static func rows() -> [[ByteBuffer]] {
        (0..<1000).map { index in
            [
                "\(1_000_000 + index)", "2026-11-\(10 + index % 18) 10:\(10 + index % 50):42.\(100 + index % 900)+00",
                index % 3 == 0 ? "shipped" : "open", "\(index % 90).\(10 + index % 80)", "CHF",
                "Two shirts in blue, size M, to be wrapped as a present", "Zürich", "Anna Muster",
                "5f0c8e2a-7b1d-4c3e-9a6f-\(String(format: "%012x", index &* 7_919))",
                "left at the door of the neighbour, who will bring it over in the evening",
            ].map { ByteBuffer(string: $0) }
        }
    }
}
