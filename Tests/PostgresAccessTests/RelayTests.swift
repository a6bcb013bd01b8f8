import Contracts
import GloveboxCore
import NIOCore
import NIOEmbedded
import PostgresWire
import Redaction
import Statements
import Synchronization
import TestSupport
import Testing

@testable import PostgresAccess

/// The relay of a session between two channels in memory.
@Suite("The relay of a session")
struct RelayTests {
    /// A journal on the caller's thread.
    final class InlineJournal: RecordJournal {
        private let state = Mutex(
            (isHolding: false, held: [@Sendable (Result<Void, GloveboxError>) -> Void](), count: 0))

        var count: Int { self.state.withLock { $0.count } }
        func hold() { self.state.withLock { $0.isHolding = true } }
        /// Says of the oldest that was held back that it's on disk.
        func release() {
            self.state.withLock { $0.held.isEmpty ? nil : $0.held.removeFirst() }?(.success(()))
        }

        func releaseLast() {
            self.state.withLock { $0.held.popLast() }?(.success(()))
        }

        func append(_ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void) {
            let isHeld = self.state.withLock { state in
                state.count += records.count
                if state.isHolding { state.held.append(durable) }
                return state.isHolding
            }
            if !isHeld { durable(.success(())) }
        }

        func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {}
    }

    final class Bench {
        let loop = EmbeddedEventLoop()
        let client: EmbeddedChannel
        let backend: EmbeddedChannel
        let journal = InlineJournal()
        let relay: SessionRelay
        let reads = ReadCounter()

        init(columns: [ColumnID: Kind] = [:]) throws {
            self.client = EmbeddedChannel(loop: self.loop)
            self.backend = EmbeddedChannel(loop: self.loop)
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
            try self.client.connect(to: address).wait()
            try self.backend.connect(to: address).wait()
            try self.backend.pipeline.syncOperations.addHandler(self.reads)
            let grant = LeaseGrant(
                lease: .random(), holder: IdentityName(unchecked: "ada"), target: TargetName(unchecked: "shop-db"),
                purpose: "",
                capabilities: [.read], limits: Limits(), maskingProfile: "default", rule: "test",
                remaining: .seconds(60))
            let meter = LeaseMeter(grant)
            let detectors = try SharedDetectors.result.get()
            let target = PostgresTarget(
                name: grant.target, address: .unix(path: "/none"), database: "shop", tls: .off, signIns: [:])
            self.relay = SessionRelay(
                SessionRelay.Parts(
                    request: SessionRequest(
                        session: .random(), grant: grant, capability: .read, startup: [:], client: nil,
                        cancelKey: GloveboxCore.CancelKey(processID: 7, secret: 9)),
                    target: target,
                    backend: OpenedBackend(channel: self.backend, session: BackendSession(), answers: []),
                    columns: ClassifiedColumns(kinds: columns), leftParameters: [], meter: meter,
                    judge: StatementJudge(
                        parser: try StatementParser(),
                        rules: StatementRules(capability: .read, functions: FunctionCatalogue())),
                    disclosures: DisclosureBudget(),
                    journal: self.journal, time: ManualTime(),
                    resultMasker: try Masker(detectors: detectors, pseudonyms: meter.pseudonyms),
                    recordMasker: try Masker(detectors: detectors, pseudonyms: meter.pseudonyms)), on: self.loop)
            try self.relay.begin(on: self.client)
            self.loop.run()
            _ = try self.output(of: self.client)
        }

        deinit {
            self.relay.end(reason: "the test is over", telling: nil)
            self.loop.run()
            _ = try? self.client.finish(acceptAlreadyClosed: true)
            _ = try? self.backend.finish(acceptAlreadyClosed: true)
        }

        func output(of channel: EmbeddedChannel) throws -> ByteBuffer {
            self.loop.run()
            var all = ByteBuffer()
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { all.writeImmutableBuffer(bytes) }
            return all
        }

        func messages(to channel: EmbeddedChannel) throws -> [BackendMessage] {
            var decoder = MessageDecoder(.backend)
            decoder.append(try self.output(of: channel))
            var messages: [BackendMessage] = []
            while let frame = try decoder.next() { messages.append(try BackendMessage(frame)) }
            return messages
        }
    }

    final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var count = 0

        func read(context: ChannelHandlerContext) {
            self.count += 1
            context.read()
        }
    }

    private func bytes(_ messages: FrontendMessage...) -> ByteBuffer {
        var bytes = ByteBuffer()
        for message in messages { message.write(into: &bytes) }
        return bytes
    }

    private func bytes(_ messages: [BackendMessage]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for message in messages { message.write(into: &bytes) }
        return bytes
    }

    private func row(_ cells: String?...) throws -> BackendMessage {
        var bytes = ByteBuffer()
        var writer = DataRowWriter(startingIn: &bytes)
        for cell in cells { writer.append(cell.map { .value(ByteBuffer(string: $0)) } ?? .null, to: &bytes) }
        writer.finish(in: &bytes)
        return try BackendMessage(Frame(kind: BackendMessage.Kind.dataRow.rawValue, bytes: bytes))
    }

    private let columns = RowFields([
        RowField(name: "id", type: .int4), RowField(name: "name", tableOID: 5, attribute: 2, type: .text),
        RowField(name: "note", type: .text),
    ])

    private func answer() throws -> ByteBuffer {
        self.bytes([
            .rowDescription(self.columns), try self.row("1", "Ada", nil), try self.row("2", nil, "plain"),
            .commandComplete("SELECT 2"), .readyForQuery(.idle),
        ])
    }

    @Test("wherever a conversation is split, both sides get the same")
    func splits() throws {
        let asked = self.bytes(.query("SELECT * FROM people"))
        let answered = try self.answer()
        for cut in 0...max(asked.readableBytes, answered.readableBytes) {
            let bench = try Bench(columns: [ColumnID(table: 5, attribute: 2): Kind("person_name")])
            for (channel, bytes) in [(bench.client, asked), (bench.backend, answered)] {
                var rest = bytes
                let first = rest.readSlice(length: min(cut, bytes.readableBytes))
                for piece in [first, rest] {
                    if let piece, piece.readableBytes > 0 { try channel.writeInbound(piece) }
                    bench.loop.run()
                }
            }
            #expect(try bench.output(of: bench.backend) == asked)
            let messages = try bench.messages(to: bench.client)
            #expect(messages.count == 5)
            let rows = messages.rows
            #expect(
                rows.count == 2 && rows[0][0] == "1" && rows[0][1]?.hasPrefix("‹person_name:") == true
                    && rows[0][2] == nil)
            #expect(rows[1] == ["2", nil, "plain"])
        }
    }

    @Test("what follows a statement waits with it for the statement's record, in order")
    func order() throws {
        let bench = try Bench()
        bench.journal.hold()
        let first = self.bytes(.query("SELECT 1"))
        let second = self.bytes(
            .parse(.init(text: "SELECT 2")), .bind(.init()), .describe(.portal, ""),
            .execute(portal: "", maximumRows: 0))
        let third = self.bytes(.sync)
        for bytes in [first, second, third] { try bench.client.writeInbound(bytes) }
        #expect(try bench.output(of: bench.backend).readableBytes == 0)
        #expect(bench.journal.count == 2)
        bench.journal.release()
        #expect(try bench.output(of: bench.backend) == first)
        bench.journal.release()
        var rest = second
        rest.writeImmutableBuffer(third)
        #expect(try bench.output(of: bench.backend) == rest)
    }

    @Test("records that become durable out of order let nothing overtake")
    func outOfOrder() throws {
        let bench = try Bench()
        bench.journal.hold()
        let (first, second) = (self.bytes(.query("SELECT 1")), self.bytes(.query("SELECT 2")))
        try bench.client.writeInbound(first)
        try bench.client.writeInbound(second)
        bench.journal.releaseLast()
        #expect(try bench.output(of: bench.backend).readableBytes == 0)
        bench.journal.release()
        var both = first
        both.writeImmutableBuffer(second)
        #expect(try bench.output(of: bench.backend) == both)
    }

    @Test(
        "what a server may not say now, or nobody knows, ends the session and doesn't pass",
        arguments: [
            [UInt8(ascii: "~"), 0, 0, 0, 4], [UInt8(ascii: "D"), 0, 0, 0, 13, 0, 1, 0, 0, 0, 3, 0x72, 0x61, 0x77],
            [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0], [UInt8(ascii: "d"), 0, 0, 0, 7, 0x72, 0x61, 0x77],
            [UInt8(ascii: "V"), 0, 0, 0, 8, 0, 0, 0, 0],
        ] as [[UInt8]])
    func nonsense(_ bytes: [UInt8]) throws {
        let bench = try Bench()
        try bench.client.writeInbound(self.bytes(.query("SELECT 1")))
        bench.loop.run()
        try bench.backend.writeInbound(ByteBuffer(bytes: bytes))
        let messages = try bench.messages(to: bench.client)
        #expect(messages.count == 1 && messages.errors.first?.message.contains("[protocol_violation]") == true)
        #expect(!bench.client.isActive && !bench.backend.isActive)
    }

    @Test("a row with another number of values than columns doesn't pass")
    func rowOfAnotherShape() throws {
        let bench = try Bench()
        try bench.client.writeInbound(self.bytes(.query("SELECT 1")))
        bench.loop.run()
        try bench.backend.writeInbound(self.bytes([.rowDescription(self.columns), try self.row("1", "raw")]))
        let messages = try bench.messages(to: bench.client)
        #expect(messages.rows.isEmpty && messages.errors.first?.isFatal == true)
    }

    @Test("the target isn't read while the client can't take more")
    func backPressure() throws {
        let bench = try Bench()
        let before = bench.reads.count
        bench.backend.read()
        #expect(bench.reads.count == before + 1)
        bench.client.isWritable = false
        bench.client.pipeline.fireChannelWritabilityChanged()
        bench.backend.read()
        bench.backend.read()
        #expect(bench.reads.count == before + 1)
        bench.client.isWritable = true
        bench.client.pipeline.fireChannelWritabilityChanged()
        #expect(bench.reads.count == before + 2)
    }

    @Test("a chunk of which everything was written before its end is flushed all the same")
    func flush() throws {
        let bench = try Bench()
        try bench.client.writeInbound(self.bytes(.query("SELECT 1")))
        bench.loop.run()
        // The last row fills what is collected for one write.
        let rows = try (0..<4).map { _ in try self.row("1", String(repeating: "x", count: 65_536), nil) }
        try bench.backend.writeInbound(self.bytes([.rowDescription(self.columns)] + rows))
        #expect(try bench.messages(to: bench.client).rows.count == 4)
    }

    @Test("refusals are held back longer with each that failed for a name, and at once again after a while")
    func failedProofs() {
        var proofs = FailedProofs()
        var now = NIODeadline.uptimeNanoseconds(1)
        let delays = (0..<7).map { _ in proofs.failed("shop-db.x", now: now) }
        #expect(delays.map(\.nanoseconds) == [200, 400, 800, 1600, 3200, 3200, 3200].map { $0 * 1_000_000 })
        #expect(proofs.failed("shop-db.y", now: now) == .milliseconds(200))
        proofs.succeeded("shop-db.x")
        #expect(proofs.failed("shop-db.x", now: now) == .milliseconds(200))
        now = now + .minutes(2)
        #expect(proofs.failed("shop-db.y", now: now) == .milliseconds(200))
    }
}
