import HTTPProxy
import HTTPWire
import NIOCore
import TestSupport
import Testing

/// Clients and upstreams that misbehave in all the ways they know, at once. Whatever becomes of a request, nobody gets
/// another's answer.
@Suite("Disorder", .timeLimit(.minutes(2)))
struct ChaosTests {
    /// What the upstream does with a request follows from its number alone.
    @Sendable
    private static func answer(_ request: TestUpstream.Request) -> TestUpstream.Reply {
        guard let number = Int(request.target.dropFirst().prefix { $0.isNumber }) else { return .close }
        let body = "answer to \(number), which sent \(request.body.utf8.count)"
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "\(String(body.utf8.count, radix: 16));x=y\r\n\(body)\r\n0\r\nX-Sum: 1\r\n\r\n"
        let counted = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        switch number % 16 {
        case 0: return .close
        case 1: return .sendAndClose("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n\(body)")
        case 2: return .sendAndClose("HTTP/1.1 200 OK\r\n\r\n\(body)")
        case 3: return .sendAndClose(counted)
        // Answers that nobody asked for.
        case 4: return .send(counted + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        case 5: return .send(chunked + "x")
        case 6: return .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + counted)
        case 7: return .send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        case 8: return .send("HTTP/1.1 204 No Content\r\n\r\n")
        case 9: return .sendAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")
        case 10:
            return .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        case 11, 12: return .send(chunked)
        default: return .send(counted)
        }
    }

    @Test("whatever goes wrong around it, an answer is its own request's", arguments: [UInt64(1), 2, 3])
    func disorder(_ seed: UInt64) async throws {
        let one = try await TestUpstream.start(Self.answer)
        let two = try await TestUpstream.start(Self.answer)
        let routes = ProxyRoutes(
            routes: [ProxyRoute("all", service: "web")],
            services: [
                ProxyService(
                    "web", versions: [ProxyVersion("v1", weight: 1, endpoints: [one.address, two.address])],
                    ejection: nil)
            ])
        try await withProxy(one, two, routes: routes) { proxy async throws in
            let outcomes = try await withThrowingTaskGroup(of: Outcome.self) { group in
                for client in 0..<8 {
                    group.addTask {
                        try await Self.client(proxy.port, client, SeededGenerator(seed: seed * 100 + UInt64(client)))
                    }
                }
                return try await group.reduce(into: Outcome()) { $0.add($1) }
            }
            #expect(outcomes.crossed == [])
            #expect(outcomes.answered > 200 && outcomes.failed > 20, "\(outcomes)")
            try await eventually { await proxy.server.counters().activeRequests == 0 }
        }
    }

    private struct Outcome: Sendable {
        var answered = 0
        var failed = 0
        var crossed: [String] = []

        mutating func add(_ other: Outcome) {
            self.answered += other.answered
            self.failed += other.failed
            self.crossed += other.crossed
        }
    }

    /// Sends requests in groups, cut anywhere, sometimes leaving in the middle of one.
    private static func client(_ port: Int, _ client: Int, _ generator: SeededGenerator) async throws -> Outcome {
        var generator = generator
        var outcome = Outcome()
        for round in 0..<40 {
            let peer = try await RawPeer.connect(port)
            let count = Int.random(in: 1...4, using: &generator)
            let numbers = (0..<count).map {
                client * 100_000 + round * 100 + $0 * 17 + Int.random(in: 0..<16, using: &generator)
            }
            var sizes: [Int] = []
            var text = ""
            for number in numbers {
                let size = generator.once(in: 3) ? Int.random(in: 1...3000, using: &generator) : 0
                sizes.append(size)
                let body = String(repeating: "b", count: size)
                switch (size, generator.once(in: 2)) {
                case (0, _): text += "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
                case (_, true): text += "POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n\(body)"
                case (_, false):
                    text +=
                        "POST /\(number) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "\(String(size, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                }
            }
            let cut = generator.place(in: text.utf8.count)
            let leaves = generator.once(in: 8)
            try? await peer.send(String(decoding: Array(text.utf8)[..<cut], as: UTF8.self))
            if leaves {
                try? await peer.reset()
                continue
            }
            try? await peer.send(String(decoding: Array(text.utf8)[cut...], as: UTF8.self))
            try await peer.wait { text, isClosed in isClosed || ResponseReading.read(Array(text.utf8)).count >= count }
            let responses = ResponseReading.read(peer.bytes)
            for (index, response) in responses.enumerated() {
                let own = "answer to \(numbers[index]), which sent \(sizes[index])"
                if response.status == 200, response.isWhole, response.body != own {
                    outcome.crossed.append("\(own): \(response.body)")
                } else if response.isWhole, response.status < 500 {
                    outcome.answered += 1
                } else {
                    outcome.failed += 1
                }
            }
            outcome.failed += count - responses.count
            peer.channel.close(promise: nil)
        }
        return outcome
    }
}
