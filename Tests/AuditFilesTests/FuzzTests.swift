import GloveboxCore
import TestSupport
import Testing

@testable import AuditFiles

@Suite("Spoiled records", .timeLimit(.minutes(10)))
struct FuzzTests {
    @Test("200,000 spoiled frames, headers, notes and records are read as they were written, or refused")
    func spoiled() throws {
        let fuzzing = Fuzzing("records")
        let record = Sample.record(7, text: "select 'a longer text than others' -- and some more of it")
        var frames: [UInt8] = []
        var head = ChainState().head
        for number in 1...3 {
            head = Frame.append(
                to: &frames, position: UInt64(number), placeInBatch: UInt32(number - 1), isHostOnly: false,
                origin: Sample.origin, sequence: UInt64(number), record: Sample.record(number).canonicalBytes,
                after: head)
        }
        let header = SegmentHeader(
            kind: .log, origin: "gateway",
            before: ChainState(position: 7, head: head, sequences: ["agent/a": 3, "agent/b": 4])
        ).bytes
        let notes = HeadNote.newFile
        var (whole, refused) = (0, 0)
        try fuzzing.run(200_000) { generator in
            switch generator.place(in: 4) {
            case 0:
                let bytes = generator.spoiled(frames)
                var offset = 0
                while let frame = Frame(bytes, at: offset) {
                    // A checksum holds what's taken for a frame together.
                    whole += 1
                    _ = try? Record(canonicalBytes: bytes[frame.record])
                    offset = frame.end
                }
                refused += offset == bytes.count ? 0 : 1
            case 1:
                let bytes = generator.spoiled(header)
                if let read = try? SegmentHeader(bytes, path: "x") {
                    whole += read.bytes == header ? 1 : 0
                } else {
                    refused += 1
                }
            case 2: whole += HeadNote.all(in: generator.spoiled(notes)).count
            default:
                if let read = try? Record(canonicalBytes: generator.spoiled(record.canonicalBytes)[...]) {
                    // Canonical: what can be read is written the same way.
                    _ = try Record(canonicalBytes: read.canonicalBytes[...])
                    whole += 1
                } else {
                    refused += 1
                }
            }
        }
        guard !fuzzing.isSingle else { return }
        #expect(whole > 20_000 && refused > 50_000, "\(whole) read, \(refused) refused")
    }
}
