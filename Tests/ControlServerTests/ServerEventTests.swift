import ControlAPI
import ControlClient
import GloveboxCore
import TestSupport
import Testing

@Suite("Server-sent events")
struct ServerEventTests {
    private struct Enough: Error {}

    @Test("events are read as they were written, however the stream is cut, and whatever stands in between")
    func pieces() throws {
        let events = [
            ServerEvent(id: "7", name: "record", data: #"{"a":1}"#), ServerEvent(data: "two\nlines"),
            ServerEvent(id: "9", name: "x", data: ""),
        ]
        let bytes =
            events[0].bytes + ServerEvent.alive.bytes + ServerEvent.place("8").bytes + events[1].bytes
            + Array("retry: 5\r\n".utf8) + events[2].bytes
        try Fuzzing("server-sent events").run(300) { generator in
            var reader = ServerEventReader()
            var read: [ServerEvent] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = generator.place(in: 9) + 1
                read += reader.feed(rest.prefix(size)) ?? []
                rest = rest.dropFirst(size)
            }
            #expect(read.map(\.data) == events.map(\.data))
            #expect(read.map(\.name) == events.map(\.name))
            // The last id stays until there's another.
            #expect(read.map(\.id) == ["7", "8", "9"])
        }
    }

    @Test("a follower gets records over TLS, and goes on from the last one when the stream ends")
    func follow() async throws {
        try await TestGateway.run { gateway in
            try await gateway.call(as: "ada") { client in
                var ids: [String] = []
                do {
                    try await client.follow(RecordQuery(event: "statement")) { record in
                        ids.append(record.id)
                        if ids.count == 2 { throw Enough() }
                    }
                } catch is Enough {}
                #expect(ids == ["gateway:1", "gateway:1"])
            }
            #expect(
                gateway.operations.asked.prefix(2) == [
                    .follow(RecordQuery(event: "statement")),
                    .follow(RecordQuery(event: "statement", page: PageRequest(after: "1"))),
                ])
        }
    }

    @Test("a proof and a checkpoint are asked for with all that they need")
    func proofs() async throws {
        try await TestGateway.run { gateway in
            let id = RecordID(origin: "agent/eu-1", sequence: 7)
            try await gateway.call(as: "ada") { client in
                let proof = try await client.proof(of: id)
                #expect(proof.record == "agent/eu-1:7")
                let checkpoint = try await client.checkpoint(since: 300)
                #expect(checkpoint.key == "k")
            }
            #expect(gateway.operations.asked == [.proof(id), .checkpoint(300)])
            let ada = CertificateSubject.identity(try IdentityName("ada"))
            let answer = try await gateway.request("GET /v1/log/checkpoint?since=-1", as: ada)
            #expect(answer.status == 400 && answer.problem?.code == "invalid_argument")
        }
    }
}
